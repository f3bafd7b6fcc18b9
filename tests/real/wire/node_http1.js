// A server of HTTP/1.1 that prints each exchange: chunks with trailers, interim answers, answers without content, an
// upgrade that is accepted and one that is not.
'use strict';
const http = require('http');

const server = http.createServer((request, response) => {
  const status = { '/none': 204, '/same': 304, '/error': 500 }[request.url] || 200;
  tell(request, status);
  if (request.url === '/early') response.writeEarlyHints({ link: '</a>; rel=preload' });
  if (request.url === '/trailers') {
    response.writeHead(status, { trailer: 'x-sum', 'transfer-encoding': 'chunked' });
    response.write('one');
    response.addTrailers({ 'x-sum': '1' });
  } else {
    response.writeHead(status, request.url === '/length' ? { 'content-length': 10 } : {});
  }
  request.on('data', () => {});
  request.on('end', () => response.end(request.method === 'HEAD' || status < 300 && status > 200 ? '' : '0123456789'));
});
server.on('upgrade', (request, socket) => {
  tell(request, 101);
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: any\r\nConnection: Upgrade\r\n\r\n\x00\xff');
  setTimeout(() => socket.end(), 200);
});
server.listen(Number(process.argv[2]), '127.0.0.1');

function tell(request, status) {
  const { traceparent, tracestate } = request.headers;
  console.log('=', request.method, request.url, status, traceparent || '-', tracestate || '-');
}
