"""A source table and the place of an export that is written of it, opened from settings."""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from alternator_migrate.config import Settings
from alternator_migrate.connectors.build import scan_of
from alternator_migrate.connectors.clocks import expiry_time
from alternator_migrate.connectors.inspect import choose_segments
from alternator_migrate.connectors.s3_export import BucketSink, Calls, Folder, Sink, open_client
from alternator_migrate.connectors.service import Service, open_service
from alternator_migrate.connectors.services import refusing_to_begin
from alternator_migrate.connectors.target_table import check_internal, renamed
from alternator_migrate.connectors.transform import find_code, reshaper_of, shaping_of, transformed
from alternator_migrate.core.model import Segment
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.ports import Source
from alternator_migrate.core.requests import Requests
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.runtime import usable_cores
from alternator_migrate.dynamodb import rights
from alternator_migrate.dynamodb.absence import absent
from alternator_migrate.dynamodb.rights import Needs
from alternator_migrate.dynamodb.table_schema import TableState

_READERS: Final = 8
"""The most segments read, and objects written, at once: each holds a part of an upload."""


@dataclass(frozen=True, slots=True)
class ExportEnds:
    """Both ends of an export: the source `table` (`target` as it is after renames), its segments,
    of which so many (`readers`) are read at once, and where to write: a bucket's prefix, or a
    folder (`bucket` None). Requests to both are repeated by `retry`; those to S3 are counted in
    `written`."""

    source: Service
    table: TableState
    target: TableState
    segments: tuple[Segment, ...]
    sink: Sink
    bucket: str | None
    prefix: str
    read_cap: float | None
    readers: int
    items: Callable[[Retry, Pace], Source]
    retry: Retry
    written: Requests

    @property
    def beside(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """What goes on beside the work."""
        return (self.source.watch,)


@asynccontextmanager
async def open_export_ends(
    settings: Settings, segments: int | None, clock: Callable[[], float]
) -> AsyncIterator[ExportEnds]:
    """Connect to the source table and to where its export goes; nothing is written. `segments` is
    the total that an earlier run used; requests are repeated by the `clock`. Raises `UsageError`
    for whatever keeps a run from beginning."""
    calls = Calls(Retry(_patience(settings), clock=clock), side="target", section="target")
    async with AsyncExitStack() as stack:
        with refusing_to_begin():
            source = await stack.enter_async_context(
                open_service("source", settings.source, _readers(settings), _patience(settings))
            )
            check_internal("source", settings.source.table, source.dialect)
            table = await source.table.inspect()
            if table is None:
                raise await absent(source.table, "source")
            skips = settings.source.expired_items == "skip"
            rights.check_source(table, Needs(copy_ttl=False, copy_tags=False, skip_expired=skips))
            sink, bucket, prefix = await _sink(settings, stack, calls)
        yield _ends(settings, source, table, segments, sink, bucket, prefix, calls)


def _ends(
    settings: Settings,
    source: Service,
    table: TableState,
    segments: int | None,
    sink: Sink,
    bucket: str | None,
    prefix: str,
    calls: Calls,
) -> ExportEnds:
    code, now = find_code(settings.transform), expiry_time(source)
    shaping = shaping_of(settings, table.spec, code.functions() if code else None)
    names = {rename.from_: rename.to for rename in settings.renames}
    target = replace(table, spec=renamed(table.spec, names))

    cap = settings.source.read_throughput
    if cap is None and table.spec.throughput and source.own:
        cap = table.spec.throughput.read * settings.source.throughput_read_percent

    capped, reshape = cap is not None, reshaper_of(shaping)

    def items(retry: Retry, pace: Pace) -> Source:
        scan = scan_of(
            settings, source, table, retry, pace, now=now, capped=capped, reshape=reshape
        )
        return transformed(scan, shaping, target.spec.key_names)

    wanted = segments or settings.source.scan_segments
    chosen = choose_segments(table.size, usable_cores(), wanted)
    readers = _readers(settings)
    where = sink, bucket, prefix
    kept = calls.retry, calls.requests
    return ExportEnds(source, table, target, chosen, *where, cap, readers, items, *kept)


async def _sink(
    settings: Settings, stack: AsyncExitStack, calls: Calls
) -> tuple[Sink, str | None, str]:
    """Where the export goes: the place, its bucket if it is one, and the prefix of keys."""
    given = settings.target.s3_export
    assert given  # noqa: S101 # the section of this type is always there
    place = given.place
    if not place.bucket:
        return Folder(Path(place.key or ".")), None, ""
    opening = open_client(
        "target",
        settings.target,
        _readers(settings),
        _patience(settings),
        in_path=given.use_path_style_access,
    )
    client = await stack.enter_async_context(opening)
    return BucketSink(client, place.bucket, calls), place.bucket, place.key


def _readers(settings: Settings) -> int:
    return min(settings.source.max_map_tasks or _READERS, _READERS)


def _patience(settings: Settings) -> float:
    return settings.retry_budget_seconds
