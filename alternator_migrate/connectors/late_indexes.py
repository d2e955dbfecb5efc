"""Indexes that come after the data: whether the target's server can add them then."""

from dataclasses import replace

from alternator_migrate.connectors.inspect import Inspection
from alternator_migrate.connectors.service import Service
from alternator_migrate.connectors.target_table import before_data
from alternator_migrate.core.errors import UsageError


async def settled(found: Inspection, target: Service) -> Inspection:
    """The inspection with `late` indexes made before the data where the server cannot add them
    after it."""
    if found.existing or not found.plan.late or await _adds_indexes(target):
        return found
    return replace(found, plan=before_data(found.plan))


async def check_late(found: Inspection, target: Service) -> None:
    """Raise `UsageError` for an existing target without the indexes that are to come after the
    data, on a server that cannot add any."""
    if found.existing is None:  # `settled` has asked the server
        return
    there = {index.name for index in found.existing.spec.indexes}
    missing = [index.name for index in found.plan.late if index.name not in there]
    if missing and not await _adds_indexes(target):
        raise UsageError(
            f"the target table {found.plan.spec.name} lacks index {', '.join(missing)}, and its "
            "server cannot add one to a table that exists",
            "Delete it, choose another target.table, or set target.indexes to skip.",
        )


async def _adds_indexes(target: Service) -> bool:
    return target.own or await target.table.indexes.can_be_added()
