"""What the runs of one table tell of themselves, whatever their work is."""

from pathlib import Path
from typing import Generic, Protocol, TypeVar

from alternator_migrate.core.progress import Progress
from alternator_migrate.savepoints.place import Located
from alternator_migrate.savepoints.store import Store


class UnderWay(Protocol):
    """Work that has begun."""

    def progress(self) -> Progress:
        """A snapshot of it."""
        ...

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        ...


_Work = TypeVar("_Work", bound=UnderWay)


class StoredRun(Generic[_Work]):
    """The run of one table whose savepoints go to a store. `beginning` is known when it shows
    anything."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._under_way: _Work | None = None
        self.beginning: tuple[str, ...] = ()

    @property
    def home(self) -> tuple[Path, str]:
        """The folder of this machine for what it shows, and its identity there."""
        return self._store.place.near, self._store.migration

    @property
    def savepoint(self) -> Located | None:
        """The savepoint that was written last, or is gone on from."""
        return self._store.latest

    def progress(self) -> Progress | None:
        """A snapshot of the work; None while it is prepared."""
        return self._under_way.progress() if self._under_way else None

    def tables(self) -> tuple[Progress, ...]:
        """None: this is the run of one table."""
        return ()

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        if self._under_way:
            self._under_way.save_now()
