"""Scan, Query and BatchGetItem."""

from bisect import bisect_left, bisect_right
from typing import Any

from tests.standin import capacity, expressions, internal, pages, projection, writes
from tests.standin.batches import DUPLICATES
from tests.standin.errors import read_timeout, validation
from tests.standin.pages import Page, Span
from tests.standin.state import Index, Table
from tests.standin.store import Call
from tests.standin.values import Column, Item, Sortable, identity, key_text, sortable, token


def scan(call: Call) -> Item:
    """Scan of a table or an index: by segments, in hash order, never with ConsumedCapacity."""
    table = internal.table(call)
    index = pages.index_of(call, table)
    pages.limit(call)
    span = pages.scan_span(call, table, index)
    fail(call, table)
    if call.fails_as("empty_page") and index is None:
        return _answer(call, pages.nothing(call, table, span), set())
    return _answer(call, pages.cut(call, table, index, span), set())


def query(call: Call) -> Item:
    """Query of one partition by KeyConditionExpression, forwards or backwards."""
    table = internal.table(call)
    index = pages.index_of(call, table)
    if "KeyConditionExpression" not in call.body:
        raise validation("Query must have one of KeyConditions or KeyConditionExpression")
    matches, parser = expressions.read(call.body, "KeyConditionExpression")
    span = _partition(call, table, index, parser.equal)
    fail(call, table)
    kept = [place for place in span.places() if matches(span.rows[span.keys[place]].item)]
    chosen = Span([span.keys[place] for place in kept], span.rows, 0, len(kept))
    return _answer(call, pages.cut(call, table, index, chosen), parser.used)


def _partition(call: Call, table: Table, index: Index | None, equal: dict[str, Any]) -> Span:
    column: Column = (index or table).hash
    if column.name not in equal:
        raise validation(f"Query condition missed key schema element: {column.name}")
    text = key_text(equal, column, call.dialect)
    name = identity(sortable(text, column, call.dialect))
    keys, rows = table.ring(index)
    first = bisect_left(keys, (token(name), name))
    stop = bisect_left(keys, (token(name), name + b"\0"))
    reverse = call.body.get("ScanIndexForward") is False
    after = pages.start_key(call, table, index)
    if after is not None and reverse:
        stop = bisect_left(keys, after)
    elif after is not None:
        first = bisect_right(keys, after)
    return Span(keys, rows, first, stop, reverse)


def fail(call: Call, table: Table) -> None:
    """Raise the read timeout if this request is to fail with a timeout's 500."""
    if call.fails_as("slow_500") or call.fails_as("partial_500"):
        raise read_timeout(table.name)


def _answer(call: Call, page: Page, used: set[str]) -> Item:
    """Items, Count, ScannedCount and LastEvaluatedKey after filter and projection."""
    body, rows = call.body, page.rows
    if "FilterExpression" in body:
        holds, parser = expressions.read(body, "FilterExpression")
        used = used | parser.used
        rows = [row for row in rows if holds(row.item)]
    names = projection.wanted(body, used)
    expressions.check_all_used(body, used, call.operation)
    answer: Item = {"Count": len(rows), "ScannedCount": len(page.rows)}
    if body.get("Select") != "COUNT":
        whole = names is None
        answer["Items"] = [
            row.raw if whole else projection.projected(row.item, body) for row in rows
        ]
    if page.last is not None:
        answer["LastEvaluatedKey"] = page.last
    return answer


def batch_get(call: Call) -> Item:
    """BatchGetItem without limits; a partial_500 leaves a random part in UnprocessedKeys."""
    wanted: dict[str, Any] = call.body.get("RequestItems") or {}
    if not wanted and call.dialect.empty_batches_refused:
        raise validation("BatchGetItem requires at least one table in RequestItems")
    report = capacity.wanted(call)
    answer: Item = {"Responses": {}, "UnprocessedKeys": {}}
    total = 0
    for name, request in wanted.items():
        total += _get_from(call, call.store.table(name), request, answer)
    if report:
        units = capacity.units(total, capacity.READ_UNIT)
        answer["ConsumedCapacity"] = [
            {"TableName": name, "CapacityUnits": units} for name in wanted
        ]
    return answer


def _get_from(call: Call, table: Table, request: Item, answer: Item) -> int:
    """Adds one table's found items and unread keys to `answer`; returns the bytes read."""
    keys: list[Item] = request["Keys"]
    places = [writes.delete(call, table, key) for key in keys]
    seen: set[tuple[Sortable, Sortable]] = {place.same for place in places}
    if len(seen) < len(places):
        raise validation(DUPLICATES)
    skipped = _skipped(call, table, len(keys))
    rows = [table.rows.get(place.key) for i, place in enumerate(places) if i not in skipped]
    found = [row for row in rows if row is not None]
    answer["Responses"][table.name] = [projection.projected(row.item, request) for row in found]
    if skipped:
        again = [key for i, key in enumerate(keys) if i in skipped]
        answer["UnprocessedKeys"][table.name] = request | {"Keys": again}
    return sum(row.size for row in found)


def _skipped(call: Call, table: Table, count: int) -> set[int]:
    """Which keys' reads fail; when all of them do, so does the request."""
    if call.fails_as("slow_500"):
        raise read_timeout(table.name)
    if not call.fails_as("partial_500"):
        return set()
    chance = call.faults.chance
    skipped = set(chance.sample(range(count), chance.randint(1, count)))
    if len(skipped) == count:
        raise read_timeout(table.name)
    return skipped
