"""The run of the migration of a table, or of a part of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from alternator_migrate import connectors, savepoints
from alternator_migrate.config import Loaded
from alternator_migrate.connectors import (
    KnownExport,
    Pair,
    by_export,
    check_changes,
    check_comparable,
    check_empty,
    check_late,
    check_transform,
    check_ttl,
    clock_warnings,
    judges_expiry,
    open_pair,
    reading_export,
    skipped_text,
    stream_warnings,
    travelling,
    what_is_not_followed,
    what_stays,
    work_facts,
)
from alternator_migrate.core.state import Status
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.supervisor import Show
from alternator_migrate.core.work import Engine
from alternator_migrate.dynamodb.absence import absent
from alternator_migrate.engines import EngineOptions
from alternator_migrate.follow import remove_old_spools
from alternator_migrate.migration.assemble import (
    build_awaited_export,
    build_migration,
    spool_text,
)
from alternator_migrate.migration.assemble import hooks as hooks_of
from alternator_migrate.migration.commons import Turns
from alternator_migrate.migration.doubts import doubts_of
from alternator_migrate.migration.exported_copy import ExportedCopy, copying
from alternator_migrate.migration.hooks import TableHooks
from alternator_migrate.migration.options import MigrateOptions
from alternator_migrate.migration.resume import (
    first_savepoint,
    is_over,
    none_used,
    resume_of,
    what_lacks,
)
from alternator_migrate.migration.shards import (
    Part,
    check_target,
    part_of,
)
from alternator_migrate.migration.table_run import TableRun
from alternator_migrate.migration.worker import CopyJob, copy_job
from alternator_migrate.savepoints import (
    Earlier,
    Keeper,
    Located,
    Savepoint,
)

log = logging.getLogger(__name__)


class MigrationRun(TableRun):
    """Copies a table and follows its changes as `options` say, from an earlier savepoint or from
    the start."""

    def __init__(
        self,
        loaded: Loaded,
        engine_options: EngineOptions | None = None,
        part: Part | None = None,
        options: MigrateOptions = MigrateOptions(),  # noqa: B008 # frozen
        *,
        turns: Turns | None = None,
        steering: Steering | None = None,
    ) -> None:
        super().__init__(loaded, part, steering, turns)
        self._engine_options, self._part = engine_options or EngineOptions(), part
        self._options = options
        self._alone = self._settings.target.skip_initial_snapshot_transfer
        self._export = ExportedCopy(self._settings) if by_export(self._settings) else None
        self._in_hooks = False
        self._resume = resume_of(loaded, self._store, transform_changed=options.transform_changed)
        self._total = 0
        self._over_items_at = 0.0

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Migrate until all is done or `stop` is set. Raises `MigrateError`; a `UsageError`
        before anything is written."""
        async with self.opened() as (pair, earlier):
            self.goes_on = earlier is not None
            self.check_tables(pair, earlier)
            if earlier and self.is_done(pair, earlier):
                return self._already_done(*earlier)
            for line in self._resume.beginning(earlier):
                log.info(line)
            if self._settings.skip_segments and not self._alone:
                log.info("note: %s", skipped_text(self._settings))
            await self.check_contents(pair, earlier)
            if not self._alone:
                await check_transform(self._settings, pair)
            with self._store.lock(self.save_now):
                self._resume.check_newest(earlier)
                async for line in connectors.notes(self._settings, pair):
                    log.info(line)
                for line in spool_text(self._settings) if not self._alone else ():
                    log.info("note: %s", line)
                for line in [*await self._warnings(pair), *self.doubts]:
                    log.warning("warning: %s", line)
                source, total = pair.inspection.source, self._total
                first = first_savepoint(self._resume, source, total, earlier and earlier[1])
                first = replace(first, over_items_at=self._over_items_at)
                remove_old_spools(self._settings.spool_home, self._store.migration, first.state)
                return await self._begun(pair, first, stop, show)

    async def _warnings(self, pair: Pair) -> list[str]:
        """What a person should know of the clocks, which a run of many tables tells once, and of
        the stream."""
        judged = not self._alone and judges_expiry(self._settings, pair.inspection.source)
        clocks = clock_warnings(
            pair.source,
            pair.target,
            judged=judged,
            followed=self._settings.target.stream_changes,
            told=self._steering.told,
        )
        found = [] if self._services else [*clocks]
        return [*found, *await stream_warnings(self._settings, pair)]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Pair, Earlier | None]]:
        """Both sides as this run has them, and the savepoint that it goes on from, if there is one.
        Raises `UsageError` where that does not fit."""
        options = self._options
        earlier = self._resume.earlier(fresh=options.fresh, since=options.fresh_since)
        segments = earlier[1].segments if earlier else None
        workers = self._engine_options.workers
        async with AsyncExitStack() as stack:
            opening = open_pair(
                self._settings,
                segments,
                workers,
                services=self._services,
                by_export=self._export is not None,
            )
            whole = await stack.enter_async_context(opening)
            if self._export:
                whole = await self._export.opened(whole, earlier, stack)
            found = whole.inspection.segments
            self._total = found[0].total if found else 0
            pair = part_of(whole, self._part, self._whole) if self._part else whole
            self._over_items_at = earlier[1].over_items_at if earlier else 0.0
            self.doubts = await doubts_of(self._resume, pair, earlier and earlier[1])
            yield pair, earlier

    @property
    def export(self) -> KnownExport | None:
        """What is known of the export that the table is copied from; None for a scan, and where
        its copy is over."""
        return self._export.known if self._export else None

    def check_tables(self, pair: Pair, earlier: Earlier | None) -> None:
        """Raise `UsageError` unless the tables are those of the savepoint, and the target keeps
        what is copied."""
        found = pair.inspection
        if earlier:
            savepoints.check_tables(*earlier, found.source, found.existing)
        check_ttl(found, copied=self._settings.target.copy_ttl)

    def remarks(self) -> Iterator[str]:
        """Warnings of what is left to a validation, and where an export is left."""
        yield from super().remarks()
        now = self.progress()
        if now and now.state == "done" and self.export and self.export.state.token:
            places = ", ".join(self.export.state.manifests)
            yield f"the export stays in its bucket, until you delete it: {places}"

    def is_done(self, pair: Pair, earlier: Earlier) -> bool:
        """Whether nothing is left to do; what a completed migration lacks now is told."""
        savepoint, found = earlier[1], pair.inspection
        if not is_over(self._settings, savepoint):
            return False
        lacks = what_lacks(self._settings, savepoint, found, is_part=self._part is not None)
        if lacks:
            log.info("this migration was completed, but now lacks: %s", ", ".join(lacks))
        return not lacks

    def _already_done(self, path: Located, savepoint: Savepoint) -> Status:
        words = "this migration is done already, says %s; --fresh copies everything again"
        self._was_done(words, path, savepoint)
        self.rejects = savepoint.rejects
        return Status.REJECTS if savepoint.state.rejected else Status.COMPLETED

    async def check_contents(self, pair: Pair, earlier: Earlier | None) -> None:
        """Raise `UsageError` for a source that cannot be read, and for a target that cannot be
        written to or holds items of others."""
        existing, table = pair.inspection.existing, pair.target.table
        if self._export:
            await self._export.check(pair, earlier)
        if self._options.validates:
            check_comparable(pair)
        await check_late(pair.inspection, pair.target)
        if self._alone:
            if existing is None and not self._options.makes_table:
                remedy = "`follow` makes none: copy the table first, with `run`."
                raise await absent(table, "target", remedy)
            if earlier is None or earlier[1].state.stream is None:
                self.doubts.append(await what_is_not_followed(pair, begins=True))
            return
        if earlier and earlier[1].target_id:
            return
        check_changes(pair, into_existing=self._options.into_existing)
        await pair.source.check_readable()
        self.doubts, self._over_items_at = [], 0.0
        if self._options.into_existing:
            self.doubts = await what_stays(table, existing)
            moment = connectors.expiry_time(pair.source, pair.target)
            self._over_items_at = moment if self.doubts else 0.0
        elif self._part:
            await check_target(table, self._part, pair, self._whole, self._none_used())
        else:
            await check_empty(table, existing, self._none_used())

    def _none_used(self) -> str:
        options = self._options
        return none_used(self._store, fresh=options.fresh, since=options.fresh_since)

    async def _begun(self, pair: Pair, first: Savepoint, stop: asyncio.Event, show: Show) -> Status:
        """Go on from a `first` savepoint; where the table is copied from an export that is not
        there yet, with that."""
        keeper = self._turns.keeper(self._store, first, self._steering.gate.clock)
        known = self.export
        if known and not pair.exports:
            return await self._after_export(pair, known, keeper, first, stop, show)
        if known:
            first = copying(keeper, first, pair, known.state)
        return await self._on_engine(pair, keeper, first, stop, show)

    async def _after_export(
        self,
        pair: Pair,
        known: KnownExport,
        keeper: Keeper,
        first: Savepoint,
        stop: asyncio.Event,
        show: Show,
    ) -> Status:
        """Have the table exported, and copy that."""
        settings = self._settings
        awaited = build_awaited_export(
            *(settings, pair, keeper, first, known, self._options.until),
            steering=self._steering,
            turns=self._turns,
        )
        self._under_way, self._in_hooks = awaited, True
        self._turns.step_back()
        self.beginning = (*connectors.exporting(settings, pair, self._store.place.beside),)

        async def both() -> Status:
            if not await awaited.run(stop, show):
                return Status.STOPPED
            async with reading_export(settings, pair, awaited.state) as whole:
                await check_transform(settings, whole)
                if self._export:
                    self._export.known = replace(known, state=awaited.state)
                rejects = awaited.rejects and self._store.place.told(awaited.rejects)
                begun = replace(first, state=awaited.copy, rejects=rejects or first.rejects)
                begun = copying(keeper, begun, whole, awaited.state)
                return await self._on_engine(whole, keeper, begun, stop, show)

        hooks = TableHooks(
            hooks_of(settings), lambda: self.progress() or awaited.progress(), lambda: keeper.path
        )
        return await hooks.around(both)

    async def _on_engine(
        self, pair: Pair, keeper: Keeper, first: Savepoint, stop: asyncio.Event, show: Show
    ) -> Status:
        settings, now = self._settings, connectors.expiry_time(pair.source, pair.target)

        def job_of(here: bool) -> CopyJob:
            where = self._engine_options.scheduler
            return copy_job(travelling(self._loaded, where, here=here), pair, now)

        facts = work_facts(settings, pair)
        opening = self._turns.engine(self._engine_options, facts, job_of, self._steering)
        async with opening as engine:
            lines = [*connectors.beginning(pair, engine.text, self._store.place.beside)]
            self.beginning = (*lines[self._in_hooks :],)
            return await self._copy(pair, keeper, first, engine, stop, show)

    async def _copy(
        self,
        pair: Pair,
        keeper: Keeper,
        first: Savepoint,
        engine: Engine,
        stop: asyncio.Event,
        show: Show,
    ) -> Status:
        built = build_migration(
            self._settings,
            pair,
            keeper,
            first.state,
            first.rejects,
            self._options.until,
            engine,
            steering=self._steering,
            turns=self._turns,
            begun=self._in_hooks,
        )
        return await self._migrate(*built, stop, show)
