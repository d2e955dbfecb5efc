"""Whether exports follow one another: one table, in the order of time, without a gap."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from alternator_migrate.connectors.s3_export.source import Export
from alternator_migrate.core.errors import UsageError

_SECOND: Final = 1.0
_ORDER: Final = (
    "Name a full export and then the incremental ones in manifestKeys, the oldest first, each from "
    "the moment at which the one before ends."
)
_FULL_FIRST: Final = "Name the full export first, and then those that follow, in {}."
_UNDONE: Final = (
    "source.revert is for incremental exports with the view NEW_AND_OLD_IMAGES: name these alone."
)


def check_order(exports: Sequence[Export]) -> None:
    """Raise `UsageError` unless all are of one table, all but the first incremental, and each
    begins where the one before it ends: AWS gives beginnings in whole seconds."""
    for before, after in pairwise(exports):
        _check_table(before, after)
        if not after.summary.incremental:
            raise UsageError(
                f"{after.name} is a full export, and stands after {before.name}", _ORDER
            )
        ended, begun = before.summary.moments.end, after.summary.moments.start
        if ended is None or begun is None:
            raise UsageError(
                f"whether {after.name} goes on from {before.name} is not known: their manifests "
                "lack a moment",
                _ORDER,
            )
        told = f"{before.name} ends at {iso(ended)}, and {after.name} begins at {iso(begun)}"
        if begun > ended:
            raise UsageError(f"changes are missing between two exports: {told}", _ORDER)
        if begun <= ended - _SECOND:
            raise UsageError(f"two exports overlap, or are out of order: {told}", _ORDER)


def check_full(exports: Sequence[Export], key: str) -> None:
    """Raise `UsageError` unless the first of the exports, which `key` of the configuration names,
    is a full one, and all of them together a whole table."""
    first = exports[0]
    if first.summary.incremental:
        raise UsageError(
            f"{first.name} is incremental: what it was based on is not known",
            _FULL_FIRST.format(key),
        )


def check_base(exports: Sequence[Export], *, reverted: bool) -> None:
    """Raise `UsageError` where exports that go into a new table begin with an incremental one."""
    first = exports[0]
    if not first.summary.incremental:
        return
    raise UsageError(
        f"{first.name} is incremental, and holds changes only: a table made of it would lack all "
        "that it is based on",
        "Write over the table that they were copied into, with --into-existing."
        if reverted
        else f"{_FULL_FIRST.format('source.manifestKeys')} Or write over the table that the "
        "exports before it were copied into, with --into-existing.",
    )


def check_revertible(exports: Sequence[Export]) -> None:
    """Raise `UsageError` unless all are incremental and have old images."""
    for each in exports:
        if not each.summary.incremental:
            raise UsageError(f"{each.name} is a full export, and cannot be undone", _UNDONE)
        if not each.summary.old_images:
            raise UsageError(f"{each.name} has no old images, and cannot be undone", _UNDONE)


def iso(moment: float) -> str:
    """A moment for a person, with milliseconds where it has some."""
    exact = "milliseconds" if moment % 1 else "seconds"
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec=exact)
    return text.replace("+00:00", "Z")


def _check_table(before: Export, after: Export) -> None:
    one, other = before.summary, after.summary
    for this, that in ((one.table_id, other.table_id), (one.table_arn, other.table_arn)):
        if this and that and this != that:
            raise UsageError(
                f"two exports are of different tables: {before.name} of {one.table_arn}, id "
                f"{one.table_id}, and {after.name} of {other.table_arn}, id {other.table_id}",
                "A migration is of one table: name exports of one.",
            )
