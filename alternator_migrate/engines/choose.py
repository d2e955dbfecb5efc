"""Chooses the engine of a run, and the number of its workers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from alternator_migrate.core.capacity import EVENTUAL_READ_BYTES, WRITE_BYTES
from alternator_migrate.core.runtime import usable_cores
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.work import Engine, Job
from alternator_migrate.engines.executor import Executor
from alternator_migrate.engines.lateness import LATE_SECONDS
from alternator_migrate.engines.local import Local
from alternator_migrate.engines.pool import Pool
from alternator_migrate.engines.processes import open_processes

EngineKind = Literal["auto", "local", "processes", "dask"]
WORTH_BYTES: Final = 200_000_000
"""From this size of a table on, the second that workers need to start is won back."""
_ONE_CORE_BYTES: Final = 30_000_000
_FEW_SEGMENTS: Final = 4


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The engine as the command line asks for it; `workers` None means as many as fit."""

    engine: EngineKind = "auto"
    workers: int | None = None
    scheduler: str | None = None

    @property
    def late_seconds(self) -> float:
        """For how many seconds after a run on this engine has ended its workers may still write."""
        return LATE_SECONDS if self.engine == "dask" else 0.0


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine, how many workers it is to have (a cluster that runs has its own), and why."""

    engine: Literal["local", "processes", "dask"]
    workers: int
    why: str = ""

    @property
    def text(self) -> str:
        """For a person: "processes, 8 workers (8 cores)"."""
        workers = "" if self.engine == "local" else f", {self.workers} workers"
        return f"{self.engine}{workers}{f' ({self.why})' if self.why else ''}"


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """The facts that an engine is chosen by: the number of segments, the table's size in bytes (0:
    not known), the caps in units a second, and the most slices that the configuration lets run at
    once (None: any number)."""

    segments: int
    size: int
    read_cap: float | None
    write_cap: float | None
    most: int | None

    @property
    def shared(self) -> bool:
        """Whether the run has limits that its workers have to share."""
        return any(limit is not None for limit in (self.read_cap, self.write_cap, self.most))


def choose(options: EngineOptions, facts: WorkFacts, cores: int) -> EngineChoice:
    """The engine for a migration on a machine with so many usable `cores`."""
    workers = min(options.workers or cores, facts.most or facts.segments)
    if options.engine == "dask":
        return EngineChoice("dask", max(workers, 1))
    if options.engine == "processes":
        return EngineChoice("processes", max(workers, 1))
    if options.engine == "local":
        return EngineChoice("local", 1)
    if options.workers and options.workers > 1:
        return EngineChoice("processes", workers, "--workers")
    if reason := _why_local(facts, workers):
        return EngineChoice("local", 1, reason)
    return EngineChoice("processes", workers, f"{cores} cores")


def in_workers(options: EngineOptions, facts: WorkFacts, cores: int) -> EngineChoice | None:
    """The engine of workers for one of many tables; None where it is copied here: a small one, and
    one with limits, which it shares with tables that are."""
    choice = choose(options, facts, cores)
    is_small = 0 < facts.size < WORTH_BYTES
    return None if choice.engine == "local" or is_small or facts.shared else choice


OpenEngine: TypeAlias = Callable[
    [EngineOptions, WorkFacts, Callable[[bool], Job], Steering],
    AbstractAsyncContextManager[Engine],
]
"""Opens the engine of a run, in the way of `open_engine`."""


@asynccontextmanager
async def open_engine(
    options: EngineOptions,
    facts: WorkFacts,
    job_of: Callable[[bool], Job],
    steering: Steering | None = None,
) -> AsyncIterator[Engine]:
    """The engine of a run, with its workers; `job_of(here)` is the job of those of this machine,
    or of a cluster's. What is sent to workers obeys `steering`. Raises `UsageError` where they
    cannot be had."""
    choice = choose(options, facts, usable_cores())
    if choice.engine == "local":
        yield Local(choice.text)
    else:
        async with _open_pool(choice, options.scheduler, job_of) as pool:
            yield Executor(
                pool,
                most=facts.most,
                shared=facts.shared,
                text=choice.text,
                steering=steering,
            )


def _open_pool(
    choice: EngineChoice, scheduler: str | None, job_of: Callable[[bool], Job]
) -> AbstractAsyncContextManager[Pool]:
    """The workers of the engine that was chosen."""
    if choice.engine == "processes":
        return open_processes(choice.workers, job_of(True))
    from alternator_migrate.engines import dask  # noqa: PLC0415 # slow to import

    return dask.open_cluster(scheduler, choice.workers, job_of(False))


def _why_local(facts: WorkFacts, workers: int) -> str:
    """Why one process is as good as several, or ""."""
    pace = min(
        (facts.read_cap or float("inf")) * EVENTUAL_READ_BYTES,
        (facts.write_cap or float("inf")) * WRITE_BYTES,
    )
    if workers < 2:
        return "one core"
    if facts.segments <= _FEW_SEGMENTS:
        return "few segments"
    if not facts.size:
        return "the table's size is not known"
    if facts.size < WORTH_BYTES:
        return "a small table"
    return "one core keeps that pace" if pace < _ONE_CORE_BYTES else ""
