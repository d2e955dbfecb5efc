"""Attribute values as plain Python ones, and back: Decimal, bytes, sets, lists and dicts.

Values here are decoded JSON, such as {"N": "5"}; native ones what `boto3` has for them, save that
binary is `bytes`. What cannot be said in DynamoDB's types is refused, never rounded.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from alternator_migrate.dynamodb.decimals import plain

_DIGITS: Final = 38
_SMALLEST, _LARGEST = -130, 125
_DEEPEST: Final = 32
LARGEST_ITEM: Final = 400 * 1024
"""The most bytes of an item, by DynamoDB's own count."""
MUTABLE: Final = (list, dict, set)
"""The types of native values that can be changed in place."""


class ValueRefusedError(ValueError):
    """A value that DynamoDB has no type for, or does not take."""


def native(value: Any) -> Any:
    """The native form of a value. Raises `ValueRefusedError` for what is no value of DynamoDB's."""
    try:
        ((kind, content),) = value.items()
        return _READERS[kind](content)
    except (ValueError, LookupError, TypeError, AttributeError, InvalidOperation) as error:
        raise ValueRefusedError("is no value of DynamoDB's types") from error


def value_of(given: Any, depth: int = 1) -> dict[str, Any]:
    """The value of a native form.

    Raises `ValueRefusedError` with what is wrong: a float, an empty set or one of mixed types, a
    number of more than 38 digits, a name that is no text, more than 32 levels, another type.
    """
    write = _WRITERS.get(type(given))
    if write:
        return write(given)
    if depth > _DEEPEST:
        raise ValueRefusedError(f"has more than {_DEEPEST} levels")
    if isinstance(given, dict):
        return {"M": _map(given, depth)}
    if isinstance(given, list | tuple):
        return {"L": [_within(f"[{i}]", each, depth) for i, each in enumerate(given)]}
    return _writer_of_subclass(given)(given)


def same(a: Any, b: Any) -> bool:
    """Whether two native values are the same, types counted, as deep as they go."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(each, b[name]) for name, each in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def checked(value: Any) -> Any:
    """A value in DynamoDB JSON that a user made, as it is. Raises `ValueRefusedError`."""
    try:
        plain_value = native(value)
    except ValueRefusedError as error:
        like = "they are like {'S': 'text'} or {'N': '1'}"
        raise ValueRefusedError(f"{error}: {like}") from error
    value_of(plain_value)
    ((kind, content),) = value.items()
    if kind in _SETS and len(set(content)) < len(content):
        raise ValueRefusedError("is a set that holds a member twice")
    return value


def size_of(item: Mapping[str, Any]) -> int:
    """The bytes of an item of decoded values, by DynamoDB's own count, to within a few."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _map(given: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    for name in given:
        if not isinstance(name, str):
            raise ValueRefusedError(f"is a map with {_shown(name)} for a name, which is no text")
    return {name: _within(f".{name}", each, depth) for name, each in given.items()}


def _within(place: str, given: Any, depth: int) -> dict[str, Any]:
    try:
        return value_of(given, depth + 1)
    except ValueRefusedError as error:
        words = str(error)
        inner, separator, what = words.partition(" ")
        if inner.startswith((".", "[")):
            raise ValueRefusedError(f"{place}{inner}{separator}{what}") from error
        raise ValueRefusedError(f"{place} {words}") from error


def _writer_of_subclass(given: Any) -> Callable[[Any], dict[str, Any]]:
    for kind, write in _WRITERS.items():
        if isinstance(given, kind):
            return write
    raise ValueRefusedError(f"is a {type(given).__name__}, which DynamoDB has no type for")


def _number(given: Decimal | int) -> str:
    text = plain(str(given))
    number = Decimal(text) if isinstance(given, int) else given
    if not number.is_finite():
        raise ValueRefusedError(f"is {given}, which is no number of DynamoDB's")
    if len(text.lstrip("-").replace(".", "").strip("0")) > _DIGITS:
        raise ValueRefusedError(
            f"is a number of more than {_DIGITS} digits: round it, as with quantize()"
        )
    if number and not _SMALLEST <= number.adjusted() <= _LARGEST:
        raise ValueRefusedError(f"is a number beyond 1e{_SMALLEST} to 1e{_LARGEST + 1}")
    return text


def _refused_float(given: float) -> dict[str, Any]:
    raise ValueRefusedError(
        f"is a float ({given!r}), which is not exact: make it a Decimal, as Decimal('{given!r}')"
    )


def _set(given: Any) -> dict[str, Any]:
    if not given:
        raise ValueRefusedError(
            "is an empty set, which DynamoDB does not have: leave the attribute out"
        )
    values = [value_of(each) for each in given]
    kinds = {kind for value in values for kind in value}
    if len(kinds) > 1 or not kinds <= {"S", "N", "B"}:
        raise ValueRefusedError("is a set of other than texts, numbers or bytes alone")
    kind = kinds.pop()
    return {f"{kind}S": sorted(value[kind] for value in values)}


def _base64(given: Any) -> dict[str, Any]:
    return {"B": b64encode(given).decode()}


def _bytes(content: str) -> bytes:
    try:
        return b64decode(content, validate=True)
    except binascii.Error as error:
        raise ValueRefusedError("is no base64") from error


def _true(content: Any) -> bool:
    if not isinstance(content, bool):
        raise TypeError
    return content


def _text(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError
    return content


def _size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "L":
        return 3 + sum(1 + _size(each) for each in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _size(each) for name, each in content.items())
    if kind in _SETS:
        return sum(_size({kind[0]: each}) for each in content)
    if kind == "N":
        return (len(content.strip("-0.")) + 1) // 2 + 1
    if kind == "B":
        return len(content) * 3 // 4
    return len(content.encode()) if kind == "S" else 1


def _shown(value: object) -> str:
    return repr(value)[:40]


_SETS: Final = ("SS", "NS", "BS")
_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "S": _text,
    "N": lambda content: Decimal(_text(content)),
    "BOOL": _true,
    "NULL": lambda _: None,
    "B": _bytes,
    "M": lambda content: {name: native(each) for name, each in content.items()},
    "L": lambda content: [native(each) for each in content],
    "SS": lambda content: {_text(each) for each in content},
    "NS": lambda content: {Decimal(_text(each)) for each in content},
    "BS": lambda content: {_bytes(each) for each in content},
}
_WRITERS: Final[Mapping[type, Callable[[Any], dict[str, Any]]]] = {
    str: lambda given: {"S": str(given)},
    bool: lambda given: {"BOOL": given},
    int: lambda given: {"N": _number(given)},
    Decimal: lambda given: {"N": _number(given)},
    float: _refused_float,
    type(None): lambda _: {"NULL": True},
    bytes: _base64,
    bytearray: _base64,
    memoryview: _base64,
    set: _set,
    frozenset: _set,
}
