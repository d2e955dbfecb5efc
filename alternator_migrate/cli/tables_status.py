"""The lines of `status` for many tables: each in a line, and what all amount to."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from alternator_migrate import config
from alternator_migrate.cli.status import dropped, status_lines
from alternator_migrate.config import Chosen, Loaded
from alternator_migrate.core.progress import Progress, RunProgress
from alternator_migrate.core.state import Status
from alternator_migrate.core.texts import size_text, tables_text
from alternator_migrate.core.totals import total
from alternator_migrate.migration import run_file
from alternator_migrate.savepoints import (
    Located,
    RunFile,
    Store,
    TableEntry,
    holder,
    place_of,
    progress_of,
)


@dataclass(frozen=True, slots=True)
class _Standing:
    """One table of the run, by its newest savepoint that counts and the run file."""

    entry: TableEntry
    progress: Progress | None
    saved: Status | None
    is_running: bool
    began: float = 0.0
    seconds: float = 0.0

    @property
    def status(self) -> Status:
        """How it stands. Of one that is done its savepoint tells: its rejects may have been sent
        since, or the run was killed before its turn came. What the run file says of one that was
        running when its run was killed is older than that."""
        if self.is_running:
            return Status.RUNNING
        if self.saved and self.saved.is_final and self.entry.status != Status.FAILED:
            return self.saved
        return Status.STOPPED if self.entry.status == Status.RUNNING else self.entry.status

    @property
    def shown(self) -> Progress:
        """A snapshot of the table, also where nothing was begun."""
        entry, known = self.entry, self.progress
        known = known or Progress(entry.source, entry.target, "waiting", segments_total=1)
        return replace(known, status=self.status, error=entry.reason)


def tables_lines(loaded: Loaded, part: str, only: Sequence[str], skip: Sequence[str]) -> list[str]:
    """The lines of a run of many tables (or a `part` of each); of one that is asked for by name,
    those of a run of one. None where there is no run file. Raises `UsageError` for a damaged
    one."""
    file = run_file(loaded.settings, part)
    entries = _entries(file, only, skip)
    if len(entries) == 1 and only:
        return [*_one(loaded, entries[0], part)]
    standings = [_standing(loaded, entry, part) for entry in entries]
    return [*_lines(standings, file.path)]


def tables_standing(
    loaded: Loaded, part: str, only: Sequence[str], skip: Sequence[str]
) -> RunProgress | None:
    """How such a run stands, in all its tables; None where there is no run file."""
    file = run_file(loaded.settings, part)
    record = file.read()
    if record is None:
        return None
    standings = [_standing(loaded, entry, part) for entry in _entries(file, only, skip)]
    statuses = {each.status for each in standings}
    order = (Status.RUNNING, Status.FAILED, Status.STOPPED, Status.WAITING, Status.REJECTS)
    return RunProgress(
        work="Migration",
        began=min((each.began for each in standings if each.began), default=record.written),
        seconds=max((each.seconds for each in standings), default=0.0),
        tables=tuple(each.shown for each in standings),
        status=next((each for each in order if each in statuses), Status.COMPLETED),
        savepoint=str(file.path),
        saved_at=record.written,
    )


def _entries(file: RunFile, only: Sequence[str], skip: Sequence[str]) -> list[TableEntry]:
    record = file.read()
    entries = {each.source: each for each in record.tables} if record else {}
    return [entries[name] for name in config.picked([*entries], only, skip)] if entries else []


def _one(loaded: Loaded, entry: TableEntry, part: str) -> Iterator[str]:
    settings = config.of_table(loaded, Chosen(entry.source, entry.target)).settings
    place = place_of(settings)
    copied = config.migration_identity(settings) + part
    newest = Store(place, copied).newest()
    is_anew = newest is not None and not entry.counts(newest[1])
    identities = () if is_anew else (copied, config.validation_identity(settings))
    lines = [line for identity in identities for line in status_lines(place, identity)]
    if not lines:
        status = _standing(loaded, entry, part).status
        lines = [f"{entry.source} -> {entry.target}: {status}, nothing was begun"]
    yield from lines
    if entry.reason and entry.status == Status.FAILED:
        yield f"  failed     {entry.reason}"


def _standing(loaded: Loaded, entry: TableEntry, part: str) -> _Standing:
    settings = config.of_table(loaded, Chosen(entry.source, entry.target)).settings
    place, identity = (
        place_of(settings),
        config.migration_identity(settings) + part,
    )
    newest = next(Store(place, identity).readable(), None)
    is_running = holder(place, identity) is not None
    if newest is None or not entry.counts(newest[1]):
        return _Standing(entry, None, None, is_running)
    point = newest[1]
    began = point.written - point.seconds
    return _Standing(entry, progress_of(point), point.status, is_running, began, point.seconds)


def _lines(standings: Sequence[_Standing], path: Located) -> Iterator[str]:
    counts = Counter(each.status for each in standings)
    told = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    yield f"{tables_text(len(standings))}: {told}"
    width = max(len(str(_name(each))) for each in standings)
    for each in standings:
        yield f"  {_name(each):{width}}  {each.status}{_figures(each)}"
    summed = total([each.progress for each in standings if each.progress])
    items = summed.items
    yield (
        f"  items      {items.read:,} read = {items.written:,} written + "
        f"{items.skipped_expired:,} skipped + {dropped(items)}{items.rejected:,} rejected"
    )
    yield f"  bytes      {size_text(summed.bytes_read)} read"
    yield f"  run file   {path}"


def _name(standing: _Standing) -> str:
    entry = standing.entry
    return str(Chosen(entry.source, entry.target))


def _figures(standing: _Standing) -> str:
    progress, entry = standing.progress, standing.entry
    told = ""
    if progress:
        told = (
            f"  {progress.segments_done}/{progress.segments_total} segments, "
            f"{progress.items.handled:,} items"
        )
    return told + (f"  {entry.reason}" if standing.status == Status.FAILED else "")
