"""From system calls to requests: which thread of which process moved which bytes of a message, and when.

A request that arrives is seen where the service reads it; a call is seen where the service writes it. What a message
needs is looked up by the position of its bytes in the connection's stream, so it does not matter how a program splits
or joins its reads and writes."""

import bisect
import dataclasses

from http1 import answers, requests
from strace import READS, WAITS, WRITES, tcp_pair

import re


@dataclasses.dataclass
class Pieces:
    """One direction of a connection: its bytes, and which call moved which of them."""

    data: bytearray = dataclasses.field(default_factory=bytearray)
    starts: list = dataclasses.field(default_factory=list)
    calls: list = dataclasses.field(default_factory=list)

    def add(self, call):
        self.starts.append(len(self.data))
        self.calls.append(call)
        self.data += call.data()

    def mover(self, position):
        return self.calls[bisect.bisect_right(self.starts, position) - 1]

    def movers(self, start, end):
        first = bisect.bisect_right(self.starts, start) - 1
        return self.calls[first : bisect.bisect_right(self.starts, end - 1)]


@dataclasses.dataclass
class Connection:
    """One TCP connection as this side of it has it."""

    number: int
    local: str
    remote: str
    reads: Pieces = dataclasses.field(default_factory=Pieces)
    writes: Pieces = dataclasses.field(default_factory=Pieces)
    closed: int | None = None


@dataclasses.dataclass
class Sighting:
    """One request with its answer, as the service's system calls show it."""

    arrives: bool
    connection: Connection
    request: object
    pid: int
    start: int
    head_done: int
    head: int
    head_pieces: int
    head_threads: int
    answered: int | None = None
    answer: int | None = None
    end: int | None = None
    status: int | None = None
    waited_elsewhere: bool | None = None
    slept: bool = False


def connections(calls):
    """Every TCP connection that moved bytes, in the order of their first."""
    open_ones, everything = {}, []
    for call in calls:
        pair = call.pair()
        if pair is None:
            continue
        if call.name == "close":
            closed = open_ones.pop(pair, None)
            if closed:
                closed.closed = call.end
            continue
        moves_in = call.name in READS and "MSG_PEEK" not in call.arguments
        if not moves_in and call.name not in WRITES:
            continue
        if pair not in open_ones:
            if call.result <= 0:
                continue
            open_ones[pair] = Connection(len(everything), *pair)
            everything.append(open_ones[pair])
        connection = open_ones[pair]
        if call.result > 0:
            (connection.reads if moves_in else connection.writes).add(call)
        elif call.result == 0 and moves_in:
            connection.closed = connection.closed or call.end
    # A write is known by when it began, as bytes may be read elsewhere before it returns.
    return everything


def sightings(calls, service, callees):
    """Requests that arrived at `service` (its address), and calls to `callees`, by start."""
    found = []
    for connection in connections(calls):
        arrives = connection.local.rpartition(":")[2] == service.rpartition(":")[2]
        if not arrives and connection.remote not in callees:
            continue
        there, back = connection.reads, connection.writes
        if not arrives:
            there, back = back, there
        messages = list(requests(bytes(there.data)))
        methods = [message.first.split(" ")[0] for message in messages]
        replies = list(answers(bytes(back.data), methods, connection.closed is not None))
        for index, message in enumerate(messages):
            movers = there.movers(message.start, message.head_end)
            first, last = movers[0], movers[-1]
            one = Sighting(
                arrives=arrives,
                connection=connection,
                request=message,
                pid=last.pid,
                start=first.end if arrives else first.start,
                head_done=last.end if arrives else last.start,
                head=last.tid if arrives else first.tid,
                head_pieces=len(movers),
                head_threads=len({mover.tid for mover in movers}),
            )
            if index < len(replies):
                reply = replies[index]
                one.status = int(reply.first.split(" ")[1])
                mover = back.mover(reply.start)
                one.answer, one.answered = mover.tid, mover.start if arrives else mover.end
                if reply.end is not None:
                    one.end = max(one.answered, back.mover(reply.end - 1).end)
            found.append(one)
    watch_waits(calls, [one for one in found if one.arrives and one.answered is not None])
    return sorted(found, key=lambda one: one.start)


def watch_waits(calls, arrived):
    """What the thread that read the head did from its first bytes until the answer began.

    It *waited elsewhere* if, in that time, it waited for an event of a descriptor that is neither the request's own
    connection nor one it opened, connected or wrote to in that same time; or if it accepted a connection, read from
    another one or answered another client. An epoll set counts as elsewhere: it was filled before, and holds more than
    one request's descriptors. A futex is no descriptor and does not count: each thread of CPython waits in one for its
    interpreter lock, and each that waits for another thread's result does; that a thread slept in one is noted apart."""
    of_thread = {}
    for call in calls:
        of_thread.setdefault(call.tid, []).append(call)
    ends = {tid: [call.end for call in made] for tid, made in of_thread.items()}
    inbound = {one.connection.remote for one in arrived}
    for one in arrived:
        made = of_thread.get(one.head, [])
        first = bisect.bisect_right(ends[one.head], one.start)
        section = []
        for call in made[first:]:
            if call.start >= one.answered:
                break
            section.append(call)
        clients = inbound - {one.connection.remote}
        own = {opened(call) for call in section if remote(call) not in clients} - {None}
        one.waited_elsewhere = any(elsewhere(call, own, one.connection.remote, clients) for call in section)
        one.slept = any(call.name == "futex" and "FUTEX_WAIT" in call.arguments for call in section)


def opened(call):
    """The descriptor that a call opened, connected or wrote to, of those that talk to others."""
    if call.name == "socket":
        return call.result
    if call.name == "connect" or call.name in WRITES:
        return call.descriptor()
    return None


def remote(call):
    pair = call.pair()
    return pair and pair[1]


def elsewhere(call, own, client, clients):
    if call.name in ("accept", "accept4"):
        return call.result >= 0
    if call.name in WRITES:
        return remote(call) in clients
    if call.name in READS:
        moved = call.result > 0 and remote(call) is not None
        return moved and remote(call) != client and call.descriptor() not in own
    if call.name not in WAITS:
        return False
    if call.name.startswith("epoll"):
        return True
    return any(
        descriptor not in own and (pair is None or pair[1] != client) for descriptor, pair in waited_for(call)
    )


def waited_for(call):
    """Descriptors of a poll or select, with their addresses."""
    for found in re.finditer(r"(?:fd=|[\[ ])(\d+)<", call.arguments):
        yield int(found.group(1)), tcp_pair(call.arguments[found.start(1) :])
