"""The place of the savepoints of a configuration, by what it names."""

from pathlib import Path

from alternator_migrate.config import Settings
from alternator_migrate.savepoints.local import LocalFolder
from alternator_migrate.savepoints.place import Place


def place_of(settings: Settings) -> Place:
    """Where the savepoints of a configuration are. Raises `UsageError` where that is S3, and nobody
    can sign in there."""
    given = settings.savepoints
    if given.bucket is None:
        return LocalFolder(Path(given.path))
    from alternator_migrate.savepoints.s3 import open_folder  # noqa: PLC0415 # a client of S3

    return open_folder(given, settings.retry_budget_seconds)
