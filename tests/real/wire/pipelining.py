"""A client of HTTP/1.1 that sends requests without waiting for answers, some in two pieces, and reads to the end."""

import socket
import sys

TRACE = b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nTraceState: a=1\r\ntracestate: checkly=true\r\n"

with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    for number, path in enumerate([b"/a", b"/none", b"/trailers", b"/early", b"/same", b"/length", b"/error", b"/b"] * 3):
        trace = TRACE if number % 3 == 0 else b""
        method = b"HEAD" if number % 5 == 4 else b"GET"
        request = method + b" " + path + b" HTTP/1.1\r\nHost: a\r\n" + trace + b"\r\n"
        connection.sendall(request[:number])
        connection.sendall(request[number:])
        if number % 8 == 5:
            connection.recv(1)
    connection.sendall(b"\r\nPOST /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.sendall(b"5;a=b\r\nabcde\r\n0\r\nx: y\r\n\r\n")
    while connection.recv(4096):
        pass
