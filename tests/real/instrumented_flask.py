"""A Flask application instrumented with the OpenTelemetry SDK, recording what Checkly marks.

Its sampler compares the whole `tracestate` header with the mark and, like the one in Checkly's guide for Flask, gives
its decision without a trace state. With the argument `corrected` it hands the caller's trace state on.

usage: instrumented_flask.py COLLECTOR ONWARD [corrected]
"""

import sys

import requests
from flask import Flask, jsonify, request
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from werkzeug.serving import make_server

COLLECTOR, ONWARD = sys.argv[1:3]
CORRECTED = "corrected" in sys.argv[3:]


class MarkSampler(Sampler):
    def should_sample(self, parent_context, *_, **__):
        marked = request.headers.get("tracestate") == "checkly=true"
        decision = Decision.RECORD_AND_SAMPLE if marked else Decision.DROP
        if not CORRECTED:
            return SamplingResult(decision)
        parent = trace.get_current_span(parent_context).get_span_context()
        return SamplingResult(decision, trace_state=parent.trace_state)

    def get_description(self):
        return "MarkSampler"


provider = TracerProvider(sampler=MarkSampler(), resource=Resource.create({"service.name": "flask"}))
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=COLLECTOR)))
trace.set_tracer_provider(provider)
app = Flask(__name__)
FlaskInstrumentor().instrument_app(app)


@app.route("/<path:path>")
def headers(path):
    onward = {}
    propagate.inject(onward)
    requests.get(f"{ONWARD}/{path}", headers=onward, timeout=10)
    return jsonify({name: request.headers.getlist(name) for name in ("traceparent", "tracestate", "baggage")})


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
