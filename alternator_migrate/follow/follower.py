"""The part of a migration that follows changes: kept while the copy lasts, replayed after it, then
written as they come, until the target has caught up."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.model import ChangePage
from alternator_migrate.core.ports import Stream
from alternator_migrate.core.progress import FollowProgress
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.state import FollowPhase, FollowState
from alternator_migrate.core.stopping import either, pass_on, stopped_by
from alternator_migrate.follow.applier import Applier, ChangeShaper, Needed, SinceFilter
from alternator_migrate.follow.cutover import CaughtUp, CaughtUpWatch, Cutover
from alternator_migrate.follow.ledger import ShardLedger
from alternator_migrate.follow.reader import read_shards
from alternator_migrate.follow.retention import Retention, held_back_warning
from alternator_migrate.follow.rules import Rules
from alternator_migrate.follow.spool import PARTS, Spool

T = TypeVar("T")
log = logging.getLogger(__name__)
_PARTS_AT_ONCE: Final = 4
# Longer than any answer is waited for: what is given up earlier could overtake newer changes.
_UNDER_WAY_SECONDS: Final = 35.0


class _NoRoom(Exception):
    """The spool is full."""


class Follower:
    """Follows one table's changes; goes on from `state`. `retry` repeats what the applier writes.
    While the `gate` is closed nothing is written, and changes are kept in the spool. `shape` makes
    of a change what is kept and written."""

    def __init__(
        self,
        stream: Stream,
        applier: Applier,
        retry: Retry,
        rules: Rules,
        state: FollowState | None,
        gate: Gate,
        shape: ChangeShaper | None = None,
    ) -> None:
        self._stream, self._applier, self._retry, self._rules = stream, applier, retry, rules
        self._state, self._gate = state, gate
        self._phase: FollowPhase = state.phase if state else FollowPhase.SPOOL
        self._shards = ShardLedger({})
        self._spool: Spool | None = None
        self._retention = Retention(self._waiting_since)
        self._since, self._shape = SinceFilter(-math.inf), shape
        self._begun = False
        self._watch = CaughtUpWatch(self._writes_wait, rules.others, ends=rules.until_caught_up)

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
        shards, spool = self._shards, self._spool
        kept, size = (spool.count, spool.size) if spool else (0, 0)
        kept_back = self._phase in (FollowPhase.SPOOL, FollowPhase.REPLAY)
        lag, waiting = None if kept_back else shards.lag(), kept + shards.pending
        caught_up = self._watch.caught_up
        return FollowProgress(shards.counts, waiting, lag, shards.open, caught_up, size)

    @property
    def backlog(self) -> int:
        """Batches of changes that are not acknowledged."""
        return self._applier.backlog

    async def begin(self, save: Callable[[], Awaitable[object]]) -> None:
        """Find or enable the stream, and know its place, before anything is copied; `save` makes
        durable what is known so far, now and later."""
        self._save, known = save, self._state
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
        self, known: FollowState | None, save: Callable[[], Awaitable[object]]
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
        placed = self._rules.since or time.time()
        return replace(
            self._state,
            shards={shard.id: None for shard in shards},
            placed_at=placed,
            watermark=placed if self._rules.whole else 0.0,
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

    async def held(self, stop: asyncio.Event) -> None:
        """Keep changes while the gate is closed, until `stop` is set; where they are written as
        they come, `live` does."""
        kept_back = self._phase in (FollowPhase.SPOOL, FollowPhase.REPLAY)
        while kept_back and not (self._gate.is_open or stop.is_set()):
            await self._keep_while_held(stop)

    async def replay(self, stop: asyncio.Event) -> bool:
        """Write what was kept, and what is kept meanwhile. False where `stop` ended it."""
        if self.copies:
            self._to(FollowPhase.REPLAY)
        while self._phase == FollowPhase.REPLAY and not stop.is_set():
            if not self._gate.is_open:
                await self._keep_while_held(stop)
            elif await self._unless_held(self._replay_kept, stop):
                kept, self._spool = self._spool, None
                self._to(FollowPhase.LIVE)
                await self._save()
                if kept:
                    kept.remove()
        return not stop.is_set()

    async def live(self, stop: asyncio.Event, caught_up: CaughtUp) -> bool:
        """Write changes as they come until `stop` is set (False), or, where that is wanted, until
        the target has caught up (True). `caught_up` is called once when it has."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            watches = (
                group.create_task(pass_on(stop, over)),
                group.create_task(self._watch.run(self._shards, self._cutover, over, caught_up)),
            )
            while not over.is_set():
                await self._unless_held(lambda ends: self._read(self._apply, ends), over)
                if not over.is_set():
                    self._to(FollowPhase.REPLAY)
                    await self.replay(over)
            for watch in watches:
                watch.cancel()
        return not stop.is_set()

    async def finish(self, save: Callable[[], Awaitable[object]]) -> None:
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

    @property
    def _cutover(self) -> Cutover:
        rules = self._rules
        return Cutover(rules.max_lag, rules.caught_up_for, self._source.delay)

    def _writes_wait(self) -> bool:
        """Whether changes that were read are not written at once."""
        is_live = self._phase == FollowPhase.LIVE and self._gate.is_open
        return self._retry.repeating > 0 or not is_live

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

    async def _unless_held(
        self, work: Callable[[asyncio.Event], Coroutine[Any, Any, T]], stop: asyncio.Event
    ) -> T | None:
        """The result of `work(ends)`. When `stop` is set or the gate closes, `ends` is, and what
        `work` has under way is left when no answer can come any more (None): it will be done
        again."""
        async with either(stop, self._gate.held) as ends:
            result = await stopped_by(ends, work(ends), lambda: _UNDER_WAY_SECONDS)
        if isinstance(result, MigrateError):
            raise result
        return result

    async def _keep_while_held(self, stop: asyncio.Event) -> None:
        """Keep changes while the gate is closed, until `stop` is set."""
        if self._spool is None and self._rules.spool_bytes:
            self._spool = Spool(self._rules.spool, self._rules.spool_bytes)
        async with either(stop, self._gate.reading) as ends, asyncio.TaskGroup() as group:
            warning = group.create_task(self._retention.warn(lambda: 0.0, held_back_warning))
            await self._keep_changes(ends)
            await ends.wait()
            warning.cancel()

    async def _replay_kept(self, ends: asyncio.Event) -> bool:
        """Write what is in the spool; False where that was ended early."""
        if self._spool:
            free = asyncio.Semaphore(_PARTS_AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for part in range(PARTS):
                    group.create_task(self._replay_part(self._spool, part, free, ends))
        return not ends.is_set()

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
