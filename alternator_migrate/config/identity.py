"""Identities of migrations and validations, and the shape that decides which items arrive."""

import hashlib
import json
from typing import Any

from alternator_migrate.config.settings import (
    Settings,
    SideSettings,
    SourceSettings,
    TargetSettings,
)
from alternator_migrate.config.table_export_settings import TableExportSettings
from alternator_migrate.core.state import CopyState


def migration_identity(settings: Settings) -> str:
    """The identity of a migration: which table goes where."""
    source = settings.source
    return fingerprint([_exports(source) or _place(source), _target(settings.target)])


def validation_identity(settings: Settings) -> str:
    """The identity of a validation, other than that of the migration of the same tables."""
    return fingerprint(["validation", migration_identity(settings)])


def run_identity(settings: Settings) -> str:
    """The identity of a run of many tables: where they are, and where they go."""
    return fingerprint(["tables", migration_identity(settings)])


def migration_shape(settings: Settings) -> str:
    """A digest of all settings that decide which items arrive, and what they look like."""
    source = settings.source
    item_filter, attributes = source.filter, source.attributes
    shape: list[object] = [
        sorted((rename.from_, rename.to) for rename in settings.renames),
        [item_filter.expression, dict(item_filter.names), dict(item_filter.values)]
        if item_filter
        else None,
        source.expired_items,
    ]
    if attributes:  # a shape without them is that of versions that did not know them
        shape.append([sorted(set(attributes.drop)), sorted(set(attributes.keep))])
    return fingerprint(shape)


def validation_shape(settings: Settings, sample: float | None = None) -> str:
    """A digest of all that decides what is compared, and how; of all items, or of a `sample` of so
    large a share."""
    tolerance = settings.validation.floating_point_tolerance
    return fingerprint([migration_shape(settings), tolerance, sample])


def export_identity(export: TableExportSettings) -> str:
    """A digest of all settings that decide which export of a table is copied."""
    place = [export.bucket, export.prefix, export.bucket_owner, export.kms_key_id]
    named = [export.arn, list(export.manifest_keys)]
    return fingerprint([place, export.format, export.export_time, named])


def skipped_segments(settings: Settings, state: CopyState, segments: int) -> frozenset[int]:
    """The segments of `segments` that are not copied, nor to be copied."""
    alone = settings.target.skip_initial_snapshot_transfer
    left_out = range(segments) if alone else settings.skip_segments
    return frozenset(left_out) - state.done


def _place(side: SideSettings) -> list[Any]:
    return [side.endpoint.contacts if side.endpoint else "aws", side.region, side.table]


def _target(target: TargetSettings) -> list[Any]:
    """The place of a table, or of an export that is written."""
    export = target.s3_export
    return [*_place(target), str(export.place)] if export else _place(target)


def _exports(source: SourceSettings) -> list[Any]:
    """Where the exports of a source are; nothing for a table."""
    export, endpoint = source.s3_export, source.endpoint
    if export is None:
        return []
    place = endpoint.contacts if endpoint else "aws"
    # an identity without the word is that of versions that did not know it
    undone = ["revert"] if export.revert else []
    return [place, [str(each) for each in export.manifests], *undone]


def fingerprint(value: object) -> str:
    """A digest of one plain value, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
