"""Flask with requests, under Werkzeug's threads or, by `create`, under gunicorn. See propagation.py."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests
from flask import Flask, jsonify, request
from werkzeug.serving import make_server

from propagation import called, options, outgoing


def create(calls, also=None, context="forward", after=False, fan_out=False, session=None):
    app = Flask(__name__)
    pool = ThreadPoolExecutor(8) if fan_out else None

    def call(method, url, lines):
        client = session or requests
        client.request(method, url, headers=dict(lines), json={} if method == "POST" else None, timeout=10).close()

    @app.route("/health")
    def health():
        return "well\n"

    @app.route("/<kind>/<identifier>")
    def serve(kind, identifier):
        lines = outgoing(context, request.headers.items())
        work = [(method, url, lines) for method, url in called(calls, also, identifier)]
        answer = jsonify({"calls": len(work)})
        if after:
            answer.call_on_close(lambda: [call(*one) for one in work])
        elif pool:
            for done in [pool.submit(call, *one) for one in work]:
                done.result()
        else:
            for one in work:
                call(*one)
        return answer

    return app


def poll(session, calls, rate):
    number = 0
    while True:
        time.sleep(1 / rate)
        number += 1
        session.get(f"{calls}/{number}", timeout=10).close()


def main():
    given = options()
    # One session for all threads, as most programs have it: a connection is used by whichever thread comes next.
    session = requests.Session()
    app = create(given.calls, given.also, given.context, given.after, given.fan_out, session)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    if given.polls:
        threading.Thread(target=poll, args=(session, given.calls, given.polls), daemon=True).start()
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
