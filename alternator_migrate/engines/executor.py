"""The engine that sends slices of a job to workers, and sends again what they leave over."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError, OutOfTime, WorkerLost
from alternator_migrate.core.model import Segment
from alternator_migrate.core.progress import WorkerProgress
from alternator_migrate.core.segments import WorkerSegments
from alternator_migrate.core.steering import Steering, lower
from alternator_migrate.core.work import LiveStats, Slice, SliceResult, Work
from alternator_migrate.engines.pool import Pool
from alternator_migrate.engines.slicer import Slicer

log = logging.getLogger(__name__)
# When all shares are held, what rounding leaves of 1.0 is none.
_LEAST_SHARE: Final = 1e-3


class Executor:
    """Has work done by the workers of a pool.

    Only what comes back with a report counts: the slice of a lost worker is run again. `most` is
    how many slices may run at once, None for as many as there are workers; `shared` says that
    the run has limits, of which each slice under way holds a share; `text` is for a person. Slices
    that `steering` makes out of date are called back, and none is sent while it holds the run
    back.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        most: int | None,
        shared: bool,
        text: str = "workers",
        steering: Steering | None = None,
    ) -> None:
        self.text = text
        self._pool = pool
        self._most, self._shared = most, shared
        self._steering = steering or Steering()
        self._under_way: dict[asyncio.Task[SliceResult[Any] | WorkerLost], Slice[Any]] = {}
        self._past = LiveStats()

    def live_stats(self) -> LiveStats:
        """The figures of slices under way, and the retries and requests of those before."""
        if not self._under_way:
            return replace(self._past, reasons=())
        return self._past + self._pool.live_stats()

    def workers(self) -> Sequence[WorkerProgress]:
        """The workers of the pool."""
        return self._pool.workers()

    def segments(self) -> WorkerSegments:
        """The segments of the slices under way: those that workers tell of, or all of them."""
        told = self._pool.live_stats().segments
        out = {index for piece in self._under_way.values() for index in piece.places}
        return replace(told, running=told.running or tuple(out.difference(told.done)))

    async def lateness(self, *, goes_on: bool) -> float:
        """See `Engine.lateness`."""
        return await self._pool.lateness(goes_on=goes_on)

    async def run(
        self, work: Work[Any, Any], segments: Sequence[Segment], stop: asyncio.Event
    ) -> None:
        """Do `work` over `segments`; once `stop` is set, what is under way only."""
        if not segments:
            return
        places = {segment.index: work.position(segment.index) for segment in segments}
        slicer = Slicer(segments[0].total, places, self._pool.longest)
        try:
            async with self._pool.at_work(), asyncio.TaskGroup() as group:
                stopping = group.create_task(stop.wait())
                await self._run_slices(work, slicer, stopping, group)
                stopping.cancel()
        finally:
            self._under_way.clear()

    async def _run_slices(
        self,
        work: Work[Any, Any],
        slicer: Slicer,
        stopping: asyncio.Task[bool],
        group: asyncio.TaskGroup,
    ) -> None:
        """Send slices and take reports until nothing is left; after a failure or a stop only
        those under way are waited for."""
        failure: MigrateError | None = None
        with self._steering.news() as news:
            steered = group.create_task(news.wait())
            while not (failure or stopping.done()) and (slicer or self._under_way):
                if self._steering.gate.is_open:
                    await self._send(work, slicer, group)
                awaited = {stopping, steered, *self._under_way}
                await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                failure = self._take_all(work, slicer)
                if steered.done():
                    news.clear()
                    steered = group.create_task(news.wait())
                    self._pool.recall()
            steered.cancel()
        if self._under_way:
            self._pool.hurry()
        while self._under_way:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            failure = self._take_all(work, slicer) or failure
        if failure:
            raise failure

    async def _send(self, work: Work[Any, Any], slicer: Slicer, group: asyncio.TaskGroup) -> None:
        busy = len(self._under_way)
        vacant = await self._pool.vacant(busy) if slicer else 0
        asked = self._steering.asked
        most = lower(self._most, asked.at_once)
        if most is not None:
            vacant = min(vacant, most - busy)
        vacant = min(vacant, len(slicer))
        free = 1.0 - sum(piece.share for piece in self._under_way.values())
        while vacant > 0 and slicer:
            share = min(1 / (len(self._under_way) + vacant), free / vacant)
            if (self._shared or asked.limited) and share < _LEAST_SHARE:
                return
            piece = slicer.cut(vacant, share, work.params, asked)
            self._under_way[group.create_task(self._outcome(piece))] = piece
            vacant, free = vacant - 1, free - share

    async def _outcome(self, piece: Slice[Any]) -> SliceResult[Any] | WorkerLost:
        try:
            return await self._pool.do(piece)
        except WorkerLost as loss:
            return loss

    def _take_all(self, work: Work[Any, Any], slicer: Slicer) -> MigrateError | None:
        """Take what has come back; the first failure, if there is one."""
        failure: MigrateError | None = None
        for task in [task for task in self._under_way if task.done()]:
            piece = self._under_way.pop(task)
            outcome = task.result()
            try:
                if isinstance(outcome, WorkerLost):
                    log.warning("%s; its slice is run again", outcome.args[0])
                    slicer.was_lost(piece, outcome)
                else:
                    self._take(work, slicer, piece, outcome)
            except MigrateError as error:
                failure = failure or error
        return failure

    def _take(
        self, work: Work[Any, Any], slicer: Slicer, piece: Slice[Any], report: SliceResult[Any]
    ) -> None:
        self._past = replace(
            self._past,
            retries=self._past.retries + report.retries,
            throttled=self._past.throttled + report.throttled,
            reasons=report.reasons,
            requests=self._past.requests + report.requests,
            pressure=self._past.pressure + report.pressure,
            calls=self._past.calls + report.calls,
        )
        work.take(report)
        slicer.came_back(piece, report)
        given_up = isinstance(report.error, OutOfTime)
        if report.error and not (given_up and not self._steering.gate.is_open):
            raise report.error
