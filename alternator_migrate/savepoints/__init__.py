"""What a run keeps on disk, and where it goes on."""

from alternator_migrate.savepoints.format import Savepoint
from alternator_migrate.savepoints.keeper import Keeper, NoKeeper
from alternator_migrate.savepoints.progress import progress_of
from alternator_migrate.savepoints.resume import (
    beginning,
    check_fit,
    check_tables,
    configuration,
    earlier,
    enabled_before,
    first_savepoint,
    given,
    left,
    skipped_text,
    unfit,
)
from alternator_migrate.savepoints.store import Store, found, holder, lock

__all__ = [
    "Keeper",
    "NoKeeper",
    "Savepoint",
    "Store",
    "beginning",
    "check_fit",
    "check_tables",
    "configuration",
    "earlier",
    "enabled_before",
    "first_savepoint",
    "found",
    "given",
    "holder",
    "left",
    "lock",
    "progress_of",
    "skipped_text",
    "unfit",
]
