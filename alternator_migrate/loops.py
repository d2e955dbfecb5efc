"""The event loop of a process: uvloop, where there is one; and what spares it the collector."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def on_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work()` on a fresh event loop: uvloop, where there is one."""

    async def main() -> T:
        return await work()

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main())


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes event loops."""
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415 # absent on Windows

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def spare_the_collector() -> None:
    """Keep what was imported out of garbage collection, and collect less often: pages are freed
    by their reference counts, and each collection walks thousands of items in flight."""
    gc.freeze()  # what little garbage imports leave stays: looking for it takes 50 ms
    gc.set_threshold(10_000, 20, 50)
