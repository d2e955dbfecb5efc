"""One validation from first page to last look: its stages in their order, and stopping."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.errors import AccountingBroken
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.model import Item, Role, Segment
from alternator_migrate.core.pace import Pace, reasons, sides_of
from alternator_migrate.core.ports import ValidationKeeper
from alternator_migrate.core.progress import Done, Meter, Progress
from alternator_migrate.core.requests import SideFigures
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.segments import SegmentBoard, SegmentFigures
from alternator_migrate.core.state import CopyState, Status, ValidationState
from alternator_migrate.core.supervisor import Show, Supervisor, Work
from alternator_migrate.core.work import Engine
from alternator_migrate.snapshot import Ledger, Readers
from alternator_migrate.validate.deletion import Deletion
from alternator_migrate.validate.digests import Digests
from alternator_migrate.validate.findings_file import FindingsFile
from alternator_migrate.validate.lookups import LookupPass
from alternator_migrate.validate.stage import StageParams, StageSide, StageWork

Prepare: TypeAlias = Callable[[Callable[[Item], bool] | None, asyncio.Event], Awaitable[None]]
"""Makes the source's items that are wanted (None: all) ready to be looked up."""


class Validation:
    """Compares two tables, going on from `begun`; `progress()` is a snapshot of how it stands.
    `prepare` comes before look-ups.

    With `digests` both sides are read once, and looked at in detail only where the sums differ.
    `readers` find how many segments of each side are read at once.
    """

    def __init__(
        self,
        names: tuple[str, str],
        sides: Mapping[Role, StageSide],
        segments: Sequence[Segment],
        digests: Digests | None,
        details: LookupPass,
        findings: FindingsFile,
        begun: ValidationState,
        *,
        engine: Engine,
        retry: Retry,
        paces: Mapping[Role, Pace],
        readers: Mapping[Role, Readers],
        keeper: ValidationKeeper,
        gate: Gate,
        beside: Sequence[Callable[[], Coroutine[Any, Any, None]]],
        figures: Callable[[], Mapping[Role, SideFigures]],
        interval: float,
        prepare: Prepare | None = None,
    ) -> None:
        self._names, self._sides, self._segments = names, sides, segments
        self._digests, self._details, self._findings = digests, details, findings
        self._engine = engine
        self._begun, self._stage, self._prepare = begun, begun.stage, prepare
        self._compared = begun.validated.compared
        self._retry, self._paces, self._readers = retry, paces, readers
        self._keeper, self._figures = keeper, figures
        self._supervisor = Supervisor(beside, interval, gate)
        self._meter, self._gate = Meter(gate.clock), gate
        self._ledgers: dict[Role, Ledger] = {}
        self._boards: dict[Role, SegmentBoard] = {}
        for role in sides:
            self._open_ledger(role, begun.sides.get(role) or CopyState())
        self._expected = sum(side.expected for side in sides.values())
        self._earlier = Progress(*names)
        self._state, self._stopping = "preparing", asyncio.Event()
        self._before = Done()
        self._before = self.progress().done

    @property
    def validated(self) -> ValidationCounts:
        """The counts by now."""
        compared = self._compared
        if self._digests is None or self._stage == "digests":
            counts = self._ledgers["source"].settled
            compared = counts.read - counts.left_out
        return replace(self._details.validated, compared=compared)

    @property
    def sampled(self) -> Mapping[Role, int]:
        """The number of items of each side that were read."""
        return {
            role: ledger.settled.read - ledger.settled.left_out
            for role, ledger in self._ledgers.items()
        }

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Compare; meanwhile `show` displays the progress, and savepoints are written.

        Returns how it ended: STOPPED when `stop` ended it early, within a few seconds of being
        set. Raises `MigrateError`; a last savepoint is written whatever the ending.
        """
        self._stopping = stop
        return await self._supervised(self._stages, stop, show)

    async def delete(self, deletion: Deletion, stop: asyncio.Event, show: Show) -> Status:
        """Delete what was found to be extra. Returns and raises as `run` does."""
        self._stopping, self._state = stop, "deleting what the source does not have"

        async def work(stop: asyncio.Event) -> bool:
            done = await deletion.run(stop, self._settle)
            self._state = "done"
            return done

        return await self._supervised(work, stop, show)

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        self._supervisor.save_now()

    def progress(self) -> Progress:
        """The figures of the validation now; a second stage adds to the work of the first."""
        ledgers, earlier = self._ledgers.values(), self._earlier
        seen = self._engine.live_stats()
        rechecks = self._details.rechecks
        is_stopped = self._stopping.is_set() and self._state != "done"
        state = "stopping" if is_stopped else self._gate.state(self._state)
        read = sum(each.settled.read for each in ledgers) + seen.items.read
        return Progress(
            *self._names,
            state=f"{state}, {rechecks:,} in doubt" if rechecks else state,
            phase="Validate",
            segments_total=earlier.segments_total + sum(each.segments_total for each in ledgers),
            segments_done=earlier.segments_done
            + sum(each.segments_done for each in ledgers)
            + len(seen.segments.done),
            expected=earlier.examined + self._expected,
            bytes_read=earlier.bytes_read
            + sum(each.bytes_read for each in ledgers)
            + seen.bytes_read,
            before=self._before,
            backlog=sum(each.backlog for each in ledgers) + seen.backlog,
            retries=self._retry.retries + seen.retries,
            throttled=self._retry.throttled + seen.throttled,
            reasons=self._gate.reasons or reasons(self._paces.items(), self._retry, seen.reasons),
            examined=earlier.examined + read,
            speed=self._meter.speed(earlier.examined + read),
            validated=self.validated,
            segments=self._pictured(),
            sides=sides_of(self._figures(), seen.requests, self._paces.items()),
            engine=self._engine.text,
            workers=tuple(self._engine.workers()),
        )

    async def _supervised(self, work: Work, stop: asyncio.Event, show: Show) -> Status:
        return await self._supervisor.run(
            work,
            self._save,
            stop,
            lambda: show(self.progress),
            lambda: Status.DIFFERENCES if self.validated.left else Status.COMPLETED,
        )

    def _settle(self, change: ValidationCounts) -> None:
        self._details.validated += change

    async def _stages(self, stop: asyncio.Event) -> bool:
        differing: frozenset[int] | None = None
        self._meter.begin(self.progress().examined)
        self._state = "comparing"
        if self._digests:
            if self._stage == "digests":
                self._state = "reading both sides"
                await self._go_through(StageParams("digests"), stop)
                if stop.is_set():
                    return False
            differing = self._digests.differing()
            if differing:
                self._look_closer(self._digests.count, len(differing))
                await self._save(Status.RUNNING)
        if differing or not self._digests:
            if self._prepare:
                await self._prepare(self._in_buckets(differing), stop)
            if not stop.is_set():
                await self._go_through(StageParams("details", differing), stop)
        if stop.is_set():
            return False
        self._check()
        self._state = "done"
        return True

    def _in_buckets(self, differing: frozenset[int] | None) -> Callable[[Item], bool] | None:
        """The items that are looked at in detail; None is all."""
        digests = self._digests
        if digests is None or differing is None:
            return None
        return lambda item: digests.bucket_of(item) in differing

    async def _go_through(self, params: StageParams, stop: asyncio.Event) -> None:
        stage = StageWork(
            params,
            self._sides,
            self._ledgers,
            self._digests,
            self._details,
            self._findings,
            total=self._segments[0].total,
            readers=self._readers,
        )
        await self._engine.run(stage, stage.left(self._segments), stop)

    def _look_closer(self, count: int, differing: int) -> None:
        """Begin the second stage, or go on with it; both sides hold `count` items."""
        self._state = f"looking into {differing:,} differing buckets"
        self._expected = count
        if self._stage == "details":
            return
        self._check()
        self._compared, self._earlier = self.validated.compared, self.progress()
        for role in self._sides:
            self._open_ledger(role, CopyState())
        self._stage = "details"

    def _open_ledger(self, role: Role, state: CopyState) -> None:
        """Keep the account of one side's segments from now on, and their picture."""
        total, own = self._segments[0].total, [segment.index for segment in self._segments]
        self._boards[role] = SegmentBoard(total, own, state.done, self._gate.clock)
        self._ledgers[role] = Ledger(len(own), state, self._boards[role])

    def _pictured(self) -> SegmentFigures:
        """The segments of both sides, which are numbered through for workers."""
        out, total = self._engine.segments(), self._segments[0].total
        pictures = (
            board.figures(out.within(range(turn * total, (turn + 1) * total)))
            for turn, board in enumerate(self._boards.values())
        )
        return sum(pictures, SegmentFigures())

    def _check(self) -> None:
        for role, ledger in self._ledgers.items():
            if ledger.segments_done != ledger.segments_total:
                raise AccountingBroken(
                    f"only {ledger.segments_done} of {ledger.segments_total} segments of the "
                    f"{role} were compared"
                )

    async def _save(self, status: Status) -> None:
        """Write how far everything is settled; what its counts speak of is on disk before."""
        comparison = replace(
            self._begun,
            stage=self._stage,
            sides={role: ledger.state for role, ledger in self._ledgers.items()},
            digests=self._digests.state() if self._digests else b"",
            validated=replace(self._details.validated, compared=self._compared),
            findings_size=self._findings.size,
        )
        await asyncio.to_thread(self._findings.sync)
        await self._keeper.save_comparison(comparison, status)
