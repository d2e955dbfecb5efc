"""The event loop, the garbage collector and the cores that a process may use."""

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from alternator_migrate.core.errors import ungrouped

T = TypeVar("T")


def on_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work()` on a fresh event loop: uvloop, where there is one. A group of errors of this
    package is raised as the first of them."""

    async def main() -> T:
        return await work()

    with ungrouped(), asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main())


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """The maker of event loops: uvloop's where there is one."""
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


_CPU_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """The number of cores this process may use: those it is bound to, within its container's
    quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = _CPU_QUOTA.read_text().split()
        return max(1, min(cores or 1, int(quota) // int(period)))
    except (OSError, ValueError):
        return cores or 1
