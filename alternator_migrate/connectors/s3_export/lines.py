"""From the compressed bytes of a data file to whole lines, in flat memory."""

import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

PIECE: Final = 256 * 1024
"""The most bytes that are inflated at once: larger buffers go back to the system each time."""
LONGEST: Final = 16 * 1024 * 1024
"""A line longer than any record of an export may be."""


@cache
def fastest() -> Any:
    """The library that inflates: isal, which takes less than half the time, where it is there."""
    try:
        from isal import isal_zlib  # noqa: PLC0415 # optional, and only where an export is read
    except ImportError:
        return zlib
    return isal_zlib


class Inflater:
    """Inflates gzip with any number of members; zeros after the last one are padding. `library` is
    zlib or one like it."""

    def __init__(self, library: Any = None) -> None:
        self._library = library or fastest()
        self._member: Any = None
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What `data` adds, in pieces of at most `PIECE` bytes. Raises `ValueError` for what is
        not gzip, or damaged."""
        while data:
            if self._member is None:
                data = data.lstrip(b"\0") if self._begun else data
                if not data:
                    return
                self._begun, self._member = True, self._library.decompressobj(31)
            try:
                piece = self._member.decompress(data, PIECE)
                yield piece
                data = self._member.unconsumed_tail
                while len(piece) == PIECE and not data and not self._member.eof:
                    piece = self._member.decompress(b"", PIECE)
                    yield piece
            except self._library.error as error:
                raise ValueError(f"it is no gzip, or damaged ({error})") from error
            if self._member.eof:
                data, self._member = self._member.unused_data, None

    def finish(self) -> None:
        """Raise `ValueError` where the bytes ended within a member, or there were none."""
        if self._member is not None or not self._begun:
            raise ValueError("it is truncated: its gzip has no end")


class LineCutter:
    """Cuts pieces of text between lines."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._length = 0

    def lines(self, piece: bytes) -> bytes:
        """The lines that have ended by now. Raises `ValueError` for a line that does not end."""
        end = piece.rfind(b"\n") + 1
        self._length += len(piece)
        if not end:
            if self._length > LONGEST:
                raise ValueError(f"it has a line of more than {LONGEST:,} bytes")
            self._kept.append(piece)
            return b""
        whole = b"".join((*self._kept, memoryview(piece)[:end]))
        self._kept, self._length = [piece[end:]], len(piece) - end
        return whole

    def last(self) -> bytes:
        """What is left at the end; its last line may have no newline."""
        return b"".join(self._kept)
