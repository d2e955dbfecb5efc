"""Leaves attributes of items out by their names; values are bytes, and stay as they are.

Items of one table mostly have the same attributes: those seen so far are the fields of a type that
is decoded and encoded in a third of the time that a dict takes. An item with a name that is new
makes a new type; where there are too many names, or odd ones, items are dicts.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb.items import Reshape, parsed_attributes

_MOST_NAMES: Final = 128
_NO_FIELD: Final = re.compile(r'["\\\x00-\x1f]')
_NO_NAME: Final = secrets.token_hex(32)
_FIRST: Final = "first"
"""The field of one name to leave out, mostly the only one: a fixed name is quicker."""


def without(is_left_out: Callable[[str], bool]) -> Reshape:
    """A function that leaves attributes of one item out by their names. An item that has none of
    them stays as it is; of others the order of the attributes may change."""
    encode = msgspec.json.Encoder().encode
    names: dict[str, str] = {}
    decode, gone = _type_of(names), list[str]()

    def leave_out(item: Item) -> Item:
        try:
            found = decode(item)
        except msgspec.ValidationError:
            return learn(item)
        is_changed = found.first is not UNSET
        found.first = UNSET
        for field in gone:
            if getattr(found, field) is not UNSET:
                setattr(found, field, UNSET)
                is_changed = True
        return encode(found) if is_changed else item

    def learn(item: Item) -> Item:
        """Do it with a dict; the names of this item are known from now on."""
        nonlocal decode, gone
        attributes, before = parsed_attributes.decode(item), len(names)
        for name in attributes:
            if name not in names and len(names) < _MOST_NAMES and not _NO_FIELD.search(name):
                is_first = is_left_out(name) and _FIRST not in names.values()
                names[name] = _FIRST if is_first else f"field{len(names)}"
        if len(names) > before:
            gone = [each for name, each in names.items() if each != _FIRST and is_left_out(name)]
            decode = _type_of(names)
        kept = {name: raw for name, raw in attributes.items() if not is_left_out(name)}
        return item if len(kept) == len(attributes) else encode(kept)

    return leave_out


def _type_of(names: Mapping[str, str]) -> Callable[[Item], Any]:
    """A decoder of items that have no other attributes than these, in the fields named; it raises
    `ValidationError` for others."""
    fields = {field: name for name, field in names.items()}
    fields.setdefault(_FIRST, _NO_NAME)
    kind = msgspec.defstruct(
        "_Item",
        [(field, msgspec.Raw, UNSET) for field in fields],
        rename=fields,
        forbid_unknown_fields=True,
        gc=False,
    )
    return msgspec.json.Decoder(kind).decode
