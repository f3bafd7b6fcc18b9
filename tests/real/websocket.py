"""Both ends of a WebSocket: `serve` echoes every message; `talk URL TRACEPARENT` sends what real clients send, checks
what comes back, and prints one line for each thing that held."""

import asyncio
import os
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


async def echo(socket):
    await socket.send(socket.request.headers.get("traceparent", ""))
    async for message in socket:
        await socket.send(message)


async def listen():
    async with serve(echo, "127.0.0.1", 0, subprotocols=["chat"], max_size=None) as server:
        print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


async def talk(url, traceparent):
    headers = {"traceparent": traceparent, "tracestate": "checkly=true"}
    async with connect(url, subprotocols=["chat"], additional_headers=headers, max_size=None) as socket:
        print("traceparent", await socket.recv())
        print("subprotocol", socket.subprotocol)
        for name, message in [
            ("text", "grüße"),
            ("empty", ""),
            ("binary", os.urandom(3_000_000)),
            ("compressible", "a" * 1_000_000),
        ]:
            await socket.send(message)
            assert await socket.recv() == message, name
            print("echo", name)
        await socket.send(part for part in ["three ", "small ", "parts"])
        assert await socket.recv() == "three small parts"
        print("echo fragments")
        await (await socket.ping())
        print("pong")
        await asyncio.gather(*(socket.send(str(number)) for number in range(200)))
        assert [await socket.recv() for _ in range(200)] == [str(number) for number in range(200)]
        print("order")
        await socket.close(4001, "done here")
        print("closed", socket.close_code, socket.close_reason)


if __name__ == "__main__":
    asyncio.run(talk(*sys.argv[2:]) if sys.argv[1] == "talk" else listen())
