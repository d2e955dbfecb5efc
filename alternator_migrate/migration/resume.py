"""Going on with a migration: the savepoints that fit it, and what is left to do."""

from dataclasses import replace
from typing import Final

from alternator_migrate.config import (
    Loaded,
    Settings,
    export_identity,
    migration_shape,
    skipped_segments,
)
from alternator_migrate.connectors import Inspection, find_code, lacking
from alternator_migrate.core.state import CopyState, FollowPhase, FollowState
from alternator_migrate.dynamodb.table_schema import TableState
from alternator_migrate.savepoints import Located, Resume, Savepoint, Store, unfit

_UNPLACED: Final = "its copy began before the stream's place was known"
_LATER: Final = (
    "Let the copy end with target.streamChanges: false. Then `follow`, and when that has caught up "
    "make the rest equal with `validate --repair --delete-extra`."
)


def resume_of(loaded: Loaded, store: Store, *, transform_changed: bool = False) -> Resume:
    """The resumption of a migration, or of the part of it whose savepoints `store` has; with
    another transform than before only where that may have changed. Raises `UsageError` where there
    is no code of the transform."""
    settings = loaded.settings
    code = find_code(settings.transform)

    def check(path: Located, savepoint: Savepoint) -> None:
        _check(settings, path, savepoint)

    return Resume(
        loaded,
        store,
        "migration",
        migration_shape(settings),
        other_place="source, target or --shard are others now",
        other_shape="renames, source.filter, source.attributes or source.expiredItems have changed",
        check_own=check,
        transform=code.identity if code else "",
        transform_changed=transform_changed,
    )


def first_savepoint(
    resume: Resume, source: TableState, segments: int, earlier: Savepoint | None
) -> Savepoint:
    """The savepoint that a migration writes before it reads anything."""
    settings = resume.loaded.settings
    first = resume.first(source, segments, earlier)
    if earlier is None:
        stream = _enabled_before(settings, resume.store)
        first = replace(first, state=CopyState(stream=stream))
    state = _state(settings, first)
    return replace(first, state=state, skipped=skipped_segments(settings, state, segments))


def none_used(store: Store, *, fresh: bool, since: float) -> str:
    """A sentence for a run that has no savepoint to go on from, on those that there may be, older
    than `since` (epoch seconds) where an earlier run was to begin anew."""
    newest = next(store.readable(), None)
    if newest and fresh:
        return f"Without --fresh the run goes on from {newest[0]}."
    if newest and newest[1].written < since:
        return f"An earlier run with --fresh was to begin it anew: {newest[0]} does not count."
    return (
        "If an earlier run filled it, go on from its savepoints: there are none of this migration "
        f"in {store.place.beside}, so name their folder with savepoints.path "
        "(`alternator-migrate help resume`)."
    )


def left(settings: Settings, savepoint: Savepoint) -> frozenset[int]:
    """The segments that are to be copied still."""
    state, segments = savepoint.state, savepoint.segments
    return frozenset(range(segments)) - state.done - skipped_segments(settings, state, segments)


def is_over(settings: Settings, savepoint: Savepoint) -> bool:
    """Whether a savepoint says that nothing is left to do; following goes on whenever it is asked
    for."""
    stream = savepoint.state.stream
    is_followed = bool(stream and stream.phase == FollowPhase.OVER)
    over = is_followed or not settings.target.stream_changes
    return over and savepoint.status.is_final


def what_lacks(
    settings: Settings, savepoint: Savepoint, found: Inspection, *, is_part: bool
) -> list[str]:
    """The segments and the features of the target that a completed migration lacks now, for a
    person. To a part (see `shards`) belong its segments only, to following alone nothing."""
    wanted = left(settings, savepoint)
    missing = [f"segment {each.index}" for each in found.segments if each.index in wanted]
    if is_part or settings.target.skip_initial_snapshot_transfer or found.existing is None:
        return missing
    return missing + lacking(found.plan, found.existing)


def _check(settings: Settings, path: Located, savepoint: Savepoint) -> None:
    """Raise `UsageError` for a savepoint of other segments, or of a copy where changes are to be
    followed, or the other way round."""
    if why := _other_export(settings, savepoint):
        raise unfit(path, why)
    wanted = settings.source.scan_segments
    if wanted is not None and wanted != savepoint.segments:
        raise unfit(path, f"it has {savepoint.segments} segments, scanSegments says {wanted}")
    if any(segment >= savepoint.segments for segment in settings.skip_segments):
        raise unfit(path, f"it has {savepoint.segments} segments, skipSegments goes beyond")
    if why := _other_kind(settings, savepoint):
        raise unfit(path, why, _LATER if why == _UNPLACED else "")


def _other_kind(settings: Settings, savepoint: Savepoint) -> str:
    """Why a savepoint of a copy does not fit a run that follows, or the other way round; ""
    where it does."""
    target, state, stream = settings.target, savepoint.state, savepoint.state.stream
    follows, alone = target.stream_changes, target.skip_initial_snapshot_transfer
    if not follows:
        if stream and stream.phase != FollowPhase.OVER:
            return "it follows changes: target.streamChanges was true when it began"
        alone = bool(stream and not stream.snapshot)
        return "it followed changes without a copy" if alone and left(settings, savepoint) else ""
    if stream is None:
        begun = bool(savepoint.target_id)
        if alone:
            settled = state.done | (savepoint.skipped or frozenset())
            incomplete = begun and len(settled) < savepoint.segments
            return "its copy is not complete: `run` goes on with it" if incomplete else ""
        return _UNPLACED if begun else ""
    if stream.snapshot and alone and stream.phase == FollowPhase.SPOOL:
        return "its copy is not complete: `run` goes on with it"
    if not stream.snapshot and not alone:
        return "it follows changes without a copy: `follow` goes on with it"
    if stream.phase not in (FollowPhase.SPOOL, FollowPhase.LIVE) and left(settings, savepoint):
        return "its copy is over, and skipSegments leaves out fewer segments now"
    return ""


def _other_export(settings: Settings, savepoint: Savepoint) -> str:
    """Why a savepoint of a scan does not fit a run that copies an export, or the other way round,
    or that of another export; "" where it does."""
    given, kept = settings.source.export, savepoint.export
    if settings.target.skip_initial_snapshot_transfer:
        return ""
    if given is None:
        return "it copies an export: source.export was there when it began" if kept else ""
    if kept is None:
        return "it reads the table by a scan: there was no source.export when it began"
    is_made = kept.token or kept.arn or kept.manifests
    if is_made and kept.asked != export_identity(given):
        return "source.export has changed since the export was asked for"
    return ""


def _enabled_before(settings: Settings, store: Store) -> FollowState | None:
    """The stream that the migration before one that begins anew enabled, if it did and changes are
    to be followed."""
    newest = next(store.readable(), None)
    stream = newest[1].state.stream if newest else None
    if stream is None or not stream.enabled_here or not settings.target.stream_changes:
        return None
    snapshot = not settings.target.skip_initial_snapshot_transfer
    return FollowState(stream.arn, enabled_here=True, snapshot=snapshot)


def _state(settings: Settings, savepoint: Savepoint) -> CopyState:
    """The state to go on from. Where segments are to be copied after the copy was over, changes are
    kept again meanwhile."""
    state = savepoint.state
    stream = state.stream
    if stream is None or stream.phase != FollowPhase.LIVE or not left(settings, savepoint):
        return state
    return replace(state, stream=replace(stream, phase=stream.phase.to(FollowPhase.SPOOL)))
