"""Builds the source and the target of a copy from settings and open services."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from alternator_migrate.config import Settings
from alternator_migrate.connectors.inspect import Inspection
from alternator_migrate.connectors.pair import Pair, item_filter, wanted
from alternator_migrate.connectors.rejects_file import RejectsFile
from alternator_migrate.connectors.s3_export import (
    ExportSide,
    ExportSource,
    FinalExport,
    FinalPages,
    ItemRules,
    check_full,
)
from alternator_migrate.connectors.scan import DynamoDBSource, Expiry, Selection
from alternator_migrate.connectors.service import Service
from alternator_migrate.connectors.transform import reshaper_of, shaped, transformed
from alternator_migrate.connectors.writer import DynamoDBTarget
from alternator_migrate.core.capacity import page_items
from alternator_migrate.core.model import Limits
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.ports import Source
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.reshaping import Reshaper
from alternator_migrate.dynamodb.table_schema import TableState

_DYNAMODB_BATCH: Final = 25
OF_EXPORTS: Final = "source.manifestKeys"


def source_of(settings: Settings, pair: Pair, retry: Retry, pace: Pace, *, now: float) -> Source:
    """The source of a migration, read at this pace, with items as the target is to have them;
    `now` (epoch seconds) decides which items have expired."""
    table, side = pair.inspection.source, pair.source
    if isinstance(side, ExportSide):
        rules = _item_rules(settings, pair, side, _expiry(settings, table, now))
        exported = ExportSource(
            *(side.exports, side.objects(retry), rules, pace, side.seeks), reverted=side.reverted
        )
        return shaped(exported, pair.shaping, pair.inspection.plan.spec.key_names)
    capped = pair.read_cap is not None
    reshape = reshaper_of(pair.shaping)
    scan = scan_of(settings, side, table, retry, pace, now=now, capped=capped, reshape=reshape)
    return transformed(scan, pair.shaping, pair.inspection.plan.spec.key_names)


def scan_of(
    settings: Settings,
    side: Service,
    table: TableState,
    retry: Retry,
    pace: Pace,
    *,
    now: float,
    capped: bool,
    reshape: Reshaper | None,
) -> DynamoDBSource:
    """What `reshape` makes of the items of a source table, read at this pace; `capped` says that
    the run has a limit of read units."""
    return DynamoDBSource(
        DynamoDBClient(side.http, retry, pace),
        settings.source.table,
        selection=Selection(
            item_filter(settings, side), wanted(settings, side), _expiry(settings, table, now)
        ),
        consistent=settings.source.consistent_read,
        page_items=page_items(
            pace.cap, table.items, table.size, consistent=settings.source.consistent_read
        ),
        ask_capacity=capped and not side.options,
        key_names=table.spec.key_names,
        reshape=reshape,
    )


def final_export(
    settings: Settings, pair: Pair, side: ExportSide, expiry: Expiry | None, retry: Retry
) -> FinalExport:
    """The table that exports amount to, as a comparison reads it, under a `retry` policy. Raises
    `UsageError` where the first export is not a full one."""
    check_full(side.exports, OF_EXPORTS)
    rules, found = _item_rules(settings, pair, side, expiry), pair.inspection
    keys, target_keys = found.source.spec.key_names, found.plan.spec.key_names
    pages = FinalPages(side.exports, side.objects(retry), rules, keys)
    shaped_pages = shaped(pages, pair.shaping, target_keys)
    return FinalExport(shaped_pages, side.segments, target_keys, retry)


def _item_rules(
    settings: Settings, pair: Pair, side: ExportSide, expiry: Expiry | None
) -> ItemRules:
    return ItemRules(
        wanted=wanted(settings, side),
        is_expired=expiry.test if expiry else None,
        shaping=pair.shaping,
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


def _expiry(settings: Settings, table: TableState, now: float) -> Expiry | None:
    attribute = table.spec.ttl_attribute
    skip = settings.source.expired_items == "skip"
    return Expiry.at(attribute, now) if attribute and skip else None


def rejects_file(
    settings: Settings,
    found: Inspection,
    folder: Path,
    path: Path | None,
    counted: int,
    told: Callable[[str], str],
    claim: Callable[[str], Path],
) -> RejectsFile:
    """The file of rejected items: the one at `path`, of which an earlier run `counted` so many,
    or a new one in `folder`, made by `claim`; messages name it as `told`."""
    names, allowed = found.plan.spec.key_names, settings.max_rejects
    return RejectsFile(folder, names, allowed, str(path) if path else None, counted, told, claim)
