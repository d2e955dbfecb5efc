"""The pair of source and target, opened from settings."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from alternator_migrate.config import Settings, skipped_segments
from alternator_migrate.connectors.caps import read_cap, write_cap
from alternator_migrate.connectors.inspect import Inspection, choose_segments, look
from alternator_migrate.connectors.late_indexes import settled
from alternator_migrate.connectors.s3_export import Export, ExportSide, not_yet
from alternator_migrate.connectors.scan import Filter, check_filter
from alternator_migrate.connectors.service import Service
from alternator_migrate.connectors.services import (
    Services,
    open_both,
    open_services,
    refusing_to_begin,
)
from alternator_migrate.connectors.source_state import state_of
from alternator_migrate.connectors.source_stream import BOTH_IMAGES, find_stream
from alternator_migrate.connectors.target_table import TargetPlan, plan_target
from alternator_migrate.connectors.transform import (
    Shaping,
    TransformCode,
    check_attributes,
    find_code,
    shaping_of,
)
from alternator_migrate.core.calls import CallFigures
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.model import Concurrency, Item, Role, Segment
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.requests import SideFigures, SideRequests
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.runtime import usable_cores
from alternator_migrate.core.shares import SharedCaps
from alternator_migrate.core.state import CopyState
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.dialect import Dialect
from alternator_migrate.dynamodb.expressions import ExpressionError, matcher
from alternator_migrate.dynamodb.http_client import HttpClient
from alternator_migrate.dynamodb.rights import Needs
from alternator_migrate.dynamodb.table_schema import TableState
from alternator_migrate.engines import WorkFacts


@dataclass(frozen=True, slots=True)
class PairFacts:
    """Facts of both tables that the conductor finds out and workers are told: the inspection,
    the caps in units a second (None: no cap), the concurrency, the exports where the source is read
    from such, the code of the transform, and whether that is told the old images of the source's
    stream."""

    inspection: Inspection
    read_cap: float | None
    write_cap: float | None
    concurrency: Concurrency
    code: TransformCode | None = field(default=None, kw_only=True)
    old_images: bool = field(default=False, kw_only=True)
    exports: tuple[Export, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class Pair(PairFacts):
    """Both services, open; `streams` leads to the source's streams where changes are to be
    followed from here; `shaping` is what becomes of items on their way. Where the source is
    exports of a live table, `exported` is that table, of which changes are needed `since` (epoch
    seconds; None: from now on)."""

    source: Service | ExportSide
    target: Service
    streams: HttpClient | None = None
    shaping: Shaping | None = None
    shared: SharedCaps | None = None
    exported: Service | None = None
    since: float | None = None

    def paces(
        self, gate: Gate, left: Callable[[], float], *, reads: asyncio.Event | None = None
    ) -> tuple[Pace, Pace]:
        """The paces of reading the source and of writing, as the gate allows (reading by the valve
        `reads`, if given); where tables share caps, they do so by what is `left` to do in each
        (bytes)."""
        reads, shared = reads or gate.reading, self.shared
        if shared is None:
            return Pace(self.read_cap, valve=reads), Pace(self.write_cap, valve=gate.writing)
        return (
            shared.reading.pace(self.read_cap, left, reads),
            shared.writing.pace(self.write_cap, left, gate.writing),
        )

    @property
    def live(self) -> Service:
        """The source where it is a table, or exports of one, as it is wherever changes are
        followed."""
        table = self.exported or self.source
        assert isinstance(table, Service)  # noqa: S101 # no export alone is followed, see `rules`
        return table

    def figures(self) -> dict[Role, SideFigures]:
        """Both sides as they are seen from here by now; among many tables, which all see the same,
        but for exports of their own, none."""
        if self.shared:
            own = isinstance(self.source, ExportSide)
            return {"source": self.source.figures} if own else {}
        source = self.source.figures
        if self.streams:
            source += SideFigures(self.streams.requests.figures)
        return {"source": source, "target": self.target.figures}

    def calls(self) -> CallFigures:
        """What is known of the calls here of a user's function by now."""
        return self.shaping.calls if self.shaping else CallFigures()

    def requests(self) -> SideRequests:
        """The requests sent to both sides from here by now."""
        figures = self.figures()
        return SideRequests(figures["source"].requests, figures["target"].requests)


