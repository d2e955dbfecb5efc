"""The file of rejected items, written and read again."""

from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from alternator_migrate.connectors.transform import Shaping
from alternator_migrate.core.durable import claimed, replace_file, settled
from alternator_migrate.core.errors import BadAnswer, MigrateError, TooManyRejects, UsageError
from alternator_migrate.core.jsonl_file import JsonlFile
from alternator_migrate.core.model import Change, Item, Page, Position, Reject, Segment
from alternator_migrate.core.retry import Turn
from alternator_migrate.dynamodb import items
from alternator_migrate.dynamodb.items import lacks
from alternator_migrate.dynamodb.values import canonical, canonical_key

_KIND: Final = "rejects"
SOURCE_KEY: Final = b"source"


class RejectsFile:
    """Adds rejects to `path`, or to `rejects_<millis>.jsonl` in `folder`, made when the first one
    comes.

    A line is `{"key": ..., "error": ..., "message": ..., "item": ...}`, key and item as
    DynamoDB JSON; that of a followed change has `"change": "put"` or `"delete"`, too, and one that
    a transform refused `"source": true`, the source's item, and the traceback. What a
    person made of a line of the file stands when its item is refused again; a change that is
    refused takes the place of what its key had before. What a killed run left half written is
    overwritten: it was not counted, and comes again. The file is readable by its owner only.

    `counted` rejects are known from before: those that the file lacks now are counted still.
    Messages name the file as `told` by its path. A new one is what `claim` makes of its kind, by
    itself a file in `folder` that no other process has.
    """

    def __init__(
        self,
        folder: Path,
        key_names: Sequence[str],
        allowed: int,
        path: str | None = None,
        counted: int = 0,
        told: Callable[[str], str] = str,
        claim: Callable[[str], Path] | None = None,
    ) -> None:
        self.path = path
        self._claim = claim or partial(claimed, folder)
        self._folder = folder
        self._key_names = key_names
        self._allowed = allowed
        self._told = told
        self._open = set(self._keys_in(Path(path))) if path else set()
        self._settled = set(self._keys_in(_beside(Path(path)))) if path else set()
        self._lost = max(counted - len(self._open), 0)
        self._unmet = self._open | self._settled

    @property
    def count(self) -> int:
        """The number of items that are refused still."""
        return len(self._open) + self._lost

    @property
    def left(self) -> int:
        """The number of items that may yet be refused, those included that are known and may come
        again."""
        return max(self._allowed - self.count, 0) + len(self._unmet)

    def keep(self, rejects: Sequence[Reject]) -> None:
        """Write and fsync what is new. Raises `TooManyRejects` beyond what is allowed, after
        keeping them, and `MigrateError` where the file cannot be written."""
        lines, last = {}, None
        for reject in rejects:
            key = identity(reject, self._key_names)
            self._unmet.discard(key)
            if reject.change or key not in self._open | self._settled:
                lines[key] = self.line(reject)
            if reject.change or key not in self._settled:
                last = reject
        if lines:
            self._telling(lambda: self._put(lines))
        if last and self.count > self._allowed:
            raise self._too_many(last)

    def _too_many(self, last: Reject) -> TooManyRejects:
        key = (last.key or items.key_of(last.item, self._key_names)).decode("utf-8", "replace")
        kept = f"It is kept in {self._told(self.path or str(self._folder))}"
        if last.source:
            return TooManyRejects(
                f"the transform refuses item {key}: {last.message}",
                f"{kept}. Mend the function and run again with --transform-changed, or raise "
                "maxRejects to go on past such items (`alternator-migrate help transforms`).",
            )
        return TooManyRejects(
            f"the target refuses item {key}: {last.error}: {last.message}",
            f"{kept}. Raise maxRejects to go on past such items "
            "(`alternator-migrate help resume`).",
        )

    def overtaken(self, changes: Sequence[Change], refused: Sequence[Reject]) -> None:
        """These changes are on the target, save the `refused` ones: what their keys had before
        must not be sent any more. Raises `MigrateError`."""
        if self._open:
            again = {canonical_key(each.item, self._key_names) for each in refused}
            self.settle({canonical_key(each.key, self._key_names) for each in changes} - again)

    def taken(self, keys: Sequence[bytes]) -> None:
        """A transform has taken newer versions of these source items: those that it refused are
        settled. Raises `MigrateError`."""
        if self._open:
            self.settle({SOURCE_KEY + canonical(key) for key in keys})

    def settle(self, keys: Collection[bytes]) -> None:
        """Move the rejects of these canonical `keys` to the file of the settled ones. Raises
        `MigrateError`."""
        gone = self._open.intersection(keys)
        if gone:
            self._telling(lambda: self._move(gone))

    def replace(self, lines: dict[bytes, bytes]) -> Collection[bytes]:
        """Put `lines` in the place of those of the same canonical keys, as far as there are any.
        Returns their keys; raises `MigrateError`."""
        known = {key: line for key, line in lines.items() if key in self._open}
        if known:
            self._telling(lambda: self._put(known))
        return known

    def line(self, reject: Reject, key: bytes | None = None) -> bytes:
        """A reject as a line, under its own key unless another is given."""
        facts: dict[str, object] = {"error": reject.error, "message": reject.message}
        if reject.change:
            facts["change"] = reject.change
        if reject.source:
            facts |= {"source": True, "traceback": reject.trace}
        head = items.to_json(facts)
        if key and key.startswith(SOURCE_KEY):
            key = None  # what was made of the source item is refused now, under a key of its own
        key = items.one_line(key or reject.key or items.key_of(reject.item, self._key_names))
        return b'{"key":%b,%b,"item":%b}\n' % (key, head[1:-1], items.one_line(reject.item))

    def _put(self, lines: dict[bytes, bytes]) -> None:
        known = self._open.intersection(lines)
        if known and self.path:
            path = Path(self.path)
            kept = [line for key, line in self._lines_of(path) if key not in known]
            replace_file(path, b"".join([*kept, *lines.values()]))
        else:
            self._append(b"".join(lines.values()))
        self._open |= lines.keys()

    def _append(self, lines: bytes) -> None:
        self.path = self.path or str(self._claim(_KIND))
        _file(Path(self.path)).append(lines, durable=True)

    def _move(self, gone: Collection[bytes]) -> None:
        """Add lines to the file of the settled ones, then leave them out of their own: a kill in
        between leaves them in both, and there they are to be settled once more."""
        assert self.path  # noqa: S101 # there are open ones
        path = Path(self.path)
        lines = [*self._lines_of(path)]
        moved = b"".join(line for key, line in lines if key in gone)
        _file(_beside(path)).append(moved, durable=True)
        replace_file(path, b"".join(line for key, line in lines if key not in gone))
        self._open.difference_update(gone)
        self._settled.update(gone)

    def _keys_in(self, path: Path) -> Iterator[bytes]:
        return (key for key, _ in self._lines_of(path))

    def _lines_of(self, path: Path) -> Iterator[tuple[bytes, bytes]]:
        """The lines of a file, each with its canonical key; one that nobody can read is its own.
        Half a line, as a kill leaves it, is none."""
        try:
            for line in _file(path).lines():
                if line.strip():
                    yield key_of_line(line, self._key_names), line + b"\n"
        except OSError as error:
            raise self._unwritable(error) from error

    def _telling(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> MigrateError:
        return MigrateError(
            f"cannot keep rejected items in {self._folder}: {error.strerror}",
            "Set savepoints.path to a folder with room that this user may write.",
        )


def identity(reject: Reject, key_names: Sequence[str]) -> bytes:
    """The canonical key of a reject. A source item that a transform refused has one of its own:
    what another item becomes on the target may have the same key."""
    if reject.source:
        return SOURCE_KEY + canonical(reject.key)
    return canonical_key(reject.item, key_names)


def key_of_line(line: bytes, key_names: Sequence[str]) -> bytes:
    """The canonical key that a line's item was refused with, whatever became of the item since; of
    a line that names no such key, that of its item, and of any other line the line itself."""
    try:
        found = items.read_reject(line)
    except ValueError:
        return line
    if found.source and found.key is not None:
        return SOURCE_KEY + canonical(found.key)
    for each in (found.key, found.item):
        with suppress(BadAnswer):
            if each is not None:
                return (SOURCE_KEY if found.source else b"") + canonical_key(each, key_names)
    return line


def _beside(path: Path) -> Path:
    """The file of the settled rejects of a rejects file."""
    return Path(settled(str(path)))


def _file(path: Path) -> JsonlFile:
    return JsonlFile(path, is_line=_is_reject)


def _is_reject(line: bytes) -> bool:
    try:
        items.read_reject(line)
    except ValueError:
        return False
    return True


_PAGE_ITEMS: Final = 1000


class _Line(NamedTuple):
    """Where a line is."""

    path: Path
    number: int

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}"


