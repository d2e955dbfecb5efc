"""The run that writes an export of a table, from an earlier savepoint or from the start."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from alternator_migrate import savepoints
from alternator_migrate.config import Loaded
from alternator_migrate.connectors import (
    ExportEnds,
    ExportPlace,
    begin,
    open_export_ends,
    refusing_to_begin,
)
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.state import Status
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.supervisor import Show
from alternator_migrate.migration.assemble import hooks as hooks_of
from alternator_migrate.migration.export_journal import Journal
from alternator_migrate.migration.export_look import check_complete, look
from alternator_migrate.migration.exporting import Exporting
from alternator_migrate.migration.hooks import TableHooks
from alternator_migrate.migration.options import MigrateOptions
from alternator_migrate.migration.resume import resume_of
from alternator_migrate.migration.table_run import TableRun
from alternator_migrate.savepoints import Earlier, Keeper, Savepoint, unfit

log = logging.getLogger(__name__)
_JOURNAL: Final = "export_{}.jsonl"


class ExportRun(TableRun):
    """Writes an export to S3, or to a folder, of one table."""

    def __init__(
        self, loaded: Loaded, options: MigrateOptions, steering: Steering | None = None
    ) -> None:
        super().__init__(loaded, None, steering)
        self._options = options
        self._done: Progress | None = None

    def progress(self) -> Progress | None:
        """A snapshot of the export; None while it is prepared."""
        return self._done or super().progress()

    def remarks(self) -> Iterator[str]:
        """Where the export is."""
        exporting = self._under_way
        if isinstance(exporting, Exporting) and exporting.progress().state == "done":
            yield f"the export is {exporting.name}"

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Export until all is done or `stop` is set. Raises `MigrateError`; a `UsageError` before
        anything is written."""
        changed = self._options.transform_changed
        resume = resume_of(self._loaded, self._store, transform_changed=changed)
        earlier = resume.earlier(fresh=self._options.fresh)
        self.goes_on = earlier is not None
        clock, segments = self._steering.gate.clock, earlier and earlier[1].segments
        async with open_export_ends(self._settings, segments, clock) as ends:
            if earlier and _is_over(earlier, ends) and (done := self._journal_of(earlier[1])):
                return await self._already_done(ends, earlier, done)
            for line in resume.beginning(earlier):
                log.info(line)
            with self._store.lock(self.save_now):
                resume.check_newest(earlier)
                first = resume.first(ends.table, len(ends.segments), earlier and earlier[1])
                journal = self._journal(anew=earlier is None)
                place = ExportPlace(ends.sink, ends.prefix, journal.id)
                with refusing_to_begin():
                    left = await look(place, journal)
                first = replace(first, state=journal.state, target_id=place.name)
                keeper = Keeper(self._store, first)
                interval = self._settings.savepoints.interval_seconds
                exporting = Exporting(
                    *(ends, place, journal, keeper, self._steering), left=left, interval=interval
                )
                self._under_way = exporting
                hooks = TableHooks(
                    hooks_of(self._settings), exporting.progress, lambda: keeper.path
                )

                async def work() -> Status:
                    with refusing_to_begin():
                        await begin(place)
                        journal.begin()
                    return await _exported(exporting, hooks, stop, show)

                return await hooks.around(work)

    def _journal_of(self, savepoint: Savepoint) -> Journal | None:
        """The journal of the export that a savepoint says is complete; None where another one was
        begun since then, which is gone on with."""
        journal, name = self._journal(anew=False), savepoint.target_id
        is_other = name and not journal.is_new and f"/{journal.id}/" not in name
        return None if is_other else journal

    async def _already_done(self, ends: ExportEnds, earlier: Earlier, journal: Journal) -> Status:
        """End where a savepoint says that all is done, and all is there. Raises `UsageError`."""
        path, savepoint = earlier
        place = ExportPlace(ends.sink, ends.prefix, journal.id)
        with refusing_to_begin():
            await check_complete(place, journal)
        log.info("this export is complete already, says %s; --fresh makes another", path)
        done = savepoints.progress_of(savepoint)
        self._done = replace(done, target=place.name, is_export=True)
        return Status.COMPLETED

    def _journal(self, *, anew: bool) -> Journal:
        name, place = _JOURNAL.format(self._store.migration), self._store.place
        return Journal(place.at_hand(place.told(name)), anew=anew)


async def _exported(
    exporting: Exporting, hooks: TableHooks, stop: asyncio.Event, show: Show
) -> Status:
    status = await exporting.run(stop, show)
    if status == Status.COMPLETED:
        await hooks.run("onSnapshotDone", Status.RUNNING)
    return status


def _is_over(earlier: Earlier, ends: ExportEnds) -> bool:
    """Whether a savepoint of this table says that all is done. Raises `UsageError` for one of
    another table."""
    path, savepoint = earlier
    if savepoint.source_id and savepoint.source_id != ends.table.id:
        raise unfit(path, f"the source table {ends.table.spec.name} was made anew since then")
    return savepoint.status.is_final


def check_options(**given: object) -> None:
    """Raise `UsageError` for options of `run` that mean nothing to an export."""
    if wrong := [f"--{name.replace('_', '-')}" for name, value in given.items() if value]:
        raise UsageError(
            f"{', '.join(wrong)} does not go with an export as the target", "Leave it out."
        )
