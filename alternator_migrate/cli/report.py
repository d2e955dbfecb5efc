"""The texts of a run: rates, the status line, the closing table, the JSON summary."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from rich.table import Table

from alternator_migrate import __version__
from alternator_migrate.core.calls import CallFigures
from alternator_migrate.core.counts import ChangeCounts, Counts
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.progress import FollowProgress, Progress, RatesNow, Reason
from alternator_migrate.core.state import Status
from alternator_migrate.core.summary import table_summary
from alternator_migrate.core.texts import brief, clock_text, duration, lag_text, moment, size_text

_SLOW: Final = 0.1
"""The seconds of a call from which on it is told without being asked for."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The outcome of a run. `began` is epoch seconds; of its `seconds` it was `paused` for some."""

    work: Literal["Migration", "Validation"]
    status: Status
    began: float
    seconds: float
    progress: Progress | None
    error: str | None = None
    savepoint: str | None = None
    rejects: str | None = None
    tables: Sequence[Progress] = ()
    paused: float = 0.0


def status_line(progress: Progress, rates: RatesNow) -> str:
    """One line that tells how a migration stands."""
    caught_up = ", caught up" if progress.changes and progress.changes.caught_up else ""
    if caught_up and progress.state == "following":
        caught_up += ": to switch, stop the writers, then run with --until-caught-up"
    state = progress.state + caught_up + why_text(progress.reasons)
    read = max(progress.items.read, progress.examined)
    expected = f"/{progress.expected:,}" if progress.expected >= read else ""
    left = rates.seconds_left
    parts = [
        f"{progress.phase} {progress.fraction:.1%} {progress.handled:,}{expected}",
        f"{rates.items:,.0f} items/s {size_text(rates.size)}/s",
        *([f"Tables {progress.standing}"] if progress.standing else []),
        f"Segments {progress.segments_done}/{progress.segments_total}",
        f"Backlog {progress.backlog}",
        f"Retries {progress.retries}",
        *changes_parts(progress, rates),
        f"State {state}",
        *([f"Limited by {progress.limit}"] if progress.limit else []),
        f"ETA {duration(left) if left is not None else '-'}",
    ]
    return parts[0] + "; " + "; ".join(parts[1:])


def why_text(reasons: Sequence[Reason]) -> str:
    """Why a run is held back, with the time of day since when, or slower than it could be."""
    if held := held_text(reasons):
        return f" ({held})"
    return f" (paced: {', '.join(each.text for each in reasons)})" if reasons else ""


def held_text(reasons: Sequence[Reason]) -> str:
    """Why a run is held back, with the time of day since when; "" where it is not."""
    held = [f"{each.text} since {clock_text(each.since)}" for each in reasons if each.pauses]
    return "; ".join(held)


def changes_parts(progress: Progress, rates: RatesNow) -> list[str]:
    """The parts of a line that are about changes; none where none are followed."""
    changes = progress.changes
    if changes is None:
        return []
    parts = [
        f"Changes {changes.counts.read:,} {rates.changes:,.0f}/s",
        f"Waiting {changes.waiting:,}",
    ]
    return [*parts, f"Lag {lag_text(changes.lag)}"] if progress.state == "following" else parts


def closing_table(ending: Ending) -> Table:
    """The table that ends a run on a terminal."""
    title = f"{ending.work} {ending.status}"
    if ending.tables:
        return _closing_tables(ending, title)
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("what", style="bold")
    table.add_column("figure", justify="right")
    progress = ending.progress
    if progress:
        table.add_row("table", f"{progress.source} -> {progress.target}")
        for what, figure in _figures(progress):
            table.add_row(what, figure)
    table.add_row("time", _time_text(ending))
    return table


