"""The copy: one task a segment reads pages into a bounded queue that concurrent writers drain."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from alternator_migrate.core.batching import pack
from alternator_migrate.core.bottleneck import SAMPLE_SECONDS, Pressure, Sampler
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import Batch, Concurrency, Page, Position, Reject, Segment
from alternator_migrate.core.ports import RejectSink, Source, Target
from alternator_migrate.core.work import SliceResult
from alternator_migrate.snapshot.ledger import Ledger
from alternator_migrate.snapshot.queue import BatchQueue
from alternator_migrate.snapshot.reader import Readers, read_segments


async def copy(
    source: Source,
    target: Target,
    ledger: Ledger,
    rejects: RejectSink,
    segments: Sequence[Segment],
    concurrency: Concurrency,
    readers: Readers,
    limiter: Limiter,
    sampler: Sampler,
    stop: asyncio.Event,
) -> None:
    """Copy `segments`, where `readers` finds how many are read at once, and `limiter` how many
    batches are written; `sampler` sees what limits, and the ledger knows at every moment how far
    it got.

    Returns when all that was read is written: everything, or, once `stop` is set, the pages
    under way. What was written and has to be written again after a stop is at most a batch for
    each of `concurrency.writers`. On failure or cancellation no task is left; raises an exception
    group.
    """
    queue = BatchQueue(concurrency.queue_bytes, concurrency.writers)

    async def enqueue(segment: Segment, page: Page) -> None:
        runs = list(pack(page.items, target.limits))
        if page.rejects:
            rejects.keep(page.rejects)
        number, first = ledger.page(segment.index, page, len(runs)), 0
        for place, (items, size) in enumerate(runs):
            origins = page.origins[first : first + len(items)]
            crew.grow()
            await queue.put(
                Batch(segment.index, number, items, size, origins, page.requests, place)
            )
            first += len(items)

    async def write() -> None:
        """Write batches: a slot comes first, so that a batch waits in the queue alone."""
        while await queue.ready():
            async with limiter.slot() as slot:
                taken = queue.take()
                if taken is None:
                    slot.unused()
                    continue
                number, batch = taken
                refused = await target.write(batch)
            if refused:
                rejects.keep(refused)
            ledger.acknowledged(batch, len(refused), _origins(batch, refused, target))
            queue.written(number, batch)

    async with asyncio.TaskGroup() as beside:
        sampling = beside.create_task(_sample(sampler, queue))
        async with asyncio.TaskGroup() as writing:
            crew = _Crew(writing, write, concurrency.writers)
            await read_segments(source, ledger, segments, readers, stop, enqueue)
            queue.close()
        sampling.cancel()


class _Crew:
    """The writers in a group of tasks, at `most` so many: a table of one batch has one. None begins
    once one has failed, which ends the group."""

    def __init__(
        self, group: asyncio.TaskGroup, write: Callable[[], Awaitable[None]], most: int
    ) -> None:
        self._group, self._write, self._left = group, write, most

    def grow(self) -> None:
        """One writer more, if there may be."""
        if self._left:
            self._left -= 1
            self._group.create_task(self._work())

    async def _work(self) -> None:
        try:
            await self._write()
        except BaseException:
            self._left = 0
            raise


async def _sample(sampler: Sampler, queue: BatchQueue) -> None:
    """Show the queue to the sampler, until cancelled."""
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        sampler.look(is_empty=queue.is_empty, is_full=queue.is_full)


def _origins(batch: Batch, refused: Sequence[Reject], target: Target) -> Collection[int]:
    """The numbers of the source items that refused ones were made of, where a page tells them."""
    if not refused or not batch.origins:
        return ()
    keys = (target.key_of(item, request=batch.requests) for item in batch.items)
    of = dict(zip(keys, batch.origins, strict=True))
    return {of.get(target.key_of(reject.item), -1) for reject in refused}


@dataclass(frozen=True, slots=True)
class CopyParams:
    """Parameters of a slice of a copy: how many items may yet be refused in the run, and the caps
    of the whole run now, units a second (None: no cap)."""

    left: int
    read_cap: float | None = None
    write_cap: float | None = None


class Copying:
    """The copy as work for an engine: its source and target, and the account of it; `caps()` are
    those of reading and writing now."""

    def __init__(
        self,
        source: Source,
        target: Target,
        ledger: Ledger,
        rejects: RejectSink,
        concurrency: Concurrency,
        readers: Readers,
        limiter: Limiter,
        sampler: Sampler,
        caps: Callable[[], tuple[float | None, float | None]],
    ) -> None:
        self._source, self._target = source, target
        self._ledger, self._rejects = ledger, rejects
        self._concurrency = concurrency
        self._readers, self._limiter, self._sampler = readers, limiter, sampler
        self._caps = caps

    @property
    def pressure(self) -> Pressure:
        """What has limited the copy here."""
        return self._sampler.pressure

    @property
    def params(self) -> CopyParams:
        """What a slice that is sent now has to know."""
        return CopyParams(self._rejects.left, *self._caps())

    def position(self, segment: int) -> Position | None:
        """The position in a segment; None at its beginning."""
        return self._ledger.position(segment)

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        """Copy `segments`, see `copy`."""
        await copy(
            self._source,
            self._target,
            self._ledger,
            self._rejects,
            segments,
            self._concurrency,
            self._readers,
            self._limiter,
            self._sampler,
            stop,
        )

    def take(self, result: SliceResult[tuple[Reject, ...]]) -> None:
        """Keep a worker's rejects, then count what it did. Raises `MigrateError`."""
        if result.kept:
            self._rejects.keep(result.kept)
        self._ledger.clock.spent_elsewhere(result.times)
        self._ledger.absorb(result.state)
