"""The runs beside the copy: the end of all parts, and rejects sent again."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from alternator_migrate import savepoints
from alternator_migrate.config import Loaded
from alternator_migrate.connectors import (
    RejectsSource,
    check_late,
    check_ttl,
    open_pair,
    transform_text,
)
from alternator_migrate.core.state import CopyState, Status
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.supervisor import Show
from alternator_migrate.dynamodb.absence import absent
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
    part_of,
)
from alternator_migrate.migration.table_run import TableRun
from alternator_migrate.savepoints import NoKeeper

log = logging.getLogger(__name__)


class FinishRun(TableRun):
    """Does what comes after the data of all parts, whose transform may have changed since where
    that is said."""

    def __init__(
        self,
        loaded: Loaded,
        part: Part,
        steering: Steering | None = None,
        turns: Turns | None = None,
        *,
        transform_changed: bool = False,
    ) -> None:
        super().__init__(loaded, part, steering, turns)
        self._part, self._transform_changed = part, transform_changed

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Build indexes, enable TTL, take the parts' tag away. Raises `UsageError` where a part
        is not done."""
        settings, store = self._settings, self._store
        known = check_others(
            *(self._part, self._loaded, store.place, self._whole),
            transform_changed=self._transform_changed,
        )
        segments, services = settings.source.scan_segments, self._services
        async with open_pair(settings, segments, services=services) as whole:
            found, table = whole.inspection, whole.target.table
            for path, savepoint in known:
                savepoints.check_tables(path, savepoint, found.source, found.existing)
            await check_target(table, self._part, whole, self._whole)
            await check_late(found, whole.target)
            check_ttl(found, copied=settings.target.copy_ttl)
            points = (savepoint for _, savepoint in known)
            over_items = max(points, key=lambda each: each.over_items_at, default=None)
            self.doubts = await doubts_of(resume_of(self._loaded, store), whole, over_items)
            with store.lock(self.save_now):
                pair = part_of(whole, self._part, self._whole)
                keeper, steering = NoKeeper(store.check), self._steering
                built = build_migration(settings, pair, keeper, CopyState(), steering=steering)
                status = await self._migrate(*built, stop, show)
                if status.is_final:
                    await table.tags.remove(TAG)
                return status


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
