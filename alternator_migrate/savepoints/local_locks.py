"""The locks of migrations in a folder of this machine."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alternator_migrate.core.durable import private_folder
from alternator_migrate.core.errors import UsageError

_LOCK_TRIES: Final = 10
_LOCK_PAUSE: Final = 0.1


class LocalLocks:
    """A file of `folder` for each migration, which the kernel locks. See `Locks`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, migration: str, lost: Callable[[], None]) -> Iterator[None]:
        """Hold the lock of a migration, which the kernel frees when its holder dies, and cannot be
        `lost`. What a killed run left half written is removed. Raises `UsageError`."""
        path = self._lock_of(migration)
        try:
            private_folder(self._folder)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                if not _locked(descriptor):
                    raise held_by(_pid(path), path)
                os.truncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                for left in self._folder.glob(f".savepoint_*.{migration}.tmp"):
                    left.unlink(missing_ok=True)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise UsageError(
                f"cannot write in {self._folder}: {error.strerror}",
                "Set savepoints.path to a folder with room that this user may write.",
            ) from error
        try:
            yield
        finally:
            os.close(descriptor)

    def check(self, migration: str) -> None:
        """Nothing: the lock of a folder is not lost."""

    def holder(self, migration: str) -> str | None:
        """The process id of the run that holds a migration's lock now; None if there is none."""
        path = self._lock_of(migration)
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

    def wait_alone(self, migration: str) -> str | None:
        """The holder: the lock of one that died is free at once."""
        return self.holder(migration)

    def _lock_of(self, migration: str) -> Path:
        return self._folder / f"migration_{migration}.lock"


def held_by(process: str, lock: object, until: str = "") -> UsageError:
    """The error where another process holds a lock."""
    return UsageError(
        f"this migration is running already: process {process} holds {lock}{until}",
        "Wait for it to end, or stop it; `alternator-migrate status` shows how it stands.",
    )


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
