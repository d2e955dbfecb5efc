"""`status`: where a migration stands, from its savepoint."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from alternator_migrate.core.counts import Counts
from alternator_migrate.core.progress import Progress, RunProgress
from alternator_migrate.core.state import ExportState, FollowPhase, FollowState, Status
from alternator_migrate.core.texts import duration, size_text
from alternator_migrate.savepoints import Place, Store, holder, progress_of

_PHASES: Final = {
    FollowPhase.SPOOL: "changes are kept until the copy is complete",
    FollowPhase.REPLAY: "kept changes are being written",
    FollowPhase.LIVE: "live",
    FollowPhase.ENDING: "over, the stream is being disabled",
    FollowPhase.OVER: "over, the stream was disabled",
}


def status_lines(place: Place, identity: str) -> Iterator[str]:
    """The lines of a migration or a validation, from its newest savepoint; none without one."""
    newest = Store(place, identity).newest()
    if newest is None:
        return
    path, savepoint = newest
    progress = progress_of(savepoint)
    running = holder(place, identity)
    command, what = ("validate", "validation ") if savepoint.comparison else ("run", "")
    left = "" if savepoint.status.is_final else f"; `{command}` goes on from here"
    ended = "interrupted" if savepoint.status == Status.RUNNING else savepoint.status
    state = f"running, process {running}" if running else f"{ended}{left}"
    age = max(time.time() - savepoint.written, 0.0)
    written = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(savepoint.written))
    yield f"{progress.source} -> {progress.target}: {what}{state}"
    done, total = progress.segments_done, progress.segments_total
    share = f" ({done / total:.1%})" if total and done < total else ""
    yield f"  segments   {done}/{total} done{share}"
    yield from _counted(progress)
    if savepoint.export:
        yield f"  export     {_export_text(savepoint.export)}"
    if savepoint.state.stream:
        yield from _stream_lines(savepoint.state.stream)
    yield f"  time       {duration(savepoint.seconds)} of running"
    yield f"  savepoint  {path}, written {written} ({duration(age)} ago)"
    if savepoint.rejects and savepoint.status != Status.COMPLETED:
        yield f"  rejects    {savepoint.rejects}"
    if savepoint.comparison and savepoint.comparison.findings_size:
        yield f"  findings   {savepoint.comparison.findings}"


def standing(place: Place, migration: str, validation: str) -> RunProgress | None:
    """How a migration stands by its newest savepoint, with what its newest validation found; where
    there is but a validation, how that stands. None without a savepoint."""
    copied, compared = (_stood(place, identity) for identity in (migration, validation))
    if copied is None or compared is None:
        return copied or compared
    found = compared.tables[0].validated
    tables = tuple(replace(table, validated=found) for table in copied.tables)
    return replace(copied, tables=tables)


def _stood(place: Place, identity: str) -> RunProgress | None:
    newest = Store(place, identity).newest()
    if newest is None:
        return None
    path, savepoint = newest
    status = savepoint.status
    if status == Status.RUNNING and not holder(place, identity):
        status = Status.STOPPED
    return RunProgress(
        work="Validation" if savepoint.comparison else "Migration",
        began=savepoint.written - savepoint.seconds,
        seconds=savepoint.seconds,
        tables=(replace(progress_of(savepoint), status=status),),
        status=status,
        savepoint=str(path),
        saved_at=savepoint.written,
        rejects=savepoint.rejects,
    )


def _export_text(export: ExportState) -> str:
    """Which export the table is copied from, as far as it is there."""
    if export.manifests:
        return ", ".join(export.manifests)
    return f"{export.arn}, waited for" if export.arn else "to be asked for"


def _counted(progress: Progress) -> Iterator[str]:
    items, validated = progress.items, progress.validated
    if validated:
        yield (
            f"  items      {validated.compared:,} compared; {validated.missing:,} missing, "
            f"{validated.different:,} different, {validated.extra:,} extra; {validated.repaired:,} "
            "repaired"
        )
        yield f"  bytes      {size_text(progress.bytes_read)} read in this stage"
        return
    yield (
        f"  items      {items.read:,} read = {items.written:,} written + "
        f"{items.skipped_expired:,} skipped + {dropped(items)}{items.rejected:,} rejected"
    )
    yield f"  bytes      {size_text(progress.bytes_read)} read, in {progress.batches:,} batches"


def dropped(items: Counts) -> str:
    """What a transform dropped, as a part of the account; "" where it dropped nothing."""
    return f"{items.dropped:,} dropped + " if items.dropped else ""


def _stream_lines(stream: FollowState) -> Iterator[str]:
    counts, waiting = stream.counts, stream.spool.changes if stream.spool else 0
    yield (
        f"  changes    {counts.read + waiting:,} read = {counts.applied:,} applied + "
        f"{counts.superseded:,} superseded + {counts.rejected:,} rejected + {waiting:,} kept"
    )
    lag = "unknown" if stream.lag is None else duration(stream.lag)
    yield f"  following  {_PHASES[stream.phase]}; lag {lag} at the savepoint"
