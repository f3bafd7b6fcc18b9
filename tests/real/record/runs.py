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
    Run("go-drop", "go", "drop"),
    Run("go-drop-calm", "go", "drop", seconds=20, noise=2),
    Run("go-restart", "go", "restart", view="both"),
    Run("nginx-forward", "nginx", "forward"),
    Run("nginx-drop", "nginx", "drop"),
    Run("nginx-restart", "nginx", "restart"),
    Run("nginx-mirror", "nginx", "forward", ("--after",)),
    Run("proxies-flask-drop", "flask", "drop", seconds=40, noise=3, view="proxies"),
    Run("proxies-node-forward", "node", "forward", seconds=40, noise=3, view="proxies"),
    Run("proxies-aiohttp-traceparent", "aiohttp", "traceparent", seconds=30, noise=3, view="proxies"),
]


def truth():
    """For each recording: what the service was told, and what is so true of each of its hops. `codes`: a finding of
    another code is wrong. `expected`: what has to be found, and how sure it has to be at least; where nothing is
    expected, nothing may be wrong all the same. `verdict`: what may be said of the hop beside `unknown`. `judged`: whether its
    calls left before the answer, so that they can be."""
    return [
        {
            "file": f"{run.name}.ndjson",
            "server": run.server,
            "context": run.context,
            "options": list(run.options),
            "view": run.view,
            "noise_per_second": run.noise,
            "hops": [
                {"service": "shop", "peer": "stock", "method": "GET", "route": "/stock/{}", **hop(run, expected(run))},
                *(
                    [{"service": "shop", "peer": "stock", "method": "POST", "route": "/reserve/{}", **hop(run, None)}]
                    if run.server != "nginx"
                    else []
                ),
            ],
        }
        for run in RUNS
    ]


def hop(run, expected):
    after = "--after" in run.options and run.server != "nginx"
    broken = CODES[run.context][:1] if run.context in ("traceparent", "drop", "restart") else []
    if after:
        # Such calls are not judged, and lost contexts among them must not be taken for losses of other requests.
        verdict, codes = "unknown" if broken else "forwards", [] if broken else CODES[run.context]
    else:
        verdict, codes = "breaks" if broken else "forwards", CODES[run.context]
    return {"codes": codes, "verdict": verdict, "judged": not after, "expected": expected}


def expected(run):
    """By section on blocking threads, by the trace id where that is kept."""
    if "--after" in run.options and run.server != "nginx":
        return None
    if run.context in ("forward", "continue"):
        return {"verdict": "forwards"}
    blocking = run.view != "proxies" and run.server in BLOCKING and "--fan-out" not in run.options
    if run.context == "traceparent" or blocking:
        return {"verdict": "breaks", "code": CODES[run.context][0], "confidence": "confirmed"}
    return None
