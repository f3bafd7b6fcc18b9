"""The recordings: which server was told to do what, and so what is true of its hops."""

import dataclasses

# Codes of what a service was told to do. A copied traceparent is G104 beside: its parent-id is the one that came.
CODES = {
    "forward": ["G104"],
    "continue": [],
    "traceparent": ["G103", "G104"],
    "drop": ["G101"],
    "restart": ["G102"],
}
# Each thread of these serves one request and its calls from end to end.
BLOCKING = ("flask", "gunicorn", "gthread")


@dataclasses.dataclass
class Run:
    """One recording. `view`: `service` = the service's system calls; `both` = the called service's log too, so that
    each call is seen from two ends; `proxies` = only what proxies before both would see."""

    name: str
    server: str
    context: str
    options: tuple = ()
    seconds: float = 8
    marked: int = 36
    noise: float = 10
    view: str = "service"
    by_name: bool = False


RUNS = [
    Run("flask-forward", "flask", "forward", view="both"),
    Run("flask-continue", "flask", "continue"),
    Run("flask-drop", "flask", "drop", seconds=12),
    Run("flask-drop-busy", "flask", "drop", seconds=4, noise=50),
    Run("flask-traceparent", "flask", "traceparent"),
    Run("flask-restart", "flask", "restart"),
    Run("flask-after-drop", "flask", "drop", ("--after",)),
    Run("flask-poll", "flask", "forward", ("--polls=5",)),
    Run("flask-fan-out-drop", "flask", "drop", ("--fan-out",)),
    Run("gunicorn-forward", "gunicorn", "forward", by_name=True),
    Run("gunicorn-drop", "gunicorn", "drop", seconds=15, view="both"),
    Run("gunicorn-restart", "gunicorn", "restart", seconds=15),
    Run("gthread-drop", "gthread", "drop", seconds=12),
    Run("aiohttp-forward", "aiohttp", "forward", ("--polls=5",), by_name=True),
    Run("aiohttp-drop", "aiohttp", "drop"),
    Run("aiohttp-traceparent", "aiohttp", "traceparent"),
    Run("aiohttp-after", "aiohttp", "forward", ("--after",)),
    Run("node-continue-busy", "node", "continue", seconds=4, noise=50),
    Run("node-drop", "node", "drop", by_name=True),
    Run("node-traceparent", "node", "traceparent", view="both"),
    Run("node-restart", "node", "restart"),
    Run("node-after", "node", "forward", ("--after",)),
    Run("jdk-forward", "jdk", "forward", by_name=True),
    Run("jdk-drop", "jdk", "drop"),
    Run("jdk-traceparent", "jdk", "traceparent"),
    Run("nginx-forward", "nginx", "forward"),
    Run("nginx-drop", "nginx", "drop"),
    Run("nginx-restart", "nginx", "restart"),
    Run("nginx-mirror", "nginx", "forward", ("--after",)),
    Run("proxies-flask-drop", "flask", "drop", seconds=40, noise=3, view="proxies"),
    Run("proxies-node-forward", "node", "forward", seconds=40, noise=3, view="proxies"),
    Run("proxies-aiohttp-traceparent", "aiohttp", "traceparent", seconds=30, noise=3, view="proxies"),
]


def truth():
    """For each recording: what the service was told, and the codes that are true of each of its hops."""
    return [
        {
            "file": f"{run.name}.ndjson",
            "server": run.server,
            "context": run.context,
            "options": list(run.options),
            "view": run.view,
            "noise_per_second": run.noise,
            "hops": [
                {"service": "shop", "peer": "stock", "method": method, "route": route, "codes": CODES[run.context]}
                for method, route in hops(run)
            ],
            "confidence": confidence(run),
        }
        for run in RUNS
    ]


def hops(run):
    yield "GET", "/stock/{}"
    if run.server != "nginx":
        yield "POST", "/reserve/{}"


def confidence(run):
    """How sure the finding of severity error has to be, where one is due on the GET hop: by section on blocking
    threads, by the trace id where that is kept. `None`: nothing has to be found, and nothing wrong may be."""
    if "--after" in run.options or run.context in ("forward", "continue"):
        return None
    if run.context == "traceparent":
        return "confirmed"
    if run.view != "proxies" and run.server in BLOCKING and "--fan-out" not in run.options:
        return "confirmed"
    return None
