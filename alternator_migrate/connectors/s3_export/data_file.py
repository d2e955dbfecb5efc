"""One data file, read from its beginning: what was read before is passed over, all is checked."""

from base64 import b64encode
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from hashlib import md5
from typing import Final, Generic, TypeVar

from alternator_migrate.connectors.s3_export.lines import Inflater, LineCutter, fastest
from alternator_migrate.connectors.s3_export.manifest import DataFile
from alternator_migrate.connectors.s3_export.objects import Objects
from alternator_migrate.connectors.s3_export.records import BadRecord, Records
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.model import Position
from alternator_migrate.dynamodb import items

T = TypeVar("T")
_ENOUGH: Final = 768 * 1024
"""The bytes of lines that make a block."""
_MEND: Final = (
    "What was read of it before may be written already, and does no harm. Copy it anew from where "
    "the export was made, and run again."
)


@dataclass(frozen=True, slots=True)
class Place:
    """A place between two lines of a data file: after so many bytes of text, and the records in
    them; `crc` is the CRC-32 of these bytes, so that the place is one of the same text for ever."""

    size: int = 0
    items: int = 0
    crc: int = 0

    @classmethod
    def at(cls, position: Position | None) -> "Place":
        """The place that a position names. Raises `UsageError` for one by lines, as early builds
        counted."""
        if position is None:
            return cls()
        found = items.from_json(position)
        if "bytes" not in found:
            raise UsageError(
                f"the savepoint has a place in a data file as an earlier build counted it: "
                f"{position.decode()}",
                "Copy the export anew with --fresh --into-existing.",
            )
        return cls(found["bytes"], found["items"], found["crc"])

    @property
    def position(self) -> Position:
        """The place as the position of a segment."""
        return items.to_json({"bytes": self.size, "items": self.items, "crc": self.crc})

    def after(self, lines: bytes, items: int) -> "Place":
        """The place after more whole lines, with so many records."""
        crc = fastest().crc32(lines, self.crc)
        return Place(self.size + len(lines), self.items + items, crc)


@dataclass(frozen=True, slots=True)
class Block(Generic[T]):
    """Some records of a data file, of lines of so many bytes; `position` is after them, None at
    the end of the file."""

    records: Sequence[T]
    size: int
    position: Position | None


class FileReading(Generic[T]):
    """The reading of one data file from `start` on; `cut` finds the records of some lines."""

    def __init__(self, objects: Objects, file: DataFile, cut: Records[T], start: Place) -> None:
        self._objects, self._file, self._cut = objects, file, cut
        self._name = objects.name(file.key)
        self._start, self._place = start, Place()
        self._digest, self._bytes = md5(usedforsecurity=False), 0
        self._records: list[T] = []
        self._size = 0

    async def blocks(self) -> AsyncGenerator[Block[T], None]:
        """The records from the start on. The last block comes when all bytes, also those before
        the start, are what the manifest says they are. Raises `MigrateError` where they are not."""
        reader = self._objects.open(self._file.key)
        inflater, cutter = Inflater(), LineCutter()
        try:
            while data := await reader.read():
                self._digest.update(data)
                self._bytes += len(data)
                for piece in inflater.pieces(data):
                    self._take(cutter.lines(piece))
                    if self._size >= _ENOUGH:
                        yield self._block()
            inflater.finish()
            self._take(cutter.last())
        except ValueError as error:
            raise self._damaged(str(error)) from error
        finally:
            await reader.close()
        self._check()
        yield replace(self._block(), position=None)

    def _block(self) -> Block[T]:
        """The records that were taken since the last block."""
        block = Block(self._records, self._size, self._place.position)
        self._records, self._size = [], 0
        return block

    def _take(self, whole: bytes) -> None:
        """Take the records of some lines that lie beyond the start."""
        lines = self._beyond_start(whole)
        if not lines:
            return
        try:
            found = self._cut(lines)
        except BadRecord as error:
            number = self._place.items + error.number
            raise ValueError(f"its record {number:,} is none ({error})") from error
        self._place = self._place.after(lines, len(found))
        self._records += found
        self._size += len(lines)

    def _beyond_start(self, lines: bytes) -> bytes:
        """The part of some lines that lies beyond the start."""
        missing = self._start.size - self._place.size
        if missing <= 0:
            return lines
        self._place = self._place.after(lines[:missing], 0)
        if self._place.size == self._start.size:
            if self._place.crc != self._start.crc:
                raise MigrateError(
                    f"{self._name} has other lines than before: its first {self._start.items:,} "
                    "records are not those that an earlier run read",
                    "Exports never change: who wrote there? Begin anew with --fresh.",
                )
            self._place = self._start
        return lines[missing:]

    def _check(self) -> None:
        """Raise `MigrateError` unless the file is what the manifest says it is."""
        said, found = self._file.md5, b64encode(self._digest.digest()).decode()
        if said and said != found:
            raise self._damaged(
                f"the MD5 of its {self._bytes:,} bytes is {found}, and the manifest says {said}"
            )
        if self._place.size < self._start.size:
            raise self._damaged(
                f"it has {self._place.size:,} bytes of text, and {self._start.size:,} were read "
                "before"
            )
        if self._file.items not in (None, self._place.items):
            raise self._damaged(
                f"it has {self._place.items:,} records, and the manifest says {self._file.items:,}"
            )

    def _damaged(self, why: str) -> MigrateError:
        return MigrateError(f"{self._name} is not as it was exported: {why}", _MEND)
