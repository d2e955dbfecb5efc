"""A folder of this machine as the place of savepoints."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from alternator_migrate.core.durable import (
    link,
    private_folder,
    replace_file,
    sync_folder,
    written,
)
from alternator_migrate.core.errors import UsageError

_LOCK_TRIES: Final = 10
_LOCK_PAUSE: Final = 0.1


class LocalFolder:
    """The place in `folder`; files that grow are written where they are to be. See `Place`."""

    def __init__(self, folder: Path) -> None:
        self.work = folder

    def __str__(self) -> str:
        return str(self.work)

    @property
    def near(self) -> Path:
        """The folder."""
        return self.work

    @property
    def beside(self) -> str:
        """The folder, whatever the working directory."""
        return str(self.work.absolute())

    def names(self) -> list[str]:
        """The names of all files; none where the folder cannot be read."""
        try:
            return [path.name for path in self.work.iterdir()]
        except OSError:
            return []

    def where(self, name: str) -> Path:
        """The path of a file."""
        return self.work / name

    def read(self, name: str) -> bytes:
        """A whole file. Raises `OSError`."""
        return (self.work / name).read_bytes()

    def create(self, text: bytes, names: Callable[[], str], owner: str) -> str:
        """Make a file that is fsynced before it has its name, and its folder after. Raises
        `OSError`."""
        private_folder(self.work)
        temporary = self.work / f".savepoint_{os.getpid()}.{owner}.tmp"
        with written(temporary, text):
            name = self._placed(temporary, names)
        sync_folder(self.work)
        return name

    def replace(self, name: str, text: bytes) -> None:
        """Put a file in the place of another. Raises `OSError`."""
        private_folder(self.work)
        replace_file(self.work / name, text)

    def remove(self, name: str) -> None:
        """Remove a file. Raises `OSError`."""
        (self.work / name).unlink(missing_ok=True)

    def keep(self) -> None:
        """Nothing: files grow where they are to be."""

    def told(self, path: str | Path) -> str:
        """The path; a name alone is one in the folder."""
        return str(self.work / path) if Path(path).name == str(path) else str(path)

    def at_hand(self, told: str) -> Path:
        """The path that was told."""
        return Path(told)

    @contextmanager
    def lock(self, migration: str, lost: Callable[[], None]) -> Iterator[None]:
        """Hold the lock of a migration, which the kernel frees when its holder dies, and cannot be
        `lost`. What a killed run left half written is removed. Raises `UsageError`."""
        path = self._lock_of(migration)
        try:
            private_folder(self.work)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                if not _locked(descriptor):
                    raise held_by(_pid(path), path)
                os.truncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                for left in self.work.glob(f".savepoint_*.{migration}.tmp"):
                    left.unlink(missing_ok=True)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise UsageError(
                f"cannot write in {self.work}: {error.strerror}",
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

    def setting(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was given, with the folder whole."""
        others = {name: each for name, each in given.items() if name != "target"}
        return {**others, "path": self.beside}

    def _lock_of(self, migration: str) -> Path:
        return self.work / f"migration_{migration}.lock"

    def _placed(self, temporary: Path, names: Callable[[], str]) -> str:
        """Give a whole file its name: the next one that no other migration has taken."""
        while True:
            name = names()
            with suppress(FileExistsError):
                link(temporary, self.work / name)
                return name


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
