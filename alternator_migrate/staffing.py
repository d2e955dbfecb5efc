"""Which engine does the work of a run, and with how many workers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from alternator_migrate.config import Loaded, Recipe, Settings, literal_secrets, recipe
from alternator_migrate.cores import usable_cores
from alternator_migrate.engines.executor import Executor
from alternator_migrate.engines.local import Local
from alternator_migrate.engines.processes import open_processes
from alternator_migrate.errors import UsageError
from alternator_migrate.interfaces import Engine, Job
from alternator_migrate.jobs import Configuration, Known
from alternator_migrate.wiring import Sides

Kind = Literal["auto", "local", "processes", "dask"]

WORTH_BYTES: Final = 200_000_000
"""From this size of a table on, the second that workers need to start is won back."""

_ONE_CORE_BYTES: Final = 30_000_000
_FEW_SEGMENTS: Final = 4
_READ_UNIT: Final = 8192
_WRITE_UNIT: Final = 1024


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says about engines; `workers` None means as many as fit."""

    engine: Kind = "auto"
    workers: int | None = None
    scheduler: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine, how many workers it is to have (a cluster that runs has its own), and why."""

    engine: Literal["local", "processes", "dask"]
    workers: int
    why: str = ""

    @property
    def text(self) -> str:
        """For a person: "processes, 8 workers (8 cores)"."""
        workers = "" if self.engine == "local" else f", {self.workers} workers"
        return f"{self.engine}{workers}{f' ({self.why})' if self.why else ''}"


def choose(wish: Wish, settings: Settings, sides: Sides, cores: int) -> Choice:
    """The engine for a migration on a machine with so many usable `cores`."""
    most = most_slices(settings)
    workers = min(wish.workers or cores, most or len(sides.findings.segments))
    if wish.engine == "dask":
        return Choice("dask", max(workers, 1))
    if wish.engine == "processes":
        return Choice("processes", max(workers, 1))
    if wish.engine == "local":
        return Choice("local", 1)
    if wish.workers and wish.workers > 1:
        return Choice("processes", workers, "--workers")
    if reason := _why_local(sides, workers):
        return Choice("local", 1, reason)
    return Choice("processes", workers, f"{cores} cores")


def most_slices(settings: Settings) -> int | None:
    """How many slices may run at once, so that each has a connection and a segment to read."""
    source, target = settings.source, settings.target
    limits = [source.max_map_tasks]
    limits += [side.alternator.max_connections for side in (source, target) if side.alternator]
    return min((limit for limit in limits if limit), default=None)


def is_shared(settings: Settings, sides: Sides) -> bool:
    """Whether the run has limits that its workers have to share."""
    capped = sides.read_cap is not None or sides.write_cap is not None
    return capped or most_slices(settings) is not None


@asynccontextmanager
async def open_engine(
    wish: Wish, loaded: Loaded, sides: Sides, job_of: Callable[[Configuration], Job]
) -> AsyncIterator[Engine]:
    """The engine of a run, with its workers, to whom `job_of` a configuration is given. Raises
    `UsageError` where they cannot be had."""
    settings = loaded.settings
    choice = choose(wish, settings, sides, usable_cores())
    most, shared = most_slices(settings), is_shared(settings, sides)
    if choice.engine == "local":
        yield Local()
    elif choice.engine == "processes":
        async with open_processes(choice.workers, job_of(Known(settings))) as pool:
            yield Executor(pool, most=most, shared=shared)
    else:
        from alternator_migrate.engines import cluster  # noqa: PLC0415 # slow to import

        job = job_of(_travelling(loaded, wish.scheduler))
        async with cluster.open_cluster(wish.scheduler, choice.workers, job) as workers:
            yield Executor(workers, most=most, shared=shared)


def _travelling(loaded: Loaded, scheduler: str | None) -> Recipe:
    """The configuration as it goes to a cluster: with literal secrets only where TLS hides them.

    Raises `UsageError` for others.
    """
    secrets = ", ".join(literal_secrets(loaded))
    if secrets and scheduler and not scheduler.startswith("tls://"):
        raise UsageError(
            f"{secrets} would travel in the clear to {scheduler}",
            "Write ${VAR} in the configuration and set that variable on the workers, or use a "
            "scheduler with tls://.",
        )
    return recipe(loaded, with_secrets=True)


def _why_local(sides: Sides, workers: int) -> str:
    """Why one process is as good as several, or ""."""
    table = sides.findings.source
    pace = min(
        (sides.read_cap or float("inf")) * _READ_UNIT,
        (sides.write_cap or float("inf")) * _WRITE_UNIT,
    )
    if workers < 2:
        return "one core"
    if len(sides.findings.segments) <= _FEW_SEGMENTS:
        return "few segments"
    if not table.size:
        return "the table's size is not known"
    if table.size < WORTH_BYTES:
        return "a small table"
    return "one core keeps that pace" if pace < _ONE_CORE_BYTES else ""
