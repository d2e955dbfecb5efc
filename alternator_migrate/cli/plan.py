"""The text of `plan`: tables, schema, estimates, warnings."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from alternator_migrate.cli.transform_text import plan_lines
from alternator_migrate.config import Settings
from alternator_migrate.connectors import (
    ALTERNATOR,
    NO_STREAMS,
    STREAMS_FEATURE,
    ExportSide,
    Pair,
    Service,
    backlog,
    clock_warnings,
    find_stream,
    first_items,
    judges_expiry,
    of_attributes,
    of_servers,
    read_ceiling,
    rehearse,
    shown_late,
    skipped_text,
    slow_writes,
    stream_warnings,
    ttl_text,
    way_back,
    work_facts,
)
from alternator_migrate.core import capacity
from alternator_migrate.core.model import Item, Limits
from alternator_migrate.core.runtime import usable_cores
from alternator_migrate.core.texts import duration, size_text
from alternator_migrate.dynamodb.table_schema import TableSpec, TableState, Throughput
from alternator_migrate.engines import EngineOptions, choose
from alternator_migrate.validate import ValidateOptions, choose_mode, mode_text

_TRIED: Final = 100
_NONE_READ: Final = "none: the table itself is not read"


async def plan_text(
    settings: Settings, pair: Pair, engine_options: EngineOptions, beginning: Iterable[str]
) -> str:
    """The whole text of `plan`; `beginning` tells where the run begins. Reads at most one page of
    the source; writes nothing."""
    items = await first_items(settings, pair)
    lines = [
        *_tables(settings, pair),
        *beginning,
        *_schema(pair),
        *_estimates(settings, pair, engine_options),
        *transform_lines(pair, items),
        *await _changes(settings, pair),
        *_validation(settings, pair),
        *await remarks(settings, pair, items),
        "Nothing was written.",
    ]
    return "\n".join(lines) + "\n"


async def remarks(settings: Settings, pair: Pair, items: Sequence[Item] | None = None) -> list[str]:
    """The notes and warnings on a table, each as a line; `items` are a page of the source, where
    that has been read."""
    if items is None:
        items = await first_items(settings, pair)
    return [
        *[f"note: {text}" for text in way_back(pair)],
        *[f"note: {text}" async for text in slow_writes(settings, pair)],
        *[f"note: {text}" for text in of_attributes(settings, pair, items)],
        *[f"warning: {text}" for text in await stream_warnings(settings, pair)],
        *[f"warning: {text}" for text in await _refusals(settings, pair)],
        *[f"warning: {text}" for text in await _warnings(settings, pair)],
    ]


def units_of(settings: Settings, pair: Pair) -> tuple[int, int]:
    """The read units on the source and the write units on the target of a copy; 0 where nothing is
    known of the table's size."""
    state = pair.inspection.source
    unit = capacity.read_bytes(consistent=settings.source.consistent_read)
    exported = isinstance(pair.source, ExportSide)
    read_units = 0 if exported else math.ceil(state.size / unit)
    return read_units, math.ceil(capacity.write_units(state.items, state.size))


def _tables(settings: Settings, pair: Pair) -> Iterator[str]:
    found, side = pair.inspection, pair.source
    if isinstance(side, ExportSide) and pair.exported is None:
        yield f"source  {found.source.spec.name}, exported to {side.address}"
    else:
        yield f"source  {settings.source.table} at {address(pair.live)}"
    if isinstance(side, ExportSide) and side.exports:
        yield f"        {_exported(side, found.source)}"
    else:
        yield f"        {_extent(found.source)}"
    state = "exists and fits" if found.existing else "will be created"
    yield f"target  {found.plan.spec.name} at {address(pair.target)}: {state}"


def _extent(state: TableState) -> str:
    """The table's size, as far as its server says: DynamoDB counts every six hours, Alternator
    never."""
    if not state.items and not state.size:
        return "the server counts no items: how many there are is not known"
    items = f"{state.items:,} items" if state.items else "an unknown number of items"
    return f"about {items}, {size_text(state.size)} (the server's own figures, up to 6 hours old)"


def _exported(side: ExportSide, state: TableState) -> str:
    """What exports hold, by their manifests."""
    files = sum(len(export.files) for export in side.exports)
    size = f", {size_text(state.size)} as billed" if state.size else ""
    return f"{state.items:,} items in {files:,} data files{size}, {side.moment} (exact)"


