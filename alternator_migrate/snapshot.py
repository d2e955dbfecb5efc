"""The copy: one task a segment reads pages into a bounded queue that concurrent writers drain."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from alternator_migrate.batching import pack
from alternator_migrate.concurrency import Limiter
from alternator_migrate.interfaces import RejectSink, Source, Target
from alternator_migrate.interleave import BatchQueue
from alternator_migrate.ledger import Ledger
from alternator_migrate.model import Batch, Page, Position, Segment
from alternator_migrate.reading import read_segments
from alternator_migrate.slices import Report


@dataclass(frozen=True, slots=True)
class Crew:
    """How many segments are read at once, how many batches are written at once at the most, and
    how many bytes may wait between the two."""

    readers: int = 16
    writers: int = 64
    queue_bytes: int = 8_000_000


async def copy(
    source: Source,
    target: Target,
    ledger: Ledger,
    rejects: RejectSink,
    segments: Sequence[Segment],
    crew: Crew,
    limiter: Limiter,
    stop: asyncio.Event,
) -> None:
    """Copy `segments`; the ledger knows at every moment how far it got.

    Returns when all that was read is written: everything, or, once `stop` is set, the pages
    under way. On failure or cancellation no task is left; raises an exception group.
    """
    queue = BatchQueue(crew.queue_bytes)

    async def enqueue(segment: Segment, page: Page) -> None:
        runs = list(pack(page.items, target.limits))
        number = ledger.page(segment.index, page, len(runs))
        for items, size in runs:
            await queue.put(Batch(segment.index, number, items, size))

    async def write() -> None:
        async for batch in queue:
            async with limiter.slot():
                refused = await target.write(batch)
            if refused:
                rejects.keep(refused)
            ledger.acknowledged(batch, len(refused))

    async with asyncio.TaskGroup() as writing:
        for _ in range(crew.writers):
            writing.create_task(write())
        await read_segments(source, ledger, segments, crew.readers, stop, enqueue)
        queue.close()


class Copying:
    """The copy as work for an engine: its source and target, and the account of it."""

    def __init__(
        self,
        source: Source,
        target: Target,
        ledger: Ledger,
        rejects: RejectSink,
        crew: Crew,
        limiter: Limiter,
    ) -> None:
        self._source, self._target = source, target
        self._ledger, self._rejects = ledger, rejects
        self._crew, self._limiter = crew, limiter

    @property
    def errand(self) -> int:
        """How many more items may be rejected."""
        return self._rejects.left

    def position(self, segment: int) -> Position | None:
        """Where to go on in a segment."""
        return self._ledger.position(segment)

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        """Copy `segments`, see `copy`."""
        await copy(
            self._source,
            self._target,
            self._ledger,
            self._rejects,
            segments,
            self._crew,
            self._limiter,
            stop,
        )

    def take(self, report: Report) -> None:
        """Keep a worker's rejects, then count what it did. Raises `MigrateError`."""
        rejects = report.kept
        if isinstance(rejects, tuple) and rejects:
            self._rejects.keep(rejects)
        self._ledger.absorb(report.standing)
