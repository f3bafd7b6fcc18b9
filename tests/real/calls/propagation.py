"""What the Python services of this folder share: their options, and which context lines their calls bear.

None of them knows anything of OpenTelemetry. Each answers `GET /health` without a call, and `GET /ANYTHING/ID` after
calling `GET {--calls}/ID`; for every fourth ID, where `--also` is given, it calls `POST {--also}/UUID` too."""

import argparse
import os
import uuid

CONTEXTS = ("forward", "continue", "traceparent", "drop", "restart", "stale")
# What the first request with a context bore: a client that was made once with its headers sends them for ever.
first = []


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", required=True, help="URL without a slash at its end")
    parser.add_argument("--also", help="URL without a slash at its end")
    parser.add_argument("--context", choices=CONTEXTS, default="forward", help="what calls bear of the request's context")
    parser.add_argument("--after", action="store_true", help="call when the answer is written, not before")
    parser.add_argument("--fan-out", action="store_true", help="call from a pool of threads, and wait for it")
    parser.add_argument("--polls", type=float, default=0, help="calls per second that belong to no request")
    return parser.parse_args()


def outgoing(context, lines):
    """The context lines of a call, as pairs. `lines` are the pairs of the request's head."""
    received = {"traceparent": [], "tracestate": []}
    for name, value in lines:
        received.get(name.lower(), []).append(value)
    parent, state = received["traceparent"][:1], received["tracestate"]
    if context == "stale":
        if parent and not first:
            first.extend(outgoing("forward", [("traceparent", parent[0]), *(("tracestate", line) for line in state)]))
        return list(first)
    if context == "restart":
        return [("traceparent", f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01")]
    if context == "drop" or not parent:
        return []
    if context == "continue":
        parent = [f"{parent[0][:36]}{os.urandom(8).hex()}{parent[0][52:]}"]
    lines = [("traceparent", parent[0])]
    if state and context != "traceparent":
        lines.append(("tracestate", ",".join(state)))
    return lines


def called(calls, also, identifier):
    """The calls of one request: method and URL."""
    yield "GET", f"{calls}/{identifier}"
    if also and identifier.isdecimal() and int(identifier) % 4 == 0:
        yield "POST", f"{also}/{uuid.uuid4()}"
