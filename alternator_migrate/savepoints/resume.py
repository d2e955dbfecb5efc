"""Where a run begins: at the start, or where an earlier run of the same migration stopped."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from alternator_migrate.config import (
    Loaded,
    Settings,
    migration_identity,
    migration_shape,
    skipped_segments,
)
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.state import CopyState, FollowState
from alternator_migrate.dynamodb.table_schema import TableState
from alternator_migrate.savepoints import foreign
from alternator_migrate.savepoints.format import Savepoint, decode
from alternator_migrate.savepoints.store import Store

log = logging.getLogger(__name__)
_UNPLACED: Final = "its copy began before the stream's place was known"
_LATER: Final = (
    "Let the copy end with target.streamChanges: false. Then `follow`, and when that has caught up "
    "make the rest equal with `validate --repair --delete-extra`."
)


def earlier(loaded: Loaded, store: Store, *, fresh: bool) -> tuple[Path, Savepoint] | None:
    """The savepoint to go on from: the file given as CONFIG, or the newest of the migration
    (or of the part of it) whose savepoints `store` has.

    Raises `UsageError` where it does not fit the configuration, or cannot be read.
    """
    if fresh:
        return None
    if loaded.savepoint:
        found: tuple[Path, Savepoint] | None = (loaded.savepoint, given(loaded.savepoint))
    else:
        found = store.newest()
    for why in store.passed_over:
        log.warning("warning: an older savepoint is used, this one cannot be read: %s", why)
    if found is None:
        return None
    path, savepoint = found[0], _told_apart(*found, loaded.settings)
    if savepoint.comparison:
        raise UsageError(
            f"{path} is the savepoint of a validation", "`validate` goes on from it, not `run`."
        )
    check_fit(path, savepoint, loaded.settings, store.migration)
    return path, savepoint


def _told_apart(path: Path, savepoint: Savepoint, settings: Settings) -> Savepoint:
    """A savepoint in which skipped segments do not count as done. One that does not tell has
    skipped those that the configuration leaves out now."""
    state, skips = savepoint.state, frozenset(settings.skip_segments)
    if savepoint.skipped is not None:
        return savepoint
    if state.done:
        log.warning(
            "warning: %s was written by an earlier version, which did not tell skipped segments "
            "from copied ones: if skipSegments has changed since then, begin anew with --fresh",
            path,
        )
    return replace(savepoint, skipped=skips, state=replace(state, done=state.done - skips))


def check_fit(path: Path, savepoint: Savepoint, settings: Settings, migration: str) -> None:
    """Raise `UsageError` unless what the configuration asks for is what was done, as far as both
    tell without a look at the tables."""
    if savepoint.migration != migration:
        raise unfit(path, "source, target or --shard are others now")
    if savepoint.shape != migration_shape(settings):
        raise unfit(path, "renames, source.filter or source.expiredItems have changed")
    wanted = settings.source.scan_segments
    if wanted is not None and wanted != savepoint.segments:
        raise unfit(path, f"it has {savepoint.segments} segments, scanSegments says {wanted}")
    if any(segment >= savepoint.segments for segment in settings.skip_segments):
        raise unfit(path, f"it has {savepoint.segments} segments, skipSegments goes beyond")
    if why := _other_kind(settings, savepoint):
        raise unfit(path, why, _LATER if why == _UNPLACED else "")


def left(settings: Settings, savepoint: Savepoint) -> frozenset[int]:
    """The segments that are to be copied still."""
    state, segments = savepoint.state, savepoint.segments
    return frozenset(range(segments)) - state.done - skipped_segments(settings, state, segments)


def _other_kind(settings: Settings, savepoint: Savepoint) -> str:
    """Why a savepoint of a copy does not fit a run that follows, or the other way round; ""
    where it does."""
    target, state, stream = settings.target, savepoint.state, savepoint.state.stream
    follows, alone = target.stream_changes, target.skip_initial_snapshot_transfer
    if not follows:
        if stream and stream.phase != "over":
            return "it follows changes: target.streamChanges was true when it began"
        alone = bool(stream and not stream.snapshot)
        return "it followed changes without a copy" if alone and left(settings, savepoint) else ""
    if stream is None:
        begun = bool(savepoint.target_id)
        if alone:
            incomplete = begun and len(state.done | _left_out(savepoint)) < savepoint.segments
            return "its copy is not complete: `run` goes on with it" if incomplete else ""
        return _UNPLACED if begun else ""
    if stream.snapshot and alone and stream.phase == "spool":
        return "its copy is not complete: `run` goes on with it"
    if not stream.snapshot and not alone:
        return "it follows changes without a copy: `follow` goes on with it"
    if stream.phase not in ("spool", "live") and left(settings, savepoint):
        return "its copy is over, and skipSegments leaves out fewer segments now"
    return ""


def _left_out(savepoint: Savepoint) -> frozenset[int]:
    return savepoint.skipped or frozenset()


def check_tables(
    path: Path, savepoint: Savepoint, source: TableState, target: TableState | None
) -> None:
    """Raise `UsageError` unless both tables are those that the savepoint speaks of."""
    if _other(savepoint.source_id, source.id):
        raise unfit(path, f"the source table {source.spec.name} was made anew since then")
    begun = savepoint.target_id or savepoint.state.done or savepoint.state.items.read
    if begun and target is None:
        raise unfit(path, "the target table is gone, and with it what was written")
    if target and _other(savepoint.target_id, target.id):
        raise unfit(path, f"the target table {target.spec.name} was made anew since then")


def enabled_before(settings: Settings, store: Store) -> FollowState | None:
    """What a migration that begins anew has to know of the one before it: the stream that it
    enabled, if it did and changes are to be followed."""
    newest = next(store.readable(), None)
    stream = newest[1].state.stream if newest else None
    if stream is None or not stream.enabled_here or not settings.target.stream_changes:
        return None
    snapshot = not settings.target.skip_initial_snapshot_transfer
    return FollowState(stream.arn, enabled_here=True, snapshot=snapshot)


def beginning(loaded: Loaded, earlier_one: tuple[Path, Savepoint] | None) -> Iterator[str]:
    """Where a run begins, and what it leaves out, for a person."""
    settings, file = loaded.settings, loaded.file
    if earlier_one:
        yield f"going on from {earlier_one[0]}"
    elif file and not loaded.savepoint and foreign.is_named_so(file):
        yield f"note: {file} is a savepoint of ScyllaDB Migrator, taken as a configuration"
    elif theirs := foreign.savepoints(Path(settings.savepoints.path)):
        yield (
            f"note: {theirs[-1].parent} holds savepoints of ScyllaDB Migrator, which are left "
            f"alone; to go on from the newest of them: `run {theirs[-1]} --into-existing`"
        )
    if settings.skip_segments and not settings.target.skip_initial_snapshot_transfer:
        yield f"note: {skipped_text(settings)}"


def skipped_text(settings: Settings) -> str:
    """What `skipSegments` leaves out."""
    return (
        f"{len(set(settings.skip_segments))} of {settings.source.scan_segments} segments are left "
        "out (skipSegments): they are taken to be written already"
    )


def configuration(loaded: Loaded) -> Mapping[str, Any]:
    """The plain configuration that a savepoint keeps; its folder is found from everywhere."""
    folder = str(Path(loaded.settings.savepoints.path).absolute())
    given = loaded.plain.get("savepoints") or {}
    place = {**{name: each for name, each in given.items() if name != "target"}, "path": folder}
    return {**loaded.plain, "savepoints": place}


def first_savepoint(
    loaded: Loaded,
    source: TableState,
    segments: int,
    earlier_one: Savepoint | None,
    migration: str | None = None,
) -> Savepoint:
    """What a run of `migration` (None: of the whole one) saves before it reads anything."""
    settings, plain = loaded.settings, configuration(loaded)
    base = earlier_one or Savepoint(
        configuration=plain,
        migration=migration or migration_identity(settings),
        shape=migration_shape(settings),
        segments=segments,
        source_id=source.id,
    )
    return replace(
        base,
        configuration=plain,
        source_id=source.id,
        state=_state(settings, base),
        skipped=skipped_segments(settings, base.state, segments),
        config_file=str(loaded.file) if loaded.file else None,
    )


def _state(settings: Settings, savepoint: Savepoint) -> CopyState:
    """Where to go on. Where segments are to be copied after the copy was over, changes are kept
    again meanwhile."""
    state = savepoint.state
    stream = state.stream
    if stream is None or stream.phase != "live" or not left(settings, savepoint):
        return state
    return replace(state, stream=replace(stream, phase="spool"))


def given(path: Path) -> Savepoint:
    """The savepoint in a file. Raises `UsageError` where it is none."""
    try:
        return decode(path.read_bytes())
    except ValueError as error:
        raise UsageError(
            f"{path} cannot be resumed: {error}", "Name another savepoint, or the configuration."
        ) from error


def _other(saved: str, now: str) -> bool:
    return bool(saved and now and saved != now)


def unfit(path: Path, why: str, hint: str = "") -> UsageError:
    """What to say of a savepoint that cannot be gone on from."""
    return UsageError(
        f"the savepoint {path} does not fit: {why}",
        hint or "Pass --fresh to begin anew, or put back what has changed.",
    )
