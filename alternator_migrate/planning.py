"""What `plan` prints, and what `run` says before it begins."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alternator_migrate.changes import Following, StreamStanding
from alternator_migrate.comparing import Wishes, choose_mode, compared_so_far, mode_text
from alternator_migrate.config import Settings
from alternator_migrate.cores import usable_cores
from alternator_migrate.description import TableSpec, TableState, Throughput
from alternator_migrate.indexing import check_late
from alternator_migrate.model import Limits, Progress
from alternator_migrate.remarks import of_servers, way_back
from alternator_migrate.report import duration, size_text
from alternator_migrate.resume import skipped_text
from alternator_migrate.samples import backlog, held
from alternator_migrate.savepoint import Savepoint, Store, holder
from alternator_migrate.services import Service
from alternator_migrate.staffing import Wish, choose
from alternator_migrate.streamplan import change_lines, refusal_warnings, stream_warnings
from alternator_migrate.wiring import Sides

_SKEW_SECONDS: Final = 300
_PHASES: Final = {
    "spool": "changes are kept until the copy is complete",
    "replay": "kept changes are being written",
    "live": "live",
    "ending": "over, the stream is being disabled",
    "over": "over, the stream was disabled",
}


def notes(sides: Sides) -> Iterator[str]:
    """What a person should know before a run: what is dropped or widened, and the pace."""
    for note in (*sides.findings.plan.notes, *sides.findings.unknown):
        yield f"note: {note}"
    for text in of_servers(sides):
        yield f"note: {text}"
    if sides.findings.foreign_ttl:
        yield f"warning: {ttl_text(sides)}"
    for side, cap, units in (
        ("source", sides.read_cap, "read"),
        ("target", sides.write_cap, "write"),
    ):
        if cap is not None:
            yield f"pace: {side} capped at {cap:g} {units} units/s for the whole run"


def ttl_text(sides: Sides) -> str:
    """What comes of a TTL that only the target has."""
    return (
        f"the target expires items by {sides.findings.foreign_ttl!r}, which the source does not: "
        "it deletes items that the source keeps"
    )


async def plan_text(settings: Settings, sides: Sides) -> str:
    """The whole text of `plan`. Reads at most one page of the source; writes nothing. Raises
    `UsageError` where `run` would refuse an existing target."""
    await check_late(sides.findings, sides.target)
    lines = [
        *_tables(settings, sides),
        *_schema(sides),
        *_estimates(settings, sides),
        *await change_lines(settings, sides),
        *_validation(settings, sides),
        *[f"note: {text}" for text in way_back(sides)],
        *[f"warning: {text}" for text in await stream_warnings(settings, sides)],
        *[f"warning: {text}" for text in await refusal_warnings(settings, sides)],
        *[f"warning: {text}" for text in await _warnings(settings, sides)],
        "Nothing was written.",
    ]
    return "\n".join(lines) + "\n"


def _tables(settings: Settings, sides: Sides) -> Iterator[str]:
    found = sides.findings
    yield f"source  {settings.source.table} at {_address(sides.source)}"
    yield f"        {_extent(found.source)}"
    state = "exists and fits" if found.existing else "will be created"
    yield f"target  {found.plan.spec.name} at {_address(sides.target)}: {state}"


def _extent(state: TableState) -> str:
    """How large a table is, as far as its server says: DynamoDB counts every six hours,
    Alternator never."""
    if not state.items and not state.size:
        return "the server counts no items: how many there are is not known"
    items = f"{state.items:,} items" if state.items else "an unknown number of items"
    return f"about {items}, {size_text(state.size)} (the server's own figures, up to 6 hours old)"


def _about(figure: float) -> str:
    """An estimate; 0 where it has nothing to go by."""
    return f"about {figure:,.0f}" if figure else "not known"


def _address(service: Service) -> str:
    return f"{service.lane.nodes.contacts[0]} ({service.dialect.name})"


def _schema(sides: Sides) -> Iterator[str]:
    plan = sides.findings.plan
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
    for note in (*plan.notes, *sides.findings.unknown):
        yield f"  note     {note}"


def _billing(spec: TableSpec) -> str:
    if spec.throughput is None:
        return "PAY_PER_REQUEST"
    units: Throughput = spec.throughput
    return f"PROVISIONED, {units.read} read and {units.write} write units"


def _estimates(settings: Settings, sides: Sides) -> Iterator[str]:
    state = sides.findings.source
    unit = 4096 if settings.source.consistent_read else 8192
    read_units = math.ceil(state.size / unit)
    write_units = max(state.items, math.ceil(state.size / 1024))
    options = sides.target.options
    batch = options.max_items_per_batch if options else 25
    segments = len(sides.findings.segments)
    choice = choose(Wish(), settings, sides, usable_cores())
    readers = sides.crew.readers * (1 if settings.source.max_map_tasks else choice.workers)
    yield "work"
    yield f"  engine          {choice.text}"
    yield f"  segments        {segments}, at most {min(segments, readers)} read at once"
    if settings.skip_segments:
        yield f"  skipped         {skipped_text(settings)}"
    requests = max(math.ceil(state.items / batch), math.ceil(state.size / Limits(batch).size))
    if settings.source.filter:
        yield f"  filter          {_filter(sides.source)}"
    yield f"  read units      {_about(read_units)}"
    yield f"  write requests  {_about(requests)} of up to {batch} items"
    yield f"  write units     {_about(write_units)}"
    times = []
    for side, cap, units in (
        ("source", sides.read_cap, read_units),
        ("target", sides.write_cap, write_units),
    ):
        if cap is not None:
            times.append(units / cap)
            yield f"  pace            {side} capped at {cap:g} units/s{_share(sides, side, cap)}"
        else:
            yield f"  pace            {side} not capped"
    if any(times):
        yield f"  time            at least {duration(max(times))} at that pace"
    elif times:
        yield "  time            not known"
    else:
        yield "  time            as fast as both sides and this machine allow"


def _filter(source: Service) -> str:
    """Where a filter is applied, and at what cost."""
    if source.dialect.filters_by_value:
        return "judged by the source; what it leaves out costs read units, too"
    name = source.dialect.name
    return f"judged here, as {name} compares numbers by their notation: whole pages are read"


def _validation(settings: Settings, sides: Sides) -> Iterator[str]:
    """How `validate` would compare the tables, and what that reads."""
    wishes = Wishes()
    mode, _ = choose_mode(settings, wishes, sides.findings.source)
    state = sides.findings.source
    unit = 4096 if settings.source.consistent_read else 8192
    scans = math.ceil(state.size / unit), math.ceil(state.size / 4096)
    each = math.ceil(state.size / max(state.items, 1) / 4096) * state.items
    source, target = scans if mode == "digest" else (scans[0] + each, scans[1] + each)
    yield "validation"
    yield f"  compares by     {mode_text(settings, wishes, sides)}"
    yield f"  read units      {_about(source)} on the source, {_about(target)} on the target"


def _share(sides: Sides, side: str, cap: float) -> str:
    found = sides.findings
    state = found.source if side == "source" else found.existing
    if state is None or state.spec.throughput is None:
        return ""
    units = state.spec.throughput
    provisioned = units.read if side == "source" else units.write
    return f", {cap / provisioned:.0%} of the {provisioned} provisioned"


async def _warnings(settings: Settings, sides: Sides) -> list[str]:
    found = sides.findings
    warnings = [*of_servers(sides)]
    if found.existing:
        warnings.append("the target table exists")
        warnings += await held(sides.target)
    if found.foreign_ttl:
        refused = "; run refuses it unless target.copyTtl is false" * settings.target.copy_ttl
        warnings.append(f"{ttl_text(sides)}{refused}")
    for name, service in (("source", sides.source), ("target", sides.target)):
        if service.skew is not None and abs(service.skew) > _SKEW_SECONDS:
            warnings.append(
                f"this machine's clock is {duration(abs(service.skew))} "
                f"{'ahead of' if service.skew > 0 else 'behind'} the {name}'s: "
                "signatures more than 15 minutes off are refused"
            )
    attribute = found.source.spec.ttl_attribute
    if attribute:
        warnings += await backlog(settings, sides.source, attribute)
    return warnings


def progress_of(savepoint: Savepoint) -> Progress:
    """How a migration stood at a savepoint."""
    sides = {name: savepoint.configuration.get(name, {}) for name in ("source", "target")}
    standing, comparison = savepoint.standing, savepoint.comparison
    if comparison:
        gone_through = comparison.sides.values()
        return Progress(
            source=str(sides["source"].get("table", "")),
            target=str(sides["target"].get("table", "")),
            state=savepoint.status,
            phase="Validate",
            segments_total=2 * (comparison.sampled or comparison.segments),
            segments_done=sum(len(each.done) for each in gone_through),
            bytes_read=sum(each.bytes_read for each in gone_through),
            examined=sum(each.items.read for each in gone_through),
            verdict=compared_so_far(comparison),
        )
    return Progress(
        source=str(sides["source"].get("table", "")),
        target=str(sides["target"].get("table", "")),
        state=savepoint.status,
        segments_total=savepoint.segments - len(savepoint.skipped or ()),
        segments_done=len(standing.done),
        items=standing.items,
        changes=_following(standing.stream) if standing.stream else None,
        bytes_read=standing.bytes_read,
        batches=standing.batches,
    )


def _following(stream: StreamStanding) -> Following:
    """How changes were followed at a savepoint; the lag of then says nothing of now."""
    return Following(stream.counts, stream.spool.changes if stream.spool else 0)


def status_lines(folder: Path, identity: str) -> Iterator[str]:
    """Where a migration or a validation stands, from its newest savepoint; nothing without one."""
    newest = Store(folder, identity).newest()
    if newest is None:
        return
    path, savepoint = newest
    progress = progress_of(savepoint)
    running = holder(folder, identity)
    over = savepoint.status in ("completed", "rejects", "differences")
    command, what = ("validate", "validation ") if savepoint.comparison else ("run", "")
    left = "" if over else f"; `{command}` goes on from here"
    ended = "interrupted" if savepoint.status == "running" else savepoint.status
    state = f"running, process {running}" if running else f"{ended}{left}"
    age = max(time.time() - savepoint.written, 0.0)
    written = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(savepoint.written))
    yield f"{progress.source} -> {progress.target}: {what}{state}"
    yield f"  segments   {progress.segments_done}/{progress.segments_total} done"
    yield from _counted(progress)
    if savepoint.standing.stream:
        yield from _stream_lines(savepoint.standing.stream)
    yield f"  time       {duration(savepoint.seconds)} of running"
    yield f"  savepoint  {path}, written {written} ({duration(age)} ago)"
    if savepoint.rejects and savepoint.status != "completed":
        yield f"  rejects    {savepoint.rejects}"
    if savepoint.comparison and savepoint.comparison.findings_size:
        yield f"  findings   {savepoint.comparison.findings}"


def _counted(progress: Progress) -> Iterator[str]:
    items, verdict = progress.items, progress.verdict
    if verdict:
        yield (
            f"  items      {verdict.compared:,} compared; {verdict.missing:,} missing, "
            f"{verdict.different:,} different, {verdict.extra:,} extra; {verdict.repaired:,} "
            "repaired"
        )
        yield f"  bytes      {size_text(progress.bytes_read)} read in this stage"
        return
    yield (
        f"  items      {items.read:,} read = {items.written:,} written + "
        f"{items.skipped_expired:,} skipped + {items.rejected:,} rejected"
    )
    yield f"  bytes      {size_text(progress.bytes_read)} read, in {progress.batches:,} batches"


def _stream_lines(stream: StreamStanding) -> Iterator[str]:
    counts, waiting = stream.counts, stream.spool.changes if stream.spool else 0
    yield (
        f"  changes    {counts.read + waiting:,} read = {counts.applied:,} applied + "
        f"{counts.superseded:,} superseded + {counts.rejected:,} rejected + {waiting:,} kept"
    )
    lag = "unknown" if stream.lag is None else duration(stream.lag)
    yield f"  following  {_PHASES[stream.phase]}; lag {lag} at the savepoint"
