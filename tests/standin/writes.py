"""Checked writes: everything is validated before anything is written."""

import msgspec

from tests.standin.errors import Dropped, validation, write_failure, write_timeout
from tests.standin.state import Table, Write
from tests.standin.store import Call
from tests.standin.values import Column, Item, Sortable, empty_key, stored

ITEM_NAME_BYTES = 65535


def put(call: Call, table: Table, item: Item) -> Write:
    """The put of `item`, or the ValidationException that refuses it."""
    dialect = call.dialect
    key, same = table.locate(item, dialect)
    kept = {name: stored(value, dialect) for name, value in item.items()}
    if "" in kept and dialect.empty_names_refused:
        raise validation("Empty attribute name")
    if max(map(len, kept)) > ITEM_NAME_BYTES // 4:
        _check_names(kept)
    for column in table.index_columns():
        if column.name in kept and column not in table.columns:
            _check_index_key(call, column, kept[column.name])
    return Write(table, key, kept, same)


def _check_names(item: Item) -> None:
    if any(len(name.encode()) > ITEM_NAME_BYTES for name in item):
        raise validation("Attribute name is too large, must be less than 65536 bytes")


def _check_index_key(call: Call, column: Column, value: Item) -> None:
    [(kind, content)] = value.items()
    if kind != column.kind:
        raise validation(
            f"Type mismatch: expected type {column.kind} for GSI or LSI key attribute "
            f"{column.name}, got type {kind}"
        )
    if not content:
        if not call.dialect.index_key_texts:
            raise empty_key(column)
        raise validation(f"GSI or LSI key attribute {column.name} cannot be set to an empty string")


def delete(call: Call, table: Table, key: Item) -> Write:
    """The delete of the item with `key`, or the ValidationException that refuses it."""
    place, same = table.locate(key, call.dialect)
    if len(key) != len(table.columns):
        raise validation("Given key attribute not in schema")
    return Write(table, place, None, same)


def perform(call: Call, writes: list[Write]) -> None:
    """Apply the writes with one timestamp, or fail as the request's fault says.

    partial_500 applies a random part, the whole or nothing included, and raises; so does a
    batch with an item that no replica takes, whose other items are applied.
    """
    if call.fails_as("partial_500"):
        some = call.faults.chance.sample(writes, call.faults.chance.randint(0, len(writes)))
        _apply(call, some)
        raise write_timeout(writes[0].table.name)
    if call.fails_as("slow_500"):
        raise write_timeout(writes[0].table.name)
    taken = [write for write in writes if not _is_too_large(call, write)]
    _apply(call, taken)
    if len(taken) < len(writes):
        raise write_failure(writes[0].table.name)
    if call.fails_as("reset_after_write"):
        raise Dropped


def _is_too_large(call: Call, write: Write) -> bool:
    settings = call.store.settings
    if settings.mutation_limit >= settings.body_limit:
        return False
    return len(msgspec.json.encode(write.item)) > settings.mutation_limit


def _apply(call: Call, writes: list[Write]) -> None:
    stamp = call.store.stamp(call.node)
    lightweight = any(call.store.isolation(write.table) == "a" for write in writes)
    if lightweight and call.dialect.batches_squashed:
        for partition in _partitions(writes):
            call.store.write_squashed(partition, stamp, call.operation)
        return
    for write in writes:
        call.store.write(write, stamp, arrival_order=lightweight, operation=call.operation)


def _partitions(writes: list[Write]) -> list[list[Write]]:
    """The writes of each partition, in the order of their sort keys."""
    found: dict[tuple[str, Sortable], list[Write]] = {}
    for write in sorted(writes, key=lambda one: one.key[2]):
        found.setdefault((write.table.name, write.key[1]), []).append(write)
    return list(found.values())
