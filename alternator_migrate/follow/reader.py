"""Following: shards are read in the order of their tree, and their changes written in order.

Parents come before children, one page after another within a shard, many shards at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final

from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.errors import TrimmedData
from alternator_migrate.core.model import Change, ChangePage, Shard
from alternator_migrate.core.ports import ChangeSource
from alternator_migrate.follow.applier import ChangeShaper, SinceFilter
from alternator_migrate.follow.ledger import ShardLedger
from alternator_migrate.follow.retention import Retention

PageHandler = Callable[[str, ChangePage], Awaitable[ChangeCounts]]
"""Handles a page of a shard; returns when its changes are written, or in the spool."""
_LIST_SECONDS: Final = 5.0
# Children of a shard that has just ended are new changes that wait to be read.
_LIST_SOON_SECONDS: Final = 1.0


def _nothing() -> None:
    pass


async def _listed(source: ChangeSource, check: Callable[[], None]) -> Sequence[Shard]:
    """The shards, once `check` has passed; before that is raised that they are gone, too."""
    try:
        shards = await source.shards()
    except TrimmedData:
        check()
        raise
    check()
    return shards


async def read_shards(
    source: ChangeSource,
    ledger: ShardLedger,
    handle_page: PageHandler,
    stop: asyncio.Event,
    check: Callable[[], None] = _nothing,
) -> None:
    """Read all shards of a stream, and those to come, and await `handle_page` for each page.
    `check` is called once the stream has answered, before anything is read.

    Returns soon after `stop` is set, when the pages under way are handled; the ledger has
    the positions. On failure or cancellation no task is left; raises an exception group.
    """
    idle: set[asyncio.Task[None]] = set()
    ended = asyncio.Event()

    async def read(shard: str) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 # a coroutine runs in a task
        idle.add(task)
        known = ledger.shard(shard)
        pages = source.changes(
            shard, known.position, lambda: known.unneeded, lambda: known.may_be_dropped
        )
        async with aclosing(pages):
            async for page in pages:
                idle.discard(task)
                ledger.arrived(shard, page)
                ledger.settled(shard, page, await handle_page(shard, page))
                if stop.is_set():
                    return
                idle.add(task)
        idle.discard(task)
        ended.set()

    clock = asyncio.get_running_loop().time
    ledger.start()
    async with asyncio.TaskGroup() as readers:
        while not stop.is_set():
            asked, shards = ledger.clock(), await _listed(source, check)
            ledger.listed(shards, asked)
            check = _nothing
            listed, left = clock(), 1.0
            while left > 0 and not stop.is_set():
                ended.clear()
                for shard in ledger.begin():
                    readers.create_task(read(shard))
                pause = _LIST_SOON_SECONDS if ledger.expects_children else _LIST_SECONDS
                await _first_of(stop, ended, seconds=max(listed + pause - clock(), 0.0))
                left = listed + pause - clock()
        for task in idle:
            task.cancel()


class ChangeReader:
    """Reads the changes of a `source`, on the account of its `shards`. Those that `since` leaves
    out nobody needs; of the others `shape`, if there is any, makes those of the target."""

    def __init__(
        self,
        source: ChangeSource,
        shards: ShardLedger,
        retention: Retention,
        since: SinceFilter,
        shape: ChangeShaper | None,
    ) -> None:
        self._source, self._shards, self._retention = source, shards, retention
        self._since, self._shape = since, shape
        self.delay = source.delay

    async def read(
        self,
        handle: Callable[[Sequence[Change]], Awaitable[ChangeCounts]],
        stop: asyncio.Event,
    ) -> None:
        """Read until `stop` is set, see `read_shards`; `handle` gets the changes of each page, and
        returns their counts. Raises `TrimmedData` where changes have waited for too long."""

        async def handle_page(shard: str, page: ChangePage) -> ChangeCounts:
            changes, counts = self._since(shard, self._shards.shard(shard).parent, page.changes)
            if self._shape:
                changes, more = await self._shape(changes)
                counts += more
            return counts + await handle(changes)

        with self._retention.reading():
            await read_shards(self._source, self._shards, handle_page, stop, self._retention.check)


async def _first_of(*events: asyncio.Event, seconds: float) -> None:
    """Return when one of `events` is set, after `seconds` at the latest."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
