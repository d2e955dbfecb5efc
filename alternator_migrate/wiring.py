"""Joinery: from settings to an open source, an open target, and a migration between them."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from alternator_migrate import wire
from alternator_migrate.conditions import matcher
from alternator_migrate.config import Settings
from alternator_migrate.cores import usable_cores
from alternator_migrate.description import TableState
from alternator_migrate.dialect import (
    Dialect,
    Plan,
    check_internal,
    plan_target,
)
from alternator_migrate.engines.local import Local
from alternator_migrate.errors import MigrateError, UsageError
from alternator_migrate.expressions import ExpressionError
from alternator_migrate.follow import Applier
from alternator_migrate.following import Follower
from alternator_migrate.indexing import settled
from alternator_migrate.interfaces import Engine, RejectTally, SavepointKeeper
from alternator_migrate.lane import Lane
from alternator_migrate.migration import Findings, Migration, choose_segments, look
from alternator_migrate.model import Item, Limits, Segment, Standing
from alternator_migrate.pacing import Pace, Retry
from alternator_migrate.rejects import RejectsFile
from alternator_migrate.resume import NoKeeper, skipped
from alternator_migrate.rights import Needs
from alternator_migrate.services import Service, open_service
from alternator_migrate.snapshot import Crew
from alternator_migrate.sources.dynamodb import DynamoDBSource, Expiry, Filter, check_filter
from alternator_migrate.sources.rejects import RejectsSource
from alternator_migrate.streaming import FOR_EVER, SourceStream, Until, hooks, rules
from alternator_migrate.targets.dynamodb import DynamoDBTarget

_DYNAMODB_BATCH: Final = 25
_PAGE_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Sides:
    """Both services, open, and what was found there; `streams` leads to the source's streams
    where changes are to be followed."""

    source: Service
    target: Service
    findings: Findings
    read_cap: float | None
    write_cap: float | None
    crew: Crew
    streams: Lane | None = None


@asynccontextmanager
async def open_sides(
    settings: Settings, segments: int | None = None, workers: int | None = None
) -> AsyncIterator[Sides]:
    """Connect to both sides and look at the tables; nothing is written. `segments` is the total
    that an earlier run used, `workers` how many are wished for (None: one a core).

    Raises `UsageError` for whatever keeps a migration from beginning.
    """
    crew, patience = _crew(settings), settings.retry_budget_seconds
    async with AsyncExitStack() as stack:
        try:
            source = await stack.enter_async_context(
                open_service("source", settings.source, crew.readers, patience)
            )
            target = await stack.enter_async_context(
                open_service("target", settings.target, crew.writers, patience)
            )
            check_internal("source", settings.source.table, source.dialect)
            findings = await look(
                source.table,
                target.table,
                lambda state: _plan(settings, state, target.dialect),
                lambda state: choose_segments(
                    state.size,
                    workers or usable_cores(),
                    segments or settings.source.scan_segments,
                ),
                _needs(settings),
            )
            findings = await settled(findings, target)
            await _check_filter(settings, source)
            follows = settings.target.stream_changes
            streams = await stack.enter_async_context(source.streams()) if follows else None
        except UsageError:
            raise
        except MigrateError as error:
            raise UsageError(error.args[0], error.hint) from error
        yield Sides(
            source,
            target,
            findings,
            read_cap=_read_cap(settings, findings, source),
            write_cap=_write_cap(settings, findings, target),
            crew=crew,
            streams=streams,
        )


def build_migration(
    settings: Settings,
    sides: Sides,
    keeper: SavepointKeeper,
    standing: Standing,
    earlier_rejects: str | None = None,
    until: Until = FOR_EVER,
    engine: Engine | None = None,
) -> tuple[Migration, RejectsFile]:
    """A migration that goes on from `standing` on an engine (None: here), without the segments
    that are skipped, and the file that will hold rejected items."""
    found = _to_copy(settings, sides.findings, standing)
    retry = Retry(settings.retry_budget_seconds)
    reading, writing = Pace(sides.read_cap), Pace(sides.write_cap)
    rejects = rejects_file(settings, found, earlier_rejects, standing.rejected)
    source = source_of(settings, sides, retry, reading, now=time.time())
    target = target_of(settings, sides, retry, writing)
    migration = Migration(
        found,
        source,
        target,
        sides.target.table,
        rejects,
        engine=engine or Local(),
        retry=retry,
        reading=reading,
        writing=writing,
        crew=sides.crew,
        keeper=keeper,
        standing=standing,
        beside=[service.watch for service in (sides.source, sides.target)],
        interval=settings.savepoints.interval_seconds,
        follower=_follower(settings, sides, target, rejects, retry, standing, until),
        hooks=hooks(settings),
    )
    return migration, rejects


def _to_copy(settings: Settings, found: Findings, standing: Standing) -> Findings:
    total = found.segments[0].total if found.segments else 0
    left_out = skipped(settings, standing, total)
    return replace(found, segments=tuple(s for s in found.segments if s.index not in left_out))


def _follower(
    settings: Settings,
    sides: Sides,
    target: DynamoDBTarget,
    rejects: RejectsFile,
    retry: Retry,
    standing: Standing,
    until: Until,
) -> Follower | None:
    """What follows the source's changes, where that is wanted."""
    if sides.streams is None:
        return None
    stream = SourceStream(
        sides.source.table,
        sides.streams,
        sides.findings.source.spec,
        retry.apart(),
        idle_seconds=settings.cutover.max_lag_seconds / 2,
    )
    applier = Applier(target, rejects, sides.crew.writers, _renamer(settings), _matcher(settings))
    follow_rules = rules(settings, until, target_is_new=sides.findings.existing is None)
    return Follower(stream, applier, retry, follow_rules, standing.stream)


