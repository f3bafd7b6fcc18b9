"""Records what real clients and servers of HTTP send each other in clear text, and what the servers say they got.

Usage: record.py FOLDER, with nghttp2-client, nghttp2-server, nghttp2-proxy and curl from Debian, Node.js, and the PyPI
packages grpcio, httpx[http2] and hypercorn. Writes one file for each conversation of FOLDER:

    # who talked to whom
    = METHOD TARGET STATUS TRACEPARENT TRACESTATE      an exchange, as the server tells of it, in the order of arrival
    > HEX                                              bytes from the client, as the relay between both read them
    < HEX                                              bytes from the server
"""

import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent
CONTEXT = ["-H", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "-H", "tracestate: a=1,checkly=true"]


class Relay:
    """Passes on one connection at a time and keeps what it passed on."""

    def __init__(self, port):
        self.upstream = port
        self.pieces = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.upstream))
            threading.Thread(target=self.pump, args=(client, server, ">"), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, "<"), daemon=True).start()

    def pump(self, source, sink, way):
        try:
            while data := source.recv(4096):
                with self.lock:
                    self.pieces.append(f"{way} {data.hex()}")
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nobody listens on {port}")


def nghttpd_exchanges(log):
    """What `nghttpd -v` says: the fields of each stream as they were received, and the status it sent."""
    received, statuses, sending = {}, {}, None
    for line in log.splitlines():
        if found := re.search(r"recv \(stream_id=(\d+)(?:, sensitive)?\) (:?[^:]+): (.*)$", line):
            received.setdefault(int(found[1]), {})[found[2]] = found[3]
        elif found := re.search(r"send HEADERS frame <.*stream_id=(\d+)>", line):
            sending = int(found[1])
        elif found := re.search(r"^\s+:status: (\d+)$", line):
            statuses[sending] = found[1]
    for stream, got in sorted(received.items()):
        yield [got[":method"], got[":path"], statuses[stream], got.get("traceparent", "-"), got.get("tracestate", "-")]


def told_exchanges(log):
    """What the project's own small services print: the five words, in the order of arrival."""
    return [line.split(" ", 5)[1:] for line in log.splitlines() if line.startswith("= ")]


