"""The ports to where savepoints are: a folder of named files, and a lock a migration."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeAlias


class ObjectName(str):
    """The URL of an object, which has a name as a path has."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """What comes after the last /."""
        return self.rpartition("/")[2]


Located: TypeAlias = Path | ObjectName
"""Where a file is, as it is told to a person."""


class Locks(Protocol):
    """The locks of a place, one a migration."""

    def hold(self, migration: str, lost: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold the lock of a migration; it gets free when its holder dies. Should it be lost
        while it is held, `lost` is called, on the event loop that runs where it is taken.

        Raises `UsageError` while another process holds it, or where the place cannot be written.
        """
        ...

    def check(self, migration: str) -> None:
        """Raise `MigrateError` where the lock of a migration was held and is lost."""
        ...

    def holder(self, migration: str) -> str | None:
        """The process that holds a migration's lock now; None if there is none. Raises
        `MigrateError` where that cannot be told."""
        ...

    def wait_alone(self, migration: str) -> str | None:
        """The process that holds a migration's lock, and lives; None if there is none, which may
        take as long as the lock of one that died takes to get free."""
        ...


class Place(Protocol):
    """A folder of files that are whole or not there. Its text says where it is.

    Files that grow line by line (rejects, findings) are written in `work`, a folder of this
    machine, and are in the place when `keep` returns.
    """

    @property
    def work(self) -> Path:
        """The folder for files that grow."""
        ...

    @property
    def near(self) -> Path:
        """The folder for what belongs to this machine alone, such as sockets."""
        ...

    @property
    def beside(self) -> str:
        """Where it is, seen from everywhere."""
        ...

    @property
    def locks(self) -> Locks:
        """The locks of the migrations whose savepoints are there."""
        ...

    def names(self, prefix: str = "savepoint_") -> Iterable[str]:
        """The names of all files that begin with `prefix`, in any order; none where there is no
        such place yet. Raises `MigrateError` where that cannot be told."""
        ...

    def where(self, name: str) -> Located:
        """Where the file of a name is."""
        ...

    def read(self, name: str) -> bytes:
        """A whole file. Raises `OSError` where it is not there or cannot be read, `MigrateError`
        where that cannot be told."""
        ...

    def create(self, text: bytes, names: Callable[[], str], owner: str) -> str:
        """Make a file of `text` under the first of `names` that is free, whole and durable, for the
        run that holds the lock of `owner`; its name. Raises `OSError`, `MigrateError`."""
        ...

    def replace(self, name: str, text: bytes) -> None:
        """Make a file of `text`, whole and durable, or put it in the place of that which was read
        or written here last. Raises `OSError`, `MigrateError`."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there. Raises `OSError`, `MigrateError`."""
        ...

    def claim(self, kind: str) -> Path:
        """A new, empty file `<kind>_<millis>.jsonl` in `work`, made without waiting for the place.
        What it is called in the place, nobody else has or gets: `told` says it when `keep` has
        returned. Raises `OSError`."""
        ...

    def keep(self) -> None:
        """Bring what has changed in `work` into the place. Raises `MigrateError`."""
        ...

    def told(self, path: str | Path) -> str:
        """Where a file of `work` is, or will be, in the place."""
        ...

    def at_hand(self, told: str) -> Path:
        """The file in `work` of one that was told so, as it is in the place; it may be absent.
        Raises `MigrateError` where that cannot be told."""
        ...

    def setting(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The section of a configuration that finds this place from everywhere, from that which
        was `given`."""
        ...
