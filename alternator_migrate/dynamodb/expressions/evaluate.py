"""Evaluates FilterExpressions over raw items, as DynamoDB does.

What is missing, or of another type, makes every comparison false but `<>`. Texts are ordered by
their bytes in UTF-8, and their size is counted in units of UTF-16, as DynamoDB Local does.
"""

import binascii
import operator
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from decimal import InvalidOperation
from typing import Any, Final, TypeAlias

from alternator_migrate.core.errors import BadAnswer
from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb import items
from alternator_migrate.dynamodb.expressions.ast import (
    ORDERED,
    Among,
    Call,
    Compare,
    Condition,
    Every,
    Not,
    Operand,
    Path,
    Some,
    Value,
)
from alternator_migrate.dynamodb.expressions.parser import octets, parse, sortable
from alternator_migrate.dynamodb.values import canonical, decoded

Values: TypeAlias = Mapping[str, Any]
"""Attribute values by name, as `canonical` spells them, decoded: `{"id": {"S": "a"}}`."""
_MISSING: Final = ("", None)
_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CONTENTS: Final[Mapping[str, type]] = {
    **dict.fromkeys(("S", "N", "B"), str),
    **dict.fromkeys(("BOOL", "NULL"), bool),
    **dict.fromkeys(("SS", "NS", "BS", "L"), list),
    "M": dict,
}
_MEMBERS: Final = {"SS": "S", "NS": "N", "BS": "B"}


def matcher(
    expression: str, names: Mapping[str, str], values: Mapping[str, object]
) -> Callable[[Item], bool]:
    """A test whether an item matches a FilterExpression with its names and values.

    Raises `ExpressionError` for an expression that is none; the test raises `BadAnswer` for an
    item that cannot be read.
    """
    condition = parse(expression, names, decoded(canonical(items.to_json(values))))

    def matches(item: Item) -> bool:
        found = decoded(canonical(item))
        try:
            if isinstance(found, dict):
                return holds(condition, found)
        except binascii.Error:
            pass
        raise BadAnswer(f"an item cannot be read: {bytes(item)[:100]!r}")

    return matches


def holds(condition: Condition, item: Values) -> bool:
    """Whether a condition is true of an item."""
    match condition:
        case Every():
            return all(holds(each, item) for each in condition.conditions)
        case Some():
            return any(holds(each, item) for each in condition.conditions)
        case Not():
            return not holds(condition.condition, item)
        case Compare():
            left, right = _found(condition.left, item), _found(condition.right, item)
            return _compare(condition.sign, left, right)
        case Among():
            wanted = _found(condition.operand, item)
            return any(_equal(wanted, _found(each, item)) for each in condition.options)
        case Call():
            operands = [_found(each, item) for each in condition.operands]
            return _CALLS[condition.function](*operands)


_Found: TypeAlias = tuple[str, Any]
"""The type and the content of a value; `_MISSING` where there is none."""


def _found(operand: Operand, item: Values) -> _Found:
    """The value of an operand in an item."""
    match operand:
        case Value():
            return operand.kind, operand.content
        case Path():
            return _at(operand.parts, item)
        case _:
            return _size(*_found(operand.of, item))


def _at(parts: Sequence[str | int], item: Values) -> _Found:
    kind: str = "M"
    content: Any = item
    for part in parts:
        in_map = kind == "M" and isinstance(part, str) and part in content
        in_list = kind == "L" and isinstance(part, int) and part < len(content)
        if not (in_map or in_list):
            return _MISSING
        kind, content = _typed(content[part])
    return kind, content


def _typed(value: Any) -> _Found:
    """A value of an item; what is none of DynamoDB's, which ScyllaDB takes in lists, is missing."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        if isinstance(content, _CONTENTS.get(kind, ())):
            return kind, content
    return _MISSING


def _size(kind: str, content: Any) -> _Found:
    match kind:
        case "S":
            return "N", str(len(content.encode("utf-16-le", "surrogatepass")) // 2)
        case "B":
            return "N", str(len(b64decode(content)))
        case "SS" | "NS" | "BS" | "L" | "M":
            return "N", str(len(content))
    return _MISSING


def _equal(left: _Found, right: _Found) -> bool:
    return left == right and _exists(left)


def _compare(sign: str, left: _Found, right: _Found) -> bool:
    if sign == "=":
        return _equal(left, right)
    if sign == "<>":
        return not _equal(left, right)
    if left[0] != right[0] or left[0] not in ORDERED:
        return False
    try:
        return _ORDERS[sign](sortable(*left), sortable(*right))
    except InvalidOperation:
        return False


def _exists(value: _Found) -> bool:
    return value != _MISSING


def _lacks(value: _Found) -> bool:
    return not _exists(value)


def _is_of_type(value: _Found, name: _Found) -> bool:
    return value[0] == str(name[1])


def _begins(value: _Found, start: _Found) -> bool:
    if value[0] != start[0] or value[0] not in ("S", "B"):
        return False
    return octets(*value).startswith(octets(*start))


def _contains(value: _Found, part: _Found) -> bool:
    kind, content = value
    if kind in _MEMBERS:
        return _MEMBERS[kind] == part[0] and part[1] in content
    if kind == "L":
        return any(_equal(_typed(each), part) for each in content)
    return kind == part[0] and kind in ("S", "B") and octets(*part) in octets(*value)


_CALLS: Final[Mapping[str, Callable[..., bool]]] = {
    "attribute_exists": _exists,
    "attribute_not_exists": _lacks,
    "attribute_type": _is_of_type,
    "begins_with": _begins,
    "contains": _contains,
}
