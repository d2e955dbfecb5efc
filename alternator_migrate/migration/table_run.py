"""What every run has that works on one table, or a part of it, with its savepoints."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from alternator_migrate import config
from alternator_migrate.config import Loaded
from alternator_migrate.connectors import RejectsFile
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.state import Status
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.supervisor import Show
from alternator_migrate.migration.commons import Turns
from alternator_migrate.migration.migration import Migration
from alternator_migrate.migration.shards import Part, check_settings
from alternator_migrate.savepoints import (
    Located,
    Savepoint,
    Store,
    StoredRun,
    UnderWay,
    place_of,
    progress_of,
)

log = logging.getLogger(__name__)


class TableRun(StoredRun[UnderWay]):
    """One run of the migration of a table, or of a `part` of it.

    `rejects` is the file of refused items, None while there are none; `goes_on` says whether it
    belongs to what an earlier run did. `doubts` warn, once the tables were checked, of what the
    target may lack, or have too much of, unless a validation mends it. Raises `UsageError` for
    settings that do not go with parts.
    """

    work: Final = "Migration"

    def __init__(
        self,
        loaded: Loaded,
        part: Part | None = None,
        steering: Steering | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._loaded, self._settings = loaded, loaded.settings
        self._turns = turns or Turns()
        self._steering = steering or self._turns.steering
        commons = self._turns.commons
        self._services = commons.services if commons else None
        if part:
            check_settings(part, self._settings)
        self._whole = config.migration_identity(self._settings)
        identity = self._whole + (part.suffix if part else "")
        super().__init__(Store(place_of(self._settings), identity))
        self.rejects: str | None = None
        self.goes_on = True
        self.doubts: list[str] = []
        self._done: Progress | None = None

    def progress(self) -> Progress | None:
        """A snapshot of the work, or of all where it was done before; None while it is prepared."""
        now = self._done or super().progress()
        return now and replace(now, is_doubted=bool(self.doubts))

    def remarks(self) -> Iterator[str]:
        """Lines that a person should read when the run is over: warnings of what is in doubt."""
        yield from (f"warning: {doubt}" for doubt in self.doubts)

    def verdict(self) -> Iterator[str]:
        """What is to be said of the outcome: what its counts say, and nothing else."""
        yield from ()

    def _was_done(self, words: str, path: Located, savepoint: Savepoint) -> None:
        """Nothing is left to do: `words` name the savepoint at `path` that says so, and what is
        told is what this one says."""
        among = self._turns.commons is not None
        log.log(logging.DEBUG if among else logging.INFO, words, path)
        done = progress_of(savepoint)
        self._done = replace(done, before=done.done)

    async def _migrate(
        self, migration: Migration, rejects: RejectsFile, stop: asyncio.Event, show: Show
    ) -> Status:
        try:
            self._under_way = migration
            return await migration.run(stop, show)
        finally:
            kept = rejects.path if rejects.count else None
            self.rejects = kept and self._store.place.told(kept)
