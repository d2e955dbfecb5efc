"""One migration: its phases in their order, and stopping."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any, Final, TypeAlias

from alternator_migrate import connectors
from alternator_migrate.connectors import Inspection
from alternator_migrate.core.bottleneck import Pressure, Recently, Sampler
from alternator_migrate.core.calls import CallFigures
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import Concurrency, Role, settled
from alternator_migrate.core.pace import Pace, Waits, reasons, sides_of
from alternator_migrate.core.ports import RejectTally, SavepointKeeper, Source, Target
from alternator_migrate.core.progress import Done, Meter, Progress, Reason
from alternator_migrate.core.requests import SideFigures
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.segments import SegmentBoard
from alternator_migrate.core.state import CopyState, Status
from alternator_migrate.core.supervisor import Show, Supervisor
from alternator_migrate.core.work import Engine
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import TableState
from alternator_migrate.follow import Follower
from alternator_migrate.migration.commons import Turns
from alternator_migrate.migration.hooks import Hooks, TableHooks
from alternator_migrate.migration.saver import Saver
from alternator_migrate.snapshot import Copying, Ledger, Readers

log = logging.getLogger(__name__)
_CLOCKS_SECONDS: Final = 2.0
"""By how much the clocks of two nodes may differ, and the later write lose."""
Phase: TypeAlias = Callable[[asyncio.Event], Awaitable[bool]]
"""One phase of a migration; False where the stop event ended it early."""


class Migration:
    """Copies one table, and with a `follower` follows its changes; `progress()` is a snapshot of
    how it stands."""

    def __init__(
        self,
        inspection: Inspection,
        source: Source,
        target: Target,
        table: Table,
        rejects: RejectTally,
        *,
        engine: Engine,
        retry: Retry,
        reading: Pace,
        writing: Pace,
        concurrency: Concurrency,
        keeper: SavepointKeeper,
        gate: Gate,
        readers: Readers,
        limiter: Limiter,
        state: CopyState,
        beside: Sequence[Callable[[], Coroutine[Any, Any, None]]],
        figures: Callable[[], Mapping[Role, SideFigures]],
        calls: Callable[[], CallFigures],
        interval: float,
        follower: Follower | None = None,
        hooks: Hooks | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._inspection = inspection
        self._table, self._engine = table, engine
        self._rejects, self._retry = rejects, retry
        self._paces: Sequence[tuple[Role, Pace]] = (("source", reading), ("target", writing))
        self._waits: Sequence[tuple[str, Waits]] = (*self._paces, ("target", limiter))
        self._figures, self._calls = figures, calls
        self._keeper = keeper
        self._saver = Saver(keeper, rejects, follower, lambda: self._ledger.state)
        self._supervisor = Supervisor(self._save, beside, interval, gate)
        self._follower = follower
        self._hooks = TableHooks(hooks or Hooks({}, 0), self.progress, lambda: keeper.path)
        self._turns = turns or Turns()
        self._meter = Meter(gate.clock)
        self._gate = gate
        own = frozenset(segment.index for segment in inspection.segments)
        state = replace(state, done=state.done & own)
        total = max((segment.total for segment in inspection.segments), default=0)
        self._board = SegmentBoard(total, own, state.done, gate.clock)
        self._ledger = Ledger(len(own), state, self._board)
        sampler = Sampler(lambda: (reading.wait_kind, writing.wait_kind))
        self._copying = Copying(
            *(source, target, self._ledger, rejects, concurrency, readers, limiter, sampler),
            lambda: (reading.allowed, writing.allowed),
        )
        self._recently = Recently()
        self._state, self._stopping = "preparing", asyncio.Event()
        self._step = 0, 0
        self._before = Done(state.items.handled, state.bytes_read, len(state.done))

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Prepare the target, copy, build what comes after the data, follow changes, check the
        accounts; meanwhile `show` displays the progress, and savepoints are written.

        Returns how it ended: STOPPED when `stop` ended it early, within a few seconds of being
        set. Raises `MigrateError`; a last savepoint is written whatever the ending.
        Raises `UsageError` before anything is written where no savepoint can be.
        """
        self._stopping = stop
        return await self._hooks.around(
            lambda: self._supervisor.run(
                self._migrate, stop, lambda: show(self.progress), lambda: self._ending
            )
        )

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        self._supervisor.save_now()

    async def _save(self, status: Status) -> None:
        await self._saver.save(status)

    async def _save_running(self) -> None:
        await self._saver.save()

    @property
    def _ending(self) -> Status:
        return Status.REJECTS if self.progress().rejected else Status.COMPLETED

    def progress(self) -> Progress:
        """A snapshot of the migration."""
        ledger, found, seen = self._ledger, self._inspection, self._engine.live_stats()
        follower = self._follower
        changes = follower.progress if follower else None
        counted = changes.counts if changes else None
        items, counts = settled(ledger.counts, counted, self._rejects.count)
        items += seen.items
        return Progress(
            source=found.source.spec.name,
            target=found.plan.spec.name,
            state="stopping" if self._is_stopped else self._gate.state(self._state),
            step=self._step,
            segments_total=ledger.segments_total,
            segments_done=ledger.segments_done + len(seen.segments.done),
            items=items,
            expected=found.source.items,
            bytes_read=ledger.bytes_read + seen.bytes_read,
            before=self._before,
            batches=ledger.batches + seen.batches,
            backlog=ledger.backlog + seen.backlog + (follower.backlog if follower else 0),
            retries=self._retry.retries + seen.retries,
            throttled=self._retry.throttled + seen.throttled,
            reasons=self._gate.reasons or self._reasons(seen.reasons),
            limit=self._limit(self._copying.pressure + seen.pressure),
            calls=self._calls() + seen.calls,
            speed=self._meter.speed(items.handled),
            changes=replace(changes, counts=counts) if changes and counts else None,
            segments=self._board.figures(self._engine.segments()),
            sides=sides_of(self._figures(), seen.requests, self._paces),
            engine=self._engine.text,
            workers=tuple(self._engine.workers()),
        )

    def _reasons(self, elsewhere: Iterable[Reason]) -> tuple[Reason, ...]:
        """Why it is slower than it could be, if there is anything left to do."""
        return () if self._state == "done" else reasons(self._waits, self._retry, elsewhere)

    def _limit(self, pressure: Pressure) -> str:
        """What limits the copy of late, unless it is held back; when it is over, what did."""
        lately = self._recently.of(pressure).limit
        if self._state == "copying":
            return (lately or pressure.limit) if self._gate.is_open else ""
        return pressure.limit if self._state == "done" else ""

    @property
    def _is_stopped(self) -> bool:
        return self._stopping.is_set() and self._state != "done"

    async def _migrate(self, stop: asyncio.Event) -> bool:
        if self._follower:
            await self._follower.begin(self._save_running)
            await self._save_running()
        phases = self._phases()
        for number, phase in enumerate(phases, 1):
            self._step = number, len(phases)
            await self._let_go_on(stop)
            if not await phase(stop):
                return False
        self._state = "done"
        return True

    async def _let_go_on(self, stop: asyncio.Event) -> None:
        """Return when nothing holds the run back; changes are kept meanwhile."""
        if self._follower:
            await self._follower.held(stop)
        else:
            await self._gate.reading.wait()

    def _phases(self) -> Sequence[Phase]:
        """The phases that are left, in their order; where changes are followed, and how, is known
        by now. Changes alone are written into a table that has its indexes and its TTL."""
        follower = self._follower
        whole = follower is None or follower.snapshot
        copies = follower is None or follower.copies
        follows = follower is not None and not follower.over
        phases: Sequence[tuple[bool, Phase]] = (
            (True, self._prepare if whole else self._prepare_alone),
            (copies, self._copy),
            (whole, self._build_indexes),
            (copies, self._tell_copied),
            (follows, self._replay),
            (whole, self._enable_ttl),
            (follows, self._follow),
            (follows, self._finish),
        )
        return [phase for is_left, phase in phases if is_left]

    async def _prepare(self, _: asyncio.Event) -> bool:
        plan, existing = self._inspection.plan, self._inspection.existing
        async with self._turns.creating():
            target = await connectors.prepare_target(self._table, plan, existing)
        return await self._prepared(target)

    async def _prepare_alone(self, stop: asyncio.Event) -> bool:
        plan, target = self._inspection.plan, self._inspection.existing
        if target is None:
            async with self._turns.creating():
                target = await connectors.prepare_target(self._table, replace(plan, late=()), None)
            await self._enable_ttl(stop)
        return await self._prepared(target)

    async def _prepared(self, target: TableState) -> bool:
        self._keeper.found_target(target.id)
        await self._save_running()
        return True

    async def _copy(self, stop: asyncio.Event) -> bool:
        """Copy what is left in its turn, while changes are kept."""
        follower = self._follower
        beside = follower.spooling(lambda: self.progress().fraction) if follower else nullcontext()
        self._state = "waiting"
        async with beside, self._turns.copying(stop) as may:
            if not may:
                return False
            self._state = "copying"
            self._meter.begin(self._ledger.counts.handled)
            try:
                await self._copy_left(stop)
            finally:
                self._meter.end()
            if not stop.is_set():
                self._ledger.check()
        return not stop.is_set()

    async def _copy_left(self, stop: asyncio.Event) -> None:
        """Copy the segments that are left, those before a barrier before those after it."""
        ledger, found = self._ledger, self._inspection
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
        if self._rejects.count and not begun:
            raise MigrateError(
                f"{self._rejects.count:,} items were refused, and a later export may hold newer "
                f"ones of their keys: see {self._rejects.path}",
                "Mend them and send them with `run CONFIG --rejects FILE`, then run again. Where "
                "they are changes of an export, that refuses them: mend the transform, and apply "
                "all exports once more with `--fresh --into-existing`.",
            )
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOCKS_SECONDS):
                await stop.wait()

    async def _build_indexes(self, stop: asyncio.Event) -> bool:
        """Build the indexes that come after the data, none of them while the run is held back."""
        plan = self._inspection.plan
        for index in plan.late:
            self._state = f"building index {index.name}"
            await self._let_go_on(stop)
            if stop.is_set():
                return False
            await self._table.add_index(index, plan.spec)
        return True

    async def _tell_copied(self, _: asyncio.Event) -> bool:
        await self._hooks.run("onSnapshotDone", Status.RUNNING)
        return True

    async def _replay(self, stop: asyncio.Event) -> bool:
        self._state = "replaying"
        return await self._following.replay(stop)

    async def _enable_ttl(self, _: asyncio.Event) -> bool:
        attribute = self._inspection.plan.spec.ttl_attribute
        if attribute:
            self._state = "enabling TTL"
            await self._table.enable_ttl(attribute)
        return True

    async def _follow(self, stop: asyncio.Event) -> bool:
        self._state = "following"
        return await self._following.live(stop, self._caught_up)

    async def _finish(self, _: asyncio.Event) -> bool:
        await self._following.finish(self._save_running)
        return True

    @property
    def _following(self) -> Follower:
        assert self._follower  # noqa: S101 # these phases are there with a follower only
        return self._follower

    async def _caught_up(self) -> bool:
        """Run the hook for it; whether there is one."""
        if self._turns.commons:
            return await self._turns.commons.tell_caught_up()
        failure = await self._hooks.run("onCaughtUp", Status.RUNNING)
        if failure and self._follower and self._follower.ends_caught_up:
            raise MigrateError(failure, "The target has caught up: mend the hook, run again.")
        return self._hooks.has("onCaughtUp")
