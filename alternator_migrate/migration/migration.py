"""One migration: its phases in their order, and stopping."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, TypeAlias

from alternator_migrate import connectors
from alternator_migrate.connectors import Inspection
from alternator_migrate.core.capacity import stretches
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import FIRST_READERS, Concurrency, settled
from alternator_migrate.core.pace import Pace, reasons
from alternator_migrate.core.ports import RejectTally, SavepointKeeper, Source, Target
from alternator_migrate.core.progress import Meter, Progress
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.state import CopyState, Status
from alternator_migrate.core.supervisor import Show, Supervisor
from alternator_migrate.core.work import Engine
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import TableState
from alternator_migrate.follow import Follower
from alternator_migrate.migration.hooks import Hooks
from alternator_migrate.snapshot import Copying, Ledger, Readers

log = logging.getLogger(__name__)
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
        state: CopyState,
        beside: Sequence[Callable[[], Coroutine[Any, Any, None]]],
        interval: float,
        follower: Follower | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self._inspection = inspection
        self._table, self._engine = table, engine
        self._rejects, self._retry = rejects, retry
        self._paces = (("source", reading), ("target", writing))
        self._keeper = keeper
        self._supervisor = Supervisor(self._save, beside, interval)
        self._follower, self._hooks = follower, hooks or Hooks({}, 0)
        self._meter, self._saving = Meter(), asyncio.Lock()
        own = frozenset(segment.index for segment in inspection.segments)
        state = replace(state, done=state.done & own)
        self._ledger = Ledger(len(own), state)
        self._copying = Copying(
            source,
            target,
            self._ledger,
            rejects,
            concurrency,
            Readers(
                Limiter(concurrency.readers, start=FIRST_READERS), stretches(inspection.source.size)
            ),
            Limiter(concurrency.writers),
        )
        self._state, self._stopping = "preparing", asyncio.Event()

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Prepare the target, copy, build what comes after the data, follow changes, check the
        accounts; meanwhile `show` displays the progress, and savepoints are written.

        Returns how it ended: STOPPED when `stop` ended it early, within a few seconds of being
        set. Raises `MigrateError`; a last savepoint is written whatever the ending.
        Raises `UsageError` before anything is written where no savepoint can be.
        """
        if failure := await self._hook("onStart", Status.RUNNING):
            raise UsageError(failure, "Nothing was begun: mend the hook, or leave it out.")
        status, self._stopping = Status.FAILED, stop
        try:
            status = await self._supervisor.run(
                self._migrate, stop, lambda: show(self.progress), lambda: self._ending
            )
        finally:
            for event in ("onFailure", "onStop") if status == Status.FAILED else ("onStop",):
                await self._hook(event, status)
        return status

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        self._supervisor.save_now()

    async def _save(self, status: Status) -> None:
        async with self._saving:  # a later savepoint stands for more, the end of the spool too
            if self._rejects.path:
                self._keeper.found_rejects(self._rejects.path)
            state = self._ledger.state
            if self._follower:
                state = replace(state, stream=await self._follower.state())
            await self._keeper.save(state.settled(self._rejects.count), status)

    async def _save_running(self) -> None:
        await self._save(Status.RUNNING)

    async def _hook(self, event: str, status: Status) -> str | None:
        """Run a hook; why it failed, which is told as well."""
        progress = self.progress()
        facts = {
            "status": status,
            "source_table": progress.source,
            "target_table": progress.target,
            "lag_seconds": progress.changes and progress.changes.lag,
            "savepoint": self._keeper.path,
        }
        failure = await self._hooks.run(event, facts)
        if failure:
            log.warning("warning: %s", failure)
        return failure

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
            state="stopping" if self._is_stopped else self._state,
            segments_total=ledger.segments_total,
            segments_done=ledger.segments_done + seen.segments_done,
            items=items,
            expected=found.source.items,
            bytes_read=ledger.bytes_read + seen.bytes_read,
            batches=ledger.batches + seen.batches,
            backlog=ledger.backlog + seen.backlog + (follower.backlog if follower else 0),
            retries=self._retry.retries + seen.retries,
            throttled=self._retry.throttled + seen.throttled,
            paced=reasons(self._paces, self._retry, seen.paced),
            speed=self._meter.speed(items.handled),
            changes=replace(changes, counts=counts) if changes and counts else None,
        )

    @property
    def _is_stopped(self) -> bool:
        return self._stopping.is_set() and self._state != "done"

    async def _migrate(self, stop: asyncio.Event) -> bool:
        if self._follower:
            await self._follower.begin(self._save_running)
        await self._save_running()
        for phase in self._phases():
            if not await phase(stop):
                return False
        self._state = "done"
        return True

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
        target = await connectors.prepare_target(self._table, plan, existing)
        return await self._prepared(target)

    async def _prepare_alone(self, stop: asyncio.Event) -> bool:
        plan, target = self._inspection.plan, self._inspection.existing
        if target is None:
            target = await connectors.prepare_target(self._table, replace(plan, late=()), None)
            await self._enable_ttl(stop)
        return await self._prepared(target)

    async def _prepared(self, target: TableState) -> bool:
        self._keeper.found_target(target.id)
        await self._save_running()
        return True

    async def _copy(self, stop: asyncio.Event) -> bool:
        """Copy what is left, while changes are kept."""
        self._state = "copying"
        left = [s for s in self._inspection.segments if not self._ledger.is_done(s.index)]
        follower = self._follower
        beside = follower.spooling(lambda: self.progress().fraction) if follower else nullcontext()
        async with beside:
            self._meter.begin(self._ledger.counts.handled)
            try:
                await self._engine.run(self._copying, left, stop)
            finally:
                self._meter.end()
            if not stop.is_set():
                self._ledger.check()
        return not stop.is_set()

    async def _build_indexes(self, _: asyncio.Event) -> bool:
        """Build the indexes that come after the data."""
        plan = self._inspection.plan
        for index in plan.late:
            self._state = f"building index {index.name}"
            await self._table.add_index(index, plan.spec)
        return True

    async def _tell_copied(self, _: asyncio.Event) -> bool:
        await self._hook("onSnapshotDone", Status.RUNNING)
        return True

    async def _replay(self, stop: asyncio.Event) -> bool:
        self._state = "replaying"
        return await self._following.replay(self._save_running, stop)

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
        failure = await self._hook("onCaughtUp", Status.RUNNING)
        if failure and self._follower and self._follower.ends_caught_up:
            raise MigrateError(failure, "The target has caught up: mend the hook, run again.")
        return self._hooks.has("onCaughtUp")
