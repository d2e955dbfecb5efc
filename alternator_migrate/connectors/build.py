"""Builds the source and the target of a copy from settings and open services."""

from typing import Final

from alternator_migrate.config import Settings
from alternator_migrate.connectors.inspect import Inspection
from alternator_migrate.connectors.pair import Pair, item_filter, wanted
from alternator_migrate.connectors.s3_export import ExportSide, ExportSource
from alternator_migrate.connectors.scan import DynamoDBSource, Expiry
from alternator_migrate.connectors.transform import shaped
from alternator_migrate.connectors.writer import DynamoDBTarget
from alternator_migrate.core.capacity import page_items
from alternator_migrate.core.model import Limits
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.ports import Source
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb.client import DynamoDBClient

_DYNAMODB_BATCH: Final = 25


def source_of(settings: Settings, pair: Pair, retry: Retry, pace: Pace, *, now: float) -> Source:
    """The source of a migration, read at this pace, with items as the target is to have them;
    `now` (epoch seconds) decides which items have expired."""
    table, side = pair.inspection.source, pair.source
    expiry = _expiry(settings, pair.inspection, now)
    if isinstance(side, ExportSide):
        return export_source(settings, pair, side, expiry)
    source = DynamoDBSource(
        DynamoDBClient(side.http, retry, pace),
        settings.source.table,
        item_filter=item_filter(settings, side),
        wanted=wanted(settings, side),
        expiry=expiry,
        consistent=settings.source.consistent_read,
        page_items=page_items(pace.cap, table.items, table.size),
        ask_capacity=pair.read_cap is not None and not side.options,
    )
    return shaped(source, pair.shaping)


def export_source(
    settings: Settings, pair: Pair, side: ExportSide, expiry: Expiry | None
) -> Source:
    """The items and changes of exports as the target is to have them."""
    return ExportSource(
        side.exports,
        side.objects,
        wanted=wanted(settings, side),
        is_expired=expiry.test if expiry else None,
        shape=pair.shaping.items if pair.shaping else None,
    )


def target_of(settings: Settings, pair: Pair, retry: Retry, pace: Pace) -> DynamoDBTarget:
    """The target of a migration, written at this pace."""
    options = pair.target.options
    return DynamoDBTarget(
        DynamoDBClient(pair.target.http, retry, pace),
        settings.target.table,
        pair.inspection.plan.spec.key_names,
        limits=Limits(options.max_items_per_batch if options else _DYNAMODB_BATCH),
        ask_capacity=pair.write_cap is not None and not options,
    )


def _expiry(settings: Settings, found: Inspection, now: float) -> Expiry | None:
    attribute = found.source.spec.ttl_attribute
    skip = settings.source.expired_items == "skip"
    return Expiry.at(attribute, now) if attribute and skip else None
