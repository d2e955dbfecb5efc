"""The runs beside the copy: the end of all parts, and rejects sent again."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from alternator_migrate import savepoints
from alternator_migrate.config import Loaded
from alternator_migrate.connectors import (
    Pair,
    RejectsSource,
    check_late,
    check_ttl,
    open_pair,
    transform_text,
)
from alternator_migrate.core.state import Status
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.supervisor import Show
from alternator_migrate.dynamodb.absence import absent
from alternator_migrate.dynamodb.rights import TAGS
from alternator_migrate.dynamodb.table_schema import TableState
from alternator_migrate.migration.assemble import build_migration
from alternator_migrate.migration.commons import Turns
from alternator_migrate.migration.doubts import doubts_of
from alternator_migrate.migration.resend import Resend
from alternator_migrate.migration.resume import resume_of
from alternator_migrate.migration.shards import (
    TAG,
    Part,
    check_others,
    check_target,
    is_finished,
    part_of,
    together,
)
from alternator_migrate.migration.table_run import TableRun
from alternator_migrate.savepoints import Earlier, NoKeeper, Savepoint

log = logging.getLogger(__name__)


class FinishRun(TableRun):
    """Does what comes after the data of all parts, whose transform may have changed since where
    that is said; `fresh_since` is from when savepoints of parts count (epoch seconds)."""

    def __init__(
        self,
        loaded: Loaded,
        part: Part,
        steering: Steering | None = None,
        turns: Turns | None = None,
        *,
        transform_changed: bool = False,
        fresh_since: Mapping[Part, float] = MappingProxyType({}),
    ) -> None:
        super().__init__(loaded, part, steering, turns)
        self._part, self._transform_changed = part, transform_changed
        self._fresh_since = fresh_since
        self._resume = resume_of(loaded, self._store, transform_changed=transform_changed)

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Build indexes, enable TTL, take the parts' tag away, as far as it is not done: REJECTS
        while a part has rejects that were not sent. Raises `UsageError` where a part is not done.
        """
        settings, store = self._settings, self._store
        known = check_others(
            *(self._part, self._loaded, store.place, self._whole),
            transform_changed=self._transform_changed,
            fresh_since=self._fresh_since,
        )
        segments, services = settings.source.scan_segments, self._services
        async with open_pair(settings, segments, services=services) as whole:
            found, table = whole.inspection, whole.target.table
            for path, savepoint in known:
                savepoints.check_tables(path, savepoint, found.source, found.existing)
            points = (savepoint for _, savepoint in known)
            over_items = max(points, key=lambda each: each.over_items_at, default=None)
            self.doubts = await doubts_of(self._resume, whole, over_items)
            finished = self._finished(found.existing)
            if finished and is_finished(whole, finished):
                return self._already_done(whole, finished, known)
            if finished is None:
                await check_target(table, self._part, whole, self._whole)
            await check_late(found, whole.target)
            check_ttl(found, copied=settings.target.copy_ttl)
            with store.lock(self.save_now):
                return await self._finish(whole, known, stop, show)

    async def _finish(
        self, whole: Pair, known: Sequence[Earlier], stop: asyncio.Event, show: Show
    ) -> Status:
        settings, store = self._settings, self._store
        pair = part_of(whole, self._part, self._whole)
        keeper, steering = NoKeeper(store.check), self._steering
        built = build_migration(settings, pair, keeper, together(known), steering=steering)
        status = await self._migrate(*built, stop, show)
        if status.is_final:
            self.rejects = _rejects_of(known)
            store.write(self._last(whole, known))
            await whole.target.table.tags.remove(TAG)
        return status

    def _finished(self, target: TableState | None) -> Earlier | None:
        """The savepoint of an earlier run that finished these parts; None where there is none, or
        parts have begun anew since. Raises `UsageError` for one that does not fit."""
        if target is None or TAGS in target.denied or TAG in target.spec.tags:
            return None
        newest = self._store.newest()
        if newest:
            self._resume.check(*newest)
        return newest

    def _already_done(self, whole: Pair, finished: Earlier, known: Sequence[Earlier]) -> Status:
        now = self._last(whole, known)
        self._was_done("these shards are finished already, says %s", finished[0], now)
        self._store.latest = finished[0]
        if now.status != finished[1].status:
            with self._store.lock(self.save_now):
                self._store.write(now)
        self.rejects = _rejects_of(known)
        return now.status

    def _last(self, whole: Pair, known: Sequence[Earlier]) -> Savepoint:
        """The savepoint that says that all is done; the files of rejects are the parts' own."""
        found = whole.inspection
        total = found.segments[0].total if found.segments else 0
        first = self._resume.first(found.source, total, None)
        target_id = found.existing.id if found.existing else ""
        state = together(known)
        status = Status.REJECTS if state.rejected else Status.COMPLETED
        return replace(first, target_id=target_id, state=state, status=status)


def _rejects_of(known: Sequence[Earlier]) -> str | None:
    """The first file of rejects that were not sent."""
    left = (savepoint for _, savepoint in known if savepoint.status == Status.REJECTS)
    return next((savepoint.rejects for savepoint in left), None)


class ResendRun(TableRun):
    """Sends the mended items of rejects files of one table again."""

    def __init__(
        self,
        loaded: Loaded,
        files: Sequence[Path],
        steering: Steering | None = None,
        turns: Turns | None = None,
    ) -> None:
        super().__init__(loaded, steering=steering, turns=turns)
        self._files = files

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Send them, and settle what was stored. Raises `MigrateError`; a `UsageError` where there
        is no target table."""
        settings, items = self._settings, RejectsSource(*self._files)
        async with open_pair(settings, services=self._services) as pair:
            if pair.inspection.existing is None:
                remedy = "Run the migration first: `alternator-migrate run`."
                raise await absent(pair.target.table, "target", remedy)
            check_ttl(pair.inspection, copied=settings.target.copy_ttl)
            if pair.code:
                log.info(transform_text(pair.code))
            items.shape(pair.shaping)
            resend = Resend(settings, pair, items, self._whole, self._steering)
            with self._store.lock(self.save_now), resend.alone():
                self._under_way = resend.migration
                status = await resend.migration.run(stop, show)
                if status.is_final:
                    self._store.latest = resend.settle()
                    self.rejects = resend.path or None
                return Status.REJECTS if resend.left else status
