"""Cutting one page out of the ring: where it starts, where it stops, and what goes on from it."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Any

from tests.standin.errors import validation
from tests.standin.state import Index, Key, Row, Table, index_key
from tests.standin.store import Call
from tests.standin.values import Column, Item

RING = 1 << 64
LOWEST = -(1 << 63)


@dataclass
class Span:
    """The keys [start, stop) of a ring in order, read backwards if `reverse`."""

    keys: list[Key]
    rows: dict[Key, Row]
    start: int
    stop: int
    reverse: bool = False

    def places(self) -> range:
        """Positions in `keys` in the order of reading."""
        forward = range(self.start, self.stop)
        return forward[::-1] if self.reverse else forward


@dataclass
class Page:
    """Rows scanned for one answer; `last` is the key to go on from, None at the end."""

    rows: list[Row]
    last: Item | None


def index_of(call: Call, table: Table) -> Index | None:
    """The index that IndexName asks for; consistent reads of a GSI are refused."""
    name = call.body.get("IndexName")
    if name is None:
        return None
    index = table.indexes.get(name)
    if index is None:
        raise validation(f"Requested resource not found: Index '{name}' for table '{table.name}'")
    if not index.local and call.body.get("ConsistentRead"):
        raise validation("Consistent reads are not allowed on global indexes (GSI)")
    return index


def start_key(call: Call, table: Table, index: Index | None) -> Key | None:
    """ExclusiveStartKey as a place on the ring; members that are no key are ignored."""
    sent: Any = call.body.get("ExclusiveStartKey")
    if sent is None:
        return None
    base, _ = table.locate(sent, call.dialect)
    if index is None:
        return base
    place = index_key(sent, index)
    if place is None:
        missing = next(column.name for column in index.columns if column.name not in sent)
        raise validation(f"Key column {missing} not found")
    return place + base[1:]


def segment(call: Call) -> tuple[int, int]:
    """The tokens [low, high) of the Segment asked for; the whole ring without one."""
    number, total = call.body.get("Segment"), call.body.get("TotalSegments")
    if number is None and total is None:
        return LOWEST, LOWEST + RING
    if number is None or total is None:
        raise validation(
            "Both Segment and TotalSegments attributes need to be present for a parallel scan"
        )
    if not 0 <= number < total:
        raise validation("Segment must be non-negative and less than TotalSegments")
    if total > 1_000_000:
        raise validation("TotalSegments must be non-negative and less or equal to 1000000")
    return LOWEST + RING * number // total, LOWEST + RING * (number + 1) // total


def scan_span(call: Call, table: Table, index: Index | None) -> Span:
    """What a Scan has still to read; a start key outside the segment is refused."""
    keys, rows = table.ring(index)
    low, high = segment(call)
    after = start_key(call, table, index)
    if after is not None and not low <= after[0] < high:
        raise validation(
            "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
            "ExclusiveStartKey with correct Segment. TotalSegments: "
            f"{call.body.get('TotalSegments', 1)} Segment: {call.body.get('Segment', 0)}"
        )
    start = bisect_left(keys, (low,)) if after is None else bisect_right(keys, after)
    return Span(keys, rows, start, bisect_left(keys, (high,)))


def limit(call: Call) -> int | None:
    """Limit, which is more than zero."""
    asked = call.body.get("Limit")
    if asked is not None and asked < 1:
        raise validation("Limit must be greater than 0")
    return asked


def cut(call: Call, table: Table, index: Index | None, span: Span) -> Page:
    """Read until Limit or the page's bytes are reached.

    A page that ends on a limit always names a last key, so the last of all may be empty.
    """
    most, room = limit(call), _room(call, table)
    rows: list[Row] = []
    for place in span.places():
        row = span.rows[span.keys[place]]
        rows.append(row)
        room -= row.size
        if room <= 0 or len(rows) == most:
            return Page(rows, key_of(row.item, table, index))
    return Page(rows, None)


def _room(call: Call, table: Table) -> int:
    """Bytes of a page; a small table comes in one page if the server is set so."""
    settings = call.store.settings
    if settings.one_page_below:
        size = sum(row.size for row in table.rows.values())
        if size < settings.one_page_below:
            return settings.one_page_below
    return settings.page_bytes


def key_of(item: Item, table: Table, index: Index | None) -> Item:
    """The attributes that place an item on the ring."""
    columns: list[Column] = table.columns + (index.columns if index else [])
    return {column.name: item[column.name] for column in columns}


def nothing(call: Call, table: Table, span: Span) -> Page:
    """An empty page that goes on: its key is of no item there is, or the one just sent.

    The key lies before the next live item, as the key of a deleted one would.
    """
    low, _ = segment(call)
    following = span.keys[span.start][0] if span.start < span.stop else low
    before = span.keys[span.start - 1][0] if span.start else low
    for attempt in range(2000):
        key = {column.name: _made_up(column, attempt) for column in table.columns}
        place, _ = table.locate(key, call.dialect)
        if max(low, before + 1) <= place[0] < following:
            return Page([], key)
    sent = call.body.get("ExclusiveStartKey")
    return Page([], sent) if sent else cut(call, table, None, span)


def _made_up(column: Column, attempt: int) -> Item:
    """Some value of the column's type (base64 of three bytes for B)."""
    texts = {"N": str(-attempt), "S": f"deleted-{attempt}", "B": f"{attempt:04d}"}
    return {column.kind: texts[column.kind]}
