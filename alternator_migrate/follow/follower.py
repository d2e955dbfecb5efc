"""The part of a migration that follows changes: kept while the copy lasts, replayed after it, then
written as they come, until the target has caught up."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.model import ChangePage
from alternator_migrate.core.ports import Stream
from alternator_migrate.core.progress import FollowProgress
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.state import FollowPhase, FollowState
from alternator_migrate.follow.applier import Applier, ChangeShaper, Needed, SinceFilter
from alternator_migrate.follow.cutover import Cutover
from alternator_migrate.follow.ledger import ShardLedger, caught_up_text
from alternator_migrate.follow.reader import read_shards
from alternator_migrate.follow.retention import Retention
from alternator_migrate.follow.spool import PARTS, Spool

log = logging.getLogger(__name__)
CaughtUp = Callable[[], Awaitable[bool]]
"""Tells that the target has caught up; True where something was done meanwhile."""
_LOOK_SECONDS: Final = 0.25
_AFTER_HOOK: Final = 5.0
"""For clocks that differ, and answers that were under way."""
_PARTS_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Rules:
    """How to follow: with a `snapshot` or without (`whole`: the target then is what was read after
    the stream's place was known, and nothing else), keeping up to `spool_bytes` in a folder
    `spool_...` beside the savepoints meanwhile; when the target counts as caught up (seconds), and
    what is done then."""

    snapshot: bool
    spool: Path
    spool_bytes: int
    max_lag: float
    caught_up_for: float
    until_caught_up: bool = False
    disable_after: bool = False
    whole: bool = False


class _NoRoom(Exception):
    """The spool is full."""


class Follower:
    """Follows one table's changes; goes on from `standing`. `retry` repeats what the applier
    writes, `shape` makes of a change what is kept and applied."""

    def __init__(
        self,
        stream: Stream,
        applier: Applier,
        retry: Retry,
        rules: Rules,
        state: FollowState | None,
        shape: ChangeShaper | None = None,
    ) -> None:
        self._stream, self._applier, self._retry, self._rules = stream, applier, retry, rules
        self._state = state
        self._phase: FollowPhase = state.phase if state else FollowPhase.SPOOL
        self._shards = ShardLedger({})
        self._spool: Spool | None = None
        self._retention = Retention(self._waiting_since)
        self._since, self._shape = SinceFilter(-math.inf), shape
        self._begun = False
        self._caught_up = False

    @property
    def over(self) -> bool:
        """Whether nothing is left to be followed."""
        return self._phase == FollowPhase.OVER

    @property
    def copies(self) -> bool:
        """Whether a copy goes with it that is not complete."""
        return self._phase == FollowPhase.SPOOL

    @property
    def snapshot(self) -> bool:
        """Whether a copy goes with it, done or not."""
        return self._state.snapshot if self._state else self._rules.snapshot

    @property
    def ends_caught_up(self) -> bool:
        """Whether following ends when the target has caught up."""
        return self._rules.until_caught_up

    @property
    def progress(self) -> FollowProgress:
        """The figures of following now."""
        kept = self._spool.count if self._spool else 0
        kept_back = self._phase in (FollowPhase.SPOOL, FollowPhase.REPLAY)
        return FollowProgress(
            counts=self._shards.counts,
            waiting=kept + self._shards.pending,
            lag=None if kept_back else self._shards.lag(),
            shards=self._shards.open,
            caught_up=self._caught_up,
        )

    @property
    def backlog(self) -> int:
        """Batches of changes that are not acknowledged."""
        return self._applier.backlog

    async def begin(self, save: Callable[[], Awaitable[None]]) -> None:
        """Find or enable the stream, and know its place, before anything is copied; `save` makes
        durable what is known so far."""
        known = self._state
        is_ending = self._phase == FollowPhase.ENDING
        if known is not None and is_ending and await self._is_disabled(known):
            self._to(FollowPhase.OVER)
            self._shards = ShardLedger({}, counts=known.counts)
            return
        begins = known is None or not known.placed_at
        if known is None or begins:
            known = await self._place(known, save)
        if is_ending:
            self._to(FollowPhase.LIVE)
        source = self._source = self._stream.open(known.arn)
        watermark, placed = known.watermark or None, known.placed_at if begins else None
        self._shards = ShardLedger(
            known.shards, known.ended, known.counts, watermark, source.delay, placed=placed
        )
        if begins and self._rules.whole:
            self._since = SinceFilter(known.placed_at - source.skew)
        if source.delay:
            log.info(
                "the source shows changes up to %.0f s late: cutover.maxLagSeconds is taken for %g",
                source.delay,
                self._rules.max_lag + source.delay,
            )
        if known.spool and self._phase != FollowPhase.LIVE:
            folder = self._rules.spool.parent / known.spool.folder
            self._spool = Spool(folder, self._rules.spool_bytes, known.spool)
        elif self.copies and self._rules.spool_bytes:
            self._spool = Spool(self._rules.spool, self._rules.spool_bytes)
        self._state, self._begun = known, True

    async def _place(
        self, known: FollowState | None, save: Callable[[], Awaitable[None]]
    ) -> FollowState:
        """The state that following begins with: at the oldest changes that the stream holds now."""
        if self.copies and not self._rules.snapshot:
            self._to(FollowPhase.LIVE)
        unknown = FollowState("", False, self._rules.snapshot, self._phase)
        before = known or unknown
        arn, ours = await self._stream.find(), False
        if arn is None:
            self._state = replace(unknown, enabled_here=True)
            await save()
            arn, ours = await self._stream.enable()
        ours = ours or (before.enabled_here and before.arn in ("", arn))
        self._state = replace(unknown, arn=arn, enabled_here=ours)
        await save()
        await self._stream.ready(arn)
        if ours:
            log.info("the source's stream was enabled: %s", arn)
        shards = await self._stream.open(arn).shards()
        now = time.time()
        return replace(
            self._state,
            shards={shard.id: None for shard in shards},
            placed_at=now,
            watermark=now if self._rules.whole else 0.0,
        )

    async def _is_disabled(self, known: FollowState) -> bool:
        return await self._stream.find() != known.arn

    def _watermark(self) -> float:
        """The time up to which all changes are handled, epoch seconds; 0 while unknown."""
        return self._shards.watermark() or (self._state.watermark if self._state else 0.0)

    def _waiting_since(self) -> float:
        """The earliest time at which a change that must not be lost may have been made."""
        return self._watermark() or (self._state.placed_at if self._state else 0.0)

    async def state(self) -> FollowState | None:
        """The durable part, as a savepoint keeps it. Before `begin`: that of the run before."""
        known, phase, kept = self._state, self._phase, self._spool
        if known is None or not self._begun:
            return known and replace(known, phase=phase)
        now = replace(
            known,
            phase=phase,
            shards=self._shards.positions,
            ended=self._shards.ended,
            watermark=self._watermark(),
            lag=self._shards.lag() if phase == FollowPhase.LIVE else None,
            counts=self._shards.counts,
        )
        self._state = replace(now, spool=await kept.sync() if kept else None)
        return self._state

    @asynccontextmanager
    async def spooling(self, fraction: Callable[[], float]) -> AsyncIterator[None]:
        """Keep changes while the block lasts, which does `fraction` of its work (0 to 1)."""
        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_changes(done))
            warning = group.create_task(self._retention.warn(fraction))
            yield
            done.set()
            warning.cancel()

    async def replay(self, save: Callable[[], Awaitable[None]], stop: asyncio.Event) -> bool:
        """Write what was kept; `save` makes the place durable. False where `stop` ended it."""
        if self.copies:
            self._to(FollowPhase.REPLAY)
        if self._phase != FollowPhase.REPLAY:
            return True
        if self._spool:
            free = asyncio.Semaphore(_PARTS_AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for part in range(PARTS):
                    group.create_task(self._replay_part(self._spool, part, free, stop))
            if stop.is_set():
                return False
        kept, self._spool = self._spool, None
        self._to(FollowPhase.LIVE)
        await save()
        if kept:
            kept.remove()
        return True

    async def live(self, stop: asyncio.Event, caught_up: CaughtUp) -> bool:
        """Write changes as they come until `stop` is set (False), or, where that is wanted, until
        the target has caught up (True). `caught_up` is called once when it has."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            watches = (
                group.create_task(_pass_on(stop, over)),
                group.create_task(self._watch(over, caught_up)),
            )
            await self._read(self._apply, over)
            for watch in watches:
                watch.cancel()
        return not stop.is_set()

    async def finish(self, save: Callable[[], Awaitable[None]]) -> None:
        """The migration is over: check the accounts, undo what is to be undone; `save` makes the
        intention durable before."""
        self._shards.check()
        known = self._state
        if not self._rules.disable_after or known is None:
            return
        if not known.enabled_here:
            log.info("the stream was there before this migration, and stays enabled")
            return
        self._to(FollowPhase.ENDING)
        await save()
        if await self._stream.disable(known.arn):
            log.info("the source's stream was disabled again")
        self._to(FollowPhase.OVER)

    def _to(self, phase: FollowPhase) -> None:
        self._phase = self._phase.to(phase)

    async def _read(
        self, handle_page: Callable[[str, ChangePage], Awaitable[ChangeCounts]], stop: asyncio.Event
    ) -> None:
        with self._retention.reading():
            await read_shards(self._source, self._shards, handle_page, stop)

    async def _apply(self, shard: str, page: ChangePage) -> ChangeCounts:
        changes, counts = await self._needed(shard, page)
        return counts + await self._applier(changes)

    async def _keep(self, shard: str, page: ChangePage) -> ChangeCounts:
        changes, counts = await self._needed(shard, page)
        if self._spool is None or not await self._spool.add(changes):
            raise _NoRoom
        return counts

    async def _needed(self, shard: str, page: ChangePage) -> Needed:
        changes, counts = self._since(shard, self._shards.parent(shard), page.changes)
        if self._shape is None:
            return changes, counts
        shaped, more = await self._shape(changes)
        return shaped, counts + more

    async def _keep_changes(self, done: asyncio.Event) -> None:
        if self._spool is None:
            return
        try:
            await self._read(self._keep, done)
        except* _NoRoom:
            log.warning(
                "warning: the spool is full (spool.maxBytes is %d): changes now wait in the "
                "stream, which keeps them for 24 hours",
                self._rules.spool_bytes,
            )

    async def _replay_part(
        self, spool: Spool, part: int, free: asyncio.Semaphore, stop: asyncio.Event
    ) -> None:
        async with free:
            if stop.is_set():
                return
            async for stored in spool.stored(part):
                counts = await self._applier(stored.changes)
                dropped = ChangeCounts(read=stored.dropped, superseded=stored.dropped)
                self._shards.counts += counts + dropped
                spool.replayed(stored)
                if stop.is_set():
                    return

    async def _watch(self, over: asyncio.Event, caught_up: CaughtUp) -> None:
        """Look at the rule for having caught up, by the clock."""
        rule = Cutover(self._rules.max_lag, self._rules.caught_up_for, self._source.delay)
        told_at: float | None = None
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            repeating = self._retry.repeating > 0
            self._caught_up = rule.reached(self._shards, time.time(), repeating=repeating)
            if self._caught_up and told_at is None:
                log.info(caught_up_text(ends=self._rules.until_caught_up))
                told_at = time.time() + _AFTER_HOOK if await caught_up() else 0.0
            elif self._caught_up and self._is_finished(told_at):
                over.set()

    def _is_finished(self, told_at: float | None) -> bool:
        """Whether following ends: it was told that the target has caught up, and all is there that
        was made until then, while a hook may have stopped the writers."""
        if told_at is None or not self._rules.until_caught_up:
            return False
        return self._shards.current_since(told_at)


async def _pass_on(first: asyncio.Event, second: asyncio.Event) -> None:
    await first.wait()
    second.set()
