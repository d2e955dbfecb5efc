"""Exports as the table that they amount to: what a comparison reads, and looks up.

An export has no look-ups by key. Those of a comparison come from an index on the local disk of the
items in question, which a second reading fills.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from hashlib import blake2b
from typing import Final

from alternator_migrate.connectors.s3_export.manifest import DataFile
from alternator_migrate.connectors.s3_export.objects import ObjectsOf
from alternator_migrate.connectors.s3_export.source import (
    Export,
    ItemRules,
    changes_of,
    items_of,
)
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.model import Item, Page, Position, Segment
from alternator_migrate.core.ports import Source
from alternator_migrate.core.retry import Retry, Turn
from alternator_migrate.dynamodb.values import canonical_key

_TABLE: Final = "CREATE TABLE items (key BLOB PRIMARY KEY, item BLOB) WITHOUT ROWID"
_PUT: Final = "INSERT OR REPLACE INTO items VALUES (?, ?)"
_GET: Final = "SELECT item FROM items WHERE key = ?"
_NO_ROOM: Final = "Set SQLITE_TMPDIR to a folder with room for the items that are compared."


class FinalPages:
    """Pages of the items that are there at the end of the last of `exports`, of which the first is
    a full one; they are not shaped. `keys` are the names of the key attributes. Of the keys that
    incremental exports hold, 16 bytes each are kept in memory.
    """

    def __init__(
        self,
        exports: Sequence[Export],
        objects: ObjectsOf,
        rules: ItemRules,
        keys: Sequence[str],
    ) -> None:
        self._exports, self._objects, self._rules, self._keys = exports, objects, rules, keys
        self._files = [
            (number, file) for number, export in enumerate(exports) for file in export.files
        ]
        self._last: dict[bytes, int] | None = None
        self._filling = asyncio.Lock()

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a data file. Where there are several times as many segments as files, each
        has a part of a file's keys. Raises `MigrateError`."""
        count = len(self._files)
        if not count:
            yield Page((), 0, None, 0)
            return
        part, place = divmod(segment.index, count)
        parts = segment.total // count
        last = await self._last_exports()
        async with aclosing(self._blocks(place, position)) as blocks:
            async for number, items, size, after in blocks:
                if last or parts > 1:
                    items = [i for i in items if self._is_here(i, number, last, part, parts)]  # noqa: PLW2901 # narrowed
                yield self._rules.page(items, size, after)

    async def _blocks(
        self, place: int, position: Position | None
    ) -> AsyncGenerator[tuple[int, Sequence[Item], int, Position | None], None]:
        """The number of its export, items, size and position of each block of a data file."""
        number, file = self._files[place]
        export = self._exports[number]
        if export.summary.incremental:
            changes = changes_of(export, file, self._objects, position)
            async with aclosing(changes.blocks()) as change_blocks:
                async for found in change_blocks:
                    images = [each.image for each in found.records if each.image is not None]
                    yield number, images, found.size, found.position
            return
        items = items_of(export, file, self._objects, position)
        async with aclosing(items.blocks()) as blocks:
            async for block in blocks:
                yield number, block.records, block.size, block.position

    def _is_here(
        self, item: Item, number: int, last: dict[bytes, int], turn: int, parts: int
    ) -> bool:
        """Whether no later export has another state of an item, and it is of this part of keys."""
        key = canonical_key(item, self._keys)
        if parts > 1 and zlib.crc32(key) % parts != turn:
            return False
        return not last or last.get(_short(key), number) == number

    async def _last_exports(self) -> dict[bytes, int]:
        """The number of the last export that has a key, for those of incremental ones."""
        async with self._filling:
            if self._last is None:
                last: dict[bytes, int] = {}
                for number, file in self._files:
                    if self._exports[number].summary.incremental:
                        await self._note(last, number, file)
                self._last = last
        return self._last

    async def _note(self, last: dict[bytes, int], number: int, file: DataFile) -> None:
        reading = changes_of(self._exports[number], file, self._objects)
        async with aclosing(reading.blocks()) as blocks:
            async for block in blocks:
                for change in block.records:
                    last[_short(canonical_key(change.key, self._keys))] = number


class FinalExport:
    """A table as the target is to have it, of `pages` in so many segments, whose requests `retry`
    repeats: a source, and once it is prepared a look-up by the target's `keys`."""

    def __init__(self, pages: Source, segments: int, keys: Sequence[str], retry: Retry) -> None:
        self.pages, self.retry = pages.pages, retry
        self._segments, self._keys = segments, keys
        self._index = _Index()

    async def prepare(self, wanted: Callable[[Item], bool] | None, stop: asyncio.Event) -> None:
        """Make the items that are `wanted` (None: all) ready to be looked up, until `stop`.
        Raises `MigrateError`."""
        for place in range(self._segments):
            async with aclosing(self.pages(Segment(place, self._segments), None)) as pages:
                async for page in pages:
                    found = filter(wanted, page.items) if wanted else page.items
                    rows = [(canonical_key(item, self._keys), bytes(item)) for item in found]
                    await asyncio.to_thread(self._index.put, rows)
                    if stop.is_set():
                        return

    async def get(self, keys: Sequence[bytes]) -> Sequence[Item]:
        """The items of those `keys`, JSON objects with the names of the target, that are there."""
        return self._index.get([canonical_key(key, self._keys) for key in keys])


class _Index:
    """Items by key in a database of this process that is in memory while it is small, and else in
    a file without a name."""

    def __init__(self) -> None:
        import sqlite3  # noqa: PLC0415 # for comparisons with exports only

        self._error = sqlite3.Error
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(_TABLE)

    def put(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        try:
            self._database.execute("BEGIN")
            self._database.executemany(_PUT, rows)
            self._database.execute("COMMIT")
        except self._error as error:
            raise MigrateError(f"the index of the export cannot grow: {error}", _NO_ROOM) from error

    def get(self, keys: Sequence[bytes]) -> list[Item]:
        found = (self._database.execute(_GET, (key,)).fetchone() for key in keys)
        return [row[0] for row in found if row]


def _short(key: bytes) -> bytes:
    return blake2b(key, digest_size=16).digest()
