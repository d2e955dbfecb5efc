"""One file of the spool: a head, then changes one after another, each with its CRC32.

The head tells how much of the file a compaction wrote, and how many changes that left out. What
a kill tore off at the end is cut when the file is opened again; damage before that is an error.
"""

import os
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alternator_migrate.core.durable import PRIVATE, open_private, sync_folder
from alternator_migrate.core.errors import FOLLOW_ANEW, MigrateError
from alternator_migrate.core.model import Change

_MAGIC: Final = b"AMSPOOL1"
_HEAD: Final = struct.Struct("<8sQQI")
_RECORD: Final = struct.Struct("<IIIdB")
_CRC: Final = struct.Struct("<I")
_REMOVAL: Final = 0xFFFFFFFF
_BUFFER_BYTES: Final = 1 << 18
_READ_BYTES: Final = 4 << 20
HEAD_BYTES: Final = _HEAD.size


@dataclass(frozen=True, slots=True)
class Stretch:
    """Changes of a file, in order, and the byte after the last of them."""

    changes: Sequence[Change]
    end: int


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    change: Change


class _Damaged(Exception):
    """No whole record begins at byte `at`."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


def encode(change: Change) -> bytes:
    """A change as a record."""
    image = change.image
    size = _REMOVAL if image is None else len(image)
    flags = int(change.by_service)
    head = _RECORD.pack(0, len(change.key), size, change.created, flags)[_CRC.size :]
    body = b"".join((head, change.key, b"" if image is None else image))
    return _CRC.pack(zlib.crc32(body)) + body


class SpoolFile:
    """Part `number` of the spool in `folder`.

    `length` counts bytes on disk and in the buffer; `dropped` changes were left out so far.
    Methods raise `OSError` where the disk fails, and `MigrateError` where a record is damaged.
    """

    def __init__(self, folder: Path, number: int, generation: int) -> None:
        self._folder, self._number = folder, number
        self.generation = generation
        self.length = self.compacted = HEAD_BYTES
        self.dropped = 0
        self._buffer = bytearray()
        self._dirty = False

    @classmethod
    def create(cls, folder: Path, number: int) -> "SpoolFile":
        """A new, empty file."""
        file = cls(folder, number, 0)
        with open_private(file.path) as out:
            out.write(_head(HEAD_BYTES, 0))
        file._dirty = True
        file.sync()
        return file

    @classmethod
    def reopen(
        cls, folder: Path, number: int, generation: int, length: int
    ) -> tuple["SpoolFile", int]:
        """The newest generation of a file that once was `generation` and `length` bytes long, and
        how many changes it holds beyond what was known then; a torn end is cut off."""
        generations = sorted(int(p.suffix[1:]) for p in folder.glob(f"part{number:02}.[0-9]*"))
        if not generations or generations[-1] < generation:
            raise _gone(folder)
        for older in generations[:-1]:
            (folder / f"part{number:02}.{older}").unlink()
        file = cls(folder, number, generations[-1])
        file.path.chmod(PRIVATE)  # earlier versions left it to the umask
        file._read_head()
        same = file.generation == generation
        safe = max(length, file.compacted) if same else file.compacted
        file.length = file.path.stat().st_size
        if file.length < safe:
            raise _gone(folder)
        return file, file._cut(safe)

    @property
    def path(self) -> Path:
        """The file of the newest generation."""
        return self._folder / f"part{self._number:02}.{self.generation}"

    def append(self, record: bytes) -> None:
        """Add a record; it is durable after the next `sync`. Where that fails, it is not there."""
        if len(self._buffer) + len(record) > _BUFFER_BYTES:
            self.flush()
        self._buffer += record
        self.length += len(record)
        self._dirty = True

    def flush(self) -> int:
        """Write what is in the buffer; the byte up to which the file can be read then. Where that
        fails, the file is as long as it was."""
        if self._buffer:
            written = self.length - len(self._buffer)
            os.truncate(self.path, written)
            try:
                with self.path.open("ab") as file:
                    file.write(self._buffer)
            except OSError:
                os.truncate(self.path, written)
                raise
            self._buffer.clear()
        return self.length

    def sync(self) -> None:
        """Make everything durable."""
        self.flush()
        if self._dirty:
            with self.path.open("rb") as file:
                os.fsync(file.fileno())
            self._dirty = False

    def read(self, start: int, end: int) -> Iterator[Stretch]:
        """The changes from byte `start` to `end`, as `flush` tells, some megabytes at a time."""
        changes: list[Change] = []
        begun = start
        for found in self._records(max(start, HEAD_BYTES), end):
            changes.append(found.change)
            if found.end - begun >= _READ_BYTES:
                yield Stretch(changes, found.end)
                changes, begun = [], found.end
        if changes:
            yield Stretch(changes, end)

    def compact(self, abandon: threading.Event) -> int:
        """Write the last change of each key into a new generation; how many were left out: 0 where
        it was told to `abandon` that on the way, which leaves all as it was, as a failure does."""
        end, count, last = self.flush(), 0, {}
        for found in self._records(HEAD_BYTES, end):
            count, last[found.change.key] = count + 1, found.start
            if abandon.is_set():
                return 0
        dropped = count - len(last)
        following = SpoolFile(self._folder, self._number, self.generation + 1)
        temporary = self._folder / f".part{self._number:02}.tmp"
        try:
            with open_private(temporary) as out:
                out.write(_head(0, 0))
                for found in self._records(HEAD_BYTES, end):
                    if abandon.is_set():
                        return 0
                    if last[found.change.key] == found.start:
                        out.write(encode(found.change))
                following.length = out.tell()
                out.seek(0)
                out.write(_head(following.length, self.dropped + dropped))
                out.flush()
                os.fsync(out.fileno())
            temporary.rename(following.path)
            sync_folder(self._folder)
        except OSError:
            following.path.unlink(missing_ok=True)
            raise
        finally:
            temporary.unlink(missing_ok=True)
        before, self.generation, self.length = self.path, following.generation, following.length
        self.compacted, self.dropped, self._dirty = self.length, self.dropped + dropped, False
        before.unlink()
        return dropped

    def _read_head(self) -> None:
        with self.path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if len(head) < HEAD_BYTES or head != _head(*_HEAD.unpack(head)[1:3]):
            raise self._damage(0)
        _, self.compacted, self.dropped, _ = _HEAD.unpack(head)

    def _cut(self, safe: int) -> int:
        """Cut the file where after byte `safe` no whole record follows; how many do follow."""
        count, end = 0, safe
        try:
            for found in _records(self.path, safe, self.length):
                count, end = count + 1, found.end
        except _Damaged:
            os.truncate(self.path, end)
            self._dirty = True
        self.length = end
        return count

    def _records(self, start: int, end: int) -> Iterator[_Found]:
        try:
            yield from _records(self.path, start, end)
        except _Damaged as damage:
            raise self._damage(damage.at) from damage

    def _damage(self, at: int) -> MigrateError:
        return MigrateError(
            f"the spool is damaged: {self.path} at byte {at}",
            f"Is the disk in order? {FOLLOW_ANEW}",
        )


def _head(compacted: int, dropped: int) -> bytes:
    plain = _HEAD.pack(_MAGIC, compacted, dropped, 0)[: -_CRC.size]
    return plain + _CRC.pack(zlib.crc32(plain))


def _records(path: Path, start: int, end: int) -> Iterator[_Found]:
    """The records between two bytes of a file. Raises `_Damaged`."""
    with path.open("rb") as file:
        at, want = start, _READ_BYTES
        while at < end:
            file.seek(at)
            chunk = file.read(min(want, end - at))
            place = 0
            while found := _record(chunk, place, at, end):
                yield found
                place = found.end - at
            want = _READ_BYTES if place else want * 2
            if not place and len(chunk) >= end - at:
                raise _Damaged(at)
            at += place


def _record(chunk: bytes, place: int, base: int, end: int) -> _Found | None:
    """The record at `place` of a chunk that begins at byte `base`; None where the chunk does not
    hold all of it."""
    body = place + _RECORD.size
    if body > len(chunk):
        return None
    crc, key_size, image_size, created, flags = _RECORD.unpack_from(chunk, place)
    middle = body + key_size
    last = middle if image_size == _REMOVAL else middle + image_size
    if base + last > end:
        raise _Damaged(base + place)
    if last > len(chunk):
        return None
    if zlib.crc32(memoryview(chunk)[place + _CRC.size : last]) != crc:
        raise _Damaged(base + place)
    image = None if image_size == _REMOVAL else chunk[middle:last]
    change = Change(chunk[body:middle], image, "", created, bool(flags & 1))
    return _Found(base + place, base + last, change)


def _gone(folder: Path) -> MigrateError:
    return MigrateError(
        f"the spool {folder} lacks changes that were kept there",
        f"Go on from the newest savepoint, with CONFIG, on the machine that has this folder. If "
        f"that fails too: {FOLLOW_ANEW}",
    )
