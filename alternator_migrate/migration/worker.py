"""The copy on an engine's worker: its slices, batches and counts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from alternator_migrate.config import Settings
from alternator_migrate.connectors import Pair, TableJob, TravellingConfig, source_of, target_of
from alternator_migrate.core.errors import TooManyRejects
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import Concurrency, Reject
from alternator_migrate.core.pace import Pace, part_of, reasons
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.state import CopyState
from alternator_migrate.core.work import LiveStats, Slice, SliceResult
from alternator_migrate.snapshot import Copying, Ledger


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


class CopySession:
    """Both sides, open, and what is learned about them from slice to slice."""

    def __init__(self, settings: Settings, pair: Pair, now: float) -> None:
        self._settings, self._sides, self._now = settings, pair, now
        self._retry = Retry(settings.retry_budget_seconds)
        self._reading, self._writing = Pace(), Pace()
        self._target = target_of(settings, pair, self._retry, self._writing)
        self._limiter = Limiter(pair.concurrency.writers)

    def begin(self, piece: Slice) -> "CopySliceRun":
        """Take up a slice."""
        for pace, cap in (
            (self._reading, self._sides.read_cap),
            (self._writing, self._sides.write_cap),
        ):
            pace.allow(part_of(cap, piece.share))
        concurrency = self.concurrency(piece.share)
        self._limiter.allow(concurrency.writers)
        source = source_of(self._settings, self._sides, self._retry, self._reading, now=self._now)
        paces = (("source", self._reading), ("target", self._writing))
        rejects = _KeptRejects(piece.params if isinstance(piece.params, int) else 0)
        ledger = Ledger(0, CopyState(positions=piece.positions))
        copying = Copying(source, self._target, ledger, rejects, concurrency, self._limiter)
        return CopySliceRun(piece, copying, ledger, rejects, self._retry, paces)

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


class CopySliceRun:
    """One slice of a copy, with an account of its own."""

    def __init__(
        self,
        piece: Slice,
        copying: Copying,
        ledger: Ledger,
        rejects: "_KeptRejects",
        retry: Retry,
        paces: Sequence[tuple[str, Pace]],
    ) -> None:
        self._piece, self._copying = piece, copying
        self._ledger, self._rejects = ledger, rejects
        self._retry, self._before = retry, (retry.retries, retry.throttled)
        self._paces = paces

    async def work(self, stop: asyncio.Event) -> None:
        """Copy the slice's segments. Raises an exception group."""
        await self._copying.here(self._piece.segments, stop)

    def live_stats(self) -> LiveStats:
        """What is done by now."""
        ledger, retry = self._ledger, self._retry
        return LiveStats(
            segments_done=ledger.segments_done,
            items=ledger.counts,
            bytes_read=ledger.bytes_read,
            batches=ledger.batches,
            backlog=ledger.backlog,
            retries=retry.retries - self._before[0],
            throttled=retry.throttled - self._before[1],
            paced=self._paced(),
        )

    def report(self) -> SliceResult:
        """What is settled by now."""
        return SliceResult(
            state=self._ledger.state,
            kept=tuple(self._rejects.kept),
            retries=self._retry.retries - self._before[0],
            throttled=self._retry.throttled - self._before[1],
            paced=self._paced(),
        )

    def _paced(self) -> str:
        return reasons(self._paces, self._retry)


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
