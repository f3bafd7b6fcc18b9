"""A Flask application that knows nothing of tracing. It answers with the context headers it received."""

import sys

from flask import Flask, jsonify, request
from werkzeug.serving import make_server

app = Flask(__name__)


@app.route("/", defaults={"path": ""})
@app.route("/<path:path>")
def headers(path):
    assert not any(name.startswith("opentelemetry") for name in sys.modules), "nothing of OpenTelemetry is loaded"
    return jsonify({name: request.headers.getlist(name) for name in ("traceparent", "tracestate", "baggage")})


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
