"""Items as a user's function gets them, and what it made of them as bytes again: attributes that it
left alone keep theirs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb.items import UNREADABLE, from_json, parsed_attributes, to_json
from alternator_migrate.dynamodb.native import (
    LARGEST_ITEM,
    MUTABLE,
    ValueRefusedError,
    checked,
    native,
    same,
    size_of,
    value_of,
)

Form: TypeAlias = Literal["native", "dynamodb"]
"""What a function is given: plain Python values, or DynamoDB JSON."""
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """An item that a function made; `moved` says that its key is another than that of the item it
    was made of."""

    item: Item
    moved: bool


class Opened:
    """One item, decoded; `given` is what a function gets, which it may change in place.

    `keys` are the types of the key attributes of what is made of it, and `own` the item's, if they
    are others. Raises `ValueRefusedError`, with the name of the attribute, for an item that cannot
    be decoded.
    """

    def __init__(
        self, item: Item, form: Form, keys: Mapping[str, str], own: Mapping[str, str] | None = None
    ) -> None:
        self._item, self._native, self._keys = item, form == "native", keys
        self._has_other_keys = own is not None and own != keys
        try:
            self._raw = parsed_attributes.decode(item)
            self._json: dict[str, Any] = from_json(item)
        except UNREADABLE as error:
            raise ValueRefusedError(f"the item cannot be decoded: {error}") from error
        self.given: dict[str, Any] = self._values() if self._native else from_json(item)
        self._known = dict(self.given)

    def _values(self) -> dict[str, Any]:
        values = {}
        for name, value in self._json.items():
            values[name] = _of_attribute(name, native, value)
        return values

    def rebuilt(self, made: Any) -> Rebuilt:
        """The item that a function made of `given`.

        Raises `ValueRefusedError`, with the name of the attribute, for a value that DynamoDB has no
        type for, a key attribute that is missing, empty or of another type, and for an item of more
        than 400 KB.
        """
        if not isinstance(made, dict):
            what = "None" if made is None else f"a {type(made).__name__}"
            raise ValueRefusedError(f"a result is {what}, not an item, which is a dict")
        parts: dict[str, Any] = {}
        touched = []
        for name, value in made.items():
            if self._is_untouched(name, value):
                parts[name] = self._raw[name]
            else:
                parts[name] = self._written(name, value)
                touched.append(name)
        if touched or len(parts) < len(self._raw):
            return self._anew(parts, touched)
        return Rebuilt(self._item, self._has_other_keys and self._check_keys(parts, touched))

    def _anew(self, parts: Mapping[str, Any], touched: Sequence[str]) -> Rebuilt:
        moved = self._check_keys(parts, touched)
        item = to_json(parts)
        if len(item) > LARGEST_ITEM and size_of(from_json(item)) > LARGEST_ITEM:
            raise ValueRefusedError("the item is larger than the 400 KB that DynamoDB takes")
        return Rebuilt(item, moved)

    def _is_untouched(self, name: Any, value: Any) -> bool:
        """Whether an attribute is what was given, unchanged in place too."""
        if value is not self._known.get(name, _ABSENT):
            return False
        if not self._native:
            return bool(value == self._json[name])
        if isinstance(value, MUTABLE):
            return same(value, native(self._json[name]))
        return True

    def _written(self, name: Any, value: Any) -> Any:
        if not isinstance(name, str) or not name:
            raise ValueRefusedError(
                f"attribute {name!r} has a name that is no text, or an empty one"
            )
        return _of_attribute(name, value_of if self._native else checked, value)

    def _check_keys(self, parts: Mapping[str, Any], touched: Sequence[str]) -> bool:
        """Whether the key is another now."""
        moved, whose = self._has_other_keys, "target" if self._has_other_keys else "table"
        for name, kind in self._keys.items():
            if name not in parts:
                raise ValueRefusedError(
                    f"attribute {name!r} is missing: the {whose}'s key needs it"
                )
            if name in touched:
                _check_key(name, kind, parts[name])
                moved |= bool(parts[name] != _plain(self._json.get(name)))
            elif self._has_other_keys:
                _check_key(name, kind, self._json[name])
        return moved


def _of_attribute(name: str, convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except ValueRefusedError as error:
        words = str(error)
        place = words if words.startswith((".", "[")) else f" {words}"
        raise ValueRefusedError(f"attribute {name!r}{place}") from error


def _check_key(name: str, kind: str, value: Any) -> None:
    content = value.get(kind)
    if content is None:
        found = next(iter(value))
        raise ValueRefusedError(f"attribute {name!r} is of type {found}, and its key needs {kind}")
    if not content:
        raise ValueRefusedError(f"attribute {name!r} is empty, and is part of the key")


def _plain(value: Any) -> Any:
    """A key's value in the spelling of `value_of`."""
    return value_of(native(value)) if value else None
