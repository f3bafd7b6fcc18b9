"""The service that is called: answers after a random while, and writes one line of JSON for each request it had."""

import argparse
import json
import os
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ARGUMENTS = argparse.ArgumentParser()
ARGUMENTS.add_argument("--log", required=True)
ARGUMENTS.add_argument("--seed", type=int, required=True)
ARGUMENTS.add_argument("--slowest", type=float, default=0.15, help="seconds")
given = ARGUMENTS.parse_args()
chance = random.Random(given.seed)
log = open(given.log, "w")
lock = threading.Lock()


class Callee(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def parse_request(self):
        # Called when the first line has come.
        self.start = time.time_ns()
        return super().parse_request()

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with lock:
            delay = chance.uniform(0.01, given.slowest)
        time.sleep(delay)
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"{}\n")
        entry = {
            "client": f"{self.client_address[0]}:{self.client_address[1]}",
            "method": self.command,
            "path": self.path,
            "lines": self.headers.items(),
            "start": self.start,
            "end": time.time_ns(),
            "pid": os.getpid(),
        }
        with lock:
            print(json.dumps(entry), file=log, flush=True)

    do_POST = do_GET

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Callee)
server.daemon_threads = True
print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
sys.stdout.close()
server.serve_forever()
