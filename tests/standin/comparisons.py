"""How two DynamoDB JSON values compare; None is an attribute that is not there."""

from collections.abc import Callable
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from tests.standin.values import binary

ORDERED = {"<": lt, "<=": le, ">": gt, ">=": ge}
EQUAL = {"=": eq, "<>": ne}


def plain(value: Any) -> Any:
    """A value as Python compares it: (type, content), sets unordered, numbers by value."""
    if value is None:
        return None
    [(kind, content)] = value.items()
    read = CONTENT.get(kind)
    return kind, read(content) if read else content


CONTENT: dict[str, Callable[[Any], Any]] = {
    "N": Decimal,
    "S": str.encode,
    "B": lambda text: binary(text, checked=False),
    "NS": lambda numbers: frozenset(map(Decimal, numbers)),
    "SS": frozenset,
    "BS": frozenset,
    "L": lambda parts: [plain(part) for part in parts],
    "M": lambda parts: {name: plain(part) for name, part in parts.items()},
}


def same(left: Any, right: Any) -> bool:
    """Equal in type and value, and both there."""
    return left is not None and right is not None and bool(plain(left) == plain(right))


def compare(sign: str, left: Any, right: Any) -> bool:
    """left `sign` right; order only holds between values of one type out of S, N and B."""
    if sign in EQUAL:
        return same(left, right) is (sign == "=")
    if left is None or right is None:
        return False
    (one, a), (other, b) = plain(left), plain(right)
    return one == other and one in {"S", "N", "B"} and bool(ORDERED[sign](a, b))


def between(value: Any, low: Any, high: Any) -> bool:
    """low <= value <= high."""
    return compare(">=", value, low) and compare("<=", value, high)


def begins_with(value: Any, prefix: Any) -> bool:
    """For S and B."""
    if value is None or prefix is None:
        return False
    (kind, content), (other, start) = plain(value), plain(prefix)
    return kind == other and kind in {"S", "B"} and content.startswith(start)


def contains(value: Any, part: Any) -> bool:
    """A part of a text, a member of a set, an element of a list."""
    if value is None or part is None:
        return False
    [(kind, content)], (other, wanted) = value.items(), plain(part)
    if kind == "L":
        return any(plain(element) == (other, wanted) for element in content)
    if kind in {"SS", "NS", "BS"}:
        return other == kind[0] and any(plain({other: one})[1] == wanted for one in content)
    return kind == other and kind in {"S", "B"} and wanted in plain(value)[1]


def attribute_type(value: Any, kind: Any) -> bool:
    """Whether the value is of the type named."""
    return value is not None and kind is not None and next(iter(value)) == kind.get("S")


def size(value: Any) -> Any:
    """Bytes of a text or binary, elements of anything else that has some, as an N."""
    if value is None or next(iter(value)) not in {"S", "B", "SS", "NS", "BS", "L", "M"}:
        return None
    [content] = value.values()
    counted = plain(value)[1] if {"S", "B"} & value.keys() else content
    return {"N": str(len(counted))}


def walk(value: Any, steps: list[str | int]) -> Any:
    """What a path leads to below a top-level value, or None."""
    for step in steps:
        value = _below(value, step)
    return value


def _below(value: Any, step: str | int) -> Any:
    if value is None:
        return None
    if isinstance(step, int):
        return dict(enumerate(value.get("L", []))).get(step)
    return value.get("M", {}).get(step)


FUNCTIONS: dict[str, Callable[..., bool]] = {
    "attribute_exists": lambda value: value is not None,
    "attribute_not_exists": lambda value: value is None,
    "attribute_type": attribute_type,
    "begins_with": begins_with,
    "contains": contains,
}
