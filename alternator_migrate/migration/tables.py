"""Many tables in one run: each in its turn, the largest first, and what became of every one."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alternator_migrate import __version__, config
from alternator_migrate.config import Chosen, Loaded
from alternator_migrate.connectors import (
    Services,
    clock_warnings,
    open_services,
    refusing_to_begin,
)
from alternator_migrate.core.current import TABLE
from alternator_migrate.core.errors import HoldsItemsError, MigrateError, UsageError
from alternator_migrate.core.pace import part_of
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.shares import SharedCaps
from alternator_migrate.core.state import Status
from alternator_migrate.core.steering import Caps, Steering
from alternator_migrate.core.stopping import pass_on, together
from alternator_migrate.core.supervisor import Show
from alternator_migrate.core.texts import tables_text
from alternator_migrate.core.totals import total
from alternator_migrate.engines import Local
from alternator_migrate.migration.assemble import hooks as hooks_of
from alternator_migrate.migration.commons import Commons, Turns
from alternator_migrate.migration.hooks import Hooks
from alternator_migrate.migration.lanes import Kind, Lane, lock_name
from alternator_migrate.migration.roster import (
    Selection,
    named,
    roster,
    run_file,
    tables_of,
    to_do,
)
from alternator_migrate.migration.run_hooks import RunHooks, without_run_hooks
from alternator_migrate.migration.tables_ending import ended_text, ending_of
from alternator_migrate.migration.tables_journal import TablesJournal
from alternator_migrate.savepoints import Located, RunFile, RunRecord, TableEntry, check_alone, lock

log = logging.getLogger(__name__)


class TablesRun:
    """One run of many tables."""

    def __init__(
        self,
        loaded: Loaded,
        kind: Kind,
        selection: Selection,
        steering: Steering | None = None,
    ) -> None:
        self._loaded, self._settings = loaded, loaded.settings
        self._steering = steering or Steering()
        self._tables = tables_of(self._settings)
        self._kind, self._selection = kind, selection
        self.work = kind.work
        self._file: RunFile = run_file(self._settings, kind.part)
        self._journal = TablesJournal(self._file, writes=kind.records)
        self._lanes: list[Lane] = []
        self._services: Services | None = None
        self.goes_on = False

    @property
    def home(self) -> tuple[Path, str]:
        """The folder of this machine for what it shows, and the run's identity there."""
        return self._file.place.near, lock_name(self.work, self._file)

    @property
    def beginning(self) -> tuple[str, ...]:
        """Its first words: how many tables, of what kind, and where the savepoints are."""
        source, target = self._settings.source.type, self._settings.target.type
        tables = tables_text(len(self._lanes))
        return (
            f"alternator-migrate {__version__}: {tables}, {source} -> {target}; "
            f"savepoints in {self._file.place.beside}",
        )

    @property
    def rejects(self) -> str | None:
        """The folder of the tables' folders, where one has a file of refused items."""
        kept = any(lane.rejects for lane in self._lanes)
        return str(self._file.place) if kept else None

    @property
    def savepoint(self) -> Located | None:
        """The run file, beside which are the folders of the tables' savepoints."""
        return self._file.path if self._journal.has_begun else None

    def progress(self) -> Progress | None:
        """The total of all tables; None before the first is begun."""
        return total(self.tables()) if self._lanes else None

    def tables(self) -> list[Progress]:
        """A snapshot of each table, in the order in which they are begun. The services, which all
        share, are told with the first."""
        tables = [lane.progress() for lane in self._lanes]
        if tables and self._services:
            tables[0] = replace(tables[0], sides=tuple(self._services.figures().items()))
        return tables

    def save_now(self) -> None:
        """Write the savepoints of all running tables as soon as possible."""
        for lane in self._lanes:
            if lane.run:
                lane.run.save_now()

    def remarks(self) -> Iterator[str]:
        """Of each table what a person should read."""
        for lane in self._lanes:
            for remark in lane.remarks:
                yield f"{lane.entry.source}: {remark}"

    def verdict(self) -> Iterator[str]:
        """Of each table what its run has to say for certain."""
        for lane in self._lanes:
            for line in lane.verdict:
                yield f"{lane.entry.source}: {line}"

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Do every table that is asked for. Raises `UsageError` before anything is written where
        the choice is wrong, `MigrateError` at the end where a table has failed."""
        settings, kind = self._settings, self._kind
        place, name = self._file.place, lock_name(self.work, self._file)
        await asyncio.to_thread(check_alone, place, name)
        follows = settings.target.stream_changes and kind.work == "Migration"
        shared = SharedCaps(
            part_of(settings.source.read_throughput, 1 / kind.parts),
            part_of(settings.target.write_throughput, 1 / kind.parts),
        )
        async with open_services(settings, shared=shared, follows=follows) as services:
            judged = settings.source.expired_items == "skip"
            told = self._steering.told
            sides = services.live, services.target
            for line in clock_warnings(*sides, judged=judged, followed=follows, told=told):
                log.warning("warning: %s", line)
            before = self._file.read()
            found = await roster(services, self._loaded, self._file, self._selection)
            record = found.record
            entries = to_do(record, self._selection, into_existing=kind.into_existing)
            with lock(place, name, self.save_now):
                if self._file.read() != before:
                    raise UsageError("another run of these tables has just begun", "Run it again.")
                with refusing_to_begin():
                    lanes = await _sized(services, entries)
                commons = Commons(services, Local(), self._tables.concurrency, self._steering.gate)
                self._steer(commons, shared)
                self._services, self.goes_on = services, before is not None
                self._lanes = lanes
                return await self._told(record, commons, stop, show)

    def _steer(self, commons: Commons, shared: SharedCaps) -> None:
        """Have all tables together keep to what is asked for besides the configuration."""
        concurrency = commons.services.concurrency
        read, write = shared.reading.all, shared.writing.all
        self._steering.begin(
            lambda: Caps(read.allowed, write.allowed, writers=concurrency.writers), commons.steer
        )

    async def _told(
        self, record: RunRecord, commons: Commons, stop: asyncio.Event, show: Show
    ) -> Status:
        """Do all tables, with the hooks of the run around them."""
        commands = Hooks({}, 0) if self._kind.whole else hooks_of(self._settings)
        hooks = RunHooks(commands, self._total, str(self._file.path))
        if failure := await hooks.run("onStart", Status.RUNNING):
            raise UsageError(failure, "Nothing was begun: mend the hook, or leave it out.")
        commons.hook = lambda: hooks.caught_up(
            lacking=self._lacking(record), ends=self._kind.ends_caught_up
        )
        names = [lane.entry.source for lane in self._lanes]
        log.info("%s: %s", tables_text(len(names)), named(names))
        with refusing_to_begin():
            self._journal.begin(record, self._lanes)
        status = Status.FAILED
        try:
            status = await self._all(commons, stop, show)
        finally:
            for event in ("onFailure", "onStop") if status == Status.FAILED else ("onStop",):
                await hooks.run(event, status)
        return status

    def _lacking(self, record: RunRecord) -> str:
        """Why not every table of the run has caught up, though all that are followed have."""
        failed = [lane.entry.source for lane in self._lanes if lane.failure]
        if failed:
            return f"{tables_text(len(failed))} failed: {named(failed)}"
        others = len(record.tables) - len(self._lanes)
        return f"not asked for: {tables_text(others)} of the run" if others else ""

    async def _all(self, commons: Commons, stop: asyncio.Event, show: Show) -> Status:
        """Do all tables beside the display and the run file."""
        own_stop = asyncio.Event()
        async with together() as group:
            services = commons.services
            beside: Sequence[Coroutine[Any, Any, None]] = (
                *(side.watch() for side in (services.live, services.target) if side),
                *(pass_on(stop, own_stop), self._journal.keep_writing(own_stop)),
                show(self._total),
            )
            watching = [group.create_task(each) for each in beside]
            async with together() as tables:
                for lane in self._lanes:
                    commons.expect(lane.entry.source)
                    tables.create_task(self._one(lane, commons, own_stop))
            for task in watching:
                task.cancel()
        self._journal.end()
        return ending_of(self._lanes, records=self._kind.records)

    def _total(self) -> Progress:
        return total(self.tables())

    async def _one(self, lane: Lane, commons: Commons, stop: asyncio.Event) -> None:
        """Do one table in its turn, and note how it ended."""
        TABLE.set(lane.entry.source)
        turns, own_stop = Turns(commons, lane.entry.source), asyncio.Event()
        passing = asyncio.create_task(pass_on(stop, own_stop))
        try:
            if await turns.enter(stop):
                lane.entry = replace(lane.entry, status=Status.RUNNING, reason="")
                self._journal.changed()
                lane.end(await self._done(lane, turns, own_stop))
                ended = lane.progress()
                quiet = logging.DEBUG if ended.was_done else logging.INFO
                log.log(quiet, "%s", ended_text(ended))
                if lane.rejects:
                    log.warning("rejected items are kept in %s", lane.rejects)
        except MigrateError as failure:
            log.error("%s", failure)
            lane.end(Status.FAILED, str(failure.args[0]))
            lane.failure = failure
            if isinstance(failure, HoldsItemsError) and self._selection.fresh:
                lane.entry = replace(lane.entry, fresh_since=0.0)  # as its remedy says
            if self._tables.on_error == "stop":
                stop.set()
        finally:
            passing.cancel()
            turns.leave()
            commons.over(lane.entry.source)
            self._journal.changed()

    async def _done(self, lane: Lane, turns: Turns, stop: asyncio.Event) -> Status:
        table = Chosen(lane.entry.source, lane.entry.target)
        own = without_run_hooks(config.of_table(self._loaded, table))
        lane.run = self._kind.make(own, turns, lane.entry)
        if not self._kind.whole:
            return await lane.run.run(stop, _unseen)
        async with turns.copying(stop) as may:
            return await lane.run.run(stop, _unseen) if may else Status.STOPPED


async def _sized(services: Services, entries: Sequence[TableEntry]) -> list[Lane]:
    """The tables with their sizes, the largest first."""
    source, names = services.live, [entry.source for entry in entries]
    sizes = await source.table.account.sizes(names) if source else {}
    lanes = []
    for entry in entries:
        items, size = sizes.get(entry.source, (0, 0))
        lanes.append(Lane(replace(entry, status=Status.WAITING, reason=""), items, size))
    return sorted(lanes, key=lambda lane: (-lane.size, -lane.items, lane.entry.source))


async def _unseen(_: Callable[[], Progress]) -> None:
    """The display of a table in a run of many, which has one for all."""
    await asyncio.Event().wait()
