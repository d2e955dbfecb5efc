"""One migration from first look to last check: the phases in their order, and stopping."""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final

from alternator_migrate import rights, schema, tables
from alternator_migrate.absence import absent
from alternator_migrate.concurrency import Limiter
from alternator_migrate.conduct import Conduct, Meter, Show
from alternator_migrate.description import TableState
from alternator_migrate.dialect import Plan
from alternator_migrate.errors import MigrateError, UsageError
from alternator_migrate.following import Follower
from alternator_migrate.hooks import Hooks
from alternator_migrate.interfaces import (
    Engine,
    RejectTally,
    SavepointKeeper,
    Source,
    Target,
)
from alternator_migrate.ledger import Ledger
from alternator_migrate.model import Progress, Segment, Standing, settled
from alternator_migrate.pacing import Pace, Retry, reasons
from alternator_migrate.snapshot import Copying, Crew

log = logging.getLogger(__name__)

_SEGMENT_BYTES: Final = 100_000_000
_MOST_SEGMENTS: Final = 4096
_UNKNOWN_SIZE_SEGMENTS: Final = 64


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found before anything is written: the source, the target's plan, the target
    table if it exists, the segments to read, and what nobody may know (`unknown`)."""

    source: TableState
    plan: Plan
    existing: TableState | None
    segments: tuple[Segment, ...]
    unknown: tuple[str, ...] = ()

    @property
    def foreign_ttl(self) -> str | None:
        """The attribute by which an existing target expires items, where the source does not."""
        attribute = self.existing.spec.ttl_attribute if self.existing else None
        return None if attribute == self.plan.expires else attribute


def choose_segments(size: int, cores: int, wanted: int | None) -> tuple[Segment, ...]:
    """The segments of a Scan: `wanted` exactly, else about 100 MB each for a table of `size`
    bytes, at least two a core, at most 4,096; 64 where the size is not known (0)."""
    by_size = math.ceil(size / _SEGMENT_BYTES) if size else _UNKNOWN_SIZE_SEGMENTS
    total = wanted or min(max(by_size, 2 * cores), _MOST_SEGMENTS)
    return tuple(Segment(index, total) for index in range(total))


async def look(
    source: tables.Table,
    target: tables.Table,
    planned: Callable[[TableState], Plan],
    chosen: Callable[[TableState], tuple[Segment, ...]],
    needs: rights.Needs,
) -> Findings:
    """Inspect both tables; writes nothing.

    Raises `UsageError` where the source is absent, where an existing target does not fit or is
    the source itself, or where the right to know what `needs` says is lacking.
    """
    state = await source.inspect()
    if state is None:
        raise await absent(source, "source")
    rights.check_source(state, needs)
    plan = planned(state)
    existing = await target.inspect()
    if existing:
        if schema.same_table(state, existing):
            raise UsageError(
                f"source and target are the same table: {state.arn}, id {state.id}",
                "Check the table, region, endpoint and credentials of both.",
            )
        rights.check_target(existing, needs)
        tables.check_existing(plan, existing)
    unknown = tuple(rights.notes(state, existing, needs))
    return Findings(state, plan, existing, chosen(state), unknown)


def check_ttl(findings: Findings, *, copied: bool) -> None:
    """Raise `UsageError` for an existing target that would delete what the source keeps, unless
    its TTL is the user's own affair (not `copied` from the source)."""
    if copied and (attribute := findings.foreign_ttl):
        raise UsageError(
            f"the target table {findings.plan.spec.name} expires items by {attribute!r}, which the "
            "source does not: it would delete items that the source keeps",
            "Disable TTL on the target, or set target.copyTtl: false to write into it all the "
            "same.",
        )


