"""Exports of DynamoDB tables in S3 or in files, as a source of items."""

from alternator_migrate.connectors.s3_export.bucket import Calls
from alternator_migrate.connectors.s3_export.client import open_client
from alternator_migrate.connectors.s3_export.description import described, identity, of_exports
from alternator_migrate.connectors.s3_export.final import FinalExport, FinalPages
from alternator_migrate.connectors.s3_export.ion import check_library
from alternator_migrate.connectors.s3_export.side import ExportSide, not_yet, open_export
from alternator_migrate.connectors.s3_export.sink import BucketSink, Folder, Sink, Stored
from alternator_migrate.connectors.s3_export.source import Export, ExportSource, ItemRules
from alternator_migrate.connectors.s3_export.windows import check_base, check_full, iso
from alternator_migrate.connectors.s3_export.writing import (
    DataFileWriter,
    ExportPlace,
    WrittenFile,
    begin,
    write_manifests,
)

__all__ = [
    "BucketSink",
    "Calls",
    "DataFileWriter",
    "Export",
    "ExportPlace",
    "ExportSide",
    "ExportSource",
    "FinalExport",
    "FinalPages",
    "Folder",
    "ItemRules",
    "Sink",
    "Stored",
    "WrittenFile",
    "begin",
    "check_base",
    "check_full",
    "check_library",
    "described",
    "identity",
    "iso",
    "not_yet",
    "of_exports",
    "open_client",
    "open_export",
    "write_manifests",
]
