"""Items as raw JSON: decoded, built, and their attributes found."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, cast

import msgspec

from alternator_migrate.core.model import Item

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_NO_VALUE = msgspec.Raw(b"{}")
_NULL = msgspec.Raw(b'{"NULL":true}')


class _NumberValue(msgspec.Struct):
    digits: str = msgspec.field(name="N", default="")


class _RejectLine(msgspec.Struct):
    item: msgspec.Raw
    change: str = ""
    key: msgspec.Raw = msgspec.Raw()
    source: bool = False


class FoundReject(NamedTuple):
    """A line of a rejects file: the item, what kind of change it was, or "", the key that it was
    refused with, if the line has one, and whether the item is the source's, which a transform
    refused."""

    item: Item
    change: str
    key: Item | None
    source: bool


parsed_attributes = msgspec.json.Decoder(dict[str, msgspec.Raw])
_number = msgspec.json.Decoder(_NumberValue)
_reject = msgspec.json.Decoder(_RejectLine)


def to_json(value: object) -> bytes:
    """Compact JSON of a value made of dicts, lists, strings and numbers."""
    return msgspec.json.encode(value)


def from_json(body: Item) -> Any:
    """The value of a JSON text. Raises `ValueError` where it is none."""
    return msgspec.json.decode(body)


def key_of(item: Item, names: Sequence[str]) -> bytes:
    """The item's key attributes as a JSON object, values untouched."""
    attributes = parsed_attributes.decode(item)
    return to_json({name: attributes[name] for name in names if name in attributes})


def names_in(item: Item) -> Sequence[str]:
    """The names of the item's attributes."""
    return [*parsed_attributes.decode(item)]


def attribute_texts(item: Item) -> dict[str, str]:
    """The JSON text of each of the item's values, without white space, to be shown."""
    return {
        name: one_line(cast("Item", raw)).decode("utf-8", "replace")
        for name, raw in parsed_attributes.decode(item).items()
    }


def item_of_line(line: bytes) -> Item:
    """The item of a line: an item, or an object that has one as `item` or `Item`, as lines of
    rejects files and exports do. Raises `ValueError` for anything else."""
    try:
        members = parsed_attributes.decode(line)
    except UNREADABLE as error:
        raise ValueError(f"not an item: {error}") from error
    for each in (members.get("item"), members.get("Item"), line):
        if each is not None and _is_item(each):
            return cast("Item", each)
    raise ValueError("not an item: each of its values must be an object with a type")


def _is_item(text: Item | msgspec.Raw) -> bool:
    try:
        attributes = parsed_attributes.decode(text)
    except UNREADABLE:
        return False
    return bool(attributes) and all(bytes(raw)[:1] == b"{" for raw in attributes.values())


def lacks(item: Item, names: Sequence[str]) -> list[str]:
    """Those of `names` that are no attributes of the item."""
    attributes = parsed_attributes.decode(item)
    return [name for name in names if name not in attributes]


def with_nulls(item: Item, names: Sequence[str]) -> bytes:
    """The item with those attributes of `names` that it lacks, which are NULL."""
    attributes = parsed_attributes.decode(item)
    return to_json({**dict.fromkeys(names, _NULL), **attributes})


def rekeyed(key: bytes, names: Mapping[str, str]) -> bytes:
    """A key with its attributes named anew, values untouched."""
    return to_json({names[name]: value for name, value in parsed_attributes.decode(key).items()})


def first_value(key: bytes) -> bytes:
    """The value of the first attribute of a key: of its HASH attribute."""
    return bytes(next(iter(parsed_attributes.decode(key).values())))


def one_line(item: Item) -> bytes:
    """The item's JSON without white space between its parts."""
    return msgspec.json.format(bytes(item), indent=-1)


def expired(attribute: str, *, after: int, before: int) -> Callable[[Item], bool]:
    """A test whether an item's `attribute` is a number in [after, before), epoch seconds."""

    def is_expired(item: Item) -> bool:
        raw = parsed_attributes.decode(item).get(attribute, _NO_VALUE)
        try:
            return after <= Decimal(_number.decode(raw).digits) < before
        except (InvalidOperation, msgspec.MsgspecError):
            return False

    return is_expired


def read_reject(line: bytes) -> FoundReject:
    """What a line of a rejects file says. Raises `ValueError` for any other line."""
    try:
        found = _reject.decode(line)
        item, key = cast("Item", found.item), cast("Item", found.key)
        parsed_attributes.decode(item)
        return FoundReject(item, found.change, key if len(key) else None, found.source)
    except UNREADABLE as error:
        raise ValueError(f"not a rejected item: {error}") from error
