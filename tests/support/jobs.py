"""Configurations of migrations, and running them in the test's process or as a command."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from alternator_migrate.config.identity import migration_identity
from alternator_migrate.config.loading import load
from alternator_migrate.connectors.pair import open_pair
from alternator_migrate.connectors.rejects_file import RejectsFile
from alternator_migrate.connectors.target_table import check_empty
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.steering import Steering
from alternator_migrate.migration.assemble import build_migration
from alternator_migrate.migration.resume import first_savepoint, resume_of
from alternator_migrate.savepoints.keeper import Keeper
from alternator_migrate.savepoints.store import Store
from tests.servers.client import REGION, Item
from tests.standin import StandIn
from tests.support.shapes import canonical

Job = dict[str, Any]

KEYS = {"accessKey": "local", "secretKey": "local"}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a migration in the test's process ended; `error` is None when it was completed."""

    progress: Progress | None
    error: MigrateError | None
    rejects: Path | None = None

    @property
    def done(self) -> Progress:
        """The last state of a migration that must have been completed."""
        if self.error:
            raise self.error
        assert self.progress is not None
        return self.progress

    @property
    def failure(self) -> MigrateError:
        """The error of a migration that must have failed."""
        assert self.error is not None, f"it was completed: {self.progress}"
        return self.error


@dataclass(frozen=True, slots=True)
class Report:
    """How a command ended; `summary` is what --summary-json wrote, {} where it wrote nothing."""

    code: int
    out: str
    err: str
    summary: dict[str, Any]

    @property
    def table(self) -> dict[str, Any]:
        """The summary of the one table."""
        (table,) = self.summary["tables"]
        return dict(table)


class Migrate(Protocol):
    """Runs a job in the test's process."""

    async def __call__(self, job: Job, *, into_existing: bool = False) -> Ending: ...


class Command(Protocol):
    """Runs a job as a command (`word`); `args` are added to its command line."""

    async def __call__(
        self,
        job: Job,
        *args: str,
        env: Mapping[str, str] | None = None,
        seconds: float = 60,
        word: str = "run",
    ) -> Report: ...


def dynamodb(url: str, table: str, **more: Any) -> Job:
    """A side of type dynamodb."""
    place = {"region": REGION, "endpoint": {"url": url}, "credentials": KEYS}
    return {"type": "dynamodb", "table": table, **place, **more}


def alternator(url: str, table: str, **more: Any) -> Job:
    """A side of type alternator, unsigned unless `more` has credentials."""
    return {"type": "alternator", "table": table, "endpoint": {"url": url}, **more}


def standin_side(server: StandIn, table: str, **more: Any) -> Job:
    """A side at a stand-in, signed where it checks signatures."""
    keys = {"credentials": KEYS} if server.auth else {}
    return alternator(server.url, table, **keys, **more)


def job(source: Job, target: Job, **more: Any) -> Job:
    """A whole configuration."""
    return {"source": source, "target": target, **more}


def write_config(folder: Path, content: Job) -> Path:
    """Write a configuration into `folder`; savepoints and rejects are to go there too."""
    path = folder / "config.yaml"
    content = {"savepoints": {"path": str(folder / "savepoints")}, **content}
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


async def migrate(folder: Path, content: Job, *, into_existing: bool = False) -> Ending:
    """Run a job on the running event loop, with its files in `folder`."""
    migration = rejects = None
    try:
        loaded = load(write_config(folder, content), {})
        async with open_pair(loaded.settings) as sides:
            found = sides.inspection
            if not into_existing:
                await check_empty(sides.target.table, found.existing, "")
            folder = Path(loaded.settings.savepoints.path)
            store = Store(folder, migration_identity(loaded.settings))
            resume = resume_of(loaded, store)
            first = first_savepoint(resume, found.source, len(found.segments), None)
            migration, rejects = build_migration(
                loaded.settings,
                sides,
                Keeper(store, first),
                first.state,
                steering=Steering(),
            )
            status = await migration.run(asyncio.Event(), _show_nothing)
    except MigrateError as error:
        return Ending(migration.progress() if migration else None, error, _kept(rejects))
    assert status.is_final, "nobody stopped it"
    return Ending(migration.progress(), None, _kept(rejects))


def _kept(rejects: RejectsFile | None) -> Path | None:
    return Path(rejects.path) if rejects and rejects.path else None


def read_summary(path: Path) -> dict[str, Any]:
    """What --summary-json wrote; {} where there is no such file."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def by_key(items: Iterable[Item], *names: str) -> dict[Any, Item]:
    """Items by their key attributes, which must be unique by value."""
    found: dict[Any, Item] = {}
    for item in items:
        key = canonical({name: item[name] for name in names or ("pk",)})
        assert key not in found, f"two items of one key: {item}"
        found[key] = item
    return found


async def _show_nothing(_: Callable[[], Progress]) -> None:
    await asyncio.Event().wait()