def _renamer(settings: Settings) -> wire.Reshape | None:
    renames = {rename.from_: rename.to for rename in settings.renames}
    return wire.renamer(renames) if renames else None


def build_resend(
    settings: Settings, sides: Sides, items: RejectsSource, refused: RejectTally
) -> Migration:
    """A migration of the items of a rejects file into the target table that is there.

    Raises `UsageError` where there is no target table.
    """
    found = sides.findings
    if found.existing is None:
        raise UsageError(
            f"the target table {found.plan.spec.name} does not exist", "Run the migration first."
        )
    plan = replace(found.plan, spec=replace(found.plan.spec, tags={}, ttl_attribute=None), late=())
    state = replace(found.source, items=items.count)
    resent = replace(found, source=state, plan=plan, segments=(Segment(0, 1),))
    retry, writing = Retry(settings.retry_budget_seconds), Pace(sides.write_cap)
    return Migration(
        resent,
        items,
        target_of(settings, sides, retry, writing),
        sides.target.table,
        refused,
        engine=Local(),
        retry=retry,
        reading=Pace(),
        writing=writing,
        crew=sides.crew,
        keeper=NoKeeper(),
        standing=Standing(),
        beside=[sides.target.watch],
        interval=settings.savepoints.interval_seconds,
    )


def rejects_file(
    settings: Settings, found: Findings, path: str | None, counted: int
) -> RejectsFile:
    """The file of what the target refuses: that of an earlier run, which `counted` so many, or a
    new one."""
    folder, names = Path(settings.savepoints.path), found.plan.spec.key_names
    return RejectsFile(folder, names, settings.max_rejects, path, counted)


def source_of(
    settings: Settings, sides: Sides, retry: Retry, pace: Pace, *, now: float
) -> DynamoDBSource:
    """The source of a migration, read at this pace; `now` (epoch seconds) decides which items
    have expired."""
    return DynamoDBSource(
        sides.source.lane,
        settings.source.table,
        retry,
        pace,
        item_filter=item_filter(settings, sides.source),
        wanted=wanted(settings, sides.source),
        expiry=_expiry(settings, sides.findings, now),
        consistent=settings.source.consistent_read,
        page_items=page_items(pace.cap, sides.findings.source),
        ask_capacity=sides.read_cap is not None and not sides.source.options,
        rename=_renamer(settings),
    )


