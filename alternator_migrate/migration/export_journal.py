"""The journal of an export that is written: which data files are in their place, and what of the
source they hold. It says where another run goes on; a savepoint only tells of it."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alternator_migrate.connectors import WrittenFile
from alternator_migrate.core.counts import Counts
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.jsonl_file import JsonlFile
from alternator_migrate.core.model import Position
from alternator_migrate.core.state import CopyState
from alternator_migrate.dynamodb import items


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
    seconds). Nothing is written before `begin`."""

    def __init__(self, path: Path, *, anew: bool) -> None:
        self._file = JsonlFile(path)
        lines = [] if anew else [json.loads(line) for line in self._file.lines()]
        self.is_new = not lines
        self._head = lines[0] if lines else _new_head()
        self.id, self.began = str(self._head["export"]), float(self._head["began"])
        self.entries: list[Entry] = []
        for line in lines[1:]:
            if "kept" in line:
                self._keep(line["segment"], line["kept"])
            else:
                self.entries.append(_entry(line))

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def begin(self) -> None:
        """Note durably that a new export has begun, in place of what is noted of another one.
        Raises `MigrateError`."""
        if not self.is_new:
            return
        with self._writing():
            self.path.unlink(missing_ok=True)
        self._append(self._head)

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
        """Note durably that of a segment only the first so many entries hold: what comes after them
        is to be read anew. Raises `MigrateError`."""
        self._append({"segment": segment, "kept": count})
        self._keep(segment, count)

    def number(self, segment: int) -> int:
        """The number of a segment's next data file."""
        return len(self.of(segment))

    def add(self, entry: Entry) -> None:
        """Note durably that a data file is in its place. Raises `MigrateError`."""
        self._append(dict(_members(entry)))
        self.entries.append(entry)

    def _keep(self, segment: int, count: int) -> None:
        kept = self.of(segment)[:count]
        others = [entry for entry in self.entries if entry.segment != segment]
        self.entries = [*others, *kept]

    def _append(self, value: Mapping[str, Any]) -> None:
        with self._writing():
            self._file.append(json.dumps(value).encode() + b"\n", durable=True)

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


def _entry(line: Mapping[str, Any]) -> Entry:
    position, file = line["position"], line.get("file")
    return Entry(
        segment=line["segment"],
        file=WrittenFile(*file) if file else None,
        position=None if position is None else items.to_json(position),
        read=line["read"],
        skipped=line["skipped"],
        size=line["size"],
    )
