"""Savepoints on disk: their format, atomic writing, the newest one, and the lock of a migration.

A savepoint is the configuration (so that ScyllaDB Migrator could go on from it) with
`source.scanSegments` and `skipSegments` as they stand, and `progress` for what that tool does not
know. It is JSON, which is YAML. Files of ScyllaDB Migrator's own may stand beside them: they are
YAML, are read as configurations, and are left alone here.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from alternator_migrate.core.durable import link, private_folder, sync_folder, written
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.savepoints import foreign
from alternator_migrate.savepoints.format import Savepoint, decode, encode

_NAME = re.compile(r"savepoint_(\d{13})_(\d{10})\.yaml")
_MOST_COUNTED: Final = 9_999_999_999
_KEPT: Final = 3
_LOCK_TRIES: Final = 10
_LOCK_PAUSE: Final = 0.1


def found(folder: Path) -> Iterator[tuple[Path, Savepoint]]:
    """The readable savepoints of a folder, newest first; damaged ones are passed over."""
    for path, point in _read(folder):
        if isinstance(point, Savepoint):
            yield path, point


def _read(folder: Path) -> Iterator[tuple[Path, Savepoint | Exception]]:
    """The savepoints of a folder, newest first, or why one cannot be read."""
    for path in _files(folder):
        try:
            yield path, decode(path.read_bytes())
        except (OSError, ValueError) as error:
            yield path, error


class Store:
    """The savepoints of one migration in `folder`, beside those of others. `passed_over` says of
    the newer ones, which cannot be read, why."""

    def __init__(self, folder: Path, migration: str) -> None:
        self.folder = folder
        self.passed_over: list[str] = []
        self.latest: Path | None = None
        self.migration = migration
        self._place = 0, 0

    def newest(self) -> tuple[Path, Savepoint] | None:
        """The newest savepoint of this migration that can be read.

        Raises `UsageError` where there is none, but files whose migration cannot be told.
        """
        self.passed_over = []
        for path, point in _read(self.folder):
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

    def readable(self) -> Iterator[tuple[Path, Savepoint]]:
        """All savepoints of this migration that can be read, newest first."""
        return (each for each in found(self.folder) if each[1].migration == self.migration)

    def write(self, savepoint: Savepoint) -> Path:
        """Write a savepoint durably, under a name of its own; the older ones of this migration,
        save two, are removed.

        Raises `MigrateError` where the disk is full or read-only; older savepoints then stand.
        """
        try:
            private_folder(self.folder)
            temporary = self.folder / f".savepoint_{os.getpid()}.{self.migration}.tmp"
            with written(temporary, encode(replace(savepoint, written=time.time()))):
                path = self._placed(temporary)
            sync_folder(self.folder)
        except OSError as error:
            raise MigrateError(
                f"cannot write a savepoint in {self.folder}: {error.strerror}",
                "Set savepoints.path to a folder with room that this user may write.",
            ) from error
        self.latest = path
        self._prune()
        return path

    def _placed(self, temporary: Path) -> Path:
        """Give a whole file its name: the next one that no other migration has taken."""
        while True:
            path = self.folder / self._next_name()
            with suppress(FileExistsError):
                link(temporary, path)
                return path

    def _next_name(self) -> str:
        """A name after all others, even when the clock was set back."""
        last = next(iter(_files(self.folder)), None)
        named = _NAME.fullmatch(last.name) if last else None
        newest = (int(named[1]), int(named[2])) if named else (0, 0)
        millis, counter = max(self._place, newest)
        full = counter == _MOST_COUNTED
        now = max(int(time.time() * 1000), millis + full)
        self._place = now, 1 if full else counter + 1
        return "savepoint_{:013}_{:010}.yaml".format(*self._place)

    def _prune(self) -> None:
        """Remove what is too old. Raises `MigrateError` where the disk refuses that."""
        for path, _ in [*self.readable()][_KEPT:]:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise MigrateError(
                    f"cannot remove the old savepoint {path}: {error.strerror}",
                    "Set savepoints.path to a folder that this user may write.",
                ) from error


@contextmanager
def lock(folder: Path, migration: str) -> Iterator[None]:
    """Hold the lock of a migration; the kernel frees it when its holder dies. What a killed run
    left half written is removed.

    Raises `UsageError` while another process holds it, or where the folder cannot be written.
    """
    path = folder / f"migration_{migration}.lock"
    try:
        private_folder(folder)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _locked(descriptor):
                raise UsageError(
                    f"this migration is running already: process {_pid(path)} holds {path}",
                    "Wait for it to end, or stop it; `alternator-migrate status` shows how it "
                    "stands.",
                )
            os.truncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            for left in folder.glob(f".savepoint_*.{migration}.tmp"):
                left.unlink(missing_ok=True)
        except BaseException:
            os.close(descriptor)
            raise
    except OSError as error:
        raise UsageError(
            f"cannot write in {folder}: {error.strerror}",
            "Set savepoints.path to a folder with room that this user may write.",
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take the lock; tried for a second, since `status` holds it for a moment when it looks."""
    for turn in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(_LOCK_PAUSE if turn else 0)
        else:
            return True
    return False


def _pid(path: Path) -> str:
    return path.read_text().strip() or "unknown"


def holder(folder: Path, migration: str) -> str | None:
    """The process id of the run that holds a migration's lock now; None if there is none."""
    path = folder / f"migration_{migration}.lock"
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _pid(path)
    finally:
        os.close(descriptor)
    return None


def check_alone(folder: Path, migration: str) -> None:
    """Raise `UsageError`, of one line, while another process runs this migration."""
    if process := holder(folder, migration):
        raise UsageError(
            f"this migration is running already, as process {process} (savepoints in {folder}); "
            "`alternator-migrate status` shows how it stands"
        )


def _files(folder: Path) -> list[Path]:
    try:
        return sorted((p for p in folder.iterdir() if _NAME.fullmatch(p.name)), reverse=True)
    except OSError:
        return []


def written_at(path: str) -> float | None:
    """When a savepoint was written (epoch seconds), by its name; None for another file."""
    named = _NAME.fullmatch(Path(path).name)
    return int(named[1]) / 1000 if named else None