def target_of(settings: Settings, sides: Sides, retry: Retry, pace: Pace) -> DynamoDBTarget:
    """The target of a migration, written at this pace."""
    options = sides.target.options
    return DynamoDBTarget(
        sides.target.lane,
        settings.target.table,
        sides.findings.plan.spec.key_names,
        retry,
        pace,
        limits=Limits(options.max_items_per_batch if options else _DYNAMODB_BATCH),
        ask_capacity=sides.write_cap is not None and not options,
    )


def page_items(cap: float | None, state: TableState) -> int | None:
    """The Limit of a Scan under a cap: a page that costs at most about a second of it.

    Full pages of 1 MB cost 128 units at once, which would starve others on a small table.
    """
    if cap is None or not state.items or not state.size:
        return None
    a_second = cap * 8192
    if a_second >= _PAGE_BYTES:
        return None
    return max(1, int(a_second / (state.size / state.items)))


def _crew(settings: Settings) -> Crew:
    crew = Crew()
    if settings.source.max_map_tasks:
        crew = replace(crew, readers=settings.source.max_map_tasks)
    options = settings.target.alternator
    if options and options.max_connections:
        crew = replace(crew, writers=options.max_connections)
    options = settings.source.alternator
    if options and options.max_connections:
        crew = replace(crew, readers=min(crew.readers, options.max_connections))
    return crew


def _needs(settings: Settings) -> Needs:
    target = settings.target
    skips = settings.source.expired_items == "skip"
    return Needs(copy_ttl=target.copy_ttl, copy_tags=target.copy_tags, skip_expired=skips)


def _plan(settings: Settings, state: TableState, dialect: Dialect) -> Plan:
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


def item_filter(settings: Settings, source: Service) -> Filter | None:
    """The filter of the user's, if there is one that the source is to apply."""
    given = settings.source.filter
    if not given or not source.dialect.filters_by_value:
        return None
    return Filter(given.expression, given.names, given.values)


def wanted(settings: Settings, source: Service) -> Callable[[Item], bool] | None:
    """The filter of the user's, if there is one that is to be applied here: on a source that
    compares numbers by their notation it would leave out what it should not."""
    return None if source.dialect.filters_by_value else _matcher(settings)


def _matcher(settings: Settings) -> Callable[[Item], bool] | None:
    """The filter of the user's, for items at hand. Raises `UsageError` for what is none."""
    given = settings.source.filter
    try:
        return matcher(given.expression, given.names, given.values) if given else None
    except ExpressionError as error:
        raise UsageError(f"source.filter cannot be applied: {error}") from error


async def _check_filter(settings: Settings, source: Service) -> None:
    wanted(settings, source)
    given = item_filter(settings, source)
    # following alone scans nothing, and need not be allowed to
    if given and not settings.target.skip_initial_snapshot_transfer:
        retry = Retry(settings.retry_budget_seconds)
        await check_filter(source.lane, settings.source.table, given, retry)


def _expiry(settings: Settings, found: Findings, now: float) -> Expiry | None:
    attribute = found.source.spec.ttl_attribute
    skip = settings.source.expired_items == "skip"
    return Expiry.at(attribute, now) if attribute and skip else None


def _read_cap(settings: Settings, found: Findings, service: Service) -> float | None:
    if settings.source.read_throughput:
        return settings.source.read_throughput
    provisioned = found.source.spec.throughput
    if provisioned and service.own:
        return provisioned.read * settings.source.throughput_read_percent
    return None


def _write_cap(settings: Settings, found: Findings, service: Service) -> float | None:
    if settings.target.write_throughput:
        return settings.target.write_throughput
    spec = found.existing.spec if found.existing else found.plan.spec
    if spec.throughput and service.own:
        return spec.throughput.write * settings.target.throughput_write_percent
    return None