def _closing_tables(ending: Ending, title: str) -> Table:
    """The table that ends a run of many tables: a row each, and their total."""
    table = Table(title=title, title_justify="left", show_footer=True)
    # what is to be looked at stands last, where a long table ends on the screen
    tables = sorted(ending.tables, key=lambda each: each.status != Status.COMPLETED)
    rows = [_row(each) for each in tables]
    total = _row(ending.progress) if ending.progress else ("", "", "", "", "")
    heads = ("table", "state", "items", "rejected", "bytes read")
    if any(each.validated for each in ending.tables):
        heads = ("table", "state", "compared", "differences", "bytes read")
    for head, foot in zip(heads, total, strict=True):
        right = "left" if head in ("table", "state") else "right"
        table.add_column(head, foot, justify=right, overflow="fold")  # type: ignore[arg-type] # one of rich's words
    for row in rows:
        table.add_row(*row)
    table.caption, table.caption_justify = f"in {_time_text(ending)}", "left"
    return table


def _row(progress: Progress) -> tuple[str, str, str, str, str]:
    items, validated = progress.items, progress.validated
    name = progress.source
    if progress.target not in (progress.source, progress.standing):
        name += f" -> {progress.target}"
    done, wrong = (
        (validated.compared, validated.found)
        if validated
        else (
            items.written,
            items.rejected,
        )
    )
    state = progress.standing or str(progress.status)
    return name, state, f"{done:,}", f"{wrong:,}", size_text(progress.bytes_read)


def _figures(progress: Progress) -> Iterator[tuple[str, str]]:
    items, validated = progress.items, progress.validated
    if progress.phase == "Copy":
        yield "items read", f"{items.handled:,}"
        yield "items written", f"{items.written:,}"
        yield "skipped, expired", f"{items.skipped_expired:,}"
        if items.dropped or items.extra:
            yield "dropped by the transform", f"{items.dropped:,}"
            yield "items on the target", f"{items.written + items.extra:,}"
        yield "rejected", f"{items.rejected:,}"
        if not items.accounted:
            yield "to be read again", f"{items.read - items.handled:,}"
    if validated:
        yield "items compared", f"{validated.compared:,}"
        yield "missing", f"{validated.missing:,}"
        yield "different", f"{validated.different:,}"
        yield "extra", f"{validated.extra:,}"
        yield "repaired", f"{validated.repaired:,}"
    yield "segments", f"{progress.segments_done}/{progress.segments_total}"
    if progress.phase == "Copy":
        yield "batches", f"{progress.batches:,}"
    if progress.limit:
        yield "limited by", progress.limit
    if progress.calls.slowest:
        yield "slowest transform call", brief(progress.calls.slowest)
    yield "retries (throttled)", f"{progress.retries:,} ({progress.throttled:,})"
    yield "bytes read", size_text(progress.bytes_read)
    yield "items per second", f"{progress.speed:,.0f}"
    if progress.changes:
        yield from _changes_rows(progress.changes)


def closing_lines(ending: Ending) -> Iterator[str]:
    """The sentences that end a run without a terminal."""
    progress, time_taken = ending.progress, _time_text(ending)
    work = ending.work
    if progress is None:
        done = "copied" if work == "Migration" else "compared"
        yield f"{work} {ending.status} after {time_taken}; nothing was {done}"
        return
    items, validated = progress.items, progress.validated
    segments = f"{progress.segments_done}/{progress.segments_total} segments in {time_taken}"
    if progress.phase == "Copy":
        yield (
            f"{work} {ending.status}: read {items.handled:,} = written {items.written:,} + skipped "
            f"{items.skipped_text} + rejected {items.rejected:,}"
            f"{_again_text(items)}{_extra_text(items)}; "
            f"{segments}{_changes_text(progress.changes)}"
        )
        yield from _slow_text(progress.calls)
    if validated:
        said = f"compared {validated.compared:,}; missing {validated.missing:,}, different "
        said += (
            f"{validated.different:,}, extra {validated.extra:,}; repaired {validated.repaired:,}"
        )
        if progress.phase == "Copy":
            yield f"Validation: {said}"
        else:
            yield f"{work} {ending.status}: {said}; {segments}"


