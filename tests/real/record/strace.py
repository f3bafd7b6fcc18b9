"""Reads what `strace -ff --absolute-timestamps=format:unix,precision:ns --syscall-times=ns -yy` wrote: one file for
each thread, so that no line is interrupted by another thread's. Knows system calls, and nothing of HTTP."""

import dataclasses
import re
from pathlib import Path

# What is traced. Reads and writes of everything that may be a socket, what opens and closes sockets, what a thread can
# wait in, and what makes threads and processes.
TRACED = (
    "network,read,write,readv,writev,pread64,pwrite64,close,dup,dup2,dup3,sendfile,splice,"
    "poll,ppoll,select,pselect6,epoll_create1,epoll_ctl,epoll_wait,epoll_pwait,epoll_pwait2,futex,"
    "clone,clone3,fork,vfork,execve,exit_group,io_uring_setup,io_uring_enter"
)
READS = {"read", "readv", "recvfrom", "recvmsg"}
WRITES = {"write", "writev", "sendto", "sendmsg"}
WAITS = {"poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2"}

LINE = re.compile(r"(\d+)\.(\d{9}) (\w+)\((.*)\) += (-?\d+|\?|0x[0-9a-f]+)(.*?)(?: <(\d+)\.(\d{9})>)?$", re.S)
FD = re.compile(r"(\d+)<(TCP|TCPv6|UDP|UDPv6|UNIX[-A-Z]*|[^>]*?)(?::\[(.*?)\])?>")
PAIR = re.compile(r"\[?(.*?)\]?:(\d+)->\[?(.*?)\]?:(\d+)$")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?', re.S)
ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.S)
SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "f": "\f", '"': '"', "\\": "\\"}


@dataclasses.dataclass
class Call:
    """One system call. Times are nanoseconds since the Unix epoch."""

    tid: int
    pid: int
    name: str
    arguments: str
    result: int
    start: int
    end: int

    def descriptor(self):
        """The first argument, if it is a descriptor."""
        found = re.match(r"\d+", self.arguments)
        return int(found.group()) if found else None

    def pair(self):
        """Local and remote address of the first argument, if it is a connected TCP socket."""
        return tcp_pair(self.arguments)

    def data(self):
        """The bytes that were moved. What strace cut off is filled with zeros, so that lengths hold."""
        if self.result <= 0:
            return b""
        text = self.arguments
        texts = text.split("iov_base=")[1:] if "iov_base=" in text else [text]
        moved = bytearray()
        for piece in texts:
            found = STRING.search(piece)
            if found:
                moved += unescape(found.group(1))
                length = re.search(r"iov_len=(\d+)", piece)
                if found.group(2) and length:
                    moved += bytes(max(0, int(length.group(1)) - len(unescape(found.group(1)))))
        return bytes(moved[: self.result]).ljust(self.result, b"\0")


def tcp_pair(text):
    found = FD.match(text)
    if not found or found.group(2) not in ("TCP", "TCPv6"):
        return None
    pair = PAIR.match(found.group(3) or "")
    if not pair:
        return None
    local, remote = (address.removeprefix("::ffff:") for address in pair.group(1, 3))
    return f"{bracketed(local)}:{pair.group(2)}", f"{bracketed(remote)}:{pair.group(4)}"


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def unescape(text):
    def byte(found):
        escaped = found.group(1)
        return chr(int(escaped, 8)) if escaped[0] in "01234567" else SIMPLE.get(escaped, escaped)

    return ESCAPE.sub(byte, text).encode("latin-1")


def read(prefix, leaders):
    """Every call of every thread, by the time it returned. `leaders` maps threads to processes as far as /proc told it
    when the trace began; the rest comes from `clone`."""
    files = {int(path.suffix[1:]): path for path in Path(prefix).parent.glob(Path(prefix).name + ".*")}
    leaders, calls, unread = dict(leaders), [], 0
    by_thread = {}
    for tid, path in files.items():
        with open(path, encoding="latin-1", newline="\n") as lines:
            by_thread[tid] = []
            for line in lines:
                found = LINE.match(line.rstrip("\n"))
                if not found:
                    # Calls that were under way when strace let go, signals, ends.
                    unread += not ("<detached ...>" in line or line.split(" ", 1)[-1].startswith(("---", "+++")))
                    continue
                by_thread[tid].append(found)
                if found.group(3) in ("clone", "clone3", "fork", "vfork") and found.group(5).isdecimal():
                    thread = "CLONE_THREAD" in found.group(4)
                    leaders.setdefault(int(found.group(5)), ("thread of", tid) if thread else int(found.group(5)))

    def leader(tid):
        found = leaders.get(tid, tid)
        return leader(found[1]) if isinstance(found, tuple) else found

    for tid, lines in by_thread.items():
        pid = leader(tid)
        for found in lines:
            start = int(found.group(1)) * 10**9 + int(found.group(2))
            spent = int(found.group(7) or 0) * 10**9 + int(found.group(8) or 0)
            result = -1 if found.group(5) == "?" else int(found.group(5), 0)
            calls.append(Call(tid, pid, found.group(3), found.group(4), result, start, start + spent))
    calls.sort(key=lambda call: (call.end, call.start))
    return calls, unread
