"""The lines of `status` for many tables: each in a line, and what all amount to."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alternator_migrate import config
from alternator_migrate.cli.status import status_lines
from alternator_migrate.config import Chosen, Loaded
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.state import Status
from alternator_migrate.core.texts import size_text
from alternator_migrate.core.totals import total
from alternator_migrate.migration import Part, run_file
from alternator_migrate.savepoints import RunRecord, Store, TableEntry, holder, progress_of


@dataclass(frozen=True, slots=True)
class _Standing:
    """One table of the run, by its newest savepoint and the run file."""

    entry: TableEntry
    progress: Progress | None
    is_running: bool

    @property
    def status(self) -> Status:
        """How it stands: what the run file says of one that was running when its run was killed is
        older than that."""
        if self.is_running:
            return Status.RUNNING
        return Status.STOPPED if self.entry.status == Status.RUNNING else self.entry.status


def tables_status(
    loaded: Loaded, part: Part | None, only: Sequence[str], skip: Sequence[str]
) -> list[str]:
    """The lines of a run of many tables; of one that is asked for by name, those of a run of one.
    None where there is no run file. Raises `UsageError` for a damaged one."""
    suffix = part.suffix if part else ""
    file = run_file(loaded.settings, suffix)
    record = file.read()
    if record is None:
        return []
    entries = {each.source: each for each in record.tables}
    names = config.picked([*entries], only, skip)
    if len(names) == 1 and only:
        return [*_one(loaded, entries[names[0]], suffix)]
    standings = [_standing(loaded, entries[name], suffix) for name in names]
    return [*_lines(record, standings, file.path)]


def _one(loaded: Loaded, entry: TableEntry, suffix: str) -> Iterator[str]:
    settings = config.of_table(loaded, Chosen(entry.source, entry.target)).settings
    folder = Path(settings.savepoints.path)
    copied = config.migration_identity(settings) + suffix
    lines = [
        line
        for identity in (copied, config.validation_identity(settings))
        for line in status_lines(folder, identity)
    ]
    yield from lines or [f"{entry.source} -> {entry.target}: {entry.status}, nothing was begun"]
    if entry.reason and entry.status == Status.FAILED:
        yield f"  failed     {entry.reason}"


def _standing(loaded: Loaded, entry: TableEntry, suffix: str) -> _Standing:
    settings = config.of_table(loaded, Chosen(entry.source, entry.target)).settings
    folder, identity = (
        Path(settings.savepoints.path),
        config.migration_identity(settings) + suffix,
    )
    newest = next(Store(folder, identity).readable(), None)
    progress = progress_of(newest[1]) if newest else None
    return _Standing(entry, progress, holder(folder, identity) is not None)


def _lines(record: RunRecord, standings: Sequence[_Standing], path: Path) -> Iterator[str]:
    counts = Counter(each.status for each in standings)
    told = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    yield f"{len(standings)} tables: {told}"
    width = max(len(str(_name(each))) for each in standings)
    for each in standings:
        yield f"  {_name(each):{width}}  {each.status}{_figures(each)}"
    summed = total([each.progress for each in standings if each.progress])
    items = summed.items
    yield (
        f"  items      {items.read:,} read = {items.written:,} written + "
        f"{items.skipped_expired:,} skipped + {items.rejected:,} rejected"
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