class RejectsSource:
    """The items of rejects files of one table, in one segment; what a transform refused is given to
    it again. Raises `UsageError` for a line that is none."""

    def __init__(self, *paths: Path) -> None:
        self._lines = {place: line for path in paths for place, line in _lines_in(path)}
        rejects = {place: _reject(place, line) for place, line in self._lines.items()}
        self._found = [(place, each.item) for place, each in rejects.items()]
        self._sources = {place for place, each in rejects.items() if each.source}
        self._items = [item for _, item in self._found]

    @property
    def count(self) -> int:
        """The number of items to send."""
        return len(self._items)

    def shape(self, shaping: Shaping | None) -> None:
        """Let source items become what the target is to have. Raises `UsageError` where the
        transform still refuses one."""
        found: list[tuple[_Line, Item]] = []
        for place, item in self._found:
            made: Sequence[Item] = [item]
            if shaping and place in self._sources:
                try:
                    made = shaping.results(item)
                except MigrateError as error:
                    raise UsageError(
                        f"{place}: {error.args[0]}",
                        "Nothing was sent: mend the transform, the item or, where it is not to "
                        "arrive, delete the line.",
                    ) from error
            found += [(place, each) for each in made]
        self._found, self._items = found, [item for _, item in found]

    def once_each(self, names: Sequence[str]) -> dict[bytes, set[bytes]]:
        """Send an item once that stands there twice. Returns the keys that each item was refused
        with, by the key that it has now, all of them canonical; under b"" those of items that the
        transform drops now.

        Raises `UsageError` for an item without one of its table's key attributes, and for two
        items of one key.
        """
        firsts: dict[bytes, tuple[_Line, Item]] = {}
        refused_with: dict[bytes, set[bytes]] = {}
        gone = self._lines.keys() - {place for place, _ in self._found}
        if gone:
            refused_with[b""] = {key_of_line(self._lines[place], names) for place in gone}
        for place, item in self._found:
            if missing := lacks(item, names):
                raise UsageError(
                    f"{place}: the item lacks the key attribute {missing[0]}",
                    "Every item needs all attributes of the target table's key.",
                )
            key = canonical_key(item, names)
            first, other = firsts.setdefault(key, (place, item))
            if canonical(other) != canonical(item):
                raise UsageError(
                    f"{first} and {place}: two items of one key",
                    "Only one of them can be on the target: delete the other line.",
                )
            refused_with.setdefault(key, set()).add(key_of_line(self._lines[place], names))
        self._items = [item for _, item in firsts.values()]
        return refused_with

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """All items; `segment` and `position` have but one value each, and files never throttle."""
        for start in range(0, max(len(self._items), 1), _PAGE_ITEMS):
            items: Sequence[Item] = self._items[start : start + _PAGE_ITEMS]
            is_last = start + _PAGE_ITEMS >= len(self._items)
            size = sum(map(len, items))
            yield Page(items, size, None if is_last else b"{}", len(items))


def _lines_in(path: Path) -> Iterator[tuple[_Line, bytes]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "Name a rejects file.") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _Line(path, number), line


def _reject(place: _Line, line: bytes) -> items.FoundReject:
    try:
        found = items.read_reject(line)
    except ValueError as error:
        raise UsageError(f"{place}: {error}", 'Each line must be like {"item": {...}}.') from error
    if found.change:
        raise UsageError(
            f"{place}: this is a change ({found.change}), and what its key holds "
            "may have changed since",
            "Mend the transform where that refuses it, else the item on the source, or delete it "
            "there; `validate --repair --delete-extra` then brings the target in step (so does "
            "`--fresh --into-existing` with exports). Delete the line then: what is not in the "
            "file any more is settled.",
        )
    return found
