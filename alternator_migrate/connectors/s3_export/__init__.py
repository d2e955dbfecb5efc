"""Exports of DynamoDB tables in S3 or in files, as a source of items."""

from alternator_migrate.connectors.s3_export.description import described, of_exports
from alternator_migrate.connectors.s3_export.final import FinalExport, FinalPages
from alternator_migrate.connectors.s3_export.side import ExportSide, open_export
from alternator_migrate.connectors.s3_export.source import Export, ExportSource, ItemRules

__all__ = [
    "Export",
    "ExportSide",
    "ExportSource",
    "FinalExport",
    "FinalPages",
    "ItemRules",
    "described",
    "of_exports",
    "open_export",
]
