"""The savepoints of a migration in their place: the newest one, writing, and the lock.

A savepoint is the configuration (so that ScyllaDB Migrator could go on from it) with
`source.scanSegments` and `skipSegments` as they stand, and `progress` for what that tool does not
know. It is JSON, which is YAML. Files of ScyllaDB Migrator's own may stand beside them: they are
YAML, are read as configurations, and are left alone here.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final

from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.savepoints import foreign
from alternator_migrate.savepoints.format import Savepoint, decode, encode
from alternator_migrate.savepoints.local import LocalFolder
from alternator_migrate.savepoints.place import Located, Place

_NAME = re.compile(r"savepoint_(\d{13})_(\d{10})\.yaml")
_MOST_COUNTED: Final = 9_999_999_999
_KEPT: Final = 3


def place_at(folder: Path | Place) -> Place:
    """A place; a folder of this machine may be given by its path."""
    return LocalFolder(folder) if isinstance(folder, Path) else folder


def found(folder: Path | Place) -> Iterator[tuple[Located, Savepoint]]:
    """The readable savepoints of a place, newest first; damaged ones are passed over."""
    place = place_at(folder)
    for name, point in _read(place):
        if isinstance(point, Savepoint):
            yield place.where(name), point


def _read(place: Place) -> Iterator[tuple[str, Savepoint | Exception]]:
    """The savepoints of a place, newest first, or why one cannot be read. Where one is removed
    before it is read, a newer one has been written meanwhile: those come after the others."""
    told: set[str] = set()
    gone: set[str] = set()
    again = True
    while again:
        again = False
        for name in _names(place):
            if name in told:
                continue
            point: Savepoint | Exception
            try:
                point = decode(place.read(name))
            except FileNotFoundError as error:
                if name not in gone:
                    gone.add(name)
                    again = True
                    continue
                point = error
            except (OSError, ValueError) as error:
                point = error
            told.add(name)
            yield name, point


def newest_of_parts(folder: Path | Place, migration: str) -> dict[str, Savepoint]:
    """The newest savepoints of a migration and of its parts, by their identities. Raises as
    `Store.newest` does."""
    newest: dict[str, Savepoint] = {}
    for _, point in found(folder):
        if point.migration.partition("-")[0] == migration:
            newest.setdefault(point.migration, point)
    if not newest:
        Store(folder, migration).newest()
    return newest


class Store:
    """The savepoints of one migration in `folder`, a place or the path of one, beside those of
    others. `passed_over` says of the newer ones, which cannot be read, why."""

    def __init__(self, folder: Path | Place, migration: str) -> None:
        self.place = place_at(folder)
        self.passed_over: list[str] = []
        self.latest: Located | None = None
        self.migration = migration
        self._last = 0, 0

    def newest(self) -> tuple[Located, Savepoint] | None:
        """The newest savepoint of this migration that can be read.

        Raises `UsageError` where there is none, but files whose migration cannot be told, and
        `MigrateError` where the place cannot be looked into.
        """
        self.passed_over = []
        for name, point in _read(self.place):
            path = self.place.where(name)
            if isinstance(point, foreign.ForeignFileError):
                continue
            if isinstance(point, Exception):
                self.passed_over.append(f"{path}: {point}")
            elif point.migration == self.migration:
                return path, point
        if self.passed_over:
            raise UsageError(
                f"a savepoint cannot be read, and no other one is of this migration: "
                f"{self.passed_over[0]}",
                "Put it right, move it away, or pass --fresh to begin anew.",
            )
        return None

    def readable(self) -> Iterator[tuple[Located, Savepoint]]:
        """All savepoints of this migration that can be read, newest first."""
        return (each for each in found(self.place) if each[1].migration == self.migration)

    def write(self, savepoint: Savepoint) -> Located:
        """Write a savepoint durably, after the files that it speaks of, under a name of its own;
        the older ones of this migration, save two, are removed.

        Raises `MigrateError` where the place does not take it, or where the lock of the migration
        is lost; older savepoints then stand.
        """
        self.check()
        try:
            self.place.keep()
            rejects = savepoint.rejects and self.place.told(savepoint.rejects)
            text = encode(replace(savepoint, rejects=rejects, written=time.time()))
            name = self.place.create(text, self._next_name, self.migration)
        except OSError as error:
            raise MigrateError(
                f"cannot write a savepoint in {self.place}: {error.strerror}",
                "Set savepoints.path to a folder with room that this user may write.",
            ) from error
        self.check()
        self.latest = self.place.where(name)
        self._prune()
        return self.latest

    def check(self) -> None:
        """Raise `MigrateError` where the lock of the migration was held and is lost."""
        self.place.locks.check(self.migration)

    def lock(self, lost: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold the lock of the migration, as `Locks.hold` does."""
        return self.place.locks.hold(self.migration, lost)

    def _next_name(self) -> str:
        """A name after all others, even when the clock was set back."""
        last = next(iter(_names(self.place)), None)
        named = _NAME.fullmatch(last) if last else None
        newest = (int(named[1]), int(named[2])) if named else (0, 0)
        millis, counter = max(self._last, newest)
        full = counter == _MOST_COUNTED
        now = max(int(time.time() * 1000), millis + full)
        self._last = now, 1 if full else counter + 1
        return "savepoint_{:013}_{:010}.yaml".format(*self._last)

    def _prune(self) -> None:
        """Remove what is too old. Raises `MigrateError` where the place refuses that."""
        if len(_names(self.place)) <= _KEPT:
            return
        for path, _ in [*self.readable()][_KEPT:]:
            try:
                self.place.remove(path.name)
            except OSError as error:
                raise MigrateError(
                    f"cannot remove the old savepoint {path}: {error.strerror}",
                    "Set savepoints.path to a folder that this user may write.",
                ) from error


def lock(
    folder: Path | Place, migration: str, lost: Callable[[], None] = lambda: None
) -> AbstractContextManager[None]:
    """Hold the lock of a migration, as `Locks.hold` does."""
    return place_at(folder).locks.hold(migration, lost)


def holder(folder: Path | Place, migration: str) -> str | None:
    """The process that holds a migration's lock now; None if there is none."""
    return place_at(folder).locks.holder(migration)


def check_alone(folder: Path | Place, migration: str) -> None:
    """Raise `UsageError`, of one line, while another process runs this migration."""
    place = place_at(folder)
    if process := place.locks.wait_alone(migration):
        raise UsageError(
            f"this migration is running already, as process {process} (savepoints in {place}); "
            "`alternator-migrate status` shows how it stands"
        )


def _names(place: Place) -> list[str]:
    return sorted(filter(_NAME.fullmatch, place.names()), reverse=True)


def written_at(path: str) -> float | None:
    """When a savepoint was written (epoch seconds), by its name; None for another file."""
    named = _NAME.fullmatch(Path(path).name)
    return int(named[1]) / 1000 if named else None
