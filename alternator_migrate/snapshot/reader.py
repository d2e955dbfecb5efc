"""Reading segments, as many at once as the source can take: for the copy and the comparison."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

from alternator_migrate.core.capacity import LEAST_STRETCHES
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import Page, Segment
from alternator_migrate.core.ports import Source
from alternator_migrate.core.stopping import stopped_within
from alternator_migrate.snapshot.ledger import Ledger
from alternator_migrate.snapshot.schedule import Schedule

_HARDLY: Final = 3
_RESTED_SECONDS: Final = 0.5
Take = Callable[[Segment, Page], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Readers:
    """Finds how many pages are asked for at once, and in how many `stretches` the range of keys is
    seen; see `Schedule`."""

    limiter: Limiter
    stretches: int = LEAST_STRETCHES


async def read_segments(
    source: Source,
    ledger: Ledger,
    segments: Sequence[Segment],
    readers: Readers,
    stop: asyncio.Event,
    take: Take,
) -> None:
    """Give each page of `segments` to `take`, one after another within a segment, from where the
    ledger says; `readers` finds how many are asked for at once.

    Returns when all is read, or, once `stop` is set, the pages under way: those that wait because
    they were throttled are given up. Raises an exception group.
    """
    schedule = Schedule(segments, readers.stretches, readers.limiter.clock)
    await _Reading(source, ledger, schedule, readers.limiter, stop, take).run()


class _Stopped(Exception):
    """No error: a segment was resting when all was to stop."""


class _Reading:
    """One reading of segments: a task for each that is under way, which rests where it is
    throttled; meanwhile another is begun elsewhere."""

    def __init__(
        self,
        source: Source,
        ledger: Ledger,
        schedule: Schedule,
        limiter: Limiter,
        stop: asyncio.Event,
        take: Take,
    ) -> None:
        self._source, self._ledger, self._take = source, ledger, take
        self.schedule, self.limiter, self.stop = schedule, limiter, stop
        self.clock = ledger.clock
        self.active = 0
        self.crowded = False
        self.changed = asyncio.Event()

    async def run(self) -> None:
        """Read until nothing is left, or the stop."""
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(self._wake_at_stop())
            while self.schedule.waiting and not self.stop.is_set():
                self._begin(group)
                self.changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._patience()):
                        await self.changed.wait()
            stopping.cancel()

    def _begin(self, group: asyncio.TaskGroup) -> None:
        """Begin as many segments as there are places for."""
        while self.active < self.limiter.limit:
            segment = self.schedule.begin()
            if segment is None:
                break
            self.active += 1
            group.create_task(self._read(segment))
        self.crowded = self.active >= self.limiter.limit and self.schedule.waiting > 0

    def _patience(self) -> float | None:
        """Seconds after which a segment may be begun although nothing has changed."""
        return None if self.crowded else self.schedule.pause()

    async def _wake_at_stop(self) -> None:
        await self.stop.wait()
        self.changed.set()

    async def _read(self, segment: Segment) -> None:
        place = _Place(self, segment)
        self.clock.begins(segment.index)
        position = self._ledger.position(segment.index)
        try:
            async with aclosing(self._source.pages(segment, position, place)) as pages:
                while not self.stop.is_set() and (page := await place.next_of(pages)):
                    await self._take(segment, page)
        except _Stopped:
            pass
        finally:
            self.active -= 1
            self.schedule.done(segment)
            self.changed.set()


class _Place:
    """The place of one segment among those that are read at once."""

    def __init__(self, reading: _Reading, segment: Segment) -> None:
        self._reading, self._segment = reading, segment
        self._limiter = reading.limiter
        self._held = False
        self._began = 0.0
        self._served = 0
        self._refused_at = -math.inf
        self.at = segment.index / segment.total

    @property
    def is_fresh(self) -> bool:
        """Whether hardly a page was answered since the segment was begun, or last throttled some
        while ago."""
        is_rested = self._limiter.clock() - self._refused_at > _RESTED_SECONDS
        return self._served < _HARDLY and is_rested

    async def next_of(self, pages: AsyncGenerator[Page, None]) -> Page | None:
        """The next page, asked for when it may be; None at the end."""
        reading = self._reading
        if seconds := reading.schedule.wait(self._segment):
            await self._away(seconds)
        if reading.crowded:
            self._limiter.want()
        await self._enter()
        took = None
        try:
            page = await anext(pages, None)
            if page is not None:
                took = self._limiter.clock() - self._began
        finally:
            self._leave(took)
        if page is None:
            return None
        self._served += 1
        reading.schedule.served(self._segment)
        reading.clock.throttling.discard(self._segment.index)
        if reading.crowded and reading.active < self._limiter.limit:
            reading.changed.set()
        return page

    async def rest(self, *, wide: bool) -> None:
        """Wait, without a place, for a request that was throttled. Raises `_Stopped`."""
        self._served = 0
        self._refused_at = self._limiter.clock()
        self._limiter.refused()
        self._reading.clock.throttling.add(self._segment.index)
        self._leave(None)
        await self._away(self._reading.schedule.throttled(self._segment, wide=wide))
        await self._enter(first=True)

    async def _away(self, seconds: float) -> None:
        """Leave the place to others for a while. Raises `_Stopped`."""
        reading = self._reading
        reading.active -= 1
        reading.changed.set()
        try:
            if await stopped_within(reading.stop, seconds):
                raise _Stopped
        finally:
            reading.active += 1

    async def _enter(self, *, first: bool = False) -> None:
        await self._limiter.enter(first=first)
        self._held, self._began = True, self._limiter.clock()

    def _leave(self, took: float | None) -> None:
        if self._held:
            self._held = False
            self._limiter.leave(took)
