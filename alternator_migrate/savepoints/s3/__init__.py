"""Savepoints as objects in a bucket of S3."""

from alternator_migrate.savepoints.s3.folder import S3Folder
from alternator_migrate.savepoints.s3.opening import open_folder

__all__ = ["S3Folder", "open_folder"]
