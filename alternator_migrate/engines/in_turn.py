"""An engine of workers that several tables have one after another."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from alternator_migrate.core.model import Segment
from alternator_migrate.core.progress import WorkerProgress
from alternator_migrate.core.segments import WorkerSegments
from alternator_migrate.core.work import Engine, LiveStats, Work


class InTurn:
    """Does the work of one table on the workers that `opening()` makes, once the tables before it
    have done with theirs, each of which holds the `turn`; `text` is for a person. Until
    `late_until`, by `time.monotonic()`, workers of an earlier run may still write, whatever this
    one has left to do."""

    def __init__(
        self,
        opening: Callable[[], AbstractAsyncContextManager[Engine]],
        turn: asyncio.Lock,
        text: str,
        late_until: float = 0.0,
    ) -> None:
        self.text = text
        self._opening, self._turn = opening, turn
        self._engine: Engine | None = None
        self._past = LiveStats()
        self._late_until, self._lost_until = late_until, 0.0

    async def run(
        self, work: Work[Any, Any], segments: Sequence[Segment], stop: asyncio.Event
    ) -> None:
        """Do `work` over `segments`; once `stop` is set, what is under way only."""
        if not await self._has_turn(stop):
            return
        try:
            async with self._opening() as engine:
                self._engine = engine
                try:
                    await engine.run(work, segments, stop)
                    late = await engine.lateness(goes_on=False)
                    self._lost_until = max(self._lost_until, time.monotonic() + late)
                finally:
                    self._past += replace(engine.live_stats(), reasons=())
                    self._engine = None
        finally:
            self._turn.release()

    def live_stats(self) -> LiveStats:
        """Figures of the workers that `work` does not have yet, and the retries and requests of
        all."""
        return self._past + self._engine.live_stats() if self._engine else self._past

    def workers(self) -> Sequence[WorkerProgress]:
        """The workers, while it has some."""
        return self._engine.workers() if self._engine else ()

    def segments(self) -> WorkerSegments:
        """The segments that workers have now."""
        return self._engine.segments() if self._engine else WorkerSegments()

    async def lateness(self, *, goes_on: bool) -> float:
        """See `Engine.lateness`."""
        until = max(self._lost_until, self._late_until if goes_on else 0.0)
        return max(until - time.monotonic(), 0.0)

    async def _has_turn(self, stop: asyncio.Event) -> bool:
        """Wait for the turn; False, without it, where `stop` came first."""
        waiting = asyncio.ensure_future(self._turn.acquire())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((waiting, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not waiting.done():
                waiting.cancel()
        if not waiting.done():
            return False
        if stop.is_set():
            self._turn.release()
            return False
        return True
