"""Which engine does the work of a run, and with how many workers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from alternator_migrate.config import Loaded, Settings
from alternator_migrate.connectors import (
    LocalConfig,
    Pair,
    TravellingConfig,
    is_shared,
    most_slices,
    portable_config,
)
from alternator_migrate.core.runtime import usable_cores
from alternator_migrate.core.work import Engine, Job
from alternator_migrate.engines.executor import Executor
from alternator_migrate.engines.local import Local
from alternator_migrate.engines.processes import open_processes

EngineKind = Literal["auto", "local", "processes", "dask"]
WORTH_BYTES: Final = 200_000_000
"""From this size of a table on, the second that workers need to start is won back."""
_ONE_CORE_BYTES: Final = 30_000_000
_FEW_SEGMENTS: Final = 4
_READ_UNIT: Final = 8192
_WRITE_UNIT: Final = 1024


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the command line says about engines; `workers` None means as many as fit."""

    engine: EngineKind = "auto"
    workers: int | None = None
    scheduler: str | None = None


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


def choose(
    engine_options: EngineOptions, settings: Settings, pair: Pair, cores: int
) -> EngineChoice:
    """The engine for a migration on a machine with so many usable `cores`."""
    most = most_slices(settings)
    workers = min(engine_options.workers or cores, most or len(pair.inspection.segments))
    if engine_options.engine == "dask":
        return EngineChoice("dask", max(workers, 1))
    if engine_options.engine == "processes":
        return EngineChoice("processes", max(workers, 1))
    if engine_options.engine == "local":
        return EngineChoice("local", 1)
    if engine_options.workers and engine_options.workers > 1:
        return EngineChoice("processes", workers, "--workers")
    if reason := _why_local(pair, workers):
        return EngineChoice("local", 1, reason)
    return EngineChoice("processes", workers, f"{cores} cores")


@asynccontextmanager
async def open_engine(
    engine_options: EngineOptions,
    loaded: Loaded,
    pair: Pair,
    job_of: Callable[[TravellingConfig], Job],
) -> AsyncIterator[Engine]:
    """The engine of a run, with its workers, to whom `job_of` a configuration is given. Raises
    `UsageError` where they cannot be had."""
    settings = loaded.settings
    choice = choose(engine_options, settings, pair, usable_cores())
    most, shared = most_slices(settings), is_shared(settings, pair)
    if choice.engine == "local":
        yield Local()
    elif choice.engine == "processes":
        async with open_processes(choice.workers, job_of(LocalConfig(settings))) as pool:
            yield Executor(pool, most=most, shared=shared)
    else:
        from alternator_migrate.engines import dask as cluster  # noqa: PLC0415 # slow to import

        job = job_of(portable_config(loaded, engine_options.scheduler))
        async with cluster.open_cluster(engine_options.scheduler, choice.workers, job) as workers:
            yield Executor(workers, most=most, shared=shared)


def _why_local(pair: Pair, workers: int) -> str:
    """Why one process is as good as several, or ""."""
    table = pair.inspection.source
    pace = min(
        (pair.read_cap or float("inf")) * _READ_UNIT,
        (pair.write_cap or float("inf")) * _WRITE_UNIT,
    )
    if workers < 2:
        return "one core"
    if len(pair.inspection.segments) <= _FEW_SEGMENTS:
        return "few segments"
    if not table.size:
        return "the table's size is not known"
    if table.size < WORTH_BYTES:
        return "a small table"
    return "one core keeps that pace" if pace < _ONE_CORE_BYTES else ""
