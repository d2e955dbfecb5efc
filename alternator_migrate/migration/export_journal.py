"""The journal of an export that is written: which data files are in their place, and what of the
source they hold. It says where another run goes on; a savepoint only tells of it."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from alternator_migrate.connectors import WrittenFile
from alternator_migrate.core.counts import Counts
from alternator_migrate.core.durable import private_folder, replace_file
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.jsonl_file import JsonlFile
from alternator_migrate.core.model import Position
from alternator_migrate.core.state import CopyState
from alternator_migrate.dynamodb import items

_T = TypeVar("_T")
_REMEDY: Final = "Put the file back as it was; or make another export with --fresh."


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of a segment that is exported: its data file (None where it has no item), the
    position after it (None: the segment's end), and what was read."""

    segment: int
    file: WrittenFile | None
    position: Position | None
    read: int
    skipped: int
    size: int

    @property
    def counts(self) -> Counts:
        """What was read, and what became of it."""
        return Counts(self.read, self.read - self.skipped, self.skipped, 0)


class Journal:
    """The entries of one export, in the order of each segment: those of the file at `path`, if it
    is there and none is begun `anew`. `id` names the export, which began at `began` (epoch
    seconds). Nothing is written before `begin`. Raises `UsageError` for a file that cannot be
    read, or that is damaged; a last line that a kill cut off is none."""

    def __init__(self, path: Path, *, anew: bool) -> None:
        self._file = JsonlFile(path)
        self._forgotten: list[bytes] = []
        self.entries: list[Entry] = []
        lines = () if anew else self._lines()
        self.is_new = not lines
        self._head = _new_head()
        for number, line in enumerate(lines, 1):
            try:
                self._read(json.loads(line), is_head=number == 1)
            except (ValueError, TypeError, LookupError, RecursionError) as error:
                words = f"{path}, line {number}, is damaged: an earlier run noted its export there"
                raise UsageError(words, _REMEDY) from error
        self.id, self.began = self._head["export"], self._head["began"]

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def begin(self) -> None:
        """Note durably that a new export has begun, in place of what is noted of another one, or
        what is not kept of this one. Raises `MigrateError`, and then the file is what it was."""
        with self._writing():
            if self.is_new:
                private_folder(self.path.parent)
                replace_file(self.path, _line(self._head))
            elif self._forgotten:
                self._file.append(b"".join(self._forgotten), durable=True)

    @property
    def files(self) -> list[WrittenFile]:
        """The data files that are in their place."""
        return [entry.file for entry in self.entries if entry.file]

    @property
    def state(self) -> CopyState:
        """Where to go on."""
        last = {entry.segment: entry.position for entry in self.entries}
        counts = Counts()
        for entry in self.entries:
            counts += entry.counts
        return CopyState(
            done=frozenset(segment for segment, place in last.items() if place is None),
            positions={segment: place for segment, place in last.items() if place is not None},
            items=counts,
            bytes_read=sum(entry.size for entry in self.entries),
            batches=len(self.files),
        )

    def of(self, segment: int) -> list[Entry]:
        """The entries of a segment."""
        return [entry for entry in self.entries if entry.segment == segment]

    def keep(self, segment: int, count: int) -> None:
        """Of a segment only the first so many entries hold: what comes after them is to be read
        anew. It is noted by `begin`, which is to come."""
        self._forgotten.append(_line({"segment": segment, "kept": count}))
        self._keep(segment, count)

    def number(self, segment: int) -> int:
        """The number of a segment's next data file."""
        return len(self.of(segment))

    def add(self, entry: Entry) -> None:
        """Note durably that a data file is in its place. Raises `MigrateError`."""
        with self._writing():
            self._file.append(_line(dict(_members(entry))), durable=True)
        self.entries.append(entry)

    def _keep(self, segment: int, count: int) -> None:
        kept = self.of(segment)[:count]
        others = [entry for entry in self.entries if entry.segment != segment]
        self.entries = [*others, *kept]

    def _lines(self) -> Sequence[bytes]:
        try:
            return [*self._file.lines()]
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {error.strerror}", _REMEDY) from error

    def _read(self, line: Any, *, is_head: bool) -> None:
        """Take in one line. Raises `ValueError`, `TypeError`, `LookupError` for one that is none
        of a journal."""
        if is_head:
            self._head = {"export": _of(str, line["export"]), "began": float(line["began"])}
        elif "kept" in line:
            self._keep(_of(int, line["segment"]), _of(int, line["kept"]))
        else:
            self.entries.append(_entry(line))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MigrateError(
                f"{self.path} cannot be written: {error.strerror}",
                "Set savepoints.path to a folder with room that this user may write.",
            ) from error


def _new_head() -> dict[str, Any]:
    now = time.time()
    return {"export": f"{int(now * 1000):014}-{secrets.token_hex(4)}", "began": now}


def _members(entry: Entry) -> Iterator[tuple[str, Any]]:
    yield "segment", entry.segment
    yield "position", None if entry.position is None else json.loads(entry.position)
    yield from (("read", entry.read), ("skipped", entry.skipped), ("size", entry.size))
    if file := entry.file:
        yield "file", [file.key, file.items, file.md5, file.etag, file.size]


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _entry(line: Mapping[str, Any]) -> Entry:
    position, file = line["position"], line.get("file")
    return Entry(
        segment=_of(int, line["segment"]),
        file=_file(*file) if file else None,
        position=None if position is None else items.to_json(_of(dict, position)),
        read=_of(int, line["read"]),
        skipped=_of(int, line["skipped"]),
        size=_of(int, line["size"]),
    )


def _file(key: Any, count: Any, md5: Any, etag: Any, size: Any = None) -> WrittenFile:
    return WrittenFile(
        key=_of(str, key),
        items=_of(int, count),
        md5=_of(str, md5),
        etag=_of(str, etag),
        size=None if size is None else _of(int, size),
    )


def _of(kind: type[_T], value: Any) -> _T:
    """A value of a kind. Raises `TypeError` for another one."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not of {kind}")
    return value
