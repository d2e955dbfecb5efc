"""Records of data files: cut out of their lines as bytes, never decoded.

A full export has items, an incremental one changes: what a key holds at the end of the window.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, TypeVar, cast

import msgspec

from alternator_migrate.core.model import Item


class Change(NamedTuple):
    """The change of one key: the item that it holds, None where that was deleted, and the one that
    it held before the window, where the export has old images."""

    key: Item
    image: Item | None
    old: Item | None = None


T = TypeVar("T")
Records: TypeAlias = Callable[[bytes], Sequence[T]]
"""Gives the records of some lines. Raises `BadRecord`."""


class BadRecord(ValueError):
    """A line that is no record; `number` is that of the record that it should be, among those of
    some lines, from 1."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number


class _Full(msgspec.Struct, gc=False):
    item: msgspec.Raw = msgspec.field(name="Item")


_NOTHING = msgspec.Raw(b"")


class _Incremental(msgspec.Struct, gc=False):
    keys: msgspec.Raw = msgspec.field(name="Keys")
    new: msgspec.Raw = msgspec.field(name="NewImage", default=_NOTHING)
    old: msgspec.Raw = msgspec.field(name="OldImage", default=_NOTHING)


_full = msgspec.json.Decoder(_Full)
_incremental = msgspec.json.Decoder(_Incremental)
_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def json_items(lines: bytes) -> Sequence[Item]:
    """The items of lines like {"Item":{...}}. Raises `BadRecord`."""
    try:
        return cast("Sequence[Item]", [each.item for each in _full.decode_lines(lines)])
    except _ERRORS:
        raise fault(lines, _full.decode, _ERRORS) from None


def json_changes(lines: bytes) -> Sequence[Change]:
    """The changes of lines like {"Keys":{...},"NewImage":{...}}. Raises `BadRecord`."""
    try:
        found = _incremental.decode_lines(lines)
    except _ERRORS:
        raise fault(lines, _incremental.decode, _ERRORS) from None
    return [Change(cast("Item", each.keys), _image(each.new), _image(each.old)) for each in found]


def _image(raw: msgspec.Raw) -> Item | None:
    return None if raw is _NOTHING else cast("Item", raw)


def fault(
    lines: bytes, read: Callable[[bytes], object], errors: tuple[type[Exception], ...]
) -> BadRecord:
    """The first of some lines that `read` cannot read."""
    for number, line in enumerate(filter(bytes.strip, lines.split(b"\n")), 1):
        try:
            read(line)
        except errors as error:
            return BadRecord(number, f"{error}: {line[:80].decode(errors='replace')}")
    return BadRecord(1, "a record goes over several lines")
