"""Savepoints on disk: their format, atomic writing, the newest one, and the lock of a migration.

A savepoint is the configuration (so that ScyllaDB Migrator could go on from it) with
`source.scanSegments` and `skipSegments` as they stand, and `progress` for what that tool does not
know. It is JSON, which is YAML.
"""

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from alternator_migrate import plain
from alternator_migrate.durable import private_folder, replace_file
from alternator_migrate.errors import MigrateError, UsageError
from alternator_migrate.model import Comparison, Standing

_NAME = re.compile(r"savepoint_(\d{13})_(\d{10})\.yaml")
_RAW_IS_NO_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_KEPT: Final = 3
_LOCK_TRIES: Final = 10
_LOCK_PAUSE: Final = 0.1
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Savepoint:
    """How a migration stood at one moment.

    `migration` identifies what is copied where; `shape` what of the configuration decides which
    items arrive, and how. `source_id` and `target_id` are the tables' own identities ("" while
    unknown). `seconds` is the time all its runs took; `written` is epoch seconds. That of a
    validation has a `comparison`, and its `standing` says nothing.
    """

    configuration: Mapping[str, Any]
    migration: str
    shape: str
    segments: int
    source_id: str
    target_id: str = ""
    standing: Standing = field(default_factory=Standing)
    status: str = "running"
    seconds: float = 0.0
    written: float = 0.0
    config_file: str | None = None
    rejects: str | None = None
    comparison: Comparison | None = None


def encode(savepoint: Savepoint) -> bytes:
    """The text of a savepoint file."""
    standing = savepoint.standing
    configuration = {**savepoint.configuration}
    if savepoint.comparison is None:
        configuration["source"] = {
            **configuration.get("source", {}),
            "scanSegments": savepoint.segments,
        }
        configuration["skipSegments"] = sorted(standing.done)
    progress: dict[str, Any] = {
        "version": _VERSION,
        "migration": savepoint.migration,
        "shape": savepoint.shape,
        "status": savepoint.status,
        "sourceTableId": savepoint.source_id,
        "targetTableId": savepoint.target_id,
        **plain.of_standing(standing),
        "seconds": round(savepoint.seconds, 3),
        "written": round(savepoint.written, 3),
        "configFile": savepoint.config_file,
        "rejects": savepoint.rejects,
    }
    if savepoint.comparison:
        progress["validation"] = plain.of_comparison(savepoint.comparison)
    text = json.dumps({**configuration, "progress": progress}, indent=1, ensure_ascii=False)
    return _RAW_IS_NO_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def decode(text: bytes | str) -> Savepoint:
    """A savepoint from its text. Raises `ValueError` for anything else."""
    try:
        whole = json.loads(text)
        progress = whole.pop("progress")
        if progress["version"] != _VERSION:
            raise ValueError(
                f"it has version {progress['version']}, and this tool reads {_VERSION}"
            )
        compared = progress.get("validation")
        comparison = plain.comparison(compared) if compared else None
        done = () if comparison else whole["skipSegments"]
        return Savepoint(
            configuration=whole,
            migration=progress["migration"],
            shape=progress["shape"],
            segments=comparison.segments if comparison else whole["source"]["scanSegments"],
            source_id=progress["sourceTableId"],
            target_id=progress["targetTableId"],
            standing=plain.standing(progress, done),
            status=progress["status"],
            seconds=progress["seconds"],
            written=progress["written"],
            config_file=progress["configFile"],
            rejects=progress["rejects"],
            comparison=comparison,
        )
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is not a savepoint ({error!r})") from error


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
        self._counter = 0
        self._millis = 0

    def newest(self) -> tuple[Path, Savepoint] | None:
        """The newest savepoint of this migration that can be read.

        Raises `UsageError` where there is none, but files whose migration cannot be told.
        """
        self.passed_over = []
        for path, point in _read(self.folder):
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
        """Write a savepoint durably; the older ones of this migration, save two, are removed.

        Raises `MigrateError` where the disk is full or read-only; older savepoints then stand.
        """
        try:
            private_folder(self.folder)
            path = self.folder / self._next_name()
            temporary = self.folder / f".{path.name}.{self.migration}.tmp"
            text = encode(replace(savepoint, written=time.time()))
            replace_file(path, text, temporary)
        except OSError as error:
            raise MigrateError(
                f"cannot write a savepoint in {self.folder}: {error.strerror}",
                "Set savepoints.path to a folder with room that this user may write.",
            ) from error
        self.latest = path
        self._prune()
        return path

    def _next_name(self) -> str:
        """A name after all others, even when the clock was set back."""
        last = next(iter(_files(self.folder)), None)
        named = _NAME.fullmatch(last.name) if last else None
        self._millis = max(int(time.time() * 1000), self._millis, int(named[1]) if named else 0)
        self._counter = max(self._counter, int(named[2]) if named else 0) + 1
        return f"savepoint_{self._millis:013}_{self._counter:010}.yaml"

    def _prune(self) -> None:
        for path, _ in [*self.readable()][_KEPT:]:
            path.unlink(missing_ok=True)


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


def _files(folder: Path) -> list[Path]:
    try:
        return sorted((p for p in folder.iterdir() if _NAME.fullmatch(p.name)), reverse=True)
    except OSError:
        return []
