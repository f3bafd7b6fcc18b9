"""Processes that do to a watcher of system calls what nobody should: one child for each way, all at once.

    python3 hostile.py FILE SECONDS

waits until FILE is there, misbehaves for that long, and prints a line for each way with how often it did. Every end of
every connection is in these processes; nothing leaves loopback."""

import contextlib
import ctypes
import mmap
import os
import random
import signal
import socket
import struct
import sys
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
LIBC.recv.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
LIBC.readv.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
PAGE = mmap.PAGESIZE
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
MARK = b"traceparent: 00-%032x-00f067aa0ba902b7-01\r\ntracestate: checkly=true\r\n"


def pair(listener):
    """Both ends of a new connection."""
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    return client, server


def random_bytes(listener, end):
    """Bytes without meaning, in pieces of every length, both ways; some begin like a message."""
    done = 0
    beginnings = [b"", b"GET ", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 ", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01", b"PROXY "]
    while time.monotonic() < end:
        client, server = pair(listener)
        with client, server:
            for _ in range(random.randrange(1, 6)):
                for one, other in ((client, server), (server, client)):
                    one.sendall(random.choice(beginnings) + os.urandom(random.choice([1, 7, 100, 5000, 30000])))
                    other.recv(1 << 16)
        done += 1
    return done


def endless_head(listener, end):
    """A head that never ends, and a head line that never ends."""
    done = 0
    client, server = pair(listener)
    long, sink = pair(listener)
    client.sendall(b"GET /endless HTTP/1.1\r\n")
    long.sendall(b"GET /")
    while time.monotonic() < end:
        client.sendall(b"X-Header: value\r\n" * 500)
        server.recv(1 << 16)
        long.sendall(b"a" * 8000)
        sink.recv(1 << 16)
        done += 1
    return done


def many_sockets(listener, end):
    """As many connections a second as there can be, with a request on every second one."""
    done = 0
    while time.monotonic() < end:
        client, server = pair(listener)
        if done % 2:
            client.sendall(b"GET /short HTTP/1.1\r\nHost: a\r\n" + MARK % (done + 1) + b"\r\n")
            server.recv(4096)
            server.sendall(ANSWER)
            client.recv(4096)
        # A reset leaves no TIME_WAIT behind, so that ports do not run out.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        server.close()
        done += 1
    return done


def descriptor_reuse(listener, end):
    """One descriptor's number stands for one connection after another while a thread reads by that number."""
    done, kept = 0, socket.socket().detach()
    stop = threading.Event()

    def read():
        while not stop.is_set():
            with contextlib.suppress(OSError):
                os.set_blocking(kept, False)
                os.read(kept, 4096)

    reader = threading.Thread(target=read)
    reader.start()
    while time.monotonic() < end:
        client, server = pair(listener)
        os.dup2(server.fileno(), kept)
        with contextlib.suppress(OSError):
            client.sendall(b"GET /reuse HTTP/1.1\r\nHost: a\r\n\r\n")
        client.close()
        server.close()
        done += 1
    stop.set()
    reader.join()
    return done


def exec_storm(_, end):
    """Children that become other programs at once, and a child of theirs that does so again."""
    done = 0
    while time.monotonic() < end:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(OSError):
                os.execv("/bin/sh", ["/bin/sh", "-c", "exec /bin/true"])
            os._exit(1)
        os.waitpid(child, 0)
        done += 1
    return done


def pid_reuse(listener, end):
    """Children with the same number one after the other, each with a request of its own. Needs root; else they differ."""
    done, wanted = 0, None
    while time.monotonic() < end:
        if wanted:
            with contextlib.suppress(OSError), open("/proc/sys/kernel/ns_last_pid", "w") as last:
                last.write(str(wanted - 1))
        child = os.fork()
        if child == 0:
            with contextlib.suppress(OSError):
                client, server = pair(listener)
                client.sendall(b"GET /child HTTP/1.1\r\nHost: a\r\n" + MARK % (done + 1) + b"\r\n")
                server.recv(4096)
                server.sendall(ANSWER)
                client.recv(4096)
            os._exit(0)
        os.waitpid(child, 0)
        wanted = wanted or child
        done += 1
    return done


def unmapped_buffers(listener, end):
    """Buffers, and vectors of buffers, that another thread takes away while a call reads into them."""
    done, client, server = 0, *pair(listener)
    area = None
    stop = threading.Event()

    def take_away():
        while not stop.is_set():
            if area:
                LIBC.munmap(area + PAGE, PAGE)

    thread = threading.Thread(target=take_away)
    thread.start()
    server.setblocking(False)
    while time.monotonic() < end:
        area = LIBC.mmap(None, 4 * PAGE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        client.sendall(b"GET /unmapped HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n")
        if done % 2:
            LIBC.recv(server.fileno(), area, 4 * PAGE, 0)
        else:
            vector = struct.pack("PNPN", area + PAGE // 2, PAGE, area + 2 * PAGE, 2 * PAGE)
            LIBC.readv(server.fileno(), vector, 2)
        with contextlib.suppress(BlockingIOError):
            while server.recv(1 << 16):
                pass
        taken, area = area, None
        LIBC.munmap(taken, 4 * PAGE)
        done += 1
    stop.set()
    thread.join()
    return done


def exact_lengths(listener, end):
    """Heads that end one byte before, at and after the sizes that buffers have, the mark in their last line."""
    done = 0
    while time.monotonic() < end:
        for length in (4095, 4096, 4097, 8191, 8192, 8193, 16383, 16384, 16385):
            client, server = pair(listener)
            with client, server:
                begin, last = b"GET /length/%d HTTP/1.1\r\nX: " % length, b"\r\n" + MARK % (done + 1) + b"\r\n"
                head = begin + b"y" * (length - len(begin) - len(last)) + last
                client.sendall(head)
                got = 0
                while got < length:
                    got += len(server.recv(1 << 16))
                server.sendall(ANSWER)
                client.recv(4096)
            done += 1
    return done


WAYS = [
    random_bytes,
    endless_head,
    many_sockets,
    descriptor_reuse,
    exec_storm,
    pid_reuse,
    unmapped_buffers,
    exact_lengths,
]


def main():
    begin, seconds = sys.argv[1], float(sys.argv[2])
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    print("ready", flush=True)
    while not os.path.exists(begin):
        time.sleep(0.01)
    children = {}
    for way in WAYS:
        child = os.fork()
        if child == 0:
            listener = socket.create_server(("127.0.0.1", 0), backlog=128)
            done = way(listener, time.monotonic() + seconds)
            # One write: several processes write to the same pipe.
            os.write(1, f"{way.__name__} {done}\n".encode())
            os._exit(0)
        children[child] = way.__name__
    failed = [name for child, name in children.items() if os.waitpid(child, 0)[1]]
    sys.exit(f"failed: {failed}" if failed else 0)


if __name__ == "__main__":
    main()
