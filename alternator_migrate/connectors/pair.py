"""The pair of source and target, opened from settings."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from alternator_migrate.config import Settings, SourceSettings, skipped_segments
from alternator_migrate.connectors.inspect import Inspection, choose_segments, look
from alternator_migrate.connectors.late_indexes import settled
from alternator_migrate.connectors.rejects_file import RejectsFile
from alternator_migrate.connectors.s3_export import Export, ExportSide, open_export
from alternator_migrate.connectors.scan import Filter, check_filter
from alternator_migrate.connectors.service import Service, open_service
from alternator_migrate.connectors.source_state import state_of
from alternator_migrate.connectors.target_table import TargetPlan, plan_target
from alternator_migrate.connectors.transform import Shaping, check_attributes, shaping_of
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.model import Concurrency, Item, Role, Segment
from alternator_migrate.core.requests import SideFigures, SideRequests
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.runtime import usable_cores
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
    the caps in units a second (None: no cap), the concurrency, and the exports where the source is
    read from such."""

    inspection: Inspection
    read_cap: float | None
    write_cap: float | None
    concurrency: Concurrency
    exports: tuple[Export, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class Pair(PairFacts):
    """Both services, open; `streams` leads to the source's streams where changes are to be
    followed from here; `shaping` is what becomes of items on their way."""

    source: Service | ExportSide
    target: Service
    streams: HttpClient | None = None
    shaping: Shaping | None = None

    @property
    def live(self) -> Service:
        """The source where it is a table, as it is wherever changes are followed."""
        assert isinstance(self.source, Service)  # noqa: S101 # no export is followed, see `rules`
        return self.source

    def figures(self) -> dict[Role, SideFigures]:
        """Both sides as they are seen from here by now."""
        source = self.source.figures
        if self.streams:
            source += SideFigures(self.streams.requests.figures)
        return {"source": source, "target": self.target.figures}

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
) -> AsyncIterator[Pair]:
    """Connect to both sides and, unless that is `known`, look at the tables; nothing is written.
    `segments` is the total that an earlier run used, `workers` how many are wished for (None: one
    a core).

    Raises `UsageError` for whatever keeps a migration from beginning; where the tables are known
    it has begun, and other errors of connecting are raised as they are.
    """
    concurrency = known.concurrency if known else _concurrency(settings)
    patience = settings.retry_budget_seconds
    async with AsyncExitStack() as stack:
        try:
            source = await stack.enter_async_context(
                _open_source(settings.source, concurrency.readers, patience, known)
            )
            target = await stack.enter_async_context(
                open_service("target", settings.target, concurrency.writers, patience)
            )
            facts = known or await _facts_of(
                settings, source, target, concurrency, segments, workers
            )
            follows = settings.target.stream_changes and not known
            streams = None
            if follows and isinstance(source, Service):
                streams = await stack.enter_async_context(source.streams())
        except MigrateError as error:
            if known or isinstance(error, UsageError):
                raise
            raise UsageError(error.args[0], error.hint) from error
        yield Pair(
            facts.inspection,
            facts.read_cap,
            facts.write_cap,
            concurrency,
            source,
            target,
            streams,
            shaping_of(settings, facts.inspection.source.spec.key_names),
            exports=facts.exports,
        )


def _open_source(
    source: SourceSettings, connections: int, patience: float, known: PairFacts | None
) -> AbstractAsyncContextManager[Service | ExportSide]:
    """Connect to the source, a table or exports."""
    if source.s3_export:
        return open_export(source, connections, patience, known.exports if known else None)
    return open_service("source", source, connections, patience)


async def _facts_of(
    settings: Settings,
    source: Service | ExportSide,
    target: Service,
    concurrency: Concurrency,
    segments: int | None,
    workers: int | None,
) -> PairFacts:
    """The facts by a look at both tables; the source checks the filter. Raises `MigrateError`."""
    inspection = await look(
        await state_of(settings, source, target),
        target.table,
        lambda state: _plan(settings, state, target.dialect),
        lambda state: _segments(settings, source, state.size, segments, workers),
        _needs(settings),
    )
    inspection = await settled(inspection, target)
    if isinstance(source, ExportSide):
        inspection = replace(inspection, barriers=source.barriers)
    check_attributes(settings, inspection.source.spec.key_names)
    await _check_filter(settings, source)
    read_cap = _read_cap(settings, inspection, source)
    write_cap = _write_cap(settings, inspection, target)
    exports = source.exports if isinstance(source, ExportSide) else ()
    return PairFacts(inspection, read_cap, write_cap, concurrency, exports=exports)


def _segments(
    settings: Settings,
    source: Service | ExportSide,
    size: int,
    known: int | None,
    workers: int | None,
) -> tuple[Segment, ...]:
    """The segments of the source: of a table of so many bytes as many as are `known` of an earlier
    run, wanted or chosen; of exports one a data file. Raises `UsageError` where others are
    wanted."""
    wanted = settings.source.scan_segments
    if not isinstance(source, ExportSide):
        return choose_segments(size, workers or usable_cores(), known or wanted)
    total = source.segments
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


def rejects_file(
    settings: Settings,
    found: Inspection,
    folder: Path,
    path: Path | None,
    counted: int,
    told: Callable[[str], str],
) -> RejectsFile:
    """The file of rejected items: the one at `path`, of which an earlier run `counted` so many,
    or a new one in `folder`; messages name it as `told`."""
    names = found.plan.spec.key_names
    return RejectsFile(
        folder, names, settings.max_rejects, str(path) if path else None, counted, told
    )


def _concurrency(settings: Settings) -> Concurrency:
    concurrency = Concurrency()
    if settings.source.max_map_tasks:
        concurrency = replace(concurrency, readers=settings.source.max_map_tasks)
    options = settings.target.alternator
    if options and options.max_connections:
        concurrency = replace(concurrency, writers=options.max_connections)
    options = settings.source.alternator
    if options and options.max_connections:
        concurrency = replace(
            concurrency, readers=min(concurrency.readers, options.max_connections)
        )
    return concurrency


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


def _read_cap(settings: Settings, found: Inspection, service: Service | ExportSide) -> float | None:
    if settings.source.read_throughput:
        return settings.source.read_throughput
    provisioned = found.source.spec.throughput
    if provisioned and service.own:
        return provisioned.read * settings.source.throughput_read_percent
    return None


def _write_cap(settings: Settings, found: Inspection, service: Service) -> float | None:
    if settings.target.write_throughput:
        return settings.target.write_throughput
    spec = found.existing.spec if found.existing else found.plan.spec
    if spec.throughput and service.own:
        return spec.throughput.write * settings.target.throughput_write_percent
    return None


def work_facts(settings: Settings, pair: Pair) -> WorkFacts:
    """The facts that an engine is chosen by. No more slices may run at once than each has a
    connection and a segment to read."""
    source, target, found = settings.source, settings.target, pair.inspection
    limits = [source.max_map_tasks]
    limits += [side.alternator.max_connections for side in (source, target) if side.alternator]
    most = min((limit for limit in limits if limit), default=None)
    segments, size = len(found.segments), found.source.size
    return WorkFacts(segments, size, pair.read_cap, pair.write_cap, most)
