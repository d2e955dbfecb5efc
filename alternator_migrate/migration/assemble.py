"""Assembly of a migration from its settings and the open pair of tables."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from alternator_migrate.config import Settings, migration_identity
from alternator_migrate.connectors import (
    ChangeMaker,
    Inspection,
    KnownExport,
    Pair,
    RejectsFile,
    RejectsSource,
    SourceStream,
    TableExport,
    TransformedChanges,
    capacity_watches,
    expiry_time,
    matcher_of,
    rejects_file,
    segments_to_copy,
    source_of,
    target_of,
)
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import Segment
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.ports import RejectTally, SavepointKeeper, Source, Target
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.segments import SegmentBoard
from alternator_migrate.core.state import CopyState
from alternator_migrate.core.steering import Caps, Steering, within
from alternator_migrate.core.supervisor import Supervisor
from alternator_migrate.core.traffic import Traffic
from alternator_migrate.core.work import Engine
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.engines import Local
from alternator_migrate.follow import Applier, ChangeShaper, Follower, Rules, spool_folder
from alternator_migrate.migration.awaited_export import AwaitedExport
from alternator_migrate.migration.commons import Turns
from alternator_migrate.migration.hooks import Hooks
from alternator_migrate.migration.migration import Migration
from alternator_migrate.migration.options import FOR_EVER, Until
from alternator_migrate.migration.same_tables import SameTables, source_known
from alternator_migrate.migration.table_copy import TableCopy
from alternator_migrate.migration.target_schema import TargetSchema
from alternator_migrate.migration.worker import readers_of
from alternator_migrate.savepoints import Keeper, NoKeeper, Savepoint, place_of
from alternator_migrate.snapshot import Copying, Ledger, Readers


def rules(settings: Settings, until: Until, *, target_is_new: bool) -> Rules:
    """The rules of following, into a table that this migration makes, or not."""
    snapshot = not settings.target.skip_initial_snapshot_transfer
    return Rules(
        snapshot=snapshot,
        spool=spool_folder(settings.spool_home, migration_identity(settings)),
        spool_bytes=settings.spool.max_bytes,
        max_lag=settings.cutover.max_lag_seconds,
        caught_up_for=settings.cutover.for_seconds,
        until_caught_up=until.caught_up,
        disable_after=until.disable_stream,
        whole=snapshot and target_is_new and not settings.skip_segments,
    )


def spool_text(settings: Settings) -> Iterator[str]:
    """What is to be known of a spool that is not where the savepoints are; nothing of others."""
    target, kept = settings.target, settings.spool.max_bytes
    if settings.savepoints.bucket and target.stream_changes and kept:
        yield (
            f"changes are kept in {settings.spool_home} on this machine while the copy lasts: "
            "until then a run goes on only where that folder is (spool.path: a volume); with "
            "spool.maxBytes: 0 they stay in the stream"
        )


def hooks(settings: Settings) -> Hooks:
    """The commands that the configuration has for events."""
    given = settings.hooks
    commands = {
        "onStart": given.on_start,
        "onSnapshotDone": given.on_snapshot_done,
        "onCaughtUp": given.on_caught_up,
        "onFailure": given.on_failure,
        "onStop": given.on_stop,
    }
    return Hooks({event: each for event, each in commands.items() if each}, given.timeout_seconds)


def build_migration(
    settings: Settings,
    pair: Pair,
    keeper: SavepointKeeper,
    state: CopyState,
    earlier_rejects: str | None = None,
    until: Until = FOR_EVER,
    engine: Engine | None = None,
    *,
    steering: Steering,
    turns: Turns | None = None,
    begun: bool = False,
) -> tuple[Migration, RejectsFile]:
    """A migration that goes on from `state` on an engine (None: here), steered from outside,
    without the segments that are skipped, and the file that will hold rejected items; among the
    tables of a run it takes `turns`. One that has `begun` before runs no hooks of its beginning and
    end."""
    found, gate = segments_to_copy(settings, pair.inspection, state), steering.gate
    retry, turns = Retry(settings.retry_budget_seconds, clock=gate.clock), turns or Turns()
    size = found.source.size
    reading, writing = pair.paces(gate, lambda: size * (1 - migration.progress().fraction))
    limits = turns.limiters(pair.concurrency.writers, settings.target.longest)
    traffic = Traffic(retry, {"source": reading, "target": writing}, pair.figures, limits[0])
    rejects = _rejects(settings, found, state, earlier_rejects)
    now = expiry_time(pair.source, pair.target)
    source = turns.source(source_of(settings, pair, retry, reading, now=now))
    target = target_of(settings, pair, retry, writing)
    shape, applier = _applying(settings, pair, target, rejects, limits[1])
    readers = readers_of(pair)
    _steer(steering, pair, reading, writing, readers, limits)
    copy = _table_copy(
        *(pair, found, state, source, target, rejects),
        engine=engine or Local(),
        traffic=traffic,
        readers=readers,
        limiter=limits[0],
        clock=gate.clock,
    )
    beside = [*turns.beside(pair), *capacity_watches(settings, pair, reading.allow, writing.allow)]
    migration = Migration(
        TargetSchema(pair.target.table, found, turns),
        copy,
        _follower(settings, pair, shape, applier, retry, gate, state, until, turns),
        keeper,
        Supervisor(beside, settings.savepoints.interval_seconds, gate),
        gate,
        hooks(settings).within if begun else hooks(settings),
        turns,
        SameTables(pair.target.table, *source_known(pair)),
    )
    return migration, rejects


def build_awaited_export(
    settings: Settings,
    pair: Pair,
    keeper: Keeper,
    first: Savepoint,
    export: KnownExport,
    until: Until,
    *,
    steering: Steering,
    turns: Turns,
) -> AwaitedExport:
    """What asks for the export that a migration copies, and waits for it, going on from a `first`
    savepoint."""
    gate, source = steering.gate, TableExport(settings, pair)
    pair, retry = source.placed(export), Retry(settings.retry_budget_seconds, clock=gate.clock)
    _, writing = pair.paces(gate, lambda: pair.inspection.source.size)
    rejects = _rejects(settings, pair.inspection, first.state, first.rejects)
    _, limiter = turns.limiters(pair.concurrency.writers, settings.target.longest)
    target = target_of(settings, pair, retry, writing)
    shape, applier = _applying(settings, pair, target, rejects, limiter)
    state = first.state
    return AwaitedExport(
        TargetSchema(pair.target.table, pair.inspection, turns),
        source,
        export.state,
        state,
        rejects,
        keeper=keeper,
        follower=_follower(settings, pair, shape, applier, retry, gate, state, until, turns),
        supervisor=Supervisor(turns.beside(pair), settings.savepoints.interval_seconds, gate),
        gate=gate,
    )


def _table_copy(
    pair: Pair,
    found: Inspection,
    state: CopyState,
    source: Source,
    target: Target,
    rejects: RejectTally,
    *,
    engine: Engine,
    traffic: Traffic,
    readers: Readers,
    limiter: Limiter,
    clock: Callable[[], float],
) -> TableCopy:
    """The copy of the segments that were found, which goes on from `state`."""
    own = frozenset(segment.index for segment in found.segments)
    state = replace(state, done=state.done & own)
    total = max((segment.total for segment in found.segments), default=0)
    board = SegmentBoard(total, own, state.done, clock)
    ledger = Ledger(len(own), state, board)
    copying = Copying(
        *(source, target, ledger, rejects, pair.concurrency, readers, limiter),
        *(traffic.sampler(), traffic.caps),
    )
    return TableCopy(
        *(found, copying, ledger, board, rejects),
        engine=engine,
        traffic=traffic,
        calls=pair.calls,
        clock=clock,
    )


def _rejects(
    settings: Settings, found: Inspection, state: CopyState, earlier: str | None
) -> RejectsFile:
    place = place_of(settings)
    kept = place.at_hand(earlier) if earlier else None
    rejected, work = state.rejected, place.work
    return rejects_file(settings, found, work, kept, rejected, place.told, place.claim)


def _applying(
    settings: Settings, pair: Pair, target: Target, rejects: RejectsFile, limiter: Limiter
) -> tuple[ChangeShaper | None, Applier]:
    """What makes changes of a source those of the target where a transform does, and what writes
    them."""
    shaping, wanted = pair.shaping, matcher_of(settings)
    if shaping is None:
        return None, Applier(target, rejects, limiter, None, wanted)
    if shaping.transform is None:
        return None, Applier(target, rejects, limiter, shaping.reshape, wanted)
    maker = ChangeMaker(shaping, wanted, old_images=pair.old_images)
    renamed = shaping.renamed if shaping.rename else None
    shape = TransformedChanges(shaping, maker, rejects)
    return shape, Applier(target, rejects, limiter, renamed)


def _follower(
    settings: Settings,
    pair: Pair,
    shape: ChangeShaper | None,
    applier: Applier,
    retry: Retry,
    gate: Gate,
    state: CopyState,
    until: Until,
    turns: Turns,
) -> Follower | None:
    """The follower of the source's changes; None where they are not followed."""
    if pair.streams is None:
        return None
    stream = SourceStream(
        pair.live.table,
        DynamoDBClient(pair.streams, retry.apart()),
        pair.inspection.source.spec,
        idle_seconds=settings.cutover.max_lag_seconds / 2,
        old_images=pair.old_images,
    )
    follow_rules = rules(settings, until, target_is_new=pair.inspection.existing is None)
    follow_rules = replace(follow_rules, others=turns.caught_up, since=pair.since)
    return Follower(stream, applier, retry, follow_rules, state.stream, gate, shape)


