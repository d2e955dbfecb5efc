"""Reading segments: what the copy and the comparison have in common."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

from alternator_migrate.core.model import Page, Segment
from alternator_migrate.core.ports import Source
from alternator_migrate.snapshot.ledger import Ledger


async def read_segments(
    source: Source,
    ledger: Ledger,
    segments: Sequence[Segment],
    readers: int,
    stop: asyncio.Event,
    take: Callable[[Segment, Page], Awaitable[None]],
) -> None:
    """Give each page of `segments`, of which `readers` are read at once, to `take`, one after
    another within a segment, from where the ledger says.

    Returns when all is read, or, once `stop` is set, the pages under way. Raises an exception
    group.
    """
    free = asyncio.Semaphore(readers)

    async def read(segment: Segment) -> None:
        async with free:
            if stop.is_set():
                return
            ledger.clock.begins(segment.index)
            pages = source.pages(segment, ledger.position(segment.index))
            async with aclosing(pages):
                async for page in pages:
                    await take(segment, page)
                    if stop.is_set():
                        return

    async with asyncio.TaskGroup() as reading:
        for segment in segments:
            reading.create_task(read(segment))
