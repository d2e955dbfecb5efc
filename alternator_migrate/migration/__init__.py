"""One migration from first look to last check; many tables in one run."""

from alternator_migrate.migration.after import FinishRun, ResendRun
from alternator_migrate.migration.commons import Commons, Turns
from alternator_migrate.migration.export_run import ExportRun, check_options
from alternator_migrate.migration.lanes import Kind, OneRun, lock_name
from alternator_migrate.migration.options import MigrateOptions, Until
from alternator_migrate.migration.roster import Selection, named, roster, run_file, to_do
from alternator_migrate.migration.run import MigrationRun
from alternator_migrate.migration.schema import SchemaRun
from alternator_migrate.migration.shards import Part
from alternator_migrate.migration.tables import TablesRun

__all__ = [
    "Commons",
    "ExportRun",
    "FinishRun",
    "Kind",
    "MigrateOptions",
    "MigrationRun",
    "OneRun",
    "Part",
    "ResendRun",
    "SchemaRun",
    "Selection",
    "TablesRun",
    "Turns",
    "Until",
    "check_options",
    "lock_name",
    "named",
    "roster",
    "run_file",
    "to_do",
]