def record(folder, name, title, server, clients, exchanges, prefix=b""):
    """`server` makes a command of a port; `clients` make commands of the relay's port, and use one connection."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(server(port), stdout=log, stderr=subprocess.STDOUT, cwd=HERE)
        try:
            wait_for(port)
            relay = Relay(port)
            subprocess.run(clients(relay.port), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=HERE, timeout=60)
            time.sleep(0.5)
        finally:
            process.terminate()
            process.wait()
        log.seek(0)
        lines = list(exchanges(log.read().decode()))
    lines = ["# " + title] + ["= " + " ".join(words) for words in lines] + relay.pieces
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    print(f"{name}: {len([line for line in lines if line[0] == '='])} exchanges, {len(relay.pieces)} pieces")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    htdocs = pathlib.Path(tempfile.mkdtemp())
    (htdocs / "index.html").write_text("hello\n" * 100)
    (htdocs / "small").write_text("x")
    (htdocs / "upload").write_bytes(b"u" * 3_000)

    def nghttpd(*flags):
        return lambda port: ["nghttpd", "-v", "--no-tls", "-d", str(htdocs), *flags, str(port)]

    def nghttp(*flags):
        return lambda port: ["nghttp", "-n", *CONTEXT, *[flag.format(port=port) for flag in flags]]

    url = "http://127.0.0.1:{port}"
    record(folder, "nghttp-plain", "nghttp and nghttpd 1.52: several requests, one that is not found",
           nghttpd(), nghttp(f"{url}/", f"{url}/small", f"{url}/absent?q=1"), nghttpd_exchanges)
    record(folder, "nghttp-frames", "nghttp and nghttpd: CONTINUATION, padding, trailers, content, small tables",
           nghttpd("-b", "30", "--trailer", "a: b", "-c", "100", "--encoder-header-table-size=0"),
           nghttp("--continuation", "-b", "50", "--trailer", "c: d", "-d", str(htdocs / "upload"), "-c", "200",
                  "-c", "4096", "-m", "2", f"{url}/small"), nghttpd_exchanges)
    record(folder, "nghttp-push", "nghttp and nghttpd: pushed answers between, large tables",
           nghttpd("-p", "/=/small,/index.html", "-c", "65536", "--encoder-header-table-size=65536"),
           nghttp("-c", "65536", "--encoder-header-table-size=65536", "-m", "4", f"{url}/"), nghttpd_exchanges)
    record(folder, "h2load", "h2load and nghttpd: a hundred requests, ten at a time",
           nghttpd(), lambda port: ["h2load", "-c1", "-n100", "-m10", *CONTEXT, f"http://127.0.0.1:{port}/small"],
           nghttpd_exchanges)
    record(folder, "curl-node", "curl 7.88 and Node.js 20: streamed content both ways, 103",
           lambda port: ["node", "node_http2.js", str(port)],
           lambda port: ["curl", "-sS", "--http2-prior-knowledge", "-T", str(htdocs / "upload"), *CONTEXT,
                         f"http://127.0.0.1:{port}/early"], told_exchanges)
    record(folder, "node-node", "Node.js 20 and itself: sixty requests at a time, some reset",
           lambda port: ["node", "node_http2.js", str(port)],
           lambda port: ["node", "node_http2.js", str(port), "client"], told_exchanges)
    record(folder, "httpx-hypercorn", "httpx and hypercorn, both of Python's h2",
           lambda port: [sys.executable, "-m", "hypercorn", "-b", f"127.0.0.1:{port}", "asgi:app"],
           lambda port: [sys.executable, "asgi.py", f"http://127.0.0.1:{port}"], told_exchanges)
    record(folder, "grpc", "grpcio and itself: unary calls, streams, an error in trailers alone",
           lambda port: [sys.executable, "grpc_calls.py", str(port)],
           lambda port: [sys.executable, "grpc_calls.py", str(port), "client"], told_exchanges)

    def node(port):
        return ["node", "node_http1.js", str(port)]

    record(folder, "curl-http1", "curl and Node.js: a connection kept alive, content of each kind, 100 and 103", node,
           lambda port: ["curl", "-sS", *CONTEXT, *[f"http://127.0.0.1:{port}{path}" for path in
                                                    ["/", "/none", "/same", "/trailers", "/early", "/length", "/error"]],
                         "--next", "-sS", "-I", f"http://127.0.0.1:{port}/head",
                         "--next", "-sS", "-T", str(htdocs / "upload"), "-H", "Expect: 100-continue", *CONTEXT,
                         f"http://127.0.0.1:{port}/put",
                         "--next", "-sS", "-T", "-", "-H", "Transfer-Encoding: chunked", f"http://127.0.0.1:{port}/chunks",
                         "--next", "-sS", "-H", "Connection: Upgrade", "-H", "Upgrade: any", f"http://127.0.0.1:{port}/last"], told_exchanges)
    record(folder, "pipelining-node", "a client that pipelines, and Node.js", node,
           lambda port: [sys.executable, "pipelining.py", str(port)], told_exchanges)

    backend = free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(nghttpd()(backend), stdout=log, stderr=subprocess.STDOUT)
        wait_for(backend)
        record(folder, "nghttp-upgrade", "nghttp and nghttpx 1.52: HTTP/1.1 with Upgrade: h2c",
               lambda port: ["nghttpx", f"-f127.0.0.1,{port};no-tls", f"-b127.0.0.1,{backend};;proto=h2",
                             "--workers=1", "--no-http2-cipher-block-list", "--accesslog-file=/dev/stdout",
                             "--accesslog-format== ${method} ${path} ${status} ${http_traceparent} ${http_tracestate}"],
               nghttp("-u", f"{url}/", f"{url}/small"), told_exchanges)
        process.terminate()
        process.wait()


main()
