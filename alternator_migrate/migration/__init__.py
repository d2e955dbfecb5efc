"""One migration from first look to last check; many tables in one run."""

from alternator_migrate.migration.assemble import Until
from alternator_migrate.migration.commons import Turns
from alternator_migrate.migration.roster import Selection, choose, run_file
from alternator_migrate.migration.run import FinishRun, MigrationRun, ResendRun
from alternator_migrate.migration.shards import Part
from alternator_migrate.migration.tables import Kind, OneRun, TablesRun

__all__ = [
    "FinishRun",
    "Kind",
    "MigrationRun",
    "OneRun",
    "Part",
    "ResendRun",
    "Selection",
    "TablesRun",
    "Turns",
    "Until",
    "choose",
    "run_file",
]
