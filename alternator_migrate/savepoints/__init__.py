"""Savepoints, on disk or in a bucket, and going on from them."""

from alternator_migrate.savepoints.folder import where_they_are
from alternator_migrate.savepoints.format import Savepoint
from alternator_migrate.savepoints.keeper import Keeper, NoKeeper
from alternator_migrate.savepoints.place import Located, Place
from alternator_migrate.savepoints.places import place_of
from alternator_migrate.savepoints.progress import progress_of
from alternator_migrate.savepoints.resume import ANEW, Earlier, Resume, check_tables, unfit
from alternator_migrate.savepoints.run_file import RunFile, RunRecord, TableEntry
from alternator_migrate.savepoints.store import (
    Store,
    check_alone,
    found,
    holder,
    lock,
    newest_of_parts,
    written_at,
)
from alternator_migrate.savepoints.stored_run import StoredRun, UnderWay

__all__ = [
    "ANEW",
    "Earlier",
    "Keeper",
    "Located",
    "NoKeeper",
    "Place",
    "Resume",
    "RunFile",
    "RunRecord",
    "Savepoint",
    "Store",
    "StoredRun",
    "TableEntry",
    "UnderWay",
    "check_alone",
    "check_tables",
    "found",
    "holder",
    "lock",
    "newest_of_parts",
    "place_of",
    "progress_of",
    "unfit",
    "where_they_are",
    "written_at",
]
