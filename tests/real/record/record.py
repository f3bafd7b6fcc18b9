"""Records what real servers do with requests and their own calls, from their system calls.

    python3 tests/real/record/record.py --out FOLDER [--only NAME ...]

writes one recording (NDJSON, `throughline.observations` version 1) for each row of runs.py whose name begins with a
NAME, and `facts.json`: what was seen of how each server reads, waits and writes. It needs Linux, strace 5.10 or later
and leave to trace one's own children; and as the rows ask: a Python with tests/real/requirements.txt (run it with that
one), Node.js 20, a JDK 17, nginx, Go. A row whose server is not there is named and left out. `--keep` keeps the traces
themselves. Nothing leaves loopback. The random inputs are seeded; the times are what they were.

README.md in tests/data/recordings says what the recordings hold, and what can and cannot be read from them."""

import argparse
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import driver
import observations
import strace
from facts import facts
from runs import RUNS, truth
from streams import connections, sightings

CALLS = Path(__file__).resolve().parent.parent / "calls"
PATIENCE = 60
SERVERS = {
    "flask": [sys.executable, CALLS / "flask_service.py"],
    "gunicorn": [sys.executable, CALLS / "gunicorn_service.py"],
    "gthread": [sys.executable, CALLS / "gunicorn_service.py", "--threads", "8"],
    "aiohttp": [sys.executable, CALLS / "aiohttp_service.py"],
    "node": ["node", CALLS / "node_service.js"],
    "jdk": ["java", CALLS / "JdkService.java"],
    "nginx": [sys.executable, CALLS / "nginx_relay.py"],
}
NEEDS = {"node": "node", "jdk": "java", "nginx": "nginx", "go": "go"}


def main():
    arguments = argparse.ArgumentParser(description="Record real servers.")
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--only", nargs="*", default=[""], help="beginnings of names of rows in runs.py")
    arguments.add_argument("--keep", type=Path, help="a folder for the traces")
    arguments.add_argument("--longer", type=float, default=1, help="times as long, with as many times the marked requests")
    arguments.add_argument("--noise", type=float, help="unmarked requests per second, instead of what the rows say")
    arguments.add_argument("--seed", type=int, default=0, help="other random inputs")
    given = arguments.parse_args()
    if not found("strace"):
        sys.exit("no strace: install it; nothing else here shows which thread did what")
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    given.out.mkdir(parents=True, exist_ok=True)
    missing, path = [], given.out / "facts.json"
    seen = json.loads(path.read_text()) if path.exists() else {}
    for run in RUNS:
        if not run.name.startswith(tuple(given.only)):
            continue
        if not found(NEEDS.get(run.server, "sh")):
            missing.append(run.name)
            continue
        changed = {"seconds": run.seconds * given.longer, "marked": int(run.marked * given.longer)}
        changed["noise"] = given.noise or run.noise
        seen[run.name] = record(dataclasses.replace(run, **changed), given.seed, given.out, given.keep)
        print(run.name, json.dumps(seen[run.name]), flush=True)
        path.write_text(json.dumps(seen, indent=1, sort_keys=True) + "\n")
    (given.out / "truth.json").write_text(json.dumps(truth(), indent=1) + "\n")
    if missing:
        sys.exit(f"not recorded, the server is not on this machine: {', '.join(missing)}")


def program(server, folder):
    if server != "go":
        return SERVERS[server]
    built = Path(folder) / "service"
    subprocess.run(["go", "build", "-o", built, CALLS / "service.go"], check=True)
    return [built]


