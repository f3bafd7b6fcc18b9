"""A service that reads each request by `recvmsg`, into a buffer that is much longer: one that nothing was ever written
to, or the same one again and again. Usage: buffers.py fresh|same [PORT]
"""

import mmap
import socket
import sys
import threading

LENGTH = 1 << 18
# In the midst of a page: so a short request leaves the page behind it as it is.
BEGINS = 2000
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def serve(connection, same):
    buffer = memoryview(mmap.mmap(-1, LENGTH))[BEGINS:]
    while connection.recvmsg_into([buffer])[0]:
        connection.sendall(ANSWER)
        if not same:
            buffer = memoryview(mmap.mmap(-1, LENGTH))[BEGINS:]


listener = socket.create_server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0))
print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    peer, _ = listener.accept()
    threading.Thread(target=serve, args=(peer, sys.argv[1] == "same"), daemon=True).start()
