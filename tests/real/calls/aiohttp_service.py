"""aiohttp, server and client on one event loop. See propagation.py."""

import asyncio

from aiohttp import ClientSession, ClientTimeout, web

from propagation import called, options, outgoing


async def call(session, method, url, lines):
    arguments = {"json": {}} if method == "POST" else {}
    async with session.request(method, url, headers=lines, **arguments) as answer:
        await answer.read()


async def poll(session, calls, rate):
    number = 0
    while True:
        await asyncio.sleep(1 / rate)
        number += 1
        await call(session, "GET", f"{calls}/{number}", [])


async def main():
    given = options()
    session = ClientSession(timeout=ClientTimeout(total=10))
    later = set()

    async def serve(request):
        lines = outgoing(given.context, request.headers.items())
        work = [(method, url, lines) for method, url in called(given.calls, given.also, request.match_info["identifier"])]

        async def all_calls():
            if given.fan_out:
                await asyncio.gather(*(call(session, *one) for one in work))
            else:
                for one in work:
                    await call(session, *one)

        if given.after:
            answer = web.json_response({"calls": len(work)})
            await answer.prepare(request)
            await answer.write_eof()
            task = asyncio.create_task(all_calls())
            later.add(task)
            task.add_done_callback(later.discard)
            return answer
        await all_calls()
        return web.json_response({"calls": len(work)})

    async def health(_):
        return web.Response(text="well\n")

    app = web.Application()
    app.add_routes([web.get("/health", health), web.get("/{kind}/{identifier}", serve)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    if given.polls:
        later.add(asyncio.create_task(poll(session, given.calls, given.polls)))
    print(f"listening on 127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
