"""The progress of a run, from its savepoint."""

from dataclasses import replace

from alternator_migrate.config import EXPORT
from alternator_migrate.core.counts import Counts, ValidationCounts
from alternator_migrate.core.progress import FollowProgress, Progress
from alternator_migrate.core.state import FollowState, ValidationState
from alternator_migrate.savepoints.format import Savepoint


def compared_so_far(begun: ValidationState) -> ValidationCounts:
    """The counts of a validation that got so far; in the first stage its pages tell how many
    items were compared."""
    if begun.stage == "digests" or not begun.digests:
        items = begun.sides["source"].items if "source" in begun.sides else Counts()
        return replace(begun.validated, compared=items.read - items.left_out)
    return begun.validated


def progress_of(savepoint: Savepoint) -> Progress:
    """The progress of a migration or a validation at a savepoint."""
    source = _source(savepoint)
    state, comparison = savepoint.state, savepoint.comparison
    if comparison:
        gone_through = comparison.sides.values()
        return Progress(
            source=source,
            target=_target(savepoint),
            state=savepoint.status,
            phase="Validate",
            segments_total=2 * (comparison.sampled or comparison.segments),
            segments_done=sum(len(each.done) for each in gone_through),
            bytes_read=sum(each.bytes_read for each in gone_through),
            examined=sum(each.items.read for each in gone_through),
            validated=compared_so_far(comparison),
        )
    # an export that is waited for has one segment at least, of which nothing is done
    segments = max(savepoint.segments, 1) if savepoint.export else savepoint.segments
    return Progress(
        source=source,
        target=_target(savepoint),
        state=savepoint.status,
        segments_total=segments - len(savepoint.skipped or ()),
        segments_done=len(state.done),
        items=state.items,
        changes=_following(state.stream) if state.stream else None,
        bytes_read=state.bytes_read,
        batches=state.batches,
        is_doubted=bool(savepoint.over_items_at or (state.stream and not state.stream.snapshot)),
    )


def _source(savepoint: Savepoint) -> str:
    """The source: a table's name, or where the exports of one are."""
    source = savepoint.configuration.get("source", {})
    given = {**source, **(source.get("s3Export") or {})}
    manifests = given.get("manifestKeys") or (given.get("manifestKey", ""),)
    return str(given.get("table") or ", ".join(map(str, manifests)))


def _target(savepoint: Savepoint) -> str:
    """The target: a table's name, or where an export is written, as far as that is known."""
    target = savepoint.configuration.get("target", {})
    if target.get("type") != EXPORT:
        return str(target.get("table", ""))
    given = {**target, **(target.get("s3Export") or {})}
    folder = "/".join(str(given[key]).strip("/") for key in ("bucket", "prefix") if given.get(key))
    return savepoint.target_id or str(given.get("path") or f"s3://{folder}")


def _following(stream: FollowState) -> FollowProgress:
    """The progress of following at a savepoint; the lag of then says nothing of now."""
    return FollowProgress(stream.counts, stream.spool.changes if stream.spool else 0)
