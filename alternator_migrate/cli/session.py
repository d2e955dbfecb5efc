"""One run under a person's eyes: signals, progress, savepoints, and how it ended."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console

from alternator_migrate import config, connectors, savepoints
from alternator_migrate.cli import closing, report
from alternator_migrate.cli.display import Display, Mode
from alternator_migrate.cli.signals import Signals
from alternator_migrate.cli.stream_plan import stream_warnings
from alternator_migrate.config import Loaded
from alternator_migrate.connectors import (
    Inspection,
    Pair,
    RejectsFile,
    RejectsSource,
    check_empty,
    check_late,
    check_ttl,
    open_pair,
    travelling,
    what_stays,
    work_facts,
)
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.runtime import on_loop, spare_the_collector
from alternator_migrate.core.state import CopyState
from alternator_migrate.dynamodb.absence import absent
from alternator_migrate.engines import EngineOptions, open_engine
from alternator_migrate.follow import remove_old_spools
from alternator_migrate.migration import (
    FOR_EVER,
    TAG,
    CopyJob,
    Migration,
    Part,
    Resend,
    Until,
    build_migration,
    check_others,
    check_target,
    copy_job,
    is_over,
    part_of,
    what_lacks,
)
from alternator_migrate.savepoints import Savepoint, Store, lock
from alternator_migrate.validate import Check, Validation

log = logging.getLogger(__name__)
Earlier = tuple[Path, Savepoint] | None
_SHOW_CURSOR: Final = "\x1b[?25h"
_EXIT_CODES: Final = {"completed": 0, "rejects": 3, "differences": 3}


class Saving(Protocol):
    """Work that writes savepoints."""

    def save_now(self) -> None:
        """Write one as soon as possible."""
        ...


class Run:
    """One run under a person's eyes: it reacts to signals, shows progress, tells its ending.

    Without `lasting`, its savepoints are gone when it is over, and not told.
    """

    def __init__(
        self,
        loaded: Loaded,
        console: Console,
        mode: Mode,
        engine_options: EngineOptions | None = None,
        part: Part | None = None,
        *,
        lasting: bool = True,
    ) -> None:
        self._loaded, self._lasting = loaded, lasting
        self._engine_options, self._part = engine_options or EngineOptions(), part
        self._console = console
        self._display = Display(console, mode)
        self._whole = config.migration_identity(loaded.settings)
        self._store = Store(
            Path(loaded.settings.savepoints.path), self._whole + (part.suffix if part else "")
        )
        self._progress: Callable[[], Progress] | None = None
        self._copied: Progress | None = None
        self._check: Check | None = None
        self._makes_table = True
        self._work: Saving | None = None
        self._rejects: str | None = None
        self._left = 0
        self._remarks: list[str] = []
        self._signals = Signals(self._show_cursor)

    def to_the_end(
        self,
        summary_json: str | None,
        *,
        into_existing: bool = False,
        fresh: bool = False,
        resend: Path | None = None,
        check: Check | None = None,
        copying: bool = True,
        makes_table: bool = True,
        until: Until = FOR_EVER,
    ) -> int:
        """Run, tell how it ended, write the summary; with `resend` send the items of a rejects
        file again instead, with `check` validate then, or only that, if there is no `copying`;
        `until` says when following ends, `makes_table` whether changes alone may make the target.

        Returns the exit code; raises `MigrateError` after all that has been told.
        """
        began, clock = time.time(), time.monotonic()
        status: report.Status = "failed"
        failure: MigrateError | None = None
        self._check, self._makes_table = check, makes_table
        try:
            if not copying:
                status = on_loop(lambda: self._watched(self._validate))
            elif resend:
                status = on_loop(lambda: self._watched(lambda stop: self._resend(resend, stop)))
            elif self._part and self._part.index is None:
                part = self._part
                status = on_loop(lambda: self._watched(lambda stop: self._finish(part, stop)))
            else:
                status = self._begin(until, into_existing=into_existing, fresh=fresh)
        except MigrateError as error:
            failure = error
        self._signals.listen_no_more()
        ending = report.Ending(
            work="Migration" if copying else "Validation",
            status=status,
            began=began,
            seconds=time.monotonic() - clock,
            progress=self._last_progress(),
            error=str(failure) if failure else None,
            savepoint=self._savepoint() if self._lasting else None,
            rejects=self._rejects,
        )
        own = (f"warning: {remark}" for remark in self._remarks)
        remarks = self._check.remarks() if self._check else own
        closing.tell(ending, remarks, self._console, self._display.mode)
        if summary_json:
            try:
                report.write_summary(summary_json, ending)
            except MigrateError as error:
                if failure:
                    log.error("%s", error)
                failure = failure or error
        if failure:
            raise failure
        return _EXIT_CODES.get(status, 128 + self._signals.received)

    def _begin(self, until: Until, *, into_existing: bool, fresh: bool) -> report.Status:
        earlier = savepoints.earlier(self._loaded, self._store, fresh=fresh)
        if earlier:
            self._store.latest = earlier[0]

        async def work(stop: asyncio.Event) -> bool:
            copied = await self._from(earlier, until, stop, into_existing=into_existing)
            return copied and await self._validate(stop)

        return on_loop(lambda: self._watched(work))

    async def _validate(self, stop: asyncio.Event) -> bool:
        """Do the validation that is asked for, if one is; True when all is done."""
        if self._check is None:
            return True
        self._copied, self._work = self._progress() if self._progress else None, None

        def begins(validation: Validation) -> None:
            self._work, self._progress = validation, validation.progress
            spare_the_collector()

        return await self._check.run(stop, self._display.show, begins)

    async def _watched(self, work: Callable[[asyncio.Event], Awaitable[bool]]) -> report.Status:
        """Do `work` while listening to signals."""
        stop = asyncio.Event()
        self._signals.listen(stop, self._save, self._tell, lambda: self._work is not None)
        try:
            finished = await work(stop)
        except asyncio.CancelledError:
            if not self._signals.received:
                raise
            return "stopped"
        if not finished:
            return "stopped"
        validated = self._check.validated if self._check else None
        if validated and validated.left:
            return "differences"
        return "rejects" if self._rejected or self._left else "completed"

    @property
    def _rejected(self) -> int:
        progress = self._last_progress()
        return progress.rejected if progress else 0

    def _last_progress(self) -> Progress | None:
        """How all stands: after a copy its figures, with the verdict of the validation."""
        progress = self._progress() if self._progress else None
        if self._copied and progress:
            return replace(self._copied, validated=progress.validated)
        return progress

    def _savepoint(self) -> str | None:
        """The savepoint that was written last."""
        checked = self._check.store.latest if self._check else None
        latest = checked or self._store.latest
        return str(latest) if latest else None

    async def _resend(self, file: Path, stop: asyncio.Event) -> bool:
        items = RejectsSource(file)
        settings = self._loaded.settings
        async with open_pair(settings) as pair:
            check_ttl(pair.inspection, copied=settings.target.copy_ttl)
            resend = Resend(settings, pair, items, self._whole)
            with lock(self._store.folder, self._store.migration), resend.alone():
                finished = await self._show(resend.migration, stop)
                if finished:
                    self._store.latest = resend.settle()
                    self._left, self._rejects = resend.left, resend.path or None
                return finished

    async def _from(
        self, earlier: Earlier, until: Until, stop: asyncio.Event, *, into_existing: bool
    ) -> bool:
        """Migrate from an earlier savepoint, or from the start; True when all is done."""
        settings, part = self._loaded.settings, self._part
        segments = earlier[1].segments if earlier else None
        async with open_pair(settings, segments, self._engine_options.workers) as whole:
            pair = part_of(whole, part, self._whole) if part else whole
            found = pair.inspection
            if earlier:
                savepoints.check_tables(*earlier, found.source, found.existing)
            check_ttl(found, copied=settings.target.copy_ttl)
            if earlier and self._is_done(earlier[1], found):
                self._already_done(*earlier)
                return True
            for line in savepoints.beginning(self._loaded, earlier):
                log.info(line)
            await check_late(found, whole.target)
            alone = settings.target.skip_initial_snapshot_transfer
            if alone and found.existing is None and not self._makes_table:
                remedy = "`follow` makes none: copy the table first, with `run`."
                raise await absent(pair.target.table, "target", remedy)
            if not alone and not (earlier and earlier[1].target_id):
                await self._check_target(pair, into_existing=into_existing)
            with lock(self._store.folder, self._store.migration):
                self._check_newest(earlier)
                for line in connectors.notes(pair):
                    log.info(line)
                for line in [*await stream_warnings(settings, pair), *self._remarks]:
                    log.warning("warning: %s", line)
                first = savepoints.first_savepoint(
                    self._loaded,
                    found.source,
                    whole.inspection.segments[0].total,
                    earlier and earlier[1],
                    self._store.migration,
                )
                if earlier is None:
                    stream = savepoints.enabled_before(settings, self._store)
                    first = replace(first, state=replace(first.state, stream=stream))
                remove_old_spools(self._store.folder, self._store.migration, first.state)
                return await self._migrate(pair, first, until, stop)

    def _is_done(self, savepoint: Savepoint, found: Inspection) -> bool:
        """Whether nothing is left to do; what a completed migration lacks now is told."""
        settings = self._loaded.settings
        if not is_over(settings, savepoint):
            return False
        lacks = what_lacks(settings, savepoint, found, is_part=self._part is not None)
        if lacks:
            log.info("this migration was completed, but now lacks: %s", ", ".join(lacks))
        return not lacks

    async def _check_target(self, pair: Pair, *, into_existing: bool = False) -> None:
        if into_existing:
            self._remarks = await what_stays(pair.target.table, pair.inspection.existing)
        elif self._part:
            await check_target(pair.target.table, self._part, pair, self._whole)
        else:
            await check_empty(pair.target.table, pair.inspection.existing)

    async def _finish(self, part: Part, stop: asyncio.Event) -> bool:
        """Do what comes after the data of all parts."""
        settings, store = self._loaded.settings, self._store
        known = check_others(part, settings, store.folder, self._whole)
        segments = settings.source.scan_segments
        async with open_pair(settings, segments, self._engine_options.workers) as whole:
            found = whole.inspection
            for path, savepoint in known:
                savepoints.check_tables(path, savepoint, found.source, found.existing)
            await self._check_target(whole)
            await check_late(found, whole.target)
            check_ttl(found, copied=settings.target.copy_ttl)
            with lock(store.folder, store.migration):
                pair = part_of(whole, part, self._whole)
                migration, rejects = build_migration(
                    settings, pair, savepoints.NoKeeper(), CopyState()
                )
                finished = await self._show_all(migration, rejects, stop)
                if finished:
                    await pair.target.table.untag(TAG)
                return finished

    async def _migrate(
        self, pair: Pair, first: Savepoint, until: Until, stop: asyncio.Event
    ) -> bool:
        settings, keeper = self._loaded.settings, savepoints.Keeper(self._store, first)
        now = time.time()
        facts = work_facts(settings, pair)

        def job_of(here: bool) -> CopyJob:
            where = self._engine_options.scheduler
            return copy_job(travelling(self._loaded, where, here=here), pair, now)

        async with open_engine(self._engine_options, facts, job_of) as engine:
            migration, rejects = build_migration(
                settings, pair, keeper, first.state, first.rejects, until, engine
            )
            return await self._show_all(migration, rejects, stop)

    async def _show_all(
        self, migration: Migration, rejects: RejectsFile, stop: asyncio.Event
    ) -> bool:
        try:
            return await self._show(migration, stop)
        finally:
            self._rejects = rejects.path if rejects.count else None

    async def _show(self, migration: Migration, stop: asyncio.Event) -> bool:
        self._work, self._progress = migration, migration.progress
        spare_the_collector()
        return await migration.run(stop, self._display.show)

    def _check_newest(self, earlier: Earlier) -> None:
        if earlier is None or self._loaded.savepoint:
            return
        newest = self._store.newest()
        if newest and newest[0] != earlier[0]:
            raise UsageError(
                "another run of this migration has just written a savepoint", "Run it again."
            )

    def _already_done(self, path: Path, savepoint: Savepoint) -> None:
        log.info("this migration is done already, says %s; --fresh copies everything again", path)
        progress = savepoints.progress_of(savepoint)
        self._progress = lambda: progress
        self._rejects = savepoint.rejects

    def _save(self) -> None:
        if self._work:
            self._work.save_now()

    def _tell(self) -> None:
        if self._progress:
            self._display.tell(self._progress())

    def _show_cursor(self) -> None:
        if self._console.is_terminal:
            self._console.file.write(_SHOW_CURSOR)
            self._console.file.flush()
