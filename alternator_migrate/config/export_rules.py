"""Keys of exports to S3 that are right one by one and wrong together."""

from collections.abc import Iterator

from alternator_migrate.config.access_rules import (
    Contradiction,
    of_credentials,
    of_endpoint,
    of_tls,
)
from alternator_migrate.config.exports import S3ExportSettings, S3TargetSettings
from alternator_migrate.config.settings import Settings
from alternator_migrate.config.table_export_settings import TableExportSettings


def of_export_target(settings: Settings, export: S3TargetSettings) -> Iterator[Contradiction]:
    """What is wrong with a target that is an export, by itself and beside other keys."""
    path, about = "target.path", ("target.path", "target.bucket", "target.prefix")
    if bool(export.path) == bool(export.bucket):
        words = "stands beside bucket: give one of the two"
        if not export.path:
            words = "is missing: where is the export to be written? (or bucket and prefix)"
        yield Contradiction(path, words, about)
    elif export.path and export.prefix:
        yield Contradiction("target.prefix", "goes with bucket; path has its own", about)
    if settings.source and settings.source.s3_export:
        words = "is an export, and so is the target: copy its objects, or write it into a table"
        yield Contradiction("source.type", words, ("source.type", "target.type"))
    if settings.target.stream_changes:
        words = "an export takes no changes; leave it out"
        yield Contradiction("target.streamChanges", words, ("target.streamChanges", "target.type"))
    for key, words in _that_do_nothing(settings):
        yield Contradiction(key, f"{words}; leave it out", (key, "target.type"))


def _that_do_nothing(settings: Settings) -> Iterator[tuple[str, str]]:
    """The keys that say nothing of an export that is written, and why."""
    if settings.skip_segments:
        yield "skipSegments", "leaves out a part of the table, and an export is of all of it"
    if settings.max_rejects:
        yield "maxRejects", "is for tables: an export has no rejects"


def of_exports(settings: Settings, export: S3ExportSettings) -> Iterator[Contradiction]:
    """What is wrong with a source that is exports, by itself and beside other keys."""
    single, several = "source.manifestKey", "source.manifestKeys"
    if bool(export.manifest_key) == bool(export.manifest_keys):
        words = "is missing: where is manifest-summary.json?"
        if export.manifest_key:
            words = "stands beside manifestKeys: give one of the two"
        yield Contradiction(single, words, (single, several))
    target = settings.target
    if target and target.stream_changes:
        words = (
            "an export has no changes to follow; leave it out, or take type: dynamodb with "
            "source.export, which follows the live table"
        )
        yield Contradiction("target.streamChanges", words, ("target.streamChanges", "source.type"))


def of_table_export(settings: Settings) -> Iterator[Contradiction]:
    """What is wrong with the export of a live table, by itself and beside other keys."""
    path, export = "source.export", settings.source.export
    if export is None:
        return
    yield from _of_ways(path, export)
    yield from _beside_export(path, settings, export)
    if export.endpoint:
        yield from of_endpoint(f"{path}.endpoint", export.endpoint, is_aws=True)
        yield from of_tls(f"{path}.endpoint", export.endpoint)
    if export.credentials:
        yield from of_credentials(f"{path}.credentials", export.credentials)


def _of_ways(path: str, export: TableExportSettings) -> Iterator[Contradiction]:
    """An export is asked for, or named in one way."""
    ways = tuple(f"{path}.{name}" for name in ("bucket", "arn", "manifestKeys"))
    if not (export.bucket or export.is_there):
        words = "is missing: which bucket is the table to be exported into?"
        yield Contradiction(f"{path}.bucket", words, ways)
    if export.arn and export.manifest_keys:
        words = "stands beside manifestKeys: give one of the two"
        yield Contradiction(f"{path}.arn", words, ways)
    asked = {
        "prefix": export.prefix,
        "bucketOwner": export.bucket_owner,
        "kmsKeyId": export.kms_key_id,
        "exportTime": export.export_time,
    }
    for name in [name for name, value in asked.items() if export.is_there and value is not None]:
        words = "is for an export that is asked for, and arn or manifestKeys name one"
        yield Contradiction(f"{path}.{name}", words, (f"{path}.{name}", *ways))


def _beside_export(
    path: str, settings: Settings, export: TableExportSettings
) -> Iterator[Contradiction]:
    """The export of a live table beside a source, a target and tables that do not go with it."""
    source, target = settings.source, settings.target
    if source.type != "dynamodb":
        words = f"is for type: dynamodb, a live table of AWS, not {source.type}"
        yield Contradiction(path, words, ("source.type",))
    if target and target.s3_export:
        words = "stands beside a target that is an export: leave one of the two out"
        yield Contradiction(path, words, ("target.type",))
    if source.scan_segments:
        words = "is for a scan: the segments of an export are its data files; leave it out"
        yield Contradiction("source.scanSegments", words, ("source.scanSegments",))
    if settings.tables and export.is_there:
        words = "names the export of one table: put it into tables.overrides"
        yield Contradiction(path, words, (f"{path}.arn", f"{path}.manifestKeys"))
