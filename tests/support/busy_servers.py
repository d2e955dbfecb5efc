"""Servers that slow down when they have too much to do, on the virtual clock."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from alternator_migrate.core.limiter import Limiter
from tests.support.virtual_time import now


class Server:
    """Works on `slots` requests at once, each `seconds` long give or take a share `jitter`; the
    others wait, first come first served."""

    def __init__(self, slots: int, seconds: float, jitter: float = 0.3, seed: int = 1) -> None:
        self._free = asyncio.Semaphore(slots)
        self._seconds, self._jitter = seconds, jitter
        self._dice = random.Random(seed)

    async def serve(self) -> None:
        """One request."""
        async with self._free:
            await asyncio.sleep(
                self._seconds * self._dice.uniform(1 - self._jitter, 1 + self._jitter)
            )


@dataclass
class Seen:
    """What became of a load: when each request ended, the limit and who was inside by then."""

    ended: list[float] = field(default_factory=list)
    limits: list[tuple[float, int]] = field(default_factory=list)
    inside: int = 0
    peak: int = 0

    def rate(self, start: float, end: float) -> float:
        """Requests per second between two moments."""
        return sum(start <= at < end for at in self.ended) / (end - start)

    def limit(self, start: float, end: float) -> list[int]:
        """The limits that were seen between two moments."""
        return [limit for at, limit in self.limits if start <= at < end]


class Load:
    """`workers` that send to servers in turn, through a limiter if there is one."""

    def __init__(self, servers: Sequence[Server], workers: int, limiter: Limiter | None) -> None:
        self.seen = Seen()
        self._servers, self._limiter = servers, limiter
        self._turn = 0
        self._tasks = [asyncio.create_task(self._work()) for _ in range(workers)]

    async def stop(self) -> None:
        """No more requests."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _work(self) -> None:
        while True:
            if self._limiter is None:
                await self._send()
            else:
                async with self._limiter.slot():
                    await self._send()

    async def _send(self) -> None:
        seen = self.seen
        seen.inside += 1
        seen.peak = max(seen.peak, seen.inside)
        self._turn += 1
        try:
            await self._servers[self._turn % len(self._servers)].serve()
        finally:
            seen.inside -= 1
        seen.ended.append(now())
        if self._limiter:
            seen.limits.append((now(), self._limiter.limit))


Servers = Callable[[], Sequence[Server]]


async def fixed(servers: Servers, workers: int, seconds: float) -> float:
    """The rate of so many workers without any limit."""
    began = now()
    load = Load(servers(), workers, None)
    await asyncio.sleep(seconds)
    await load.stop()
    return load.seen.rate(began + 1, began + seconds)
