"""A rejects file as a source: items that were refused once, mended by a person."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final

from alternator_migrate import wire
from alternator_migrate.canonical import canonical, canonical_key
from alternator_migrate.errors import UsageError
from alternator_migrate.model import (
    Item,
    Page,
    Position,
    Segment,
)
from alternator_migrate.rejects import key_of_line

_PAGE_ITEMS: Final = 1000


class RejectsSource:
    """The items of a rejects file, in one segment. Raises `UsageError` for a line that is none."""

    def __init__(self, path: Path) -> None:
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise UsageError(
                f"cannot read {path}: {error.strerror}", "Name a rejects file."
            ) from error
        self._path = path
        self._lines = {number: line for number, line in enumerate(lines, 1) if line.strip()}
        self._found = {number: _item(path, number, line) for number, line in self._lines.items()}
        self._items = list(self._found.values())

    @property
    def count(self) -> int:
        """How many items are to be sent."""
        return len(self._items)

    def once_each(self, names: Sequence[str]) -> dict[bytes, set[bytes]]:
        """Send an item once that stands there twice. Returns the keys that each item was refused
        with, by the key that it has now, all of them canonical.

        Raises `UsageError` for an item without one of its table's key attributes, and for two
        items of one key.
        """
        numbers: dict[bytes, int] = {}
        refused_with: dict[bytes, set[bytes]] = {}
        for number, item in self._found.items():
            if missing := wire.lacks(item, names):
                raise UsageError(
                    f"{self._path}, line {number}: the item lacks the key attribute {missing[0]}",
                    "Every item needs all attributes of the target table's key.",
                )
            key = canonical_key(item, names)
            first = numbers.setdefault(key, number)
            if canonical(self._found[first]) != canonical(item):
                raise UsageError(
                    f"{self._path}, lines {first} and {number}: two items of one key",
                    "Only one of them can be on the target: delete the other line.",
                )
            refused_with.setdefault(key, set()).add(key_of_line(self._lines[number], names))
        self._items = [self._found[number] for number in numbers.values()]
        return refused_with

    async def pages(
        self, segment: Segment, position: Position | None
    ) -> AsyncGenerator[Page, None]:
        """All items; `segment` and `position` have but one value each."""
        for start in range(0, max(len(self._items), 1), _PAGE_ITEMS):
            items: Sequence[Item] = self._items[start : start + _PAGE_ITEMS]
            is_last = start + _PAGE_ITEMS >= len(self._items)
            size = sum(map(len, items))
            yield Page(items, size, None if is_last else b"{}", len(items))


def _item(path: Path, number: int, line: bytes) -> Item:
    try:
        item, change, _ = wire.read_reject(line)
    except ValueError as error:
        raise UsageError(
            f"{path}, line {number}: {error}", 'Each line must be like {"item": {...}}.'
        ) from error
    if change:
        raise UsageError(
            f"{path}, line {number}: this is a change ({change}), and what its key holds may have "
            "changed since",
            "Mend the item on the source, or delete it there; `validate --repair --delete-extra` "
            "then brings the target in step. Delete the line then: what is not in the file any "
            "more is settled.",
        )
    return item
