"""A folder of this machine as the place of savepoints."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from alternator_migrate.core.durable import (
    claimed,
    link,
    private_folder,
    replace_file,
    sync_folder,
    written,
)
from alternator_migrate.savepoints.local_locks import LocalLocks


class LocalFolder:
    """The place in `folder`; files that grow are written where they are to be. See `Place`."""

    def __init__(self, folder: Path) -> None:
        self.work, self.locks = folder, LocalLocks(folder)

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

    def names(self, prefix: str = "savepoint_") -> list[str]:
        """The names of files; none where the folder cannot be read."""
        try:
            return [path.name for path in self.work.iterdir() if path.name.startswith(prefix)]
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

    def claim(self, kind: str) -> Path:
        """A new file, under a name that it is the first to have. Raises `OSError`."""
        return claimed(self.work, kind)

    def keep(self) -> None:
        """Nothing: files grow where they are to be."""

    def told(self, path: str | Path) -> str:
        """The path; a name alone is one in the folder."""
        return str(self.work / path) if Path(path).name == str(path) else str(path)

    def at_hand(self, told: str) -> Path:
        """The path that was told."""
        return Path(told)

    def setting(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was given, with the folder whole."""
        others = {name: each for name, each in given.items() if name != "target"}
        return {**others, "path": self.beside}

    def _placed(self, temporary: Path, names: Callable[[], str]) -> str:
        """Give a whole file its name: the next one that no other migration has taken."""
        while True:
            name = names()
            with suppress(FileExistsError):
                link(temporary, self.work / name)
                return name
