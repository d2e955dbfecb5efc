"""Tables in memory: rows on a token ring, with the timestamps that decide who wrote last."""

import uuid
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from tests.standin.changelog import Stream
from tests.standin.dialect import Dialect
from tests.standin.values import (
    Column,
    Item,
    Sortable,
    binary,
    identity,
    key_text,
    sortable,
    token,
)

Key = tuple[Any, ...]
"""(token, hash key bytes, sort key), ordered as scans return it; indexes append the base key."""

NO_SORT_KEY = b""
TTL_TAG = "system:ttl_attribute"


class Row(NamedTuple):
    """A live item, its JSON, that JSON's bytes, and the microsecond timestamp of the write."""

    item: Item
    raw: msgspec.Raw
    size: int
    written: int


class Write(NamedTuple):
    """A checked put (`item`) or delete (None) of one key; `same` tells duplicates by value."""

    table: "Table"
    key: Key
    item: Item | None
    same: tuple[Sortable, Sortable]


@dataclass
class Index:
    """A GSI or LSI. `building` is how many DescribeTable answers still say CREATING."""

    name: str
    hash: Column
    range: Column | None
    local: bool
    by_update: bool = False
    building: int = 0

    @property
    def columns(self) -> list[Column]:
        """Hash first, then range if there is one."""
        return [self.hash, self.range] if self.range else [self.hash]


@dataclass
class Table:
    """One table: its schema, its settings and all its rows."""

    name: str
    hash: Column
    range: Column | None
    definitions: dict[str, str]
    indexes: dict[str, Index]
    billing: str
    throughput: tuple[int, int]
    created: float
    tags: dict[str, str] = field(default_factory=dict)
    stream: Stream | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    rows: dict[Key, Row] = field(default_factory=dict)
    order: list[Key] = field(default_factory=list)
    tombstones: dict[Key, int] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The ARN as DescribeTable gives it."""
        return f"arn:scylla:alternator:alternator_{self.name}:scylla:table/{self.name}"

    @property
    def columns(self) -> list[Column]:
        """Hash first, then range if there is one."""
        return [self.hash, self.range] if self.range else [self.hash]

    @property
    def ttl(self) -> str | None:
        """The attribute with the expiry time, while TTL is on."""
        return self.tags.get(TTL_TAG)

    def index_columns(self) -> list[Column]:
        """Every key column of every index."""
        return [column for index in self.indexes.values() for column in index.columns]

    def locate(self, item: Item, dialect: Dialect) -> tuple[Key, tuple[Sortable, Sortable]]:
        """The key of `item` on the ring, and the pair that equals for equal values."""
        hashed = sortable(key_text(item, self.hash, dialect), self.hash, dialect)
        sort: Sortable = NO_SORT_KEY
        if self.range:
            sort = sortable(key_text(item, self.range, dialect), self.range, dialect)
        name = identity(hashed)
        return (token(name), name, sort), (hashed, sort)

    def apply(self, write: Write, stamp: int, arrival_order: bool) -> None:
        """Write unless something newer is there; on equal stamps a delete wins over a put.

        Two puts of equal stamp merge cell by cell, the larger value winning, as cells do in
        ScyllaDB. `arrival_order` is always_use_lwt: whatever comes last wins.
        """
        key, current = write.key, self.rows.get(write.key)
        dead = self.tombstones.get(key, -1)
        newest = max(dead, current.written if current else -1)
        if arrival_order:
            stamp = max(stamp, newest + 1)
        if stamp < newest or (write.item is not None and stamp == dead):
            return
        if write.item is None:
            self._bury(key, stamp)
        elif current and stamp == newest:
            self._keep(key, _merged(current.item, write.item), stamp)
        else:
            self._keep(key, write.item, stamp)

    def _keep(self, key: Key, item: Item, stamp: int) -> None:
        if key not in self.rows:
            insort(self.order, key)
        raw = msgspec.json.encode(item)
        self.rows[key] = Row(item, msgspec.Raw(raw), len(raw), stamp)

    def _bury(self, key: Key, stamp: int) -> None:
        self.tombstones[key] = stamp
        if self.rows.pop(key, None):
            del self.order[bisect_left(self.order, key)]

    def ring(self, index: Index | None) -> tuple[list[Key], dict[Key, Row]]:
        """The sorted keys and the rows of the table, or of one of its indexes."""
        if index is None:
            return self.order, self.rows
        rows = {}
        for base, row in self.rows.items():
            place = index_key(row.item, index)
            if place:
                rows[place + base[1:]] = row
        return sorted(rows), rows


def index_key(item: Item, index: Index) -> Key | None:
    """Where an index shows `item`; None when a key attribute is absent or of another type."""
    parts: list[Sortable] = []
    for column in index.columns:
        content = item.get(column.name, {}).get(column.kind)
        if content is None:
            return None
        parts.append(_content(content, column))
    name = identity(parts[0])
    return (token(name), name, parts[1] if index.range else NO_SORT_KEY)


def _content(text: str, column: Column) -> Sortable:
    if column.kind == "N":
        return Decimal(text)
    return text.encode() if column.kind == "S" else binary(text, checked=False)


def _merged(one: Item, other: Item) -> Item:
    names = one.keys() | other.keys()
    return {name: max(one.get(name), other.get(name), key=_cell) for name in names}


def _cell(value: Any) -> bytes:
    return b"" if value is None else msgspec.json.encode(value)
