"""From sightings to lines of `throughline.observations`, version 1."""

import json
import re

HEADER = {"schema": "throughline.observations", "version": 1}
VARIES = re.compile(r"\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[a-f]*\d)[0-9a-f]{8,}", re.I)


def route(path):
    """The path as a template: numbers, UUIDs and hexadecimal ids are `{}`."""
    segments = path.split("?")[0].split("/")
    return "/".join("{}" if VARIES.fullmatch(segment) else segment for segment in segments)


def context(lines):
    found = {}
    for name in ("traceparent", "tracestate"):
        values = [value for key, value in lines if key.lower() == name]
        if values:
            found[name] = values
    return found


def from_service(sightings, started, names, threads=True):
    """What the service's own system calls show. `started` maps processes to their start, `names` addresses to
    services."""
    for one in sightings:
        method, path, _ = one.request.first.split(" ")
        observation = {"dir": "in" if one.arrives else "out", "service": "shop"}
        if threads:
            observation["process"] = {"pid": one.pid, "started": started[one.pid]}
        # Clients are left out: they are all the same program on this machine.
        if not one.arrives:
            remote = one.connection.remote
            observation["peer"] = {"address": remote, "service": names[remote], "resolved": "address"}
        observation |= {"method": method, "route": route(path), "start": one.start}
        if one.end is not None:
            observation["end"] = one.end
        observation |= context(one.request.lines)
        if one.status is not None:
            observation["status"] = one.status
        observation["connection"] = one.connection.number
        if threads:
            seen = {"head": one.head}
            if one.answer is not None:
                seen["answer"] = one.answer
            if one.waited_elsewhere is not None:
                seen["waited_elsewhere"] = one.waited_elsewhere
            observation["threads"] = seen
        yield observation


def from_callee(entries, callers, started, process=True):
    """What the called service wrote down. `callers` maps the addresses of the caller's sockets to processes: it is what
    an agent on the same machine learns from the owner of a socket."""
    numbers = {}
    for entry in entries:
        peer = {"address": entry["client"]}
        if entry["client"] in callers:
            pid = callers[entry["client"]]
            peer |= {"service": "shop", "resolved": "socket"}
            if process:
                peer["process"] = {"pid": pid, "started": started[pid]}
        observation = {"dir": "in", "service": "stock"}
        if process:
            observation["process"] = {"pid": entry["pid"], "started": started[entry["pid"]]}
        yield observation | {
            "peer": peer,
            "method": entry["method"],
            "route": route(entry["path"]),
            "start": entry["start"],
            "end": entry["end"],
            **context(entry["lines"]),
            "status": 200,
            "connection": numbers.setdefault(entry["client"], len(numbers)),
        }


def write(path, sources):
    """`sources` maps names of sources to their observations. Lines are in the order of their starts. One source alone
    is what a recording's defaults say; several are named, and have this machine's clock in common."""
    lines = []
    for name, observations in sources.items():
        origin = {"name": name, "clock": "host"} if len(sources) > 1 else {}
        lines += [origin | observation for observation in observations]
    lines.sort(key=lambda line: line["start"])
    with open(path, "w") as file:
        for line in [HEADER, *lines]:
            print(json.dumps(line, separators=(",", ":")), file=file)
    return len(lines)