def found(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def record(run, seed, out, keep):
    seed ^= zlib.crc32(run.name.encode())
    with tempfile.TemporaryDirectory() as folder:
        log, trace = Path(folder) / "callee.log", Path(folder) / "trace"
        with Process([sys.executable, "callee.py", "--log", log, "--seed", str(seed)], Path(__file__).parent) as callee:
            host = "localhost" if run.by_name else "127.0.0.1"
            calls = [f"--calls=http://{host}:{callee.port}/stock", f"--also=http://{host}:{callee.port}/reserve"]
            command = [*program(run.server, folder), *calls, f"--context={run.context}", *run.options]
            with Process(command, CALLS) as service:
                pids = tree(service.process.pid)
                started = {pid: start_of(pid) for pid in [*pids, callee.process.pid]}
                leaders = {tid: pid for pid in pids for tid in threads(pid)}
                with Tracer(trace, pids):
                    leaders |= {tid: pid for pid in pids for tid in threads(pid)}
                    requests = driver.plan(seed, run.seconds, run.marked, run.noise)
                    statuses = driver.drive(f"127.0.0.1:{service.port}", requests)
                    # Calls after the last answers.
                    time.sleep(0.5)
        if set(statuses) != {200}:
            sys.exit(f"{run.name}: answers were {statuses}")
        calls, unread = strace.read(trace, leaders)
        begin = min(call.start for call in calls)
        entries = [json.loads(line) for line in log.read_text().splitlines()]
        entries = [entry for entry in entries if entry["start"] > begin]
        if keep:
            shutil.copytree(folder, keep / run.name, dirs_exist_ok=True)
    for call in calls:
        started.setdefault(call.pid, call.start)
    named = {f"{address}:{callee.port}": "stock" for address in ("127.0.0.1", "[::1]")}
    seen = sightings(calls, f"127.0.0.1:{service.port}", named)
    callers = {one.connection.local: one.pid for one in seen if not one.arrives}
    sources = {"strace": observations.from_service(seen, started, named)}
    if run.view == "both":
        sources["callee"] = observations.from_callee(entries, callers, started)
    elif run.view == "proxies":
        arrivals = [one for one in seen if one.arrives]
        sources = {
            "proxy-shop": observations.from_service(arrivals, started, named, threads=False),
            "proxy-stock": observations.from_callee(entries, callers, started, process=False),
        }
    lines = observations.write(out / f"{run.name}.ndjson", sources)
    arrived = sum(one.arrives for one in seen)
    made, logged = len(seen) - arrived, len(entries)
    # A poller's calls may be under way when the trace begins or ends.
    spare = 2 if any(option.startswith("--polls") for option in run.options) else 0
    if arrived != len(requests) or abs(made - logged) > spare:
        sys.exit(f"{run.name}: {arrived} arrivals of {len(requests)}, {made} calls of {logged}")
    return {"lines": lines, "unread_lines": unread, **facts(calls, seen, connections(calls))}


class Process:
    """A program that says where it listens, and is ended with this block."""

    def __init__(self, command, folder):
        self.command, self.folder = [str(word) for word in command], folder

    def __enter__(self):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment()
        )
        workers = 0
        wanted = {"gunicorn_service.py": 4}.get(Path(self.command[1]).name, 0)
        if "--threads" in self.command:
            wanted = 2
        self.port = None
        while self.port is None or workers < wanted:
            line = self.process.stdout.readline()
            if not line:
                self.process.wait()
                self.errors.seek(0)
                sys.exit(f"{self.command} ended: {self.errors.read()}")
            if line.startswith("listening on "):
                self.port = int(line.rpartition(":")[2])
            workers += line.startswith("worker ")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Tracer:
    """strace, attached to these processes until the block ends."""

    def __init__(self, prefix, pids):
        self.pids = pids
        self.command = ["strace", "-f", "-ff", "-o", str(prefix), "-yy", "-s", "16384", "--quiet=attach,exit"]
        self.command += ["--absolute-timestamps=format:unix,precision:ns", "--syscall-times=ns"]
        self.command += ["-e", f"trace={strace.TRACED}", "-e", "signal=none"]
        for pid in pids:
            self.command += ["-p", str(pid)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + PATIENCE
        while not all(traced(pid, tid) for pid in self.pids for tid in threads(pid)):
            if self.process.poll() is not None:
                sys.exit(f"strace ended: {self.process.stderr.read()}")
            if time.monotonic() > end:
                sys.exit("strace does not come to trace every thread")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=PATIENCE)


def environment():
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def tree(pid):
    """The process and all below it."""
    children = []
    for tid in threads(pid):
        children += Path(f"/proc/{pid}/task/{tid}/children").read_text().split()
    return [pid, *(below for child in children for below in tree(int(child)))]


def threads(pid):
    return [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]


def traced(pid, tid):
    try:
        status = Path(f"/proc/{pid}/task/{tid}/status").read_text()
    except FileNotFoundError:
        return True
    return "TracerPid:\t0\n" not in status


def start_of(pid):
    """When a process started: nanoseconds since the Unix epoch, to the clock tick of /proc."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return int(boot.split()[1]) * 10**9 + ticks * 10**9 // os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
