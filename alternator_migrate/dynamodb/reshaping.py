"""Leaves attributes of items out and renames others; values are bytes, and stay as they are.

Items of one table mostly have the same attributes: those seen so far are the fields of a type, of
which whole pages are decoded and encoded in a third of the time that dicts take. An item with a
name that is new makes a new type; where there are too many names, or odd ones, items are dicts.
"""

import re
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat, starmap
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import UNSET

from alternator_migrate.core.errors import BadAnswer, MigrateError
from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb.items import UNREADABLE, parsed_attributes

_MOST_NAMES: Final = 128
_AT_ONCE: Final = 128
_NO_FIELD: Final = re.compile(r'["\\\x00-\x1f]')
_FEW: Final = 4
_GONE: Final = "gone"
"""The field of the first name to leave out, mostly the only one: a fixed one is quicker."""
_NONE: Final = ("none0", "none1")
"""The fields of no attribute: `attrgetter` needs two to give a tuple."""
_encoder: Final = msgspec.json.Encoder()


class Reshaper:
    """Makes items without those attributes that are left out, and with the others renamed.

    An item that has nothing to leave out or rename stays as it is; of others the order of the
    attributes may change. Not for several threads at once.
    """

    def __init__(
        self,
        is_left_out: Callable[[str], bool] | None = None,
        renames: Mapping[str, str] | None = None,
    ) -> None:
        self._is_left_out, self._renames = is_left_out, renames or {}
        self._names: dict[str, str | None] = {}
        self._types = _Types(self._names)

    @property
    def renames(self) -> bool:
        """Whether attributes get other names."""
        return bool(self._renames)

    def __call__(self, item: Item) -> Item:
        """What becomes of one item, or of a key. Raises `MigrateError` where two attributes would
        get the same name, and `BadAnswer` for what is no item."""
        types = self._types
        try:
            found = types.decode(item)
        except UNREADABLE:
            return self._by_dict(item)
        made, same = types.reshaped((found,))
        return item if same else _encoder.encode(made[0])

    def each(self, items: Sequence[Item]) -> Sequence[Item]:
        """What becomes of several items. Raises `MigrateError`."""
        made: list[Item] = []
        for first in range(0, len(items), _AT_ONCE):
            some = items[first : first + _AT_ONCE]
            found = self._found(some)
            made += self.decoded(found, partial(iter, some)) if found else map(self, some)
        return made

    def _found(self, items: Sequence[Item]) -> Sequence[Any]:
        """The items, decoded at once; none where that cannot be."""
        try:
            found: list[Any] = self.decoder(list).decode(b"[%b]" % b",".join(items))
        except UNREADABLE:
            return ()
        return found if len(found) == len(items) else ()

    def decoder(self, answer: Any) -> "msgspec.json.Decoder[Any]":
        """A decoder of an `answer`, a type that is generic by that of its items. It raises
        one of `UNREADABLE` for items with names that are new, too."""
        return self._types.decoder(answer)

    def decoded(self, found: Sequence[Any], whole: Callable[[], Iterable[Item]]) -> Sequence[Item]:
        """What becomes of the items of an answer, as its decoder `found` them; `whole()` has them
        as they came."""
        made, same = self._types.reshaped(found)
        if not same:
            return _encoded(made)
        items, stay = [*whole()], {*same}
        numbers = [number for number in range(len(items)) if number not in stay]
        for number, item in zip(numbers, _encoded(made[n] for n in numbers), strict=True):
            items[number] = item
        return items

    def _by_dict(self, item: Item) -> Item:
        """What becomes of one item; its names are known from now on."""
        try:
            attributes = parsed_attributes.decode(item)
        except UNREADABLE as error:
            raise BadAnswer(f"an item cannot be read: {error}") from error
        names = {name: self._renamed(name) for name in attributes}
        self._learn(names)
        if all(name == new for name, new in names.items()):
            return item
        kept = {name: new for name, new in names.items() if new is not None}
        made = {new: attributes[name] for name, new in kept.items()}
        if len(made) < len(kept):
            shown = bytes(item)[:200].decode("utf-8", "replace")
            raise MigrateError(
                f"renames give two attributes of one item the same name: {shown}...",
                "Change `renames` so that both attributes of such items keep a name; then empty "
                "the target and copy anew with `run --fresh`.",
            )
        return _encoder.encode(made)

    def _renamed(self, name: str) -> str | None:
        """What becomes of a name; None where it is left out."""
        if self._is_left_out and self._is_left_out(name):
            return None
        return self._renames.get(name, name)

    def _learn(self, names: Mapping[str, str | None]) -> None:
        """Know those of the names that can be fields, and do not become what another does."""
        before, taken = len(self._names), {*self._names.values()} - {None}
        for name, new in names.items():
            is_odd = _NO_FIELD.search(name) or _NO_FIELD.search(new or "") or new in taken
            if len(self._names) < _MOST_NAMES and name not in self._names and not is_odd:
                self._names[name] = new
                taken |= {new} - {None}
        if len(self._names) > before:
            self._types = _Types(self._names)


