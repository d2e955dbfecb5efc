"""The copy on an engine's worker: its slices, batches and counts."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from alternator_migrate.config import Settings
from alternator_migrate.connectors import (
    ExportSide,
    Pair,
    TableJob,
    TravellingConfig,
    source_of,
    target_of,
)
from alternator_migrate.core.bottleneck import Sampler
from alternator_migrate.core.capacity import stretches
from alternator_migrate.core.errors import TooManyRejects
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import FIRST_READERS, Concurrency, Reject, Segment
from alternator_migrate.core.pace import Pace, part_of
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.state import CopyState
from alternator_migrate.core.steering import within
from alternator_migrate.core.work import LiveStats, Slice, SliceRun
from alternator_migrate.snapshot import Copying, CopyParams, Ledger, Readers


@dataclass(frozen=True, slots=True)
class CopyJob(TableJob):
    """The copy of one table, for workers; `now` (epoch seconds) decides for all of them which
    items have expired."""

    now: float

    @asynccontextmanager
    async def open(self) -> AsyncIterator["CopySession"]:
        """Connect to both sides. Raises `MigrateError`."""
        async with self.connected() as (settings, pair):
            yield CopySession(settings, pair, self.now)


def copy_job(configuration: TravellingConfig, pair: Pair, now: float) -> CopyJob:
    """The job of a migration between open `sides`."""
    return CopyJob.between(configuration, pair, now)


def readers_of(pair: Pair) -> Readers:
    """Finds how many segments of the source are read at once."""
    limiter = Limiter(pair.concurrency.readers, start=FIRST_READERS)
    return Readers(limiter, stretches(pair.inspection.source.size))


class CopySession:
    """Both sides, open, and what is learned about them from slice to slice."""

    def __init__(self, settings: Settings, pair: Pair, now: float) -> None:
        self._settings, self._sides, self._now = settings, pair, now
        self._retry = Retry(settings.retry_budget_seconds)
        self._reading, self._writing = Pace(), Pace()
        self._target = target_of(settings, pair, self._retry, self._writing)
        self._limiter = Limiter(pair.concurrency.writers, longest=settings.target.longest)
        self._readers = readers_of(pair)

    def begin(self, piece: Slice[CopyParams]) -> SliceRun[CopyParams, tuple[Reject, ...]]:
        """Take up a slice."""
        for pace, cap, asked in (
            (self._reading, piece.params.read_cap, piece.asked.read),
            (self._writing, piece.params.write_cap, piece.asked.write),
        ):
            pace.allow(part_of(cap, piece.share))
            pace.ask(part_of(asked, piece.share))
        if isinstance(self._sides.source, ExportSide):
            self._sides.source.seeks.begin_anew()
        concurrency = within(self.concurrency(piece.share), piece.asked, piece.share)
        self._limiter.allow(concurrency.writers)
        self._readers.limiter.allow(concurrency.readers)
        source = source_of(self._settings, self._sides, self._retry, self._reading, now=self._now)
        waits = (
            *(("source", self._reading), ("target", self._writing)),
            ("target", self._limiter),
        )
        rejects = _KeptRejects(piece.params.left)
        ledger = Ledger(0, CopyState(positions=piece.positions))
        sampler = Sampler(lambda: (self._reading.wait_kind, self._writing.wait_kind))
        copying = Copying(
            source,
            self._target,
            ledger,
            rejects,
            concurrency,
            self._readers,
            self._limiter,
            sampler,
            lambda: (self._reading.cap, self._writing.cap),
        )
        work = _CopySlice(copying, ledger, rejects, self._sides)
        return SliceRun(piece, work, self._retry, waits, self._sides.requests, self._sought)

    def _sought(self) -> float:
        """The seconds that this slice has lost, by now, on going on within data files."""
        side = self._sides.source
        return side.seeks.seconds if isinstance(side, ExportSide) else 0.0

    def concurrency(self, share: float) -> Concurrency:
        """The part of the connections that a slice has of those that the configuration allows;
        what it does not limit is each worker's own."""
        concurrency, source, target = (
            self._sides.concurrency,
            self._settings.source,
            self._settings.target,
        )
        if source.max_map_tasks or (source.alternator and source.alternator.max_connections):
            concurrency = replace(concurrency, readers=max(int(concurrency.readers * share), 1))
        if target.alternator and target.alternator.max_connections:
            concurrency = replace(concurrency, writers=max(int(concurrency.writers * share), 1))
        return concurrency


@dataclass(frozen=True, slots=True)
class _CopySlice:
    """The copy of one slice, with an account of its own."""

    copying: Copying
    ledger: Ledger
    rejects: "_KeptRejects"
    pair: Pair

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        """Copy `segments`."""
        await self.copying.here(segments, stop)

    def state(self) -> CopyState:
        """How far they are settled."""
        return self.ledger.state

    def kept(self) -> tuple[Reject, ...]:
        """The items that were rejected."""
        return tuple(self.rejects.kept)

    def times(self) -> Mapping[int, float]:
        """The seconds that each segment took."""
        return self.ledger.clock.times()

    def live_stats(self) -> LiveStats:
        """What is done by now."""
        ledger = self.ledger
        return LiveStats(
            items=ledger.counts,
            bytes_read=ledger.bytes_read,
            batches=ledger.batches,
            backlog=ledger.backlog,
            segments=ledger.segments,
            pressure=self.copying.pressure,
            calls=self.pair.calls(),
        )


class _KeptRejects:
    """Keeps rejected items for the report, with items copied out of their pages."""

    path = None

    def __init__(self, left: int) -> None:
        self.left = left
        self.kept: list[Reject] = []

    def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep `rejects`. Raises `TooManyRejects` beyond what is allowed, after keeping them."""
        self.kept += [replace(reject, item=bytes(reject.item)) for reject in rejects]
        self.left -= len(rejects)
        if self.left < 0:
            raise TooManyRejects("the target refuses more items than maxRejects allows")