def _steer(
    steering: Steering,
    pair: Pair,
    reading: Pace,
    writing: Pace,
    readers: Readers,
    limits: Sequence[Limiter],
) -> None:
    """Have a copy and following keep to what is asked for besides the configuration."""
    concurrency = pair.concurrency

    def allowed() -> Caps:
        both = reading.allowed, writing.allowed
        return Caps(*both, concurrency.readers, concurrency.writers)

    def apply(asked: Caps) -> None:
        reading.ask(asked.read)
        writing.ask(asked.write)
        readers.limiter.allow(within(concurrency, asked).readers)
        for limiter in limits:
            limiter.allow(within(concurrency, asked).writers)

    steering.begin(allowed, apply)


def build_resend(
    settings: Settings,
    pair: Pair,
    items: RejectsSource,
    refused: RejectTally,
    steering: Steering,
) -> Migration:
    """A migration of the items of a rejects file into the target table that is there, steered from
    outside."""
    found = pair.inspection
    plan = replace(found.plan, spec=replace(found.plan.spec, tags={}, ttl_attribute=None), late=())
    state = replace(found.source, items=items.count)
    resent = replace(found, source=state, plan=plan, segments=(Segment(0, 1),))
    gate = steering.gate
    retry = Retry(settings.retry_budget_seconds, clock=gate.clock)
    reading = Pace(valve=gate.reading)
    limiter = Limiter(pair.concurrency.writers, longest=settings.target.longest)
    _, writing = pair.paces(gate, lambda: state.size)
    readers = readers_of(pair)
    _steer(steering, pair, reading, writing, readers, (limiter,))
    traffic = Traffic(retry, {"source": reading, "target": writing}, pair.figures, limiter)
    target = target_of(settings, pair, retry, writing)
    copy = _table_copy(
        *(pair, resent, CopyState(), items, target, refused),
        engine=Local(),
        traffic=traffic,
        readers=readers,
        limiter=limiter,
        clock=gate.clock,
    )
    turns = Turns()
    return Migration(
        TargetSchema(pair.target.table, resent, turns),
        copy,
        None,
        NoKeeper(),
        Supervisor([pair.target.watch], settings.savepoints.interval_seconds, gate),
        gate,
        Hooks({}, 0),
        turns,
        SameTables(pair.target.table),
    )