def _slow_text(calls: CallFigures) -> Iterator[str]:
    """The sentence on a call of a transform that held everything else up for long."""
    if calls.slowest >= _SLOW:
        taken = brief(calls.slowest)
        yield f"the slowest call of the transform took {taken}, for the item {calls.key}"


def _time_text(ending: Ending) -> str:
    """The time that a run took, and how much of it was a pause."""
    paused = f" (paused for {duration(ending.paused)})" if ending.paused >= 1 else ""
    return duration(ending.seconds) + paused


def _extra_text(items: Counts) -> str:
    """The items that were made of those written, where they are more."""
    return f"; made {items.written + items.extra:,} items of those written" if items.extra else ""


def _again_text(items: Counts) -> str:
    """The sentence on items that were read and neither written nor refused when a run ended
    early."""
    again = items.read - items.handled
    return f" ({again:,} more are to be read again)" if again else ""


def _changes_rows(changes: FollowProgress) -> Iterator[tuple[str, str]]:
    counts = changes.counts
    yield "changes read", f"{counts.read + changes.waiting:,}"
    yield "changes applied", f"{counts.applied:,}"
    yield "deletions by TTL", f"{counts.expired:,}"
    yield "superseded", f"{counts.superseded:,}"
    yield "changes rejected", f"{counts.rejected:,}"
    yield "changes waiting", f"{changes.waiting:,}"
    yield "lag", lag_text(changes.lag)


def _gone_text(counts: ChangeCounts) -> str:
    return f"dropped {counts.dropped:,} + " if counts.dropped else ""


def _changes_text(changes: FollowProgress | None) -> str:
    if changes is None:
        return ""
    counts = changes.counts
    return (
        f"; changes: read {counts.read + changes.waiting:,} = applied {counts.applied:,} + "
        f"superseded {counts.superseded:,} + {_gone_text(counts)}rejected {counts.rejected:,} + "
        f"waiting {changes.waiting:,}; lag {lag_text(changes.lag)}"
    )


def summary(ending: Ending) -> dict[str, Any]:
    """The JSON summary of a run."""
    paused = {"paused_seconds": round(ending.paused, 3)} if ending.paused else {}
    return {
        "version": __version__,
        "status": ending.status,
        "error": ending.error,
        "started": moment(ending.began),
        "seconds": round(ending.seconds, 3),
        **paused,
        "tables": [*_table_summaries(ending)],
        "savepoint": ending.savepoint,
        "rejects": ending.rejects,
    }


def _table_summaries(ending: Ending) -> Iterator[Mapping[str, Any]]:
    """The counts of each table; among many with its state, and why it is in that."""
    for table in ending.tables:
        yield {**table_summary(table), "state": table.status, "reason": table.error or None}
    if ending.progress and not ending.tables:
        yield table_summary(ending.progress)


def check_destination(path: str | None, option: str = "--summary-json") -> None:
    """Raise `UsageError` where a file that `option` asks for could not be written to `path`."""
    if path is None or path == "-":
        return
    file = Path(path)
    if not file.parent.is_dir():
        raise UsageError(f"{option}: there is no folder {file.parent}")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UsageError(f"{option}: {path} cannot be written")


def write_summary(path: str, ending: Ending) -> None:
    """Write the summary to a file, or for `-` to standard output. Raises `MigrateError`."""
    text = json.dumps(summary(ending)) + "\n"
    if path == "-":
        print_out(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise MigrateError(
            f"{ending.work} {ending.status}, but the summary cannot be written to {path}: "
            f"{error.strerror}",
            "Run it again with another path: what is done is not done again.",
        ) from error


def print_out(text: str) -> None:
    """Write to standard output. Raises `MigrateError` where that cannot take it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # what is left in the buffer is tried again at exit, and would fail with a traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise MigrateError(f"cannot write to standard output: {error.strerror}") from error
