"""Records of a data file as items: cut out of their lines, never decoded."""

from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

import msgspec

from alternator_migrate.core.model import Item

Records: TypeAlias = Callable[[bytes], Sequence[Item]]
"""Gives the items of a block of lines. Raises `ValueError` that tells the line within the block,
counted from 1, at fault, as `BadLine` does."""


class BadLine(ValueError):
    """A line that is no record; `line` is its number within the block, from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


class _FullLine(msgspec.Struct):
    item: msgspec.Raw = msgspec.field(name="Item")


_full = msgspec.json.Decoder(_FullLine)
_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def json_items(block: bytes) -> Sequence[Item]:
    """The items of lines like {"Item":{...}}. Raises `BadLine`."""
    try:
        return cast("Sequence[Item]", [line.item for line in _full.decode_lines(block)])
    except _ERRORS:
        raise _fault(block) from None


def _fault(block: bytes) -> BadLine:
    """The first line of a block that is no record."""
    for number, line in enumerate(block.split(b"\n"), 1):
        try:
            if line.strip():
                _full.decode(line)
        except _ERRORS as error:
            return BadLine(number, f"{error}: {line[:80].decode(errors='replace')}")
    return BadLine(1, "a record goes over several lines")
