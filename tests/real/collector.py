"""An OTLP/HTTP collector that decodes with the published protobuf package alone.

Prints where it listens, then one JSON object for each span it acknowledged. It judges nothing.
"""

import gzip
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


def value(any_value):
    return getattr(any_value, any_value.WhichOneof("value"))


def attributes(pairs):
    return {pair.key: str(value(pair.value)) for pair in pairs}


def spans(request):
    for group in request.resource_spans:
        resource = attributes(group.resource.attributes)
        for span in (span for scope in group.scope_spans for span in scope.spans):
            yield {
                "service": resource.get("service.name", ""),
                "trace_id": span.trace_id.hex(),
                "span_id": span.span_id.hex(),
                "parent_id": span.parent_span_id.hex(),
                "trace_state": span.trace_state,
                "kind": {1: "internal", 2: "server", 3: "client"}.get(span.kind, str(span.kind)),
                "name": span.name,
                "path": attributes(span.attributes).get("url.path", ""),
            }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        lines = [json.dumps(span) for span in spans(request)]
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        print("".join(line + "\n" for line in lines), end="", flush=True)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
