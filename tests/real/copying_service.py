"""A service that knows nothing of tracing and copies the context lines of a request to every call it makes for it, as
hand-written services do. The body of a request is a JSON list of calls: [{"url": ..., "arguments": BODY}, ...]."""

import http.client
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        calls = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        context = [line for line in self.headers.items() if line[0].lower() in ("traceparent", "tracestate")]
        for called in calls or []:
            call(called["url"], json.dumps(called["arguments"]).encode(), context)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_):
        pass


def call(url, body, context):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.putrequest("POST", parts.path)
    for name, value in [*context, ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]:
        connection.putheader(name, value)
    connection.endheaders(body)
    connection.getresponse().read()
    connection.close()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