class Migration:
    """Copies one table, and with a `follower` follows its changes; `progress()` is a snapshot of
    how it stands."""

    def __init__(
        self,
        findings: Findings,
        source: Source,
        target: Target,
        table: tables.Table,
        rejects: RejectTally,
        *,
        engine: Engine,
        retry: Retry,
        reading: Pace,
        writing: Pace,
        crew: Crew,
        keeper: SavepointKeeper,
        standing: Standing,
        beside: Sequence[Callable[[], Coroutine[Any, Any, None]]],
        interval: float,
        follower: Follower | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self._findings = findings
        self._table, self._engine = table, engine
        self._rejects, self._retry = rejects, retry
        self._paces = (("source", reading), ("target", writing))
        self._keeper = keeper
        self._conduct = Conduct(self._save, beside, interval)
        self._follower, self._hooks = follower, hooks or Hooks({}, 0)
        self._meter, self._saving = Meter(), asyncio.Lock()
        own = frozenset(segment.index for segment in findings.segments)
        standing = replace(standing, done=standing.done & own)
        self._ledger = Ledger(len(own), standing)
        self._copying = Copying(source, target, self._ledger, rejects, crew, Limiter(crew.writers))
        self._state, self._stopping = "preparing", asyncio.Event()

    async def run(self, stop: asyncio.Event, show: Show) -> bool:
        """Prepare the target, copy, build what comes after the data, follow changes, check the
        accounts; meanwhile `show` displays the progress, and savepoints are written.

        Returns True when all is done, False when `stop` ended it early (within a few seconds of
        being set). Raises `MigrateError`; a last savepoint is written whatever the ending.
        Raises `UsageError` before anything is written where no savepoint can be.
        """
        if failure := await self._hook("onStart", "running"):
            raise UsageError(failure, "Nothing was begun: mend the hook, or leave it out.")
        status, self._stopping = "failed", stop
        try:
            finished = await self._conduct.run(
                self._phases, stop, lambda: show(self.progress), lambda: self._ending
            )
            status = self._ending if finished else "stopped"
        finally:
            for event in ("onFailure", "onStop") if status == "failed" else ("onStop",):
                await self._hook(event, status)
        return finished

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        self._conduct.save_now()

    async def _save(self, status: str) -> None:
        async with self._saving:  # a later savepoint stands for more, the end of the spool too
            if self._rejects.path:
                self._keeper.found_rejects(self._rejects.path)
            standing = self._ledger.standing
            if self._follower:
                standing = replace(standing, stream=await self._follower.standing())
            await self._keeper.save(standing.settled(self._rejects.count), status)

    async def _save_running(self) -> None:
        await self._save("running")

    async def _hook(self, event: str, status: str) -> str | None:
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
    def _ending(self) -> str:
        return "rejects" if self.progress().rejected else "completed"

    def progress(self) -> Progress:
        """How the migration stands now."""
        ledger, found, seen = self._ledger, self._findings, self._engine.glimpse()
        follower = self._follower
        changes = follower.progress if follower else None
        counted = changes.counts if changes else None
        items, counts = settled(ledger.counts, counted, self._rejects.count)
        items = items.plus(seen.items)
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

    async def _phases(self, stop: asyncio.Event) -> bool:
        follower = self._follower
        if follower:
            await follower.begin(self._save_running)
        await self._save_running()
        whole = follower is None or follower.snapshot
        if whole:
            await self._prepare()
        else:
            await self._prepare_alone()
        copies = follower is None or follower.copies
        if copies:
            beside = follower.spooling(lambda: self.progress().fraction) if follower else None
            async with beside or nullcontext():
                await self._copy(stop)
            if stop.is_set():
                return False
        if whole:
            await self._build_indexes()
        if copies:
            await self._hook("onSnapshotDone", "running")
        if follower and not follower.over:
            self._state = "replaying"
            if not await follower.replay(self._save_running, stop):
                return False
        if whole:
            await self._enable_ttl()
        if follower and not follower.over:
            self._state = "following"
            if not await follower.live(stop, self._caught_up):
                return False
            await follower.finish(self._save_running)
        self._state = "done"
        return True

    async def _prepare(self) -> None:
        plan, existing = self._findings.plan, self._findings.existing
        target = await tables.prepare_target(self._table, plan, existing)
        self._keeper.found_target(target)
        await self._save_running()

    async def _prepare_alone(self) -> None:
        """Have a table that changes alone are written to: nothing comes before its indexes and
        its TTL where it is made here."""
        plan, target = self._findings.plan, self._findings.existing
        if target is None:
            target = await tables.prepare_target(self._table, replace(plan, late=()), None)
            await self._enable_ttl()
        self._keeper.found_target(target)
        await self._save_running()

    async def _copy(self, stop: asyncio.Event) -> None:
        """Copy what is left."""
        self._state = "copying"
        left = [s for s in self._findings.segments if not self._ledger.is_done(s.index)]
        self._meter.begin(self._ledger.counts.handled)
        try:
            await self._engine.run(self._copying, left, stop)
        finally:
            self._meter.end()
        if not stop.is_set():
            self._ledger.check()

    async def _build_indexes(self) -> None:
        """Build the indexes that come after the data."""
        plan = self._findings.plan
        for index in plan.late:
            self._state = f"building index {index.name}"
            await self._table.add_index(index, plan.spec)

    async def _enable_ttl(self) -> None:
        attribute = self._findings.plan.spec.ttl_attribute
        if attribute:
            self._state = "enabling TTL"
            await self._table.enable_ttl(attribute)

    async def _caught_up(self) -> bool:
        """Run the hook for it; whether there is one."""
        failure = await self._hook("onCaughtUp", "running")
        if failure and self._follower and self._follower.ends_caught_up:
            raise MigrateError(failure, "The target has caught up: mend the hook, run again.")
        return self._hooks.has("onCaughtUp")
