"""The log behind Alternator Streams: every write, in shards that are slices of the token ring."""

import base64
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from tests.standin import decimals
from tests.standin.values import Column, Item, Sortable

UUID_EPOCH = 0x01B21DD213814000
"""1970 in units of 100 ns since 1582, as version 1 UUIDs count time."""

HIGH_BIT = 1 << 63
RING = 1 << 64
RETENTION = 86_400
IMAGES = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
OLD_IMAGES = ("OLD_IMAGE", "NEW_AND_OLD_IMAGES")


class Entry(NamedTuple):
    """One change; entries sort by `sequence`, that is, by the write's timestamp."""

    sequence: int
    name: str
    keys: Item
    old: Item | None
    new: Item | None
    by_service: bool


@dataclass
class Generation:
    """The shards of the ring from `began` (seconds) until the next generation."""

    began: float
    count: int
    number: int

    @cached_property
    def tokens(self) -> list[int]:
        """The last token of each shard."""
        return [RING * (index + 1) // self.count - HIGH_BIT - 1 for index in range(self.count)]

    @cached_property
    def shards(self) -> list[str]:
        """ShardIds in ring order."""
        return [
            f"H {int(self.began * 1000):x}:"
            f"{(token % RING).to_bytes(8, 'big').hex()}{index:012x}{self.number:04x}"
            for index, token in enumerate(self.tokens)
        ]

    def owner(self, token: int) -> str:
        """The shard of a token."""
        return self.shards[bisect_left(self.tokens, token)]

    def parent(self, token: int) -> str:
        """What ScyllaDB calls the parent of a later shard: the nearest that begins before it."""
        return self.shards[max(bisect_right(self.tokens, token) - 1, 0)]


@dataclass
class Stream:
    """A stream, enabled or once enabled; `id` is the log table's."""

    arn: str
    label: str
    view: str
    id: str
    created: float
    enabled: bool = True
    enabling: int = 0
    horizon: int = 0
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    _made: int = 0

    def sequence(self, stamp: int, *, shared: bool) -> int:
        """A SequenceNumber at a timestamp in microseconds; a new one unless `shared`."""
        self._made += 1
        return moment(stamp / 1e6, stamp) | HIGH_BIT | (0 if shared else self._made)

    def add(self, shard: str, *entries: Entry) -> None:
        """Keep changes in the order of their timestamps."""
        kept = self.entries.setdefault(shard, [])
        for entry in entries:
            insort(kept, entry, key=lambda one: one.sequence)

    def between(self, shard: str, first: int, end: int) -> list[Entry]:
        """Changes with first <= sequence < end that the stream still keeps."""
        found = self.entries.get(shard, [])
        low = bisect_left(found, max(first, self.horizon), key=lambda one: one.sequence)
        return found[low : bisect_left(found, end, key=lambda one: one.sequence)]


def moment(seconds: float, microseconds: int | None = None) -> int:
    """The lowest SequenceNumber at a time since 1970; exact where microseconds are given."""
    exact = int(seconds * 1_000_000) if microseconds is None else microseconds
    return (exact * 10 + UUID_EPOCH) << 64


def seconds_of(sequence: int) -> int:
    """When a change was made, in whole seconds."""
    return ((sequence >> 64) - UUID_EPOCH) // 10_000_000


def events(
    operation: str, old: Item | None, new: Item | None, *, two: bool, exact: bool
) -> list[str]:
    """The eventNames that one write becomes.

    two: a put is a REMOVE and a MODIFY, as up to 2026.1.
    exact: as DynamoDB has them; otherwise nothing is compared with what was there before.
    """
    if exact and old == new:
        return []
    if new is None:
        return ["REMOVE"]
    if exact:
        return ["INSERT" if old is None else "MODIFY"]
    if operation == "UpdateItem":
        return ["MODIFY"]
    return ["REMOVE", "MODIFY"] if two else ["INSERT"]


def squashed(entries: list[Entry]) -> Entry:
    """What becomes of changes of one partition and timestamp before 2026.2: the first one's keys
    with the last one's name, and the last images that there are."""
    old = [entry.old for entry in entries if entry.old is not None]
    new = [entry.new for entry in entries if entry.new is not None]
    last = entries[-1]._replace(keys=entries[0].keys)
    return last._replace(old=old[-1] if old else None, new=new[-1] if new else None)


def keys_of(columns: list[Column], item: Item | None, same: tuple[Sortable, Sortable]) -> Item:
    """Keys of a change: of its item, or spelled anew where there never was one."""
    if item is not None:
        return {column.name: item[column.name] for column in columns}
    return {
        column.name: {column.kind: _spelled(column, part)}
        for column, part in zip(columns, same, strict=False)
    }


def _spelled(column: Column, part: Sortable) -> str:
    if isinstance(part, Decimal):
        return decimals.plain(format(part, "f"), checked=False)
    return part.decode() if column.kind == "S" else base64.b64encode(part).decode()
