"""One spelling for each value: items that hold the same values get the same bytes.

Where `wire` passes values on undecoded, this room decodes them: the other half of DynamoDB
JSON. Canonical is compact JSON in UTF-8, with names and the members of sets sorted, numbers
as `decimals.plain` has them and binary as standard base64. A member that a set holds twice
counts twice: ScyllaDB keeps it so.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from alternator_migrate.core.errors import BadAnswer
from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb import untyped
from alternator_migrate.dynamodb.decimals import PLAIN, plain
from alternator_migrate.dynamodb.items import to_json

_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_OPAQUE: Final = b"\xff"
_OPENING, _LETTER_N = b"[N"
_odd_number: Final = re.compile(rb'"N":"(?!%b")' % PLAIN.encode()).search


class _Value(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A value as DynamoDB writes it; the commonest types first, they are found soonest."""

    S: str | UnsetType = UNSET
    N: str | UnsetType = UNSET
    BOOL: bool | UnsetType = UNSET
    NULL: bool | UnsetType = UNSET
    B: bytes | UnsetType = UNSET
    M: dict[str, "_Value"] | UnsetType = UNSET
    L: list["_Value"] | UnsetType = UNSET
    SS: list[str] | UnsetType = UNSET
    NS: list[str] | UnsetType = UNSET
    BS: list[bytes] | UnsetType = UNSET


_values: Final = msgspec.json.Decoder(dict[str, _Value]).decode
_parts: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_anything: Final = msgspec.json.Decoder(
    float_hook=lambda text: msgspec.Raw(text.encode())  # a float would round it
).decode
_written: Final = msgspec.json.Encoder(order="deterministic").encode


def canonical(item: Item) -> bytes:
    """The canonical bytes of an item: the same for two items if and only if their values are.

    Values that are not DynamoDB's (ScyllaDB takes any within a list or map) count as the JSON
    they are, lone surrogates as characters; an item that is not UTF-8 equals only its copy.
    """
    try:
        return _respelled(_values(item))
    except _UNREADABLE:
        return _respelled_untyped(bytes(item))


def canonical_and_key(item: Item, key_names: Sequence[str]) -> tuple[bytes, bytes]:
    """`canonical` and `canonical_key` of an item, for less than both."""
    try:
        values = _values(item)
        text = _respelled(values)
        return text, _written({name: values[name] for name in key_names})
    except (KeyError, *_UNREADABLE):
        return canonical(item), canonical_key(item, key_names)


def canonical_key(item: Item, key_names: Sequence[str]) -> bytes:
    """The item's key attributes as a canonical JSON object: its identity in any spelling.

    Not for requests: ScyllaDB finds a number as HASH key only as it was written. Raises
    `BadAnswer` for an item that lacks a key attribute.
    """
    try:
        values = _values(item)
        return _respelled({name: values[name] for name in key_names})
    except (KeyError, *_UNREADABLE):
        return _key_of_parts(_parts_of(item), key_names)


def plain_key(item: Item, key_names: Sequence[str]) -> bytes:
    """The item's key attributes as a JSON object, in this order and in their one spelling: as a
    stream's record has its key. Raises `BadAnswer` as `canonical_key`."""
    parts = _parts_of(item)
    if missing := [name for name in key_names if name not in parts]:
        raise BadAnswer(f"an item lacks {missing[0]}, a key attribute of its table")
    one = {name: canonical(b'{"":%b}' % bytes(parts[name]))[4:-1] for name in key_names}
    return to_json({name: msgspec.Raw(value) for name, value in one.items()})


def attributes(item: Item) -> dict[str, bytes]:
    """The canonical bytes of each attribute's value. Raises `BadAnswer` for what is no item."""
    return {name: canonical(b'{"":%b}' % bytes(raw)) for name, raw in _parts_of(item).items()}


def decoded(text: bytes) -> Any:
    """The value of canonical bytes, other fractions than numbers as they are written; of an
    item that is not UTF-8 the bytes themselves."""
    for read in (_anything, untyped.read):
        try:
            return read(text)
        except _UNREADABLE:
            continue
    return text


def encoded(value: Any) -> bytes:
    """The canonical bytes of a part of what `decoded` returned."""
    try:
        return _written(value)
    except _UNREADABLE:
        return untyped.written(value)


def _respelled(values: dict[str, _Value]) -> bytes:
    """The canonical bytes of these values, which it makes canonical where they are not."""
    text = _written(values)
    if (_LETTER_N in text and _odd_number(text)) or (_OPENING in text and b'S":["' in text):
        _respell(values.values())
        text = _written(values)
    return text


def _respell(values: Iterable[_Value]) -> None:
    """Spell numbers and order sets, however deep."""
    for value in values:
        if value.N is not UNSET:
            value.N = plain(value.N)
        if value.M is not UNSET:
            _respell(value.M.values())
        if value.L is not UNSET:
            _respell(value.L)
        if value.SS is not UNSET:
            value.SS.sort()
        if value.NS is not UNSET:
            value.NS = sorted(map(plain, value.NS))
        if value.BS is not UNSET:
            value.BS.sort(key=b64encode)


def _respelled_untyped(item: bytes) -> bytes:
    for read, write in _WAYS:
        try:
            return write(untyped.normal(read(item)))
        except _UNREADABLE:
            continue
    return _OPAQUE + item


def _key_of_parts(parts: Mapping[str, msgspec.Raw], key_names: Sequence[str]) -> bytes:
    if missing := [name for name in key_names if name not in parts]:
        raise BadAnswer(f"an item lacks {missing[0]}, a key attribute of its table")
    return canonical(_written({name: parts[name] for name in key_names}))


def _parts_of(item: Item) -> Mapping[str, msgspec.Raw]:
    try:
        return _parts(item)
    except _UNREADABLE:
        pass
    try:
        found = untyped.read(bytes(item))
    except _UNREADABLE as error:
        raise BadAnswer(f"an item cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise BadAnswer(f"an item is no JSON object: {bytes(item)[:100]!r}")
    return {name: msgspec.Raw(untyped.written(value)) for name, value in found.items()}


_WAYS: Final[Sequence[tuple[Callable[[bytes], Any], Callable[[Any], bytes]]]] = (
    (_anything, _written),
    (untyped.read, untyped.written),
)
