"""The target table alone: made as a migration makes it before its first item."""

import asyncio
import logging
from typing import Final

from alternator_migrate import connectors
from alternator_migrate.connectors import check_late, check_ttl, open_pair, prepare_target
from alternator_migrate.core.state import Status
from alternator_migrate.core.supervisor import Show
from alternator_migrate.migration.table_run import TableRun

log = logging.getLogger(__name__)
_LATER: Final = "what comes after the data is left to `run`: %s"


class SchemaRun(TableRun):
    """Makes the target table, or brings the tags of one that fits up to date; copies nothing."""

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Make the table. Raises `UsageError` where one that is there does not fit, or the right
        to make it is lacking."""
        async with open_pair(self._settings, services=self._services) as pair:
            found, plan = pair.inspection, pair.inspection.plan
            check_ttl(found, copied=self._settings.target.copy_ttl)
            await check_late(found, pair.target)
            async for line in connectors.notes(self._settings, pair):
                log.info(line)
            await prepare_target(pair.target.table, plan, found.existing)
            made = "exists and fits" if found.existing else "was created"
            log.info("the target table %s %s; nothing is copied", plan.spec.name, made)
            later = [f"index {index.name}" for index in plan.late]
            later += [f"TTL on {plan.spec.ttl_attribute}"] if plan.spec.ttl_attribute else []
            if later:
                log.info(_LATER, ", ".join(later))
            return Status.COMPLETED
