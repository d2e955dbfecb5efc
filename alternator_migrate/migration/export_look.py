"""A look at what an earlier run wrote of an export: a journal tells of it, and whoever has its
bucket or its folder may have taken it away since."""

import logging
from collections.abc import Mapping
from typing import Final

from alternator_migrate.connectors import ExportPlace, Stored, WrittenFile
from alternator_migrate.core.errors import UsageError
from alternator_migrate.migration.export_journal import Journal

log = logging.getLogger(__name__)
_ANEW: Final = "Put it back; or make another export with --fresh."


async def check_complete(place: ExportPlace, journal: Journal) -> None:
    """Raise `UsageError` unless the export that the journal tells of is there, as it was written;
    `MigrateError` where that cannot be seen."""
    if journal.is_new:
        raise UsageError(
            f"the export is complete, says the savepoint, and where it is, is not known: "
            f"{journal.path} is gone",
            _ANEW,
        )
    stored = await place.stored()
    for key in (*reversed(place.manifests), *(file.key for file in journal.files)):
        if key not in stored:
            words = "the export is complete, says the savepoint, and it is not there any more: "
            raise UsageError(f"{words}{place.sink.name(key)} is gone", _ANEW)
    _check_same(place, journal, stored)


async def look(place: ExportPlace, journal: Journal) -> set[str]:
    """The keys of the data files that are there and that the journal does not have: a run was
    killed before it noted them. The journal is to forget those that are gone, so that their
    segments are written anew from there. Raises `UsageError` where that cannot be: where one is
    another than it was, or where one would be left over that comes after one that is gone;
    `MigrateError` where nothing can be seen."""
    if journal.is_new:
        return set()
    stored = await place.stored()
    _check_same(place, journal, stored)
    left = place.data_keys(stored) - {file.key for file in journal.files}
    _forget_lost(place, journal, stored)
    return left


def _forget_lost(place: ExportPlace, journal: Journal, stored: Mapping[str, Stored]) -> None:
    lost = [entry for entry in journal.entries if entry.file and entry.file.key not in stored]
    if not lost:
        return
    kept = {}
    for segment in dict.fromkeys(entry.segment for entry in lost):
        entries = journal.of(segment)
        kept[segment] = next(n for n, entry in enumerate(entries) if entry in lost)
        files = [entry.file for entry in entries[kept[segment] :] if entry.file]
        if left := [file for file in files if file.key in stored]:
            raise UsageError(
                f"{place.sink.name(files[0].key)}, which an earlier run wrote, is gone, and "
                f"{place.sink.name(left[0].key)}, which follows it, is there",
                _ANEW,
            )
    for segment, count in kept.items():
        journal.keep(segment, count)
    log.warning(
        "warning: of the data files that an earlier run wrote, %d are gone, and written anew: %s",
        len(lost),
        place.sink.name(place.folder),
    )


def _check_same(place: ExportPlace, journal: Journal, stored: Mapping[str, Stored]) -> None:
    """Raise `UsageError` for a data file that is there and not as it was written."""
    for file in journal.files:
        found = stored.get(file.key)
        if found and not file.is_as(found):
            raise UsageError(
                f"{place.sink.name(file.key)} is not as an earlier run wrote it: "
                f"{_difference(file, found)}",
                _ANEW,
            )


def _difference(file: WrittenFile, found: Stored) -> str:
    if file.size not in (None, found.size):
        return f"it had {file.size:,} bytes, and has {found.size:,}"
    return f"its ETag was {file.etag}, and is {found.etag}"
