"""One validation from first page to last look: its stages in their order, and stopping."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.model import Item, Role
from alternator_migrate.core.ports import ValidationKeeper
from alternator_migrate.core.progress import Done, Meter, Progress
from alternator_migrate.core.state import Status
from alternator_migrate.core.supervisor import Show, Supervisor, Work
from alternator_migrate.core.traffic import Traffic
from alternator_migrate.core.work import Engine
from alternator_migrate.validate.deletion import Deletion
from alternator_migrate.validate.stages import Stages

Prepare: TypeAlias = Callable[[Callable[[Item], bool] | None, asyncio.Event], Awaitable[None]]
"""Makes the source's items that are wanted (None: all) ready to be looked up."""


class Validation:
    """Compares two tables (by their `names`) in `stages`; `progress()` is a snapshot of how it
    stands. `prepare` comes before look-ups."""

    def __init__(
        self,
        names: tuple[str, str],
        stages: Stages,
        *,
        engine: Engine,
        traffic: Traffic,
        keeper: ValidationKeeper,
        supervisor: Supervisor,
        gate: Gate,
        prepare: Prepare | None = None,
    ) -> None:
        self._names, self._stages = names, stages
        self._engine, self._traffic, self._prepare = engine, traffic, prepare
        self._keeper, self._supervisor = keeper, supervisor
        self._meter, self._gate = Meter(gate.clock), gate
        self._earlier = Progress(*names)
        self._state, self._stopping = "preparing", asyncio.Event()
        self._deletion: Deletion | None = None
        self._before = Done()
        self._before = self.progress().done

    @property
    def validated(self) -> ValidationCounts:
        """The counts by now."""
        counts = self._stages.validated
        return counts + self._deletion.change if self._deletion else counts

    @property
    def sampled(self) -> Mapping[Role, int]:
        """The number of items of each side that were read."""
        return self._stages.accounts.sampled

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Compare; meanwhile `show` displays the progress, and savepoints are written.

        Returns how it ended: STOPPED when `stop` ended it early, within a few seconds of being
        set. Raises `MigrateError`; a last savepoint is written whatever the ending.
        """
        self._stopping = stop
        return await self._supervised(self._compare, stop, show)

    async def delete(self, deletion: Deletion, stop: asyncio.Event, show: Show) -> Status:
        """Delete what was found to be extra. Returns and raises as `run` does."""
        self._stopping, self._state = stop, "deleting what the source does not have"
        self._deletion = deletion

        async def work(stop: asyncio.Event) -> bool:
            done = await deletion.run(stop, self._stages.count)
            self._state = "done"
            return done

        return await self._supervised(work, stop, show)

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        self._supervisor.save_now()

    def progress(self) -> Progress:
        """The figures of the validation now; a second stage adds to the work of the first."""
        stages, accounts, earlier = self._stages, self._stages.accounts, self._earlier
        seen, retry, rechecks = self._engine.live_stats(), self._traffic.retry, stages.rechecks
        is_stopped = self._stopping.is_set() and self._state != "done"
        state = "stopping" if is_stopped else self._gate.state(self._state)
        examined = earlier.examined + accounts.read + seen.items.read
        segments_done = accounts.segments_done + len(seen.segments.done)
        return Progress(
            *self._names,
            state=f"{state}, {rechecks:,} in doubt" if rechecks else state,
            phase="Validate",
            segments_total=earlier.segments_total + accounts.segments_total,
            segments_done=earlier.segments_done + segments_done,
            expected=earlier.examined + stages.expected,
            bytes_read=earlier.bytes_read + accounts.bytes_read + seen.bytes_read,
            before=self._before,
            backlog=accounts.backlog + seen.backlog,
            retries=retry.retries + seen.retries,
            throttled=retry.throttled + seen.throttled,
            reasons=self._gate.reasons or self._traffic.reasons(seen.reasons),
            examined=examined,
            speed=self._meter.speed(examined),
            validated=self.validated,
            segments=accounts.figures(self._engine.segments()),
            sides=self._traffic.sides(seen.requests),
            engine=self._engine.text,
            workers=tuple(self._engine.workers()),
        )

    async def _supervised(self, work: Work, stop: asyncio.Event, show: Show) -> Status:
        return await self._supervisor.run(
            *(work, self._save, stop),
            lambda: show(self.progress),
            lambda: Status.DIFFERENCES if self.validated.left else Status.COMPLETED,
        )

    async def _compare(self, stop: asyncio.Event) -> bool:
        stages = self._stages
        self._meter.begin(self.progress().examined)
        self._state = "comparing"
        if stages.is_first:
            self._state = "reading both sides"
            await stages.sum_up(stop)
            if stop.is_set():
                return False
        differing = stages.differing()
        if differing:
            await self._look_closer(len(differing))
        if differing or not stages.has_sums:
            if self._prepare:
                await self._prepare(stages.in_buckets(differing), stop)
            if not stop.is_set():
                await stages.look_up(differing, stop)
        if stop.is_set():
            return False
        stages.end()
        self._state = "done"
        return True

    async def _look_closer(self, differing: int) -> None:
        """Begin the second stage, or go on with it."""
        self._state = f"looking into {differing:,} differing buckets"
        first = self.progress() if self._stages.is_first else None
        self._stages.look_closer()
        self._earlier = first or self._earlier
        await self._save(Status.RUNNING)

    async def _save(self, status: Status) -> None:
        await self._keeper.save_comparison(await self._stages.kept(), status)
