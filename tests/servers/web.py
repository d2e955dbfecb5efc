"""Web applications of tests, on a free port of this machine."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def serving(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
    method: str = "*",
    path: str = "/{path:.*}",
) -> AsyncIterator[str]:
    """The URL of a server that answers requests of a method for a path so, by default all, and
    others with 404 or 405, while the block lasts."""
    application = web.Application()
    application.router.add_route(method, path, answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
