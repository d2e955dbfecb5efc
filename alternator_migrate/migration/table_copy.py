"""The copy of one table's segments: the waves of it, the account, and the figures."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from alternator_migrate.connectors import Inspection
from alternator_migrate.core.bottleneck import Recently
from alternator_migrate.core.calls import CallFigures
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.model import settled
from alternator_migrate.core.ports import RejectTally
from alternator_migrate.core.progress import Done, FollowProgress, Meter, Progress
from alternator_migrate.core.segments import SegmentBoard
from alternator_migrate.core.state import CopyState
from alternator_migrate.core.stopping import stopped_within
from alternator_migrate.core.traffic import Traffic
from alternator_migrate.core.work import Engine
from alternator_migrate.snapshot import Copying, Ledger

log = logging.getLogger(__name__)
_CLOCKS_SECONDS: Final = 2.0
"""By how much the clocks of two nodes may differ, and the later write lose."""


class TableCopy:
    """Copies the segments that were `found` and are not done by the account of a `ledger`, which is
    drawn on a `board`; `clock` is in seconds. `calls()` says what is known of a user's function."""

    def __init__(
        self,
        found: Inspection,
        copying: Copying,
        ledger: Ledger,
        board: SegmentBoard,
        rejects: RejectTally,
        *,
        engine: Engine,
        traffic: Traffic,
        calls: Callable[[], CallFigures],
        clock: Callable[[], float],
    ) -> None:
        self._found, self._copying = found, copying
        self._ledger, self._board, self.rejects = ledger, board, rejects
        self._engine, self._traffic, self._calls = engine, traffic, calls
        self._meter, self._recently = Meter(clock), Recently()
        begun = ledger.state
        self._before = Done(begun.items.handled, begun.bytes_read, len(begun.done))

    @property
    def state(self) -> CopyState:
        """How far it is acknowledged."""
        return self._ledger.state

    @property
    def limit(self) -> str:
        """What has limited all of it, for a person; "" where it is not known."""
        return (self._copying.pressure + self._engine.live_stats().pressure).limit

    async def run(self, stop: asyncio.Event) -> None:
        """Copy what is left until that is done and accounted for, or `stop` is set. Raises
        `MigrateError`, and an exception group."""
        self._meter.begin(self._ledger.counts.handled)
        try:
            await self._copy_left(stop)
        finally:
            self._meter.end()
        if not stop.is_set():
            self._ledger.check()

    async def quiet(self, stop: asyncio.Event, *, goes_on: bool) -> None:
        """Return when no worker that was lost, of this run or of the one that it `goes_on` with,
        can write any more, or `stop` is set. Raises `MigrateError`."""
        seconds = await self._engine.lateness(goes_on=goes_on)
        if seconds > 0:
            log.info(
                "%.0f s are waited before changes are replayed: a worker that was lost may still "
                "write what is older",
                seconds,
            )
            await stopped_within(stop, seconds)

    def progress(self, changes: FollowProgress | None) -> Progress:
        """Its figures, with those of the `changes` that are followed, which share its rejects;
        `limit` is what has limited it of late."""
        ledger, found, seen = self._ledger, self._found, self._engine.live_stats()
        counted, retry = changes.counts if changes else None, self._traffic.retry
        items, counts = settled(ledger.counts, counted, self.rejects.count)
        items += seen.items
        pressure = self._copying.pressure + seen.pressure
        return Progress(
            source=found.source.spec.name,
            target=found.plan.spec.name,
            segments_total=ledger.segments_total,
            segments_done=ledger.segments_done + len(seen.segments.done),
            items=items,
            expected=found.source.items,
            bytes_read=ledger.bytes_read + seen.bytes_read,
            before=self._before,
            batches=ledger.batches + seen.batches,
            backlog=ledger.backlog + seen.backlog,
            retries=retry.retries + seen.retries,
            throttled=retry.throttled + seen.throttled,
            reasons=self._traffic.reasons(seen.reasons),
            limit=self._recently.of(pressure).limit or pressure.limit,
            calls=self._calls() + seen.calls,
            speed=self._meter.speed(items.handled),
            changes=replace(changes, counts=counts) if changes and counts else None,
            segments=self._board.figures(self._engine.segments()),
            sides=self._traffic.sides(seen.requests),
            engine=self._engine.text,
            workers=tuple(self._engine.workers()),
        )

    async def _copy_left(self, stop: asyncio.Event) -> None:
        """Copy the segments that are left, those before a barrier before those after it."""
        ledger, found = self._ledger, self._found
        for turn, wave in enumerate(found.waves()):
            left = [each for each in wave if not ledger.is_done(each.index)]
            if not left or stop.is_set():
                continue
            if turn:
                begun = len(left) < len(wave) or any(ledger.position(s.index) for s in left)
                await self._pass_barrier(stop, begun=begun)
            await self._engine.run(self._copying, left, stop)

    async def _pass_barrier(self, stop: asyncio.Event, *, begun: bool) -> None:
        """Wait until whatever is written from now on is the later one by the clock of every node.
        Raises `MigrateError` where a refused item might be sent again over what comes now."""
        if self.rejects.count and not begun:
            raise MigrateError(
                f"{self.rejects.count:,} items were refused, and a later export may hold newer "
                f"ones of their keys: see {self.rejects.path}",
                "Mend them and send them with `run CONFIG --rejects FILE`, then run again. Where "
                "they are changes of an export, that refuses them: mend the transform, and apply "
                "all exports once more with `--fresh --into-existing`.",
            )
        await stopped_within(stop, _CLOCKS_SECONDS)
