"""The part of a migration that follows changes: kept while the copy lasts, replayed after it, then
written as they come, until the target has caught up."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Final, TypeVar

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.ports import Stream
from alternator_migrate.core.progress import FollowProgress
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.state import FollowPhase, FollowState
from alternator_migrate.core.stopping import either, pass_on, stopped_by
from alternator_migrate.follow.applier import Applier, ChangeShaper, SinceFilter
from alternator_migrate.follow.cutover import CaughtUp, CaughtUpWatch, Cutover
from alternator_migrate.follow.kept_changes import KeptChanges
from alternator_migrate.follow.ledger import ShardLedger
from alternator_migrate.follow.placement import place
from alternator_migrate.follow.reader import ChangeReader
from alternator_migrate.follow.retention import Retention
from alternator_migrate.follow.rules import Rules

T = TypeVar("T")
log = logging.getLogger(__name__)
# Longer than any answer is waited for: what is given up earlier could overtake newer changes.
_UNDER_WAY_SECONDS: Final = 35.0


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
        self._retention = Retention(self._waiting_since)
        self._kept, self._shape = KeptChanges(rules, self._retention), shape
        self._begun = False
        self._watch = CaughtUpWatch(self._writes_wait, rules.others, ends=rules.until_caught_up)

    @property
    def over(self) -> bool:
        """Whether nothing is left to be followed, once the target had caught up."""
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
        shards, kept = self._shards, self._kept
        lag, waiting = None if self._phase.keeps else shards.lag(), kept.count + shards.pending
        caught_up = self.over or self._watch.caught_up
        return FollowProgress(shards.counts, waiting, lag, shards.open, caught_up, kept.size)

    @property
    def backlog(self) -> int:
        """Batches of changes that are not acknowledged."""
        return self._applier.backlog

    async def begin(self, save: Callable[[], Awaitable[object]]) -> None:
        """Find or enable the stream, and know its place, before anything is copied; `save` makes
        durable what is known so far, now and later."""
        self._save, known = save, self._state
        is_ending = self._phase == FollowPhase.ENDING
        if known is not None and is_ending and await self._stream.find() != known.arn:
            self._to(FollowPhase.OVER)
            self._shards = ShardLedger({}, counts=known.counts)
            return
        begins = known is None or not known.placed_at
        if known is None or begins:
            if self.copies and not self._rules.snapshot:
                self._to(FollowPhase.LIVE)
            known = await place(self._stream, self._rules, known, self._phase, self._note)
        else:
            await self._stream.check(known.arn, enabled_here=known.enabled_here)
        if is_ending:
            self._to(FollowPhase.LIVE)
        self._begin_reading(known, begins=begins)
        if known.spool and self._phase != FollowPhase.LIVE:
            self._kept.reopen(known.spool)
        elif self.copies:
            self._kept.open()
        self._state, self._begun = known, True

    async def _note(self, state: FollowState) -> None:
        self._state = state
        await self._save()

    def _begin_reading(self, known: FollowState, *, begins: bool) -> None:
        """Go on reading where that is known to be; or, where following `begins`, there."""
        source, rules = self._stream.open(known.arn), self._rules
        clock = source.clock
        self._retention.clock = clock.at_most
        watermark, placed = known.watermark or None, known.placed_at if begins else None
        self._shards = ShardLedger(
            *(known.shards, known.ended, known.counts, watermark, source.delay),
            clock=clock.at_least,
            placed=placed,
            latest=clock.at_most,
            began=known.placed_at,
        )
        needed_from = known.placed_at - source.skew if begins and rules.whole else -math.inf
        self._reader = ChangeReader(
            source, self._shards, self._retention, SinceFilter(needed_from), self._shape
        )
        if source.delay:
            log.info(
                "the source shows changes up to %.0f s late: cutover.maxLagSeconds is taken for %g",
                source.delay,
                rules.max_lag + source.delay,
            )

    def _watermark(self) -> float:
        """The time up to which all changes are handled, epoch seconds; 0 while unknown."""
        return self._shards.watermark() or (self._state.watermark if self._state else 0.0)

    def _waiting_since(self) -> float:
        """The earliest time at which a change that must not be lost may have been made."""
        return self._watermark() or (self._state.placed_at if self._state else 0.0)

    async def state(self) -> FollowState | None:
        """The durable part, as a savepoint keeps it. Before `begin`: that of the run before."""
        known, phase = self._state, self._phase
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
        self._state = replace(now, spool=await self._kept.sync())
        return self._state

    def spooling(
        self, fraction: Callable[[], float] | None = None
    ) -> AbstractAsyncContextManager[None]:
        """Keep changes while the block lasts, which copies, and has done `fraction` of that (0 to
        1), or builds indexes, and cannot tell (None)."""
        return self._kept.keeping(self._reader, fraction)

    async def held(self, stop: asyncio.Event) -> None:
        """Keep changes while the gate is closed, until `stop` is set; where they are written as
        they come, `live` does."""
        while self._phase.keeps and not (self._gate.is_open or stop.is_set()):
            await self._kept.keep_while_held(self._reader, self._gate, stop)

    async def replay(self, stop: asyncio.Event) -> bool:
        """Write what was kept, and what is kept meanwhile. False where `stop` ended it."""

        def replay(ends: asyncio.Event) -> Coroutine[Any, Any, bool]:
            return self._kept.replay(self._applier, self._shards, ends)

        if self.copies:
            self._to(FollowPhase.REPLAY)
        while self._phase == FollowPhase.REPLAY and not stop.is_set():
            if not self._gate.is_open:
                await self._kept.keep_while_held(self._reader, self._gate, stop)
            elif await _unless_held(self._gate, replay, stop):
                kept = self._kept.take_out()
                self._to(FollowPhase.LIVE)
                await self._save()
                if kept:
                    kept.remove()
        return not stop.is_set()

    async def live(self, stop: asyncio.Event, caught_up: CaughtUp) -> bool:
        """Write changes as they come until `stop` is set (False), or, where that is wanted, until
        the target has caught up (True). `caught_up` is called once when it has."""
        over, rules, read = asyncio.Event(), self._rules, self._reader.read
        rule = Cutover(rules.max_lag, rules.caught_up_for, self._reader.delay)
        async with asyncio.TaskGroup() as group:
            watches = (
                group.create_task(pass_on(stop, over)),
                group.create_task(self._watch.run(self._shards, rule, over, caught_up)),
            )
            while not over.is_set():
                await _unless_held(self._gate, lambda ends: read(self._applier, ends), over)
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

    def _writes_wait(self) -> bool:
        """Whether changes that were read are not written at once."""
        is_held = self._phase == FollowPhase.LIVE and not self._gate.is_open
        return self._retry.repeating > 0 or self._phase.keeps or is_held

    def _to(self, phase: FollowPhase) -> None:
        self._phase = self._phase.to(phase)


async def _unless_held(
    gate: Gate, work: Callable[[asyncio.Event], Coroutine[Any, Any, T]], stop: asyncio.Event
) -> T | None:
    """The result of `work(ends)`. When `stop` is set or the gate closes, `ends` is, and what `work`
    has under way is left when no answer can come any more (None): it will be done again."""
    async with either(stop, gate.held) as ends:
        result = await stopped_by(ends, work(ends), lambda: _UNDER_WAY_SECONDS)
    if isinstance(result, MigrateError):
        raise result
    return result
