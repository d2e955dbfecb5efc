"""Joinery of workers: a migration's job as it travels to them, and what they open to do it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from alternator_migrate.concurrency import Limiter
from alternator_migrate.config import Settings
from alternator_migrate.errors import TooManyRejects
from alternator_migrate.ledger import Ledger
from alternator_migrate.migration import Findings
from alternator_migrate.model import Reject, Standing
from alternator_migrate.pacing import Pace, Retry, part_of, reasons
from alternator_migrate.services import open_service
from alternator_migrate.slices import Glimpse, Report, Slice
from alternator_migrate.snapshot import Copying, Crew
from alternator_migrate.wiring import Sides, source_of, target_of


class Configuration(Protocol):
    """A configuration that travels."""

    def settings(self) -> Settings:
        """The settings on this machine. Raises `ConfigError`."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """Settings as this machine has read them, secrets included: for processes of this machine."""

    known: Settings = field(repr=False)

    def settings(self) -> Settings:
        """The settings."""
        return self.known


@dataclass(frozen=True, slots=True)
class TableJob:
    """What workers have to know of the two tables, whatever they do with them."""

    configuration: Configuration
    findings: Findings
    read_cap: float | None
    write_cap: float | None
    crew: Crew
    key: str = field(default_factory=lambda: uuid.uuid4().hex, kw_only=True)

    @classmethod
    def between(cls, configuration: Configuration, sides: Sides, *own: object) -> Self:
        """The job between open `sides`, with what is its own."""
        findings = replace(sides.findings, segments=())
        return cls(configuration, findings, sides.read_cap, sides.write_cap, sides.crew, *own)

    def check(self) -> None:
        """Raise `ConfigError` where a variable that the configuration names is not set here."""
        self.configuration.settings()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[Settings, Sides]]:
        """The settings, and both sides; their nodes are watched meanwhile. Raises
        `MigrateError`."""
        settings, crew = self.configuration.settings(), self.crew
        patience = settings.retry_budget_seconds
        async with (
            open_service("source", settings.source, crew.readers, patience) as source,
            open_service("target", settings.target, crew.writers, patience) as target,
            asyncio.TaskGroup() as group,
        ):
            watching = [group.create_task(side.watch()) for side in (source, target)]
            yield (
                settings,
                Sides(source, target, self.findings, self.read_cap, self.write_cap, crew),
            )
            for task in watching:
                task.cancel()


@dataclass(frozen=True, slots=True)
class CopyJob(TableJob):
    """The copy of one table, for workers; `now` (epoch seconds) decides for all of them which
    items have expired."""

    now: float

    @asynccontextmanager
    async def open(self) -> AsyncIterator["CopyBench"]:
        """Connect to both sides. Raises `MigrateError`."""
        async with self.connected() as (settings, sides):
            yield CopyBench(settings, sides, self.now)


def copy_job(configuration: Configuration, sides: Sides, now: float) -> CopyJob:
    """The job of a migration between open `sides`."""
    return CopyJob.between(configuration, sides, now)


class CopyBench:
    """Both sides, open, and what is learned about them from slice to slice."""

    def __init__(self, settings: Settings, sides: Sides, now: float) -> None:
        self._settings, self._sides, self._now = settings, sides, now
        self._retry = Retry(settings.retry_budget_seconds)
        self._reading, self._writing = Pace(), Pace()
        self._target = target_of(settings, sides, self._retry, self._writing)
        self._limiter = Limiter(sides.crew.writers)

    def begin(self, piece: Slice) -> "CopyShift":
        """Take up a slice."""
        for pace, cap in (
            (self._reading, self._sides.read_cap),
            (self._writing, self._sides.write_cap),
        ):
            pace.allow(part_of(cap, piece.share))
        crew = self.crew(piece.share)
        self._limiter.allow(crew.writers)
        source = source_of(self._settings, self._sides, self._retry, self._reading, now=self._now)
        paces = (("source", self._reading), ("target", self._writing))
        rejects = _KeptRejects(piece.errand if isinstance(piece.errand, int) else 0)
        ledger = Ledger(0, Standing(positions=piece.positions))
        copying = Copying(source, self._target, ledger, rejects, crew, self._limiter)
        return CopyShift(piece, copying, ledger, rejects, self._retry, paces)

    def crew(self, share: float) -> Crew:
        """The part of the connections that a slice has of those that the configuration allows;
        what it does not limit is each worker's own."""
        crew, source, target = self._sides.crew, self._settings.source, self._settings.target
        if source.max_map_tasks or (source.alternator and source.alternator.max_connections):
            crew = replace(crew, readers=max(int(crew.readers * share), 1))
        if target.alternator and target.alternator.max_connections:
            crew = replace(crew, writers=max(int(crew.writers * share), 1))
        return crew


class CopyShift:
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

    def glimpse(self) -> Glimpse:
        """What is done by now."""
        ledger, retry = self._ledger, self._retry
        return Glimpse(
            segments_done=ledger.segments_done,
            items=ledger.counts,
            bytes_read=ledger.bytes_read,
            batches=ledger.batches,
            backlog=ledger.backlog,
            retries=retry.retries - self._before[0],
            throttled=retry.throttled - self._before[1],
            paced=self._paced(),
        )

    def report(self) -> Report:
        """What is settled by now."""
        return Report(
            standing=self._ledger.standing,
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