@asynccontextmanager
async def open_pair(
    settings: Settings,
    segments: int | None = None,
    workers: int | None = None,
    *,
    known: PairFacts | None = None,
    services: Services | None = None,
    by_export: bool = False,
) -> AsyncIterator[Pair]:
    """Connect to both sides, unless `services` are open already, and look at the tables, unless
    they are `known`; nothing is written. `segments` is the total that an earlier run used,
    `workers` how many are wished for (None: one a core). A table that is copied `by_export` is not
    read: it has no segments yet.

    Raises `UsageError` for whatever keeps a migration from beginning; where the tables are known
    it has begun, and other errors of connecting are raised as they are.
    """
    code = known.code if known else find_code(settings.transform)
    functions = code.functions() if code else None

    def shaping(facts: PairFacts) -> Shaping | None:
        source, target = facts.inspection.source.spec, facts.inspection.plan.spec
        old_images = facts.old_images
        return shaping_of(settings, source, functions, target=target, old_images=old_images)

    beside_others = services is not None
    async with AsyncExitStack() as stack:
        if known:
            concurrency = known.concurrency
            source, target = await open_both(stack, settings, concurrency, known.exports)
            services = Services(settings, concurrency, source, target)
            yield _pair(known, source, services, shaping(known))
            return
        if services:
            services = services.of(settings)
        else:
            follows = settings.target.stream_changes
            opening = open_services(settings, follows=follows)
            services = await stack.enter_async_context(opening)
        with refusing_to_begin():
            opened = read = await services.open_source(settings, stack)
            exported = opened if by_export and isinstance(opened, Service) else None
            if exported:
                read = not_yet(exported.remarks, exported.skew)
            state = await state_of(settings, opened, services.target)
            choose = partial(
                choose_segments,
                cores=workers or usable_cores(),
                wanted=segments or settings.source.scan_segments,
                beside_others=beside_others,
            )
            facts = await _facts_of(settings, services, state, read, choose)
            if services.streams and functions and not functions.transform_key:
                assert isinstance(opened, Service)  # noqa: S101 # it has streams
                facts = replace(facts, old_images=await _has_old_images(opened))
        pair = _pair(replace(facts, code=code), read, services, shaping(facts))
        yield replace(pair, exported=exported)


def _pair(
    facts: PairFacts,
    source: Service | ExportSide,
    services: Services,
    shaping: Shaping | None,
) -> Pair:
    return Pair(
        facts.inspection,
        facts.read_cap,
        facts.write_cap,
        facts.concurrency,
        source,
        services.target,
        services.streams,
        shaping,
        services.shared,
        old_images=facts.old_images,
        code=facts.code,
        exports=facts.exports,
    )


async def _has_old_images(source: Service) -> bool:
    """Whether the source's stream has old images; one that is to be enabled will have them."""
    stream = await find_stream(source.table)
    return stream is None or stream.view == BOTH_IMAGES


async def _facts_of(
    settings: Settings,
    services: Services,
    state: TableState,
    source: Service | ExportSide,
    choose: Callable[[int], tuple[Segment, ...]],
) -> PairFacts:
    """The facts by a look at both tables, of which the source is in this `state`; the source checks
    the filter. `choose(size)` are the segments of a table of so many bytes. Raises
    `MigrateError`."""
    target = services.target
    inspection = await look(
        state,
        target.table,
        lambda state: _plan(settings, state, target.dialect),
        lambda state: _segments(settings, source, state.size, choose),
        _needs(settings),
        makes_keys=settings.transform is not None,
    )
    inspection = await settled(inspection, target)
    if isinstance(source, ExportSide):
        inspection = replace(inspection, barriers=source.barriers)
    check_attributes(settings, inspection.source.spec)
    await _check_filter(settings, source)
    write, concurrency = write_cap(settings, inspection, services), services.concurrency
    if isinstance(source, ExportSide):
        return PairFacts(inspection, None, write, concurrency, exports=source.exports)
    read = read_cap(settings, inspection, services, own=source.own)
    return PairFacts(inspection, read, write, concurrency)


