// A server of HTTP/2 in clear text that prints each exchange, and a client for it with `client` behind the port.
'use strict';
const http2 = require('http2');
const [port, role] = [Number(process.argv[2]), process.argv[3]];
const context = {
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  tracestate: 'a=1,checkly=true',
};

function serve() {
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    const path = headers[':path'];
    const status = path === '/error' ? 500 : 200;
    console.log('=', headers[':method'], path, stream.destroyed || path === '/never' ? 'reset' : status,
      headers.traceparent || '-', headers.tracestate || '-');
    stream.on('error', () => {});
    if (path === '/never') return;
    if (path === '/early') stream.additionalHeaders({ ':status': 103, link: '</a>' });
    stream.respond({ ':status': status, 'x-path': path }, { endStream: false });
    if (headers[':method'] === 'GET') stream.end('x'.repeat(path.length * 10));
    else stream.pipe(stream);
  });
  server.listen(port, '127.0.0.1');
}

function ask() {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  let left = 60;
  const over = () => { if (--left === 0) session.close(); };
  for (let number = 0; number < 60; number++) {
    const path = number % 10 === 7 ? '/never' : number % 10 === 3 ? '/error' : `/${number}?padding=${'y'.repeat(number)}`;
    const stream = session.request({ ':path': path, ':method': number % 4 === 1 ? 'POST' : 'GET', ...(number % 2 ? context : {}) });
    stream.on('error', () => {});
    stream.on('close', over);
    stream.resume();
    if (path === '/never') setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 300);
    stream.end(number % 4 === 1 ? 'z'.repeat(100) : undefined);
  }
}

if (role === 'client') ask(); else serve();
