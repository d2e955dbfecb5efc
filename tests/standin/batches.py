"""BatchWriteItem: all or nothing in checking, and never an entry in UnprocessedItems."""

from typing import Any

from tests.standin import capacity, writes
from tests.standin.errors import validation
from tests.standin.state import Table, Write
from tests.standin.store import Call
from tests.standin.values import Item, Sortable

NOT_A_LIST = "Member of RequestItems must be a non-empty array of WriteRequest objects"
DUPLICATES = "Provided list of item keys contains duplicates"


def batch_write(call: Call) -> Item:
    """BatchWriteItem. Raises before anything is written if any part of it is refused."""
    lists = call.body.get("RequestItems")
    if not isinstance(lists, dict):
        raise validation("RequestItems must be an object")
    if not lists and call.dialect.empty_batches_refused:
        raise validation("RequestItems can't be empty")
    for requests in lists.values():
        if not isinstance(requests, list) or (not requests and call.dialect.empty_lists_refused):
            raise validation(NOT_A_LIST)
    _check_length(call, lists)
    report = capacity.wanted(call)
    checked = [
        write for name, requests in lists.items() for write in _table_writes(call, name, requests)
    ]
    if checked:
        writes.perform(call, checked)
    answer: Item = {"UnprocessedItems": {}}
    return answer | (_consumed(checked) if report else {})


def _check_length(call: Call, lists: dict[str, Any]) -> None:
    count, most = sum(map(len, lists.values())), call.store.settings.max_batch
    if call.dialect.batch_limited and count > most:
        raise validation(
            f"Invalid length of BatchWriteItem command, got {count} items, maximum is {most} "
            "(from configuration variable alternator_max_items_in_batch_write)"
        )


def _table_writes(call: Call, name: str, requests: list[Any]) -> list[Write]:
    table = call.store.table(name)
    seen: set[tuple[Sortable, Sortable]] = set()
    checked = []
    for request in requests:
        write = _write(call, table, request)
        if write.same in seen:
            raise validation(DUPLICATES)
        seen.add(write.same)
        checked.append(write)
    return checked


def _write(call: Call, table: Table, request: Any) -> Write:
    if not isinstance(request, dict) or len(request) != 1:
        raise validation("RequestItems element: expected an object with a single member.")
    [(kind, content)] = request.items()
    if kind == "PutRequest":
        return writes.put(call, table, _member(kind, content, "Item"))
    if kind == "DeleteRequest":
        return writes.delete(call, table, _member(kind, content, "Key"))
    raise validation(f"Unknown BatchWriteItem request type: {kind}")


def _member(kind: str, content: Any, name: str) -> Item:
    found = content.get(name) if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise validation(f"{kind} is missing a mandatory member {name}")
    return found


def _consumed(checked: list[Write]) -> Item:
    totals: dict[str, float] = {}
    for write in checked:
        row = write.table.rows.get(write.key)
        size = row.size if row and write.item else 0
        units = capacity.units(size, capacity.WRITE_UNIT)
        totals[write.table.name] = totals.get(write.table.name, 0.0) + units
    return {
        "ConsumedCapacity": [
            {"TableName": name, "CapacityUnits": total} for name, total in totals.items()
        ]
    }
