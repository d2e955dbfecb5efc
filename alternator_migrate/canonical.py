"""One spelling for each value: items that hold the same values get the same bytes.

Where `wire` passes values on undecoded, this room decodes them: the other half of DynamoDB
JSON. Canonical is compact JSON in UTF-8, with names and the members of sets sorted, numbers
as `decimals.plain` has them and binary as standard base64. A member that a set holds twice
counts twice: ScyllaDB keeps it so.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, NoReturn

import msgspec
from msgspec import UNSET, UnsetType

from alternator_migrate.decimals import PLAIN, plain
from alternator_migrate.errors import BadAnswer
from alternator_migrate.model import Item

_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_OPAQUE: Final = b"\xff"


class _Scalars(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A value that is canonical as soon as it is decoded and written again."""

    S: str | UnsetType = UNSET
    N: Annotated[str, msgspec.Meta(pattern=rf"^{PLAIN}\Z")] | UnsetType = UNSET
    BOOL: bool | UnsetType = UNSET
    NULL: bool | UnsetType = UNSET
    B: bytes | UnsetType = UNSET
    M: dict[str, "_Scalars"] | UnsetType = UNSET
    L: list["_Scalars"] | UnsetType = UNSET


class _Value(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A value of any type that DynamoDB has."""

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


_scalars: Final = msgspec.json.Decoder(dict[str, _Scalars]).decode
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
        return _written(_scalars(item))
    except _UNREADABLE:
        return _canonical_of_any(bytes(item))


def canonical_and_key(item: Item, key_names: Sequence[str]) -> tuple[bytes, bytes]:
    """`canonical` and `canonical_key` of an item."""
    try:
        values = _scalars(item)
        return _written(values), _written({name: values[name] for name in key_names})
    except (KeyError, *_UNREADABLE):
        return _canonical_of_any(bytes(item)), canonical_key(item, key_names)


def canonical_key(item: Item, key_names: Sequence[str]) -> bytes:
    """The item's key attributes as canonical JSON: its identity, whatever the spelling.

    Raises `BadAnswer` for an item that lacks one.
    """
    parts = _parts_of(item)
    if missing := [name for name in key_names if name not in parts]:
        raise BadAnswer(f"an item lacks {missing[0]}, a key attribute of its table")
    return canonical(_written({name: parts[name] for name in key_names}))


def attributes(item: Item) -> dict[str, bytes]:
    """The canonical bytes of each attribute's value. Raises `BadAnswer` for what is no item."""
    return {name: canonical(b'{"":%b}' % bytes(raw)) for name, raw in _parts_of(item).items()}


def decoded(text: bytes) -> Any:
    """The value of canonical bytes; of opaque ones the bytes themselves."""
    for read in (_anything, _surrogates_too):
        try:
            return read(text)
        except _UNREADABLE:
            continue
    return text


def encoded(value: Any) -> bytes:
    """The bytes of a part of what `decoded` returned."""
    try:
        return _written(value)
    except _UNREADABLE:
        return _dumped(value)


def _mend(value: _Value) -> None:
    """Spell numbers and order sets, however deep."""
    if value.N is not UNSET:
        value.N = plain(value.N)
    if value.M is not UNSET:
        for inner in value.M.values():
            _mend(inner)
    if value.L is not UNSET:
        for inner in value.L:
            _mend(inner)
    if value.SS is not UNSET:
        value.SS.sort()
    if value.NS is not UNSET:
        value.NS = sorted(map(plain, value.NS))
    if value.BS is not UNSET:
        value.BS.sort(key=b64encode)


def _parts_of(item: Item) -> Mapping[str, Item]:
    try:
        return _parts(item)
    except _UNREADABLE:
        pass
    try:
        found = _surrogates_too(bytes(item))
        return {name: _dumped(value) for name, value in found.items()}
    except (AttributeError, *_UNREADABLE) as error:
        raise BadAnswer(f"an item cannot be read: {error}") from error


def _canonical_of_any(item: bytes) -> bytes:
    for read, write in _WAYS:
        try:
            return write(read(item))
        except _UNREADABLE:
            continue
    return _OPAQUE + item


def _typed(item: bytes) -> dict[str, _Value]:
    values = _values(item)
    for value in values.values():
        _mend(value)
    return values


def _untyped(item: bytes) -> Any:
    return _map(_anything(item))


def _with_surrogates(item: bytes) -> Any:
    return _map(_surrogates_too(item))


def _surrogates_too(text: bytes) -> Any:
    return json.loads(
        text.decode("utf-8", "surrogatepass"), parse_float=_refuse, parse_constant=_refuse
    )


def _dumped(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} would be rounded")


def _normal(value: Any) -> Any:
    """A decoded value with numbers, sets and binary made canonical where they are such."""
    if not isinstance(value, dict):
        return value
    return {kind: _NORMAL.get(kind, _as_it_is)(content) for kind, content in value.items()}


def _as_it_is(content: Any) -> Any:
    return content


def _text(read: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda content: read(content) if isinstance(content, str) else content


def _set(read: Callable[[str], str]) -> Callable[[Any], Any]:
    def normal(content: Any) -> Any:
        if isinstance(content, list) and all(isinstance(member, str) for member in content):
            return sorted(map(read, content))
        return content

    return normal


def _map(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    return {name: _normal(value) for name, value in content.items()}


def _list(content: Any) -> Any:
    return [_normal(value) for value in content] if isinstance(content, list) else content


def _base64(text: str) -> str:
    """Standard base64 of the same bytes; what is no base64 stays as it is."""
    bare = "".join(text.split())
    try:
        content = b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except ValueError:
        return text
    return b64encode(content).decode()


_NORMAL: Final[Mapping[str, Callable[[Any], Any]]] = {
    "N": _text(plain),
    "B": _text(_base64),
    "NS": _set(plain),
    "BS": _set(_base64),
    "SS": _set(str),
    "M": _map,
    "L": _list,
}
_WAYS: Final[Sequence[tuple[Callable[[bytes], Any], Callable[[Any], bytes]]]] = (
    (_typed, _written),
    (_untyped, _written),
    (_with_surrogates, _dumped),
)
