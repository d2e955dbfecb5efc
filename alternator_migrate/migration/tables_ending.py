"""How a run of many tables ended, and each of its tables."""

import logging
from collections.abc import Sequence

from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.state import Status
from alternator_migrate.core.texts import tables_text
from alternator_migrate.core.totals import standing
from alternator_migrate.migration.lanes import Lane

log = logging.getLogger(__name__)


def ending_of(lanes: Sequence[Lane], *, records: bool) -> Status:
    """How the run of these tables ended, which `records` it or not. Raises `MigrateError` where a
    table failed: a `UsageError` where all did, before anything was written."""
    tables = [lane.progress() for lane in lanes]
    statuses = [each.status for each in tables]
    before = sum(each.was_done for each in tables)
    of_before = f" ({before} of them before this run)" if before else ""
    log.info("tables: %s%s", standing(tables), of_before)
    if any(lane.failure for lane in lanes):
        raise _failure(lanes, records=records)
    for status in (Status.WAITING, Status.STOPPED):
        if status in statuses:
            return Status.STOPPED
    for status in (Status.REJECTS, Status.DIFFERENCES):
        if status in statuses:
            return status
    return Status.COMPLETED


def _failure(lanes: Sequence[Lane], *, records: bool) -> MigrateError:
    failed = [lane for lane in lanes if lane.failure]
    reasons = "".join(f"\n  {each.entry.source}: {each.entry.reason}" for each in failed)
    is_refused = len(failed) == len(lanes) and all(
        isinstance(each.failure, UsageError) for each in failed
    )
    return (UsageError if is_refused else MigrateError)(
        f"{len(failed)} of {tables_text(len(lanes))} failed:{reasons}",
        "The same command does what is not done; --retry-failed does these only."
        if records
        else "--only NAME does one of them alone.",
    )


def ended_text(progress: Progress) -> str:
    """How a table ended, and what was done with it, in a line."""
    items, validated = progress.items, progress.validated
    if validated:
        return f"{progress.status}: compared {validated.compared:,}, {validated.found:,} differ"
    return (
        f"{progress.status}: read {items.handled:,} = written {items.written:,} + skipped "
        f"{items.skipped_expired:,} + rejected {items.rejected:,}"
    )
