"""How two DynamoDB JSON values compare; None is an attribute that is not there.

Alternator compares numbers as they are spelled wherever it asks for equality: `2` is not `2.0`.
Only order, and the keys of a Query, are by value.
"""

from collections.abc import Callable
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any

from tests.standin.errors import shown, validation
from tests.standin.values import binary

ORDERED = {"<": lt, "<=": le, ">": gt, ">=": ge}
READ: dict[str, Callable[[str], Any]] = {
    "N": Decimal,
    "S": str.encode,
    "B": lambda text: binary(text, checked=False),
}
"""What Python orders a value of each ordered type by."""


def plain(value: Any) -> Any:
    """A value as Python compares it: (type, content), sets unordered, numbers as spelled."""
    if not isinstance(value, dict) or len(value) != 1:
        return value  # anything may stand within a list or a map
    [(kind, content)] = value.items()
    read = CONTENT.get(kind)
    return kind, read(content) if read else content


CONTENT: dict[str, Callable[[Any], Any]] = {
    "B": READ["B"],
    "NS": frozenset,
    "SS": frozenset,
    "BS": frozenset,
    "L": lambda parts: [plain(part) for part in parts],
    "M": lambda parts: {name: plain(part) for name, part in parts.items()},
}


def same(left: Any, right: Any) -> bool:
    """Equal in type and spelling, and both there."""
    return left is not None and right is not None and bool(plain(left) == plain(right))


def same_key(left: Any, right: Any) -> bool:
    """Equal as keys are: numbers by value."""
    return compare("<=", left, right) and compare(">=", left, right)


def compare(sign: str, left: Any, right: Any) -> bool:
    """left `sign` right; order only holds between values of one type out of S, N and B."""
    if sign in {"=", "<>"}:
        return same(left, right) is (sign == "=")
    if left is None or right is None:
        return False
    [(one, a)], [(other, b)] = left.items(), right.items()
    return one == other and one in READ and bool(ORDERED[sign](READ[one](a), READ[one](b)))


def between(value: Any, low: Any, high: Any) -> bool:
    """low <= value <= high."""
    return compare(">=", value, low) and compare("<=", value, high)


def begins_with(value: Any, prefix: Any) -> bool:
    """For S and B."""
    if value is None or prefix is None:
        return False
    [(kind, content)], [(other, start)] = value.items(), prefix.items()
    texts = kind == other and kind in {"S", "B"}
    return texts and READ[kind](content).startswith(READ[kind](start))


def contains(value: Any, part: Any) -> bool:
    """A part of a text, a member of a set, an element of a list."""
    if value is None or part is None:
        return False
    [(kind, content)], [(other, wanted)] = value.items(), part.items()
    if kind == "L":
        return any(same(element, part) for element in content)
    if kind in {"SS", "NS", "BS"}:
        return other == kind[0] and wanted in content
    return kind == other and kind in {"S", "B"} and READ[kind](wanted) in READ[kind](content)


def attribute_type(value: Any, kind: Any) -> bool:
    """Whether the value is of the type named."""
    return value is not None and kind is not None and next(iter(value)) == kind.get("S")


def size(value: Any) -> Any:
    """Bytes of a text or binary, elements of anything else that has some, as an N. What is not
    there has no size, and that is an error."""
    if not isinstance(value, dict) or len(value) != 1:
        raise validation(f"invalid object: {shown(value)}")
    [(kind, content)] = value.items()
    if kind not in {"S", "B", "SS", "NS", "BS", "L", "M"}:
        return None
    return {"N": str(len(READ[kind](content) if kind in READ else content))}


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
