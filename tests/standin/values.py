"""Attribute values of a write: what Alternator refuses, and what it stores instead."""

import base64
import binascii
from collections.abc import Callable
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NamedTuple

from tests.standin import decimals
from tests.standin.dialect import Dialect
from tests.standin.errors import ApiError, internal, serialization, shown, validation

Item = dict[str, Any]
"""Attribute name to DynamoDB JSON value."""

Sortable = bytes | Decimal
KEY_BYTES = 65535


class Column(NamedTuple):
    """One key attribute: its name and its type, S, N or B."""

    name: str
    kind: str


def binary(text: str, checked: bool = True) -> bytes:
    """The bytes of a B value; a SerializationException if it is no base64 (old: empty)."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        if checked:
            raise serialization("Invalid base64 data") from None
        return b""


def stored(value: Any, dialect: Dialect) -> Any:
    """One checked top-level value as it will be read back (numbers are made plain)."""
    if type(value) is not dict or len(value) != 1:
        raise validation(f"PutItem: improperly formatted value '{shown(value)}'")
    [(kind, content)] = value.items()
    check = CHECKS.get(kind)
    if check is None:
        raise validation(f"PutItem: unknown type {kind} for value {shown(value)}")
    return check(value, content, dialect)


def _text(value: Any, content: Any, _: Dialect) -> Any:
    if type(content) is not str:
        raise validation(f"PutItem: improperly formatted value '{shown(value)}'")
    return value


def _binary(value: Any, content: Any, dialect: Dialect) -> Any:
    _text(value, content, dialect)
    decoded = binary(content, dialect.base64_checked)
    return value if decoded or not content else {"B": ""}


def _number(value: Any, content: Any, dialect: Dialect) -> Any:
    if type(content) is not str:
        text = f"PutItem: number value must be encoded as string '{shown(value)}'"
        raise serialization(text)
    plain = decimals.plain(content, dialect.numbers_checked)
    return value if plain == content else {"N": plain}


def _set(value: Any, content: Any, _: Dialect) -> Any:
    if type(content) is not list:
        raise validation(f"PutItem: improperly formatted set '{shown(value)}'")
    if not content:
        raise validation("PutItem: empty set not allowed")
    return value


def _opaque(value: Any, _content: Any, _: Dialect) -> Any:
    return value


CHECKS: dict[str, Callable[[Any, Any, Dialect], Any]] = {
    "S": _text,
    "B": _binary,
    "N": _number,
    "SS": _set,
    "NS": _set,
    "BS": _set,
    "L": _opaque,
    "M": _opaque,
    "BOOL": _opaque,
    "NULL": _opaque,
}


def key_text(item: Item, column: Column, dialect: Dialect) -> str:
    """The content of one key attribute as sent, its presence, type and emptiness checked."""
    value = item.get(column.name)
    if value is None:
        raise validation(f"Key column {column.name} not found")
    if type(value) is not dict or len(value) != 1:
        raise malformed_key(value, column)
    [(kind, content)] = value.items()
    if type(content) is not str:
        raise malformed_key(value, column)
    if kind != column.kind:
        got = f'"{kind}"' if dialect.got_type_quoted else kind
        raise validation(
            f"Type mismatch: expected type {column.kind} for key column {column.name}, "
            f"got type {got}"
        )
    if not content:
        raise empty_key(column)
    return content


def malformed_key(value: Any, column: Column) -> ApiError:
    """A key that is not one type with one text."""
    return validation(f"Malformed value object for key column {column.name}: {shown(value)}")


def empty_key(column: Column) -> ApiError:
    """A key attribute with nothing in it."""
    what = "binary" if column.kind == "B" else "string"
    return validation(
        f"The AttributeValue for a key attribute cannot contain an empty {what} value. "
        f"Key: {column.name}"
    )


def sortable(content: str, column: Column, dialect: Dialect) -> Sortable:
    """Key content in DynamoDB's order: numbers by value, text by UTF-8, binary by bytes."""
    if column.kind == "N":
        return decimals.parse(content, dialect.numbers_checked)
    raw = content.encode() if column.kind == "S" else binary(content, dialect.base64_checked)
    if len(raw) > KEY_BYTES - 2:
        raise internal(
            "Internal server error: std::runtime_error "
            f"(Key size too large: {len(raw) + 2} > {KEY_BYTES})"
        )
    return raw


def identity(key: Sortable) -> bytes:
    """The bytes that a hash key is stored under; numbers count as spelled."""
    return key if isinstance(key, bytes) else decimals.spelling(key)


def token(key: bytes) -> int:
    """The place of a partition on the ring, -2**63..2**63-1."""
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big", signed=True)
