"""Leaves attributes of items out by their names; values are bytes, and stay as they are.

Items of one table mostly have the same attributes: those seen so far are the fields of a type that
is decoded and encoded in a third of the time that a dict takes. An item with a name that is new
makes a new type; where there are too many names, items are dicts.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb.items import Reshape, parsed_attributes

_MOST_NAMES: Final = 128


def without(is_left_out: Callable[[str], bool]) -> Reshape:
    """A function that leaves attributes of one item out by their names. An item that has none of
    them stays as it is; of others the order of the attributes may change."""
    return _LeavingOut(is_left_out)


class _LeavingOut:
    """`names` are those seen so far, of which `gone` are the fields of those to leave out."""

    def __init__(self, is_left_out: Callable[[str], bool]) -> None:
        self._is_left_out = is_left_out
        self._names: dict[str, str] = {}
        self._gone: list[str] = []
        self._encode = msgspec.json.Encoder().encode
        self._decode: Callable[[Item], Any] = _type_of({})

    def __call__(self, item: Item) -> Item:
        try:
            found = self._decode(item)
        except msgspec.ValidationError:
            return self._learn(item)
        changed = False
        for field in self._gone:
            if getattr(found, field) is not UNSET:
                setattr(found, field, UNSET)
                changed = True
        return self._encode(found) if changed else item

    def _learn(self, item: Item) -> Item:
        """Do it with a dict; the names of this item are known from now on."""
        attributes = parsed_attributes.decode(item)
        for name in attributes:
            if name not in self._names and len(self._names) < _MOST_NAMES:
                field = self._names[name] = f"field{len(self._names)}"
                if self._is_left_out(name):
                    self._gone.append(field)
        self._decode = _type_of(self._names)
        kept = {name: raw for name, raw in attributes.items() if not self._is_left_out(name)}
        return item if len(kept) == len(attributes) else self._encode(kept)


def _type_of(names: dict[str, str]) -> Callable[[Item], Any]:
    """A decoder of items that have no other attributes than these; it raises `ValidationError` for
    others."""
    kind = msgspec.defstruct(
        "_Item",
        [(field, msgspec.Raw, UNSET) for field in names.values()],
        rename={field: name for name, field in names.items()},
        forbid_unknown_fields=True,
        gc=False,
    )
    return msgspec.json.Decoder(kind).decode
