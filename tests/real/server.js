// An HTTP server of plain Node.js. It echoes bodies, streams slowly, upgrades to an echo, and tells the context headers
// it received. It knows nothing of tracing.
"use strict";

const http = require("node:http");

const server = http.createServer((request, response) => {
  const context = ["traceparent", "tracestate", "baggage"].map((name) => [name, request.headers[name] ?? ""]);
  if (request.url === "/echo") {
    request.pipe(response);
  } else if (request.url === "/stream") {
    response.write("first");
    request.socket.once("close", () => response.destroy());
  } else {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(Object.fromEntries(context)));
  }
});

server.on("upgrade", (request, socket) => {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`);
  socket.pipe(socket);
});

server.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
