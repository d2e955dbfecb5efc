"""Changes that are kept while nothing may be written, and written once it may."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.model import Change
from alternator_migrate.core.state import SpoolState
from alternator_migrate.core.stopping import either
from alternator_migrate.follow.applier import Applier
from alternator_migrate.follow.ledger import ShardLedger
from alternator_migrate.follow.reader import ChangeReader
from alternator_migrate.follow.retention import (
    Retention,
    building_warning,
    held_back_warning,
    replay_warning,
)
from alternator_migrate.follow.rules import Rules
from alternator_migrate.follow.spool import PARTS, Spool

log = logging.getLogger(__name__)
_PARTS_AT_ONCE: Final = 4


class _NoRoom(Exception):
    """The spool is full."""


class KeptChanges:
    """Keeps changes in a spool, if the rules give it room; those that find none stay in the stream,
    whose `retention` warns of them."""

    def __init__(self, rules: Rules, retention: Retention) -> None:
        self._rules, self._retention = rules, retention
        self._spool: Spool | None = None
        self._told_full = False

    @property
    def count(self) -> int:
        """The changes that are kept."""
        return self._spool.count if self._spool else 0

    @property
    def size(self) -> int:
        """The bytes that they take."""
        return self._spool.size if self._spool else 0

    def open(self) -> None:
        """Keep changes from now on, if there is to be room for any."""
        if self._spool is None and self._rules.spool_bytes:
            self._spool = Spool(self._rules.spool, self._rules.spool_bytes)

    def reopen(self, state: SpoolState) -> None:
        """Go on with what an earlier run has kept. Raises `MigrateError` where that is damaged."""
        folder = self._rules.spool.parent / state.folder
        self._spool = Spool(folder, self._rules.spool_bytes, state)

    async def sync(self) -> SpoolState | None:
        """Make durable what is kept; what a savepoint says of it, None where nothing may be."""
        return await self._spool.sync() if self._spool else None

    def take_out(self) -> Spool | None:
        """What was kept, which savepoints do not speak of any more."""
        spool, self._spool, self._told_full = self._spool, None, False
        return spool

    @asynccontextmanager
    async def keeping(
        self, reader: ChangeReader, fraction: Callable[[], float] | None
    ) -> AsyncIterator[None]:
        """Keep changes while the block lasts, which copies, and has done `fraction` of that (0 to
        1), or builds indexes, and cannot tell (None)."""
        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_all(reader, done))
            warn = self._retention.warn
            warning = group.create_task(
                warn(fraction) if fraction else warn(lambda: 0.0, building_warning)
            )
            yield
            done.set()
            warning.cancel()

    async def keep_while_held(self, reader: ChangeReader, gate: Gate, stop: asyncio.Event) -> None:
        """Keep changes while the gate is closed, until `stop` is set."""
        self.open()
        async with either(stop, gate.reading) as ends, asyncio.TaskGroup() as group:
            warning = group.create_task(self._retention.warn(lambda: 0.0, held_back_warning))
            await self._keep_all(reader, ends)
            await ends.wait()
            warning.cancel()

    async def replay(self, applier: Applier, shards: ShardLedger, ends: asyncio.Event) -> bool:
        """Write what is kept, on the account of the shards; False where that was ended early."""
        if self._spool:
            async with asyncio.TaskGroup() as group:
                done = _share_done(self._spool)
                warning = group.create_task(self._retention.warn(done, replay_warning))
                await _replay(self._spool, applier, shards, ends)
                warning.cancel()
        return not ends.is_set()

    async def _keep(self, changes: Sequence[Change]) -> ChangeCounts:
        if self._spool is None or not await self._spool.add(changes):
            raise _NoRoom
        return ChangeCounts()

    async def _keep_all(self, reader: ChangeReader, done: asyncio.Event) -> None:
        if self._spool is None:
            return
        try:
            await reader.read(self._keep, done)
        except* _NoRoom:
            self._tell_full()

    def _tell_full(self) -> None:
        """Warn of it once for each spool, whatever goes on meanwhile."""
        if not self._told_full:
            self._told_full = True
            log.warning(
                "warning: the spool is full (spool.maxBytes is %d): changes now wait in the "
                "stream, which keeps them for 24 hours",
                self._rules.spool_bytes,
            )


def _share_done(spool: Spool) -> Callable[[], float]:
    """What share (0 to 1) has been replayed since now."""
    first = spool.count
    return lambda: 1 - spool.count / first if first else 1.0


async def _replay(spool: Spool, applier: Applier, shards: ShardLedger, ends: asyncio.Event) -> None:
    free = asyncio.Semaphore(_PARTS_AT_ONCE)
    async with asyncio.TaskGroup() as group:
        for part in range(PARTS):
            group.create_task(_replay_part(spool, part, applier, shards, free, ends))


async def _replay_part(
    spool: Spool,
    part: int,
    applier: Applier,
    shards: ShardLedger,
    free: asyncio.Semaphore,
    stop: asyncio.Event,
) -> None:
    async with free:
        if stop.is_set():
            return
        async for stored in spool.stored(part):
            counts = await applier(stored.changes)
            dropped = ChangeCounts(read=stored.dropped, superseded=stored.dropped)
            shards.counts += counts + dropped
            spool.replayed(stored)
            if stop.is_set():
                return
