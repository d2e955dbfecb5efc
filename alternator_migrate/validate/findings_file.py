"""The findings file: what a validation found wrong, for a person to look into."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from alternator_migrate.core.durable import sync_folder
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.jsonl_file import JsonlFile
from alternator_migrate.core.model import Difference
from alternator_migrate.dynamodb.items import from_json, one_line, to_json
from alternator_migrate.savepoints import Place


def new_file(place: Place) -> str:
    """An empty findings file of its own, as it is told. Raises `MigrateError`."""
    try:
        path = place.claim("findings")
        place.keep()
        return place.told(path)
    except OSError as error:
        raise _unwritable(place.work, error) from error


class FindingsFile:
    """Appends findings to a file, made when the first one comes; of one that is there already the
    first `size` bytes are kept.

    A line is `{"kind": ..., "key": ..., "attributes": [...], "repaired": ...}`, with `"refused"`
    where the target refused a repair, and with `"source"` and `"target"` only where findings have
    the items. The file is readable by its owner only.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        self.path = path
        self._file = JsonlFile(path, size)

    @property
    def size(self) -> int:
        """The bytes that a savepoint keeps of it."""
        return self._file.size or 0

    def keep(self, findings: Sequence[Difference]) -> None:
        """Append `findings`. Raises `MigrateError` where the file cannot be written."""
        try:
            self._file.append(b"".join(map(_line, findings)))
        except OSError as error:
            raise _unwritable(self.path.parent, error) from error

    def sync(self) -> None:
        """Return when all that was kept, and nothing else, is on disk. Raises `MigrateError`."""
        try:
            self._file.sync()
        except OSError as error:
            raise _unwritable(self.path.parent, error) from error

    def first(self, count: int) -> Iterator[str]:
        """The first `count` findings, a line of text each."""
        if self.size:
            yield from (_told(from_json(line)) for line in islice(self._file.lines(), count))

    def all(self) -> Iterator[Difference]:
        """Every finding."""
        if self.size:
            yield from (_read(from_json(line)) for line in self._file.lines())

    def end(self) -> None:
        """Nothing more will be found: a file without findings goes. Raises `MigrateError`."""
        if not self.size:
            self.become(self.beside())

    def beside(self) -> "FindingsFile":
        """An empty file that may take this one's place."""
        return FindingsFile(self.path.with_name(f".{self.path.name}.tmp"))

    def become(self, other: "FindingsFile") -> None:
        """Let another file take the place of this one, whole and durable. Raises `MigrateError`."""
        other.sync()
        try:
            if other.size:
                other.path.replace(self.path)
                sync_folder(self.path.parent)
            else:
                for path in (self.path, other.path):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.path.parent, error) from error
        self._file = JsonlFile(self.path, other.size)


def _unwritable(folder: Path, error: OSError) -> MigrateError:
    return MigrateError(
        f"cannot keep findings in {folder}: {error.strerror}",
        "Set savepoints.path to a folder with room that this user may write.",
    )


def _line(difference: Difference) -> bytes:
    told: dict[str, Any] = {"attributes": difference.attributes, "repaired": difference.repaired}
    if difference.refused:
        told["refused"] = difference.refused
    items = b"".join(
        b',"%b":%b' % (side, one_line(item))
        for side, item in ((b"source", difference.source), (b"target", difference.target))
        if item is not None
    )
    kind, key = to_json(difference.kind), one_line(difference.key)
    return b'{"kind":%b,"key":%b,%b%b}\n' % (kind, key, to_json(told)[1:-1], items)


def _read(line: Any) -> Difference:
    """The finding of a line."""
    source, target = (line.get(side) for side in ("source", "target"))
    return Difference(
        line["kind"],
        to_json(line["key"]),
        tuple(line["attributes"]),
        source and to_json(source),
        target and to_json(target),
        line["repaired"],
        line.get("refused", ""),
    )


def _told(line: Any) -> str:
    names = f": {', '.join(line['attributes'])}" if line["attributes"] else ""
    state = " (repaired)" if line["repaired"] else ""
    state = f" (repair refused: {line['refused']})" if line.get("refused") else state
    return f"{line['kind']:<9} {to_json(line['key']).decode()}{names}{state}"
