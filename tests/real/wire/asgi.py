"""An application for hypercorn that prints each exchange, and a client of HTTP/2 in clear text for it."""

import asyncio
import sys

CONTEXT = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1,checkly=true"}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    target = scope["path"] + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
    status = 404 if scope["path"] == "/absent" else 200
    words = [scope["method"], target, str(status), headers.get("traceparent", "-"), headers.get("tracestate", "-")]
    print("=", *words, flush=True)
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": status, "headers": [(b"x-a", b"b" * 50)]})
    for _ in range(3):
        await send({"type": "http.response.body", "body": b"x" * 300, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def ask(url):
    import httpx

    async with httpx.AsyncClient(http1=False, http2=True) as client:
        await client.get(url + "/first")
        await asyncio.gather(*[client.post(f"{url}/{n}?q={n}", content=b"y" * 500, headers=CONTEXT) for n in range(10)])
        await client.get(url + "/absent", headers={"traceparent": CONTEXT["traceparent"]})


if __name__ == "__main__":
    asyncio.run(ask(sys.argv[1]))
