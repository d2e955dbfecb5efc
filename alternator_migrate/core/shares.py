"""One cap for several tables: each waits for its own pace, then for its turn in that of all."""

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count

from alternator_migrate.core.pace import Pace
from alternator_migrate.core.progress import Reason


class SharedPace:
    """The pace of all tables of a run together. While requests wait, tables are served in
    proportion to their weights (weighted fair queueing): none is ever left out, and what one does
    not use is there for the others."""

    def __init__(self, cap: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.all, self.clock = Pace(cap, clock), clock
        self._virtual = 0.0
        self._is_busy = False
        self._numbers = count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    def pace(
        self, cap: float | None, left: Callable[[], float], valve: asyncio.Event | None = None
    ) -> "TablePace":
        """The pace of one table, with a `cap` and a `valve` of its own; `left` is what is left to
        do there, in any unit that all tables share."""
        return TablePace(self, cap, left, valve)

    async def take(self, start: float, units: float) -> None:
        """Return when `units` may be consumed by whoever is to be served at `start`."""
        if self._is_busy:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (start, next(self._numbers), turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._next()
                raise
        self._is_busy, self._virtual = True, max(self._virtual, start)
        try:
            await self.all.take(units)
        finally:
            self._next()

    @property
    def now(self) -> float:
        """The virtual time: when whoever was served last was to be served."""
        return self._virtual

    def _next(self) -> None:
        """Wake who is to be served first; it finds the turn taken for it."""
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._is_busy = False


class SharedCaps:
    """The caps of a run of many tables, in units a second, None for no limit."""

    def __init__(self, read: float | None, write: float | None) -> None:
        self.reading, self.writing = SharedPace(read), SharedPace(write)

    @property
    def allowed(self) -> tuple[float | None, float | None]:
        """What all tables together may read and write now."""
        return self.reading.all.allowed, self.writing.all.allowed


class TablePace(Pace):
    """The pace of one table among those that share one."""

    def __init__(
        self,
        shared: SharedPace,
        cap: float | None,
        left: Callable[[], float],
        valve: asyncio.Event | None,
    ) -> None:
        super().__init__(cap, shared.clock, valve)
        self._shared, self._left = shared, left
        self._finish = 0.0

    async def take(self, units: float) -> None:
        """Return when `units` may be consumed by this table, and by all together."""
        await super().take(units)
        if self._shared.all.cap is None:
            return
        start = max(self._shared.now, self._finish)
        self._finish = start + units / max(self._left(), 1.0)
        await self._shared.take(start, units)

    def settle(self, taken: float, consumed: float) -> None:
        """A request for which `taken` was taken succeeded and consumed `consumed` units."""
        super().settle(taken, consumed)
        self._shared.all.settle(taken, consumed)

    def reason(self, side: str) -> Reason | None:
        """Why requests to `side` wait; None if they do not."""
        return super().reason(side) or self._shared.all.reason(side)
