"""PutItem, GetItem, DeleteItem and UpdateItem."""

from tests.standin import capacity, expressions, updates, writes
from tests.standin.errors import RMW_FORBIDDEN, ApiError, unsupported, validation
from tests.standin.projection import projected
from tests.standin.reads import fail
from tests.standin.state import Row, Table, Write
from tests.standin.store import Call
from tests.standin.values import Item

RETURNED = {
    "PutItem": ("NONE", "ALL_OLD"),
    "DeleteItem": ("NONE", "ALL_OLD"),
    "UpdateItem": ("NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"),
}


def put_item(call: Call) -> Item:
    """PutItem, with ConditionExpression and ReturnValues ALL_OLD."""
    table = call.table()
    write = writes.put(call, table, _member(call, "Item"))
    return _perform(call, table, write)


def delete_item(call: Call) -> Item:
    """DeleteItem, with ConditionExpression and ReturnValues ALL_OLD."""
    table = call.table()
    write = writes.delete(call, table, _member(call, "Key"))
    return _perform(call, table, write)


def _member(call: Call, name: str) -> Item:
    found = call.body.get(name)
    if not isinstance(found, dict):
        raise validation(f"JSON parameter of type object expected for {name}")
    return found


def _perform(call: Call, table: Table, write: Write) -> Item:
    returned = _returned(call)
    current = table.rows.get(write.key)
    reads = "ConditionExpression" in call.body or returned == "ALL_OLD"
    _check_isolation(call, table, reads)
    _check_condition(call, current, set())
    report = capacity.of_one(call, current.size if current else 0)
    writes.perform(call, [write])
    if returned == "ALL_OLD" and current:
        return report | {"Attributes": current.item}
    return report


def _returned(call: Call) -> str:
    asked: str = call.body.get("ReturnValues", "NONE")
    if asked not in RETURNED[call.operation]:
        if call.operation == "UpdateItem":
            raise validation(f"Unrecognized value for ReturnValues: {asked}")
        raise validation(f"{call.operation} supports only NONE or ALL_OLD for ReturnValues")
    if "Expected" in call.body or "AttributeUpdates" in call.body:
        raise unsupported("Expected and AttributeUpdates")
    return asked


def _check_isolation(call: Call, table: Table, reads: bool) -> None:
    if reads and call.store.isolation(table) == "f":
        raise validation(RMW_FORBIDDEN)


def _check_condition(call: Call, current: Row | None, used: set[str]) -> None:
    """Raises ConditionalCheckFailedException when the condition does not hold."""
    item = current.item if current else {}
    if "ConditionExpression" in call.body:
        holds, parser = expressions.read(call.body, "ConditionExpression")
        used = used | parser.used
        if not holds(item):
            raise ApiError("ConditionalCheckFailedException", call.dialect.failed_condition)
    expressions.check_all_used(call.body, used, call.operation)


def update_item(call: Call) -> Item:
    """UpdateItem with SET, REMOVE and ADD on top-level attributes."""
    table, key = call.table(), _member(call, "Key")
    place = writes.delete(call, table, key)
    returned = _returned(call)
    change = updates.read(call.body)
    reads = change.reads or "ConditionExpression" in call.body
    _check_isolation(call, table, reads or returned in {"ALL_OLD", "UPDATED_OLD", "ALL_NEW"})
    current = table.rows.get(place.key)
    _check_condition(call, current, change.used)
    before = current.item if current else {}
    after = change.apply(before or key)
    if any(after.get(column.name) != (before or key)[column.name] for column in table.columns):
        raise validation("Cannot update attribute: it is part of the key")
    write = writes.put(call, table, after)
    writes.perform(call, [write._replace(key=place.key)])
    return _attributes(returned, before, write.item or {}, change.touched)


def _attributes(returned: str, before: Item, after: Item, touched: set[str]) -> Item:
    shown = before if returned.endswith("_OLD") else after
    if returned.startswith("UPDATED"):
        shown = {name: value for name, value in shown.items() if name in touched}
    return {"Attributes": shown} if returned != "NONE" and shown else {}


def get_item(call: Call) -> Item:
    """GetItem: no Item member when there is none."""
    table = call.table()
    place = writes.delete(call, table, _member(call, "Key"))
    fail(call, table)
    row = table.rows.get(place.key)
    if row is None:
        return capacity.of_one(call, 0, capacity.READ_UNIT)
    report = capacity.of_one(call, row.size, capacity.READ_UNIT)
    return report | {"Item": projected(row.item, call.body)}
