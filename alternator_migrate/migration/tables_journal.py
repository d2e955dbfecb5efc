"""The run file of a run of many tables, while that lasts."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Final

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.migration.lanes import Lane
from alternator_migrate.savepoints import RunFile, RunRecord

_WRITE_SECONDS: Final = 1.0


class TablesJournal:
    """Writes down, in `file`, how each table stands; nothing where it `writes` none."""

    def __init__(self, file: RunFile, *, writes: bool) -> None:
        self._file, self._writes = file, writes
        self._record: RunRecord | None = None
        self._lanes: Sequence[Lane] = ()
        self._changed, self._writing = asyncio.Event(), threading.Lock()
        self._unwritten: MigrateError | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the list of tables was written."""
        return self._record is not None

    def begin(self, record: RunRecord, lanes: Sequence[Lane]) -> None:
        """Write the list of tables down, of which `lanes` are done in this run."""
        self._record, self._lanes = record, lanes
        self.write()

    def changed(self) -> None:
        """A table has begun or ended."""
        self._changed.set()

    async def keep_writing(self, stop: asyncio.Event) -> None:
        """Write the file when a table has begun or ended, once a second at most; until cancelled. A
        disk that does not take it stops the run."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await asyncio.to_thread(self.write)
            except MigrateError as error:
                self._unwritten = error
                stop.set()
                return
            await asyncio.sleep(_WRITE_SECONDS)

    def end(self) -> None:
        """Write how all of them have ended. Raises `MigrateError`, and what stopped the run."""
        self.write()
        if self._unwritten:
            raise self._unwritten

    def write(self) -> None:
        """Write how the tables stand now."""
        with self._writing:  # the last word is written while that of a moment before may still be
            if self._writes and self._record:
                self._record = self._record.having(lane.entry for lane in self._lanes)
                self._file.write(self._record)
