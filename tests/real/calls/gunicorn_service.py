"""The Flask application of flask_service.py under gunicorn: processes forked ahead, each with synchronous workers; or,
with `--threads N` before the other options, with N threads each. See propagation.py."""

import os
import socket
import sys
import threading

import requests
from gunicorn.app.base import BaseApplication

from flask_service import create, poll
from propagation import options


class Service(BaseApplication):
    def __init__(self, given, fd, threads):
        self.given, self.fd, self.threads = given, fd, threads
        super().__init__()

    def load_config(self):
        self.cfg.set("bind", f"fd://{self.fd}")
        self.cfg.set("workers", 2 if self.threads else 4)
        if self.threads:
            self.cfg.set("worker_class", "gthread")
            self.cfg.set("threads", self.threads)
        self.cfg.set("accesslog", None)
        self.cfg.set("when_ready", lambda _: print(f"listening on 127.0.0.1:{PORT}", flush=True))
        self.cfg.set("post_worker_init", self.begun)

    def begun(self, worker):
        if self.given.polls:
            # Each worker has its share.
            rate = self.given.polls / self.cfg.workers
            threading.Thread(target=poll, args=(requests.Session(), self.given.calls, rate), daemon=True).start()
        print(f"worker {worker.pid}", flush=True)

    def load(self):
        given = self.given
        # No session: each call has a connection of its own.
        return create(given.calls, given.also, given.context, given.after, given.fan_out)


if __name__ == "__main__":
    threads = 0
    if sys.argv[1] == "--threads":
        threads = int(sys.argv[2])
        del sys.argv[1:3]
    listener = socket.create_server(("127.0.0.1", 0))
    PORT = listener.getsockname()[1]
    os.set_inheritable(listener.fileno(), True)
    Service(options(), listener.fileno(), threads).run()
