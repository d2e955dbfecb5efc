"""Remarks before a run: settings that a server does not read, and what it needs."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

from alternator_migrate import __version__
from alternator_migrate.config import Settings
from alternator_migrate.connectors.pair import Pair
from alternator_migrate.connectors.s3_export import ExportSide
from alternator_migrate.connectors.service import Service
from alternator_migrate.connectors.source_stream import find_stream
from alternator_migrate.connectors.stream_traits import (
    ALWAYS,
    WRITE_ISOLATION,
    has_every_change,
    squash_warning,
)
from alternator_migrate.connectors.transform import TransformCode
from alternator_migrate.core import capacity
from alternator_migrate.core.texts import size_text
from alternator_migrate.dynamodb import rights
from alternator_migrate.dynamodb.table_schema import TableState

_TABLETS: Final = "system:initial_tablets"
_UNFOLLOWED: Final = (
    "is not followed: when this has caught up, `validate --repair --delete-extra` brings it"
)


def of_servers(pair: Pair) -> Iterator[str]:
    """Settings of both sides that their servers do not follow."""
    yield from pair.source.remarks
    yield from pair.target.remarks


def way_back(pair: Pair) -> Iterator[str]:
    """Remarks on what a new table needs so that changes can be followed back from it later."""
    tags = pair.inspection.plan.spec.tags
    makes = pair.target.options and pair.inspection.existing is None
    if makes and _TABLETS not in tags:
        yield (
            "changes can be followed back from the target only if it can have a stream, and a "
            f"table on tablets never can before ScyllaDB 2026.2: set target.tags {{{_TABLETS!r}: "
            "none} if the way back may be wanted there"
        )


async def slow_writes(settings: Settings, pair: Pair) -> AsyncIterator[str]:
    """A remark on a target that is slow to copy into, as each write is a round of Paxos there."""
    if settings.target.skip_initial_snapshot_transfer or not pair.target.options:
        return
    existing, tags = pair.inspection.existing, pair.inspection.plan.spec.tags
    if existing:
        tags = {**existing.spec.tags, **tags}
    isolation = await _isolation(pair.target, tags, existing)
    if isolation in ALWAYS:
        yield (
            f"the target's write isolation is `{isolation}`: each write is a round of Paxos, and a "
            "copy takes about ten times as long. Set target.tags "
            f"{{{WRITE_ISOLATION!r}: only_rmw_uses_lwt}}, which a run gives a table that exists, "
            "too; let nothing else write there meanwhile, and change the tag back after the copy"
        )


async def _isolation(service: Service, tags: Mapping[str, str], table: TableState | None) -> str:
    """The write isolation of an Alternator's `table` with these tags: that of the tags, else that
    of the server; "" where it is not known."""
    if found := tags.get(WRITE_ISOLATION):
        return found
    if table and rights.TAGS in table.denied:
        return ""
    return await service.table.account.write_isolation()


def beginning(pair: Pair, engine: str, savepoints: str) -> Iterator[str]:
    """The first words of a run: what goes from where to where, how much of it, on which engine, and
    where its savepoints are."""
    found = pair.inspection
    yield _ends(pair)
    count, size = found.source.items, found.source.size
    about = "" if pair.exports else "about "
    amount = f"{about}{count:,} items, {size_text(size)}" if count else "the server counts no items"
    yield (f"{amount}; segments {len(found.segments)}; engine {engine}; savepoints in {savepoints}")


def exporting(settings: Settings, pair: Pair, savepoints: str) -> Iterator[str]:
    """The first words of a run that has the table exported before it copies it."""
    given = settings.source.export
    assert given  # noqa: S101 # it is exported
    yield _ends(pair)
    place = given.arn or f"s3://{'/'.join(filter(None, (given.bucket, given.prefix)))}"
    yield f"it is copied from an export, {place}; savepoints in {savepoints}"


def _ends(pair: Pair) -> str:
    found, source = pair.inspection, pair.exported or pair.source
    return (
        f"alternator-migrate {__version__}: {found.source.spec.name} at {_place(source)} -> "
        f"{found.plan.spec.name} at {_place(pair.target)}"
    )


def _place(side: Service | ExportSide) -> str:
    if isinstance(side, ExportSide):
        return "exports in S3" if len(side.exports) > 1 else "an export in S3"
    return f"{side.address} ({side.dialect.name})"


async def notes(settings: Settings, pair: Pair) -> AsyncIterator[str]:
    """Remarks before a run: what is dropped or widened, the transform, and the pace."""
    if pair.code:
        yield transform_text(pair.code)
    for note in (*pair.inspection.plan.notes, *pair.inspection.unknown):
        yield f"note: {note}"
    for text in of_servers(pair):
        yield f"note: {text}"
    async for text in slow_writes(settings, pair):
        yield f"note: {text}"
    if pair.inspection.foreign_ttl:
        yield f"warning: {ttl_text(pair)}"
    for side, cap, units in (
        ("source", pair.read_cap, "read"),
        ("target", pair.write_cap, "write"),
    ):
        if cap is not None:
            yield f"pace: {side} capped at {cap:g} {units} units/s for the whole run"
    if text := read_ceiling(pair):
        yield f"pace: {text}"


def read_ceiling(pair: Pair) -> str:
    """What limits reading a table of AWS itself beside a cap, or instead of one; "" where nothing
    does, or nothing is known."""
    if not isinstance(pair.source, Service) or not pair.source.own:
        return ""
    found = pair.inspection
    segments = found.segments[0].total if found.segments else 0
    return capacity.ceiling_text(segments, found.source.size, pair.read_cap)


def transform_text(code: TransformCode) -> str:
    """Which transform is called."""
    return f"transform: {code.reference}, SHA-256 {code.sha256}"


def skipped_text(settings: Settings) -> str:
    """What `skipSegments` leaves out."""
    return (
        f"{len(set(settings.skip_segments))} of {settings.source.scan_segments} segments are left "
        "out (skipSegments): they are taken to be written already"
    )


def ttl_text(pair: Pair) -> str:
    """The warning about a TTL that only the target has."""
    return (
        f"the target expires items by {pair.inspection.foreign_ttl!r}, which the source does not: "
        "it deletes items that the source keeps"
    )


async def stream_warnings(settings: Settings, pair: Pair) -> list[str]:
    """What a person should know of the source's stream before it is followed. Raises `UsageError`
    for a stream that does not serve."""
    if not settings.target.stream_changes or not pair.source.options:
        return []
    stream, source = await find_stream(pair.live.table), pair.inspection.source
    if stream and has_every_change(stream.arn):
        return []
    warning = squash_warning(await _isolation(pair.live, source.spec.tags, source))
    return [warning] if warning else []


async def what_is_not_followed(pair: Pair, *, begins: bool) -> str:
    """The warning that following without a copy of its own lacks changes, when it `begins` and when
    it goes on. Raises `UsageError` for a stream that does not serve."""
    where = "before the oldest change that the stream held when following began"
    if begins and await find_stream(pair.live.table) is None:
        where = "until now, when its stream is enabled, which holds nothing older"
    return f"what the source has changed since the target was copied, and {where}, {_UNFOLLOWED}"
