"""The rejects file: items that the target refuses, kept whole for a person to mend."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alternator_migrate import wire
from alternator_migrate.errors import MigrateError, TooManyRejects
from alternator_migrate.model import Reject

_LOOK_BACK: Final = 65_536


class RejectsFile:
    """Appends rejects to `path`, or to `rejects_<millis>.jsonl` in `folder`, made when the first
    one comes.

    What a killed run left half written is overwritten: it was not counted, and comes again.
    A line is `{"key": ..., "error": ..., "message": ..., "item": ...}`, key and item as
    DynamoDB JSON; that of a followed change has `"change": "put"` or `"delete"`, too. The file is
    readable by its owner only: items may be private.
    """

    def __init__(
        self, folder: Path, key_names: Sequence[str], allowed: int, path: str | None = None
    ) -> None:
        self.path = path
        self._folder = folder
        self._key_names = key_names
        self._allowed = allowed
        self._kept = 0

    @property
    def left(self) -> int:
        """How many more rejects are allowed."""
        return max(self._allowed - self._kept, 0)

    def keep(self, rejects: Sequence[Reject]) -> None:
        """Write and fsync. Raises `TooManyRejects` beyond what is allowed, after keeping them,
        and `MigrateError` where the file cannot be written."""
        lines = b"".join(self._line(reject) for reject in rejects)
        try:
            self._append(lines)
        except OSError as error:
            raise MigrateError(
                f"cannot keep rejected items in {self._folder}: {error.strerror}",
                "Set savepoints.path to a folder with room that this user may write.",
            ) from error
        self._kept += len(rejects)
        if self._kept > self._allowed:
            last = rejects[-1]
            key = wire.key_of(last.item, self._key_names).decode("utf-8", "replace")
            raise TooManyRejects(
                f"the target refuses item {key}: {last.error}: {last.message}",
                f"It is kept in {self.path}. Raise maxRejects to go on past such items.",
            )

    def _append(self, lines: bytes) -> None:
        path = self.path
        if path is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = str(self._folder / f"rejects_{int(time.time() * 1000)}.jsonl")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.path = path
        try:
            size = os.fstat(descriptor).st_size
            tail = _unended(descriptor, size)
            if _is_reject(tail):
                lines = b"\n" + lines
            else:
                size -= len(tail)
            _write_whole(descriptor, lines, size)
        finally:
            os.close(descriptor)

    def _line(self, reject: Reject) -> bytes:
        facts = {"error": reject.error, "message": reject.message}
        head = wire.to_json(facts | ({"change": reject.change} if reject.change else {}))
        key = wire.one_line(wire.key_of(reject.item, self._key_names))
        return b'{"key":%b,%b,"item":%b}\n' % (key, head[1:-1], wire.one_line(reject.item))


def _unended(descriptor: int, size: int) -> bytes:
    """What stands after the last line end of a file of `size` bytes."""
    tail, start = b"", size
    while start and b"\n" not in tail:
        begin = max(start - _LOOK_BACK, 0)
        tail, start = os.pread(descriptor, start - begin, begin) + tail, begin
    return tail.rpartition(b"\n")[2]


def _is_reject(line: bytes) -> bool:
    try:
        wire.item_of_reject(line)
    except ValueError:
        return False
    return True


def _write_whole(descriptor: int, lines: bytes, size: int) -> None:
    """Write and fsync `lines` behind `size` bytes; where that fails, the file ends there."""
    os.ftruncate(descriptor, size)
    os.lseek(descriptor, size, os.SEEK_SET)
    left = memoryview(lines)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
