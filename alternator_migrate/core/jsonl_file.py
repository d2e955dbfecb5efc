"""A file of JSON lines that are only added, for its owner alone."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Final

from alternator_migrate.core.durable import PRIVATE, private_folder, sync_folder

# A reject with its item of 400 KB is found in a few steps, most lines in one.
_LOOK_BACK: Final = 65_536


class JsonlFile:
    """Adds lines to `path`, which the first of them makes, with its folder.

    Of a file that is there already the first `size` bytes are kept, or all whole lines (None);
    none is taken away, so that its name stays taken.
    What follows the last line end, as a kill leaves it, is overwritten, unless `is_line` accepts
    it: a person may have left out the line end. Several threads may add lines, one after the
    other. Methods raise `OSError`.
    """

    def __init__(
        self,
        path: Path,
        size: int | None = None,
        is_line: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        self.path = path
        self.size = size
        self._is_line = is_line
        self._is_cut = size is None
        self._changing = RLock()

    def append(self, lines: bytes, *, durable: bool = False) -> None:
        """Add whole lines; `durable` ones are on disk at the return. Where that fails, the file
        is as long as it was."""
        with self._changing:
            self._append(lines, durable=durable)

    def _append(self, lines: bytes, *, durable: bool) -> None:
        private_folder(self.path.parent)
        self._cut()
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE)
        try:
            kept, lines = self._kept(descriptor, lines)
            _write(descriptor, lines, kept, durable=durable)
        finally:
            os.close(descriptor)
        if self.size is not None:
            self.size = kept + len(lines)
        if is_new and durable:
            sync_folder(self.path.parent)

    def sync(self) -> None:
        """Return when all lines so far are on disk, and nothing of an earlier run beyond them. In
        another thread lines may be added meanwhile: this writes none."""
        self._cut()
        if self.size == 0:
            return
        with suppress(FileNotFoundError):
            descriptor = os.open(self.path, os.O_RDWR)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            sync_folder(self.path.parent)

    def lines(self) -> Iterator[bytes]:
        """The lines without their ends; none where the file is absent."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n") or self._is_line(line):
                    yield line.rstrip(b"\r\n")

    def _cut(self) -> None:
        """Take away what an earlier run added after its savepoint."""
        with self._changing:
            if self._is_cut:
                return
            if self.size is not None and self.path.exists():
                self.size = min(self.size, self.path.stat().st_size)
                os.truncate(self.path, self.size)
            else:
                self.size = 0
            self._is_cut = True

    def _kept(self, descriptor: int, lines: bytes) -> tuple[int, bytes]:
        """The number of bytes of the file to keep, and `lines` as they follow these."""
        size = os.fstat(descriptor).st_size
        if self.size is not None:
            return min(self.size, size), lines
        tail = _tail(descriptor, size)
        if self._is_line(tail):
            return size, b"\n" + lines
        return size - len(tail), lines


def _tail(descriptor: int, size: int) -> bytes:
    """The bytes after the last line end of a file of `size` bytes."""
    tail, start = b"", size
    while start and b"\n" not in tail:
        begin = max(start - _LOOK_BACK, 0)
        tail, start = os.pread(descriptor, start - begin, begin) + tail, begin
    return tail.rpartition(b"\n")[2]


def _write(descriptor: int, lines: bytes, size: int, *, durable: bool) -> None:
    """Write `lines` behind `size` bytes; where that fails, the file ends there."""
    os.ftruncate(descriptor, size)
    os.lseek(descriptor, size, os.SEEK_SET)
    left = memoryview(lines)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
        if durable:
            os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