class _Types:
    """Types of items that have no attributes but those of `names`, which are mapped to what they
    become; None where they are left out."""

    def __init__(self, names: Mapping[str, str | None]) -> None:
        gone = [name for name, new in names.items() if new is None]
        renamed = [name for name, new in names.items() if new not in (None, name)]
        fields = {name: f"field{number}" for number, name in enumerate(names)}
        fields |= dict.fromkeys(gone[:1], _GONE)
        self._changing = [fields[name] for name in (*gone, *renamed)]
        self._in_place = len(gone) <= _FEW and not renamed
        spare = () if self._in_place else _NONE
        self._kind = _type_of({field: name for name, field in fields.items()}, spare)
        kept = {fields[name]: new for name, new in names.items() if new is not None}
        self._make, self._staying = _type_of(kept, spare), (*kept, *spare)
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
        self.decode = msgspec.json.Decoder(self._kind).decode

    def decoder(self, answer: Any) -> "msgspec.json.Decoder[Any]":
        """A decoder of an answer with such items."""
        if answer not in self._decoders:
            self._decoders[answer] = msgspec.json.Decoder(answer[self._kind])
        return self._decoders[answer]

    def reshaped(self, found: Sequence[Any]) -> tuple[Sequence[Any], Sequence[int]]:
        """What items become, to be encoded, and the numbers of those that stay as they are."""
        if not self._changing:
            return found, range(len(found))
        if self._in_place:
            return found, self._empty(found)
        changing, nothing = (*self._changing, *_NONE), (UNSET,) * (len(self._changing) + len(_NONE))
        values = map(attrgetter(*changing), found)
        same = [number for number, each in enumerate(values) if each == nothing]
        return [*starmap(self._make, map(attrgetter(*self._staying), found))], same

    def _empty(self, found: Sequence[Any]) -> Sequence[int]:
        """Leave a few attributes out; the numbers of items that have none of them."""
        unset, more = UNSET, self._changing[1:]
        same = []
        for number, item in enumerate(found):
            if item.gone is not unset:
                item.gone = unset
            elif all(getattr(item, field) is unset for field in more):
                same.append(number)
        for field in more:
            deque(map(vars(self._kind)[field].__set__, found, repeat(unset)), 0)
        return same


def _type_of(fields: Mapping[str, str], spare: Sequence[str]) -> Any:
    """A type of items with these fields, mapped to their names, and some that no item has."""
    names = {**fields, **{field: secrets.token_hex(32) for field in spare}}
    return msgspec.defstruct(
        "_Item",
        [(field, msgspec.Raw, UNSET) for field in names],
        rename=names,
        forbid_unknown_fields=True,
        gc=False,
    )


def _encoded(made: Iterable[Any]) -> list[bytes]:
    """Items as bytes. One buffer for all spares each the growing of its own."""
    buffer = bytearray()
    return [bytes(buffer) for _ in map(_encoder.encode_into, made, repeat(buffer))]
