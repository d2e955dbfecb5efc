"""The run file of a run of many tables, while that lasts."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Final

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

    async def keep_writing(self) -> None:
        """Write the file when a table has begun or ended, once a second at most; until cancelled.
        Raises `MigrateError`."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await asyncio.to_thread(self.write)
            await asyncio.sleep(_WRITE_SECONDS)

    def write(self) -> None:
        """Write how the tables stand now."""
        with self._writing:  # the last word is written while that of a moment before may still be
            if self._writes and self._record:
                self._record = self._record.having(lane.entry for lane in self._lanes)
                self._file.write(self._record)
