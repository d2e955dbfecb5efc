"""One migration from first look to last check."""

from alternator_migrate.migration.assemble import Until
from alternator_migrate.migration.run import FinishRun, MigrationRun, ResendRun
from alternator_migrate.migration.schema import SchemaRun
from alternator_migrate.migration.shards import Part

__all__ = ["FinishRun", "MigrationRun", "Part", "ResendRun", "SchemaRun", "Until"]
