"""Runs that began and stopped, for the tests of going on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from alternator_migrate.config import identity
from alternator_migrate.config.loading import Loaded, load
from alternator_migrate.core.state import CopyState, Status
from alternator_migrate.dynamodb.table_schema import TableSpec, TableState
from alternator_migrate.migration import resume
from alternator_migrate.savepoints.resume import Resume
from alternator_migrate.savepoints.store import Store
from tests.support.configs import changed
from tests.support.savepoints import path_of

STANDING = CopyState(done=frozenset({0, 2}), positions={1: b'{"pk":{"S":"a"}}'})
SOURCE = TableState(TableSpec("From", (), {}), "source-1", "ACTIVE")
TARGET = TableState(TableSpec("To", (), {}), "target-1", "ACTIVE")


def written(folder: Path, text: str) -> Path:
    """A configuration file in `folder`, whose savepoints are beside it."""
    path = folder / "config.yaml"
    path.write_text(changed("savepoints.path", str(folder / "savepoints"), text))
    return path


def begun(path: Path, *assignments: str, **more: Any) -> Path:
    """A savepoint that a run of the configuration in `path` wrote after a while."""
    loaded = load(path, {}, assignments)
    store = store_of(loaded)
    first = resume.first_savepoint(resumed(loaded), SOURCE, 4, None)
    first = replace(first, target_id=TARGET.id, state=STANDING, status=Status.STOPPED)
    return path_of(store.write(replace(first, **more)))


def store_of(loaded: Loaded) -> Store:
    """Where a run of this configuration looks for savepoints."""
    return Store(
        Path(loaded.settings.savepoints.path), identity.migration_identity(loaded.settings)
    )


def goes_on(path: Path, *assignments: str, fresh: bool = False) -> Path | None:
    """The savepoint that `run path --set ...` goes on from."""
    found = resumed(load(path, {}, assignments)).earlier(fresh=fresh)
    return path_of(found[0]) if found else None


def resumed(loaded: Loaded) -> Resume:
    """Where a run of this configuration goes on."""
    return resume.resume_of(loaded, store_of(loaded))