def _about(figure: float) -> str:
    """An estimate; 0 where it has nothing to go by."""
    return f"about {figure:,.0f}" if figure else "not known"


def address(service: Service) -> str:
    """Where a service is, and what it is."""
    return f"{service.address} ({service.dialect.name})"


def _schema(pair: Pair) -> Iterator[str]:
    plan = pair.inspection.plan
    spec = plan.spec
    yield "schema"
    for element in spec.keys:
        yield f"  key      {element.name} ({spec.attributes[element.name]}) {element.type}"
    for index in spec.indexes:
        keys = ", ".join(f"{e.name} ({spec.attributes[e.name]}) {e.type}" for e in index.keys)
        kind = "local" if index.local else "global"
        when = ", built after the data" if index in plan.late else ""
        projection = index.projection.get("ProjectionType", "ALL")
        yield f"  index    {index.name}: {kind}, {keys}, projection {projection}{when}"
    yield f"  billing  {_billing(spec)}"
    if spec.ttl_attribute:
        yield f"  TTL      {spec.ttl_attribute}, enabled after the data"
    for key, value in sorted(spec.tags.items()):
        yield f"  tag      {key}={value}"
    for name in _only_there(pair):
        yield f"  note     index {name}: only the target has it; it is kept, and written to"
    for note in (*plan.notes, *pair.inspection.unknown):
        yield f"  note     {note}"


def _only_there(pair: Pair) -> list[str]:
    """The indexes of an existing target that the source's table does not have."""
    found = pair.inspection
    wanted = {index.name for index in found.source.spec.indexes}
    there = found.existing.spec.indexes if found.existing else ()
    return [index.name for index in there if index.name not in wanted]


def _billing(spec: TableSpec) -> str:
    if spec.throughput is None:
        return "PAY_PER_REQUEST"
    units: Throughput = spec.throughput
    return f"PROVISIONED, {units.read} read and {units.write} write units"


def _estimates(settings: Settings, pair: Pair, engine_options: EngineOptions) -> Iterator[str]:
    state = pair.inspection.source
    read_units, write_units = units_of(settings, pair)
    options, exported = pair.target.options, isinstance(pair.source, ExportSide)
    batch = options.max_items_per_batch if options else 25
    segments = len(pair.inspection.segments)
    choice = choose(engine_options, work_facts(settings, pair), usable_cores())
    readers = pair.concurrency.readers * (1 if settings.source.max_map_tasks else choice.workers)
    yield "work"
    if segments:
        yield f"  engine          {choice.text}"
        yield f"  segments        {segments}, at most {min(segments, readers)} read at once"
    else:
        yield "  segments        one a data file of the export, by which the engine is chosen"
    if settings.skip_segments:
        yield f"  skipped         {skipped_text(settings)}"
    requests = max(math.ceil(state.items / batch), math.ceil(state.size / Limits(batch).size))
    if settings.source.filter:
        yield f"  filter          {_filter(pair.source)}"
    yield from _attributes(settings)
    yield f"  read units      {_NONE_READ if exported else _about(read_units)}"
    yield f"  write requests  {_about(requests)} of up to {batch} items"
    yield f"  write units     {_about(write_units)}{_for_indexes(pair)}"
    times = []
    for side, cap, units in (
        ("source", pair.read_cap, read_units),
        ("target", pair.write_cap, write_units),
    ):
        if cap is not None:
            times.append(units / cap)
            yield f"  pace            {side} capped at {cap:g} units/s{_share(pair, side, cap)}"
        elif side == "target" or not exported:
            yield f"  pace            {side} not capped"
    if limit := read_ceiling(pair):
        yield f"  limit           {limit}"
    if any(times):
        yield f"  time            at least {duration(max(times))} at that pace"
    elif times:
        yield "  time            not known"
    else:
        yield "  time            as fast as both sides and this machine allow"


def _attributes(settings: Settings) -> Iterator[str]:
    if attributes := settings.source.attributes:
        how = "before the transform" if settings.transform else "bytes, nothing is decoded"
        for word, names in (("left out", attributes.drop), ("kept", attributes.keep)):
            if names:
                yield f"  attributes      {word}: {', '.join(names)} ({how})"


def _for_indexes(pair: Pair) -> str:
    """The words on what indexes of a DynamoDB table add to its write units."""
    count = len(pair.inspection.plan.spec.indexes)
    if pair.target.options or not count:
        return ""
    return f", and up to as many again for each of {count} indexes"


