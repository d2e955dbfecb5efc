"""Keeps the savepoint of a running migration up to date."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace

from alternator_migrate.core.state import CopyState, ExportState, Status, ValidationState
from alternator_migrate.savepoints.format import Savepoint
from alternator_migrate.savepoints.store import Store


class Keeper:
    """Writes the savepoints of one run, one after another, beside the event loop, in a thread of
    its own or in those of `writer`; the time that it has run is told by `clock`, in seconds."""

    def __init__(
        self,
        store: Store,
        base: Savepoint,
        clock: Callable[[], float] = time.monotonic,
        writer: Executor | None = None,
    ) -> None:
        self._store = store
        self._base = base
        self._clock, self._began = clock, clock()
        self._writer = writer or ThreadPoolExecutor(1, "savepoint")
        self._writing = threading.Lock()

    @property
    def path(self) -> str | None:
        """The newest savepoint."""
        return str(self._store.latest) if self._store.latest else None

    def found_target(self, table_id: str) -> None:
        """Note the id of the table that is written to."""
        self._base = replace(self._base, target_id=table_id)

    def found_rejects(self, path: str) -> None:
        """Note which file holds rejected items; the store tells its name in the place."""
        self._base = replace(self._base, rejects=path)

    def found_export(self, export: ExportState, segments: int = 0) -> None:
        """Note the export that is copied, and the number of its data files once it is known."""
        self._base = replace(self._base, export=export, segments=segments)

    async def save(self, state: CopyState, status: Status) -> None:
        """Write a savepoint durably. Raises `MigrateError` where the disk does not take it."""
        await self._write(replace(self._base, state=state, status=status))

    async def save_comparison(self, comparison: ValidationState, status: Status) -> None:
        """Write a validation's savepoint durably. Raises as `save` does."""
        await self._write(replace(self._base, comparison=comparison, status=status))

    async def _write(self, point: Savepoint) -> None:
        seconds = self._base.seconds + self._clock() - self._began
        point = replace(point, seconds=seconds)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer, self._put, point)

    def _put(self, point: Savepoint) -> None:
        with self._writing:  # nobody may wait any more for the one that is being written
            self._store.write(point)


class NoKeeper:
    """Keeps nothing: for a run that is not part of a resumable migration. `check` raises
    `MigrateError` where it must not go on."""

    path: str | None = None

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self._check = check

    def found_target(self, table_id: str) -> None:
        """Nothing to note."""

    def found_rejects(self, path: str) -> None:
        """Nothing to note."""

    async def save(self, state: CopyState, status: Status) -> None:
        """Nothing to write. Raises `MigrateError`."""
        self._check()
