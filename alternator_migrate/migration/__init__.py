"""One migration from first look to last check."""

from alternator_migrate.migration.assemble import FOR_EVER, Until, build_migration
from alternator_migrate.migration.completed import is_over, what_lacks
from alternator_migrate.migration.migration import Migration
from alternator_migrate.migration.resend import Resend
from alternator_migrate.migration.shards import (
    TAG,
    Part,
    check_others,
    check_settings,
    check_target,
    part_of,
)
from alternator_migrate.migration.worker import CopyJob, copy_job

__all__ = [
    "FOR_EVER",
    "TAG",
    "CopyJob",
    "Migration",
    "Part",
    "Resend",
    "Until",
    "build_migration",
    "check_others",
    "check_settings",
    "check_target",
    "copy_job",
    "is_over",
    "part_of",
    "what_lacks",
]
