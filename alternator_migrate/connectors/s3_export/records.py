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
"""Gives the records of a block of lines. Raises `BadLine`."""


class BadLine(ValueError):
    """A line that is no record; `line` is its number within the block, from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


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


def json_items(block: bytes) -> Sequence[Item]:
    """The items of lines like {"Item":{...}}. Raises `BadLine`."""
    try:
        return cast("Sequence[Item]", [line.item for line in _full.decode_lines(block)])
    except _ERRORS:
        raise fault(block, _full.decode, _ERRORS) from None


def json_changes(block: bytes) -> Sequence[Change]:
    """The changes of lines like {"Keys":{...},"NewImage":{...}}. Raises `BadLine`."""
    try:
        lines = _incremental.decode_lines(block)
    except _ERRORS:
        raise fault(block, _incremental.decode, _ERRORS) from None
    return [Change(cast("Item", line.keys), _image(line.new), _image(line.old)) for line in lines]


def _image(raw: msgspec.Raw) -> Item | None:
    return None if raw is _NOTHING else cast("Item", raw)


def fault(
    block: bytes, read: Callable[[bytes], object], errors: tuple[type[Exception], ...]
) -> BadLine:
    """The first line of a block that `read` cannot read."""
    for number, line in enumerate(block.split(b"\n"), 1):
        try:
            if line.strip():
                read(line)
        except errors as error:
            return BadLine(number, f"{error}: {line[:80].decode(errors='replace')}")
    return BadLine(1, "a record goes over several lines")