def transform_lines(pair: Pair, items: Sequence[Item]) -> Iterator[str]:
    """What the transform does to some items of the source; nothing without one."""
    if pair.code and pair.shaping:
        keys = pair.inspection.plan.spec.key_names
        yield from plan_lines(rehearse(pair.shaping, items[:_TRIED], keys), pair)


def _filter(source: Service | ExportSide) -> str:
    """Where a filter is applied, and at what cost."""
    if isinstance(source, ExportSide):
        return "judged here: whole files are read"
    if source.dialect.filters_by_value:
        return "judged by the source; what it leaves out costs read units, too"
    name = source.dialect.name
    return f"judged here, as {name} compares numbers by their notation: whole pages are read"


async def _changes(settings: Settings, pair: Pair) -> list[str]:
    """What is planned for changes; nothing where they are not followed."""
    target = settings.target
    if not target.stream_changes:
        return []
    stream = await find_stream(pair.live.table)
    lines = ["changes"]
    if stream:
        lines.append(f"  stream          is there ({stream.view}); it is used and left alone")
    else:
        view = "NEW_AND_OLD_IMAGES" if pair.old_images else "NEW_IMAGE"
        lines.append(f"  stream          will be enabled on the source ({view})")
    if target.skip_initial_snapshot_transfer:
        return [*lines, "  copy            none: changes only"]
    kept = settings.spool.max_bytes
    place = f"in {settings.spool_home}" if settings.savepoints.bucket else "beside the savepoints"
    room = f"up to {size_text(kept)} {place} (spool.maxBytes)" if kept else "none"
    cut = settings.cutover
    lag = cut.max_lag_seconds + (shown_late(stream.arn) if stream else _late_at(pair.live))
    return [
        *lines,
        f"  kept            {room} while the copy lasts",
        "  retention       the stream holds changes for 24 h; beyond what is kept, the copy must "
        "be complete by then",
        f"  caught up       lag of at most {lag:g} s for {cut.for_seconds:g} s",
    ]


async def _refusals(settings: Settings, pair: Pair) -> list[str]:
    """What will keep an Alternator's stream from being enabled, as far as that can be read."""
    if not settings.target.stream_changes or not pair.source.options:
        return []
    if await find_stream(pair.live.table):
        return []
    features = await pair.live.table.account.features()
    if not features or STREAMS_FEATURE in features:
        return []
    return [f"no stream can be enabled on the source, it seems: {NO_STREAMS}"]


def _late_at(source: Service) -> float:
    """By how many seconds a stream that is enabled here will show changes late."""
    return ALTERNATOR.delay if source.options else 0.0


def _validation(settings: Settings, pair: Pair) -> Iterator[str]:
    """The lines on the comparison that `validate` would make, and on what that reads."""
    options = ValidateOptions()
    mode, _ = choose_mode(settings, options, pair.inspection.source)
    state = pair.inspection.source
    unit = capacity.read_bytes(consistent=settings.source.consistent_read)
    exact = capacity.CONSISTENT_READ_BYTES
    scans = math.ceil(state.size / unit), math.ceil(state.size / exact)
    each = math.ceil(state.size / max(state.items, 1) / exact) * state.items
    source, target = scans if mode == "digest" else (scans[0] + each, scans[1] + each)
    yield "validation"
    yield f"  compares by     {mode_text(settings, options, pair)}"
    exported = isinstance(pair.source, ExportSide) and pair.exported is None
    units = "none" if exported else _about(source)
    yield f"  read units      {units} on the source, {_about(target)} on the target"


def _share(pair: Pair, side: str, cap: float) -> str:
    found = pair.inspection
    state = found.source if side == "source" else found.existing
    if state is None or state.spec.throughput is None:
        return ""
    units = state.spec.throughput
    provisioned = units.read if side == "source" else units.write
    return f", {cap / provisioned:.0%} of the {provisioned} provisioned"


async def _warnings(settings: Settings, pair: Pair) -> list[str]:
    found = pair.inspection
    warnings = [*of_servers(pair)]
    if found.existing:
        warnings.append("the target table exists")
    if found.foreign_ttl:
        warnings.append(ttl_text(pair))
    judged = judges_expiry(settings, found.source)
    followed = settings.target.stream_changes
    warnings += clock_warnings(pair.source, pair.target, judged=judged, followed=followed)
    attribute = found.source.spec.ttl_attribute
    if attribute and isinstance(pair.source, Service):
        warnings += await backlog(settings, pair.source, attribute)
    return warnings
