"""Assembly of a migration from its settings and the open pair of tables."""

import time
from dataclasses import dataclass, replace
from typing import Final

from alternator_migrate.config import Settings, migration_identity
from alternator_migrate.connectors import (
    DynamoDBTarget,
    Pair,
    RejectsFile,
    RejectsSource,
    SourceStream,
    matcher_of,
    rejects_file,
    segments_to_copy,
    source_of,
    target_of,
)
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.model import Segment
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.ports import RejectTally, SavepointKeeper
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.state import CopyState
from alternator_migrate.core.work import Engine
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.engines import Local
from alternator_migrate.follow import Applier, Follower, Rules, spool_folder
from alternator_migrate.migration.hooks import Hooks
from alternator_migrate.migration.migration import Migration
from alternator_migrate.savepoints import NoKeeper


@dataclass(frozen=True, slots=True)
class Until:
    """The end of following: by itself when caught up, or not; with the stream disabled if it was
    enabled here, or not."""

    caught_up: bool = False
    disable_stream: bool = False


FOR_EVER: Final = Until()


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
) -> tuple[Migration, RejectsFile]:
    """A migration that goes on from `state` on an engine (None: here), without the segments
    that are skipped, and the file that will hold rejected items."""
    found = segments_to_copy(settings, pair.inspection, state)
    retry = Retry(settings.retry_budget_seconds)
    reading, writing = Pace(pair.read_cap), Pace(pair.write_cap)
    rejects = rejects_file(settings, found, earlier_rejects, state.rejected)
    source = source_of(settings, pair, retry, reading, now=time.time())
    target = target_of(settings, pair, retry, writing)
    migration = Migration(
        found,
        source,
        target,
        pair.target.table,
        rejects,
        engine=engine or Local(),
        retry=retry,
        reading=reading,
        writing=writing,
        concurrency=pair.concurrency,
        keeper=keeper,
        state=state,
        beside=[service.watch for service in (pair.source, pair.target)],
        figures=pair.figures,
        interval=settings.savepoints.interval_seconds,
        follower=_follower(settings, pair, target, rejects, retry, state, until),
        hooks=hooks(settings),
    )
    return migration, rejects


def _follower(
    settings: Settings,
    pair: Pair,
    target: DynamoDBTarget,
    rejects: RejectsFile,
    retry: Retry,
    state: CopyState,
    until: Until,
) -> Follower | None:
    """The follower of the source's changes; None where they are not followed."""
    if pair.streams is None:
        return None
    stream = SourceStream(
        pair.live.table,
        DynamoDBClient(pair.streams, retry.apart()),
        pair.inspection.source.spec,
        idle_seconds=settings.cutover.max_lag_seconds / 2,
    )
    applier = Applier(
        target,
        rejects,
        pair.concurrency.writers,
        pair.shaping.reshape if pair.shaping else None,
        matcher_of(settings),
    )
    follow_rules = rules(settings, until, target_is_new=pair.inspection.existing is None)
    return Follower(stream, applier, retry, follow_rules, state.stream)


def build_resend(
    settings: Settings, pair: Pair, items: RejectsSource, refused: RejectTally
) -> Migration:
    """A migration of the items of a rejects file into the target table that is there.

    Raises `UsageError` where there is no target table.
    """
    found = pair.inspection
    if found.existing is None:
        raise UsageError(
            f"the target table {found.plan.spec.name} does not exist", "Run the migration first."
        )
    plan = replace(found.plan, spec=replace(found.plan.spec, tags={}, ttl_attribute=None), late=())
    state = replace(found.source, items=items.count)
    resent = replace(found, source=state, plan=plan, segments=(Segment(0, 1),))
    retry, writing = Retry(settings.retry_budget_seconds), Pace(pair.write_cap)
    return Migration(
        resent,
        items,
        target_of(settings, pair, retry, writing),
        pair.target.table,
        refused,
        engine=Local(),
        retry=retry,
        reading=Pace(),
        writing=writing,
        concurrency=pair.concurrency,
        keeper=NoKeeper(),
        state=CopyState(),
        beside=[pair.target.watch],
        figures=pair.figures,
        interval=settings.savepoints.interval_seconds,
    )
