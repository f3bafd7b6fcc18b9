"""Finds HTTP/1.1 messages in the bytes of one direction of a connection. Knows positions, and nothing of threads."""

import dataclasses


@dataclasses.dataclass
class Message:
    """A request or an answer: where its head and all of it lie in the stream."""

    first: str
    lines: list
    start: int
    head_end: int
    end: int | None

    def values(self, name):
        return [value for key, value in self.lines if key.lower() == name]


def requests(stream):
    at = 0
    while (message := head(stream, at)) is not None:
        message.end = body(stream, message)
        yield message
        if message.end is None:
            return
        at = message.end


def answers(stream, methods, closed):
    """The final answers to requests of these methods, in turn. `closed`: the stream ends where it ends."""
    at = 0
    for method in methods:
        while True:
            message = head(stream, at)
            if message is None:
                return
            status = int(message.first.split(" ")[1])
            if status >= 200 or status == 101:
                break
            at = message.head_end
        if method == "HEAD" or status in (101, 204, 304):
            message.end = message.head_end
        elif message.values("content-length") or message.values("transfer-encoding"):
            message.end = body(stream, message)
        else:
            message.end = len(stream) if closed else None
        yield message
        if message.end is None:
            return
        at = message.end


def head(stream, at):
    end = stream.find(b"\r\n\r\n", at)
    if end < 0:
        return None
    first, *lines = stream[at:end].decode("latin-1").split("\r\n")
    pairs = [(name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines)]
    return Message(first, pairs, at, end + 4, None)


def body(stream, message):
    """Where the body ends, or None if its end was not seen."""
    at = message.head_end
    if "chunked" in ",".join(message.values("transfer-encoding")).lower():
        while True:
            line = stream.find(b"\r\n", at)
            if line < 0:
                return None
            size = int(stream[at:line].split(b";")[0], 16)
            at = line + 2 + size + 2
            if at > len(stream):
                return None
            if size == 0:
                return at
    length = int((message.values("content-length") or ["0"])[0])
    return at + length if at + length <= len(stream) else None
