"""Sends requests at random times over eight connections at once: marked ones and noise. Everything random is seeded."""

import http.client
import queue
import random
import socket
import threading
import time

WORKERS = 8


def plan(seed, seconds, marked, noise):
    """When which request is sent: seconds, path, header lines and whether the head comes in two pieces. `noise` is a
    rate per second. No two paths are alike, so that the path of a call tells the request it belongs to."""
    chance = random.Random(seed)
    requests, carts = [], iter(chance.sample(range(1000, 10**6), 10**4))

    def context():
        return f"00-{chance.getrandbits(128):032x}-{chance.getrandbits(64):016x}-01"

    trace = None
    for number in range(marked):
        # Every eighth bears the trace id of the one before it, as requests of one page do, and comes soon after it.
        if number % 8 == 7:
            moment, fresh = moment + chance.uniform(0, 0.2), context()
            trace = fresh[:3] + trace[3:35] + fresh[35:]
        else:
            moment, trace = chance.uniform(0, seconds), context()
        lines = [("traceparent", trace), ("tracestate", "checkly=true")]
        requests.append((moment, f"/cart/{next(carts)}", lines, chance.random() < 0.1))
    moment = chance.expovariate(noise)
    while moment < seconds:
        # Two of five make no call; one of five has a context of its own, without a mark.
        path = "/health" if chance.random() < 0.4 else f"/cart/{next(carts)}"
        lines = [("traceparent", context())] if chance.random() < 0.2 else []
        requests.append((moment, path, lines, chance.random() < 0.1))
        moment += chance.expovariate(noise)
    return sorted(requests, key=lambda request: request[0])


def drive(address, requests):
    """Sends them; returns how many were answered with which status."""
    waiting, statuses, lock = queue.Queue(), {}, threading.Lock()

    def work(keeps):
        client = Client(address, keeps)
        while (request := waiting.get()) is not None:
            status = client.ask(*request)
            with lock:
                statuses[status] = statuses.get(status, 0) + 1

    threads = [threading.Thread(target=work, args=(number % 2 == 0,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    begin = time.monotonic()
    for moment, path, lines, in_two in requests:
        time.sleep(max(0, begin + moment - time.monotonic()))
        waiting.put((path, lines, in_two))
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()
    return statuses


class Client:
    """One connection, kept or not. Sends the head in one piece, or in two with a pause between them."""

    def __init__(self, address, keeps):
        host, _, port = address.rpartition(":")
        self.address, self.keeps, self.socket = (host, int(port)), keeps, None

    def ask(self, path, lines, in_two):
        lines = [("Host", "shop"), *lines, *([] if self.keeps else [("Connection", "close")])]
        head = "".join([f"GET {path} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in lines), "\r\n"])
        while True:
            reused = self.socket is not None
            try:
                return self.exchange(head.encode(), len(head) // 2 if in_two else len(head))
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # A kept connection may be closed at any moment.
                if not reused:
                    return type(error).__name__

    def exchange(self, head, cut):
        self.socket = self.socket or socket.create_connection(self.address, timeout=20)
        self.socket.sendall(head[:cut])
        if cut < len(head):
            time.sleep(0.005)
            self.socket.sendall(head[cut:])
        answer = http.client.HTTPResponse(self.socket, method="GET")
        answer.begin()
        answer.read()
        # Asked before the answer is closed, which forgets it.
        ends = answer.will_close
        answer.close()
        if ends:
            self.close()
        return answer.status

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None