def _segments(
    settings: Settings,
    source: Service | ExportSide,
    size: int,
    choose: Callable[[int], tuple[Segment, ...]],
) -> tuple[Segment, ...]:
    """The segments of the source: of a table of so many bytes as many as are chosen; of exports one
    a data file. Raises `UsageError` where others are wanted."""
    if not isinstance(source, ExportSide):
        return choose(size)
    wanted = settings.source.scan_segments
    total = source.segments
    if not total:
        return ()
    if wanted not in (None, total):
        raise UsageError(
            f"source.scanSegments is {wanted}, and the export has {total} data files",
            "Leave scanSegments out: a segment of an export is a data file.",
        )
    return choose_segments(size, 1, total)


def segments_to_copy(settings: Settings, found: Inspection, state: CopyState) -> Inspection:
    """The inspection without the segments that are skipped, now or by an earlier run."""
    total = found.segments[0].total if found.segments else 0
    left_out = skipped_segments(settings, state, total)
    return replace(found, segments=tuple(s for s in found.segments if s.index not in left_out))


def _needs(settings: Settings) -> Needs:
    target = settings.target
    skips = settings.source.expired_items == "skip"
    return Needs(copy_ttl=target.copy_ttl, copy_tags=target.copy_tags, skip_expired=skips)


def _plan(settings: Settings, state: TableState, dialect: Dialect) -> TargetPlan:
    target = settings.target
    return plan_target(
        state,
        dialect,
        name=target.name,
        renames={rename.from_: rename.to for rename in settings.renames},
        billing_mode=target.billing_mode,
        copy_ttl=target.copy_ttl,
        copy_tags=target.copy_tags,
        extra_tags=target.tags,
        indexes=target.indexes,
    )


def item_filter(settings: Settings, source: Service | ExportSide) -> Filter | None:
    """The user's filter where the source applies it, else None."""
    given = settings.source.filter
    if not given or not source.filters:
        return None
    return Filter(given.expression, given.names, given.values)


def wanted(settings: Settings, source: Service | ExportSide) -> Callable[[Item], bool] | None:
    """The user's filter where it is applied here, else None: a source that compares numbers by
    their notation would leave out items that match, and an export filters nothing."""
    return None if source.filters else matcher_of(settings)


def matcher_of(settings: Settings) -> Callable[[Item], bool] | None:
    """The user's filter as a predicate of items; None without one. Raises `UsageError` for an
    expression that cannot be applied."""
    given = settings.source.filter
    try:
        return matcher(given.expression, given.names, given.values) if given else None
    except ExpressionError as error:
        raise UsageError(f"source.filter cannot be applied: {error}") from error


async def _check_filter(settings: Settings, source: Service | ExportSide) -> None:
    wanted(settings, source)
    given = item_filter(settings, source)
    # following alone scans nothing, and need not be allowed to
    alone = settings.target.skip_initial_snapshot_transfer
    if given and isinstance(source, Service) and not alone:
        client = DynamoDBClient(source.http, Retry(settings.retry_budget_seconds))
        await check_filter(client, settings.source.table, given)


def work_facts(settings: Settings, pair: Pair) -> WorkFacts:
    """The facts that an engine is chosen by. No more slices may run at once than each has a
    connection and a segment to read."""
    source, target, found = settings.source, settings.target, pair.inspection
    limits = [source.max_map_tasks]
    limits += [side.alternator.max_connections for side in (source, target) if side.alternator]
    most = min((limit for limit in limits if limit), default=None)
    segments, size = len(found.segments), found.source.size
    return WorkFacts(segments, size, pair.read_cap, pair.write_cap, most)
