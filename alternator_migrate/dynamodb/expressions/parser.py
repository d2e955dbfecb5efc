"""FilterExpressions as DynamoDB documents them, read into conditions for `evaluate`.

What a server would refuse for its form or its types is refused here as well. Some things that it
also refuses are let pass, for they have a meaning: reserved words, redundant parentheses.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from alternator_migrate.dynamodb.expressions.ast import (
    ORDERED,
    TYPES,
    Among,
    Call,
    Compare,
    Condition,
    Every,
    Not,
    Operand,
    Path,
    Size,
    Some,
    Value,
)
from alternator_migrate.dynamodb.expressions.tokens import (
    SIGNS,
    ExpressionError,
    Tokens,
    TooDeepError,
)

_SIZED: Final = ("S", "B", "SS", "NS", "BS", "L", "M")
_OPERANDS: Final = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
_DEEPEST: Final = 50
_LONGEST: Final = 4096
_Read = TypeVar("_Read")


def parse(expression: str, names: Mapping[str, str], values: Mapping[str, Any]) -> Condition:
    """The condition that an expression is, with these names and values (canonical, decoded).

    Raises `ExpressionError`.
    """
    if len(expression.encode("utf-8", "surrogatepass")) > _LONGEST:
        raise ExpressionError(f"it is longer than {_LONGEST} bytes")
    return _Parser(expression, names, values).whole()


class _Parser:
    def __init__(self, text: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self._names, self._values = names, values
        self._tokens = Tokens(text)
        self._depth = 0
        self._used: set[str] = set()

    def whole(self) -> Condition:
        """The condition of the whole text."""
        found = self._either()
        if self._tokens.seen:
            self._tokens.unexpected()
        if unused := sorted({*self._names, *self._values} - self._used):
            raise ExpressionError(f"{unused[0]} is given, but stands nowhere in it")
        return found

    def _either(self) -> Condition:
        found = [self._both()]
        while self._tokens.word == "OR":
            self._tokens.take()
            found.append(self._both())
        return found[0] if len(found) == 1 else Some(found)

    def _both(self) -> Condition:
        found = [self._one()]
        while self._tokens.word == "AND":
            self._tokens.take()
            found.append(self._one())
        return found[0] if len(found) == 1 else Every(found)

    def _one(self) -> Condition:
        negated = False
        while self._tokens.word == "NOT":
            self._tokens.take()
            negated = not negated
        inner = self._tokens.holds_a_condition
        found = self._deeper(self._either) if inner else self._simple()
        return Not(found) if negated else found

    def _deeper(self, read: Callable[[], _Read]) -> _Read:
        """The result of `read` within parentheses. Raises `TooDeepError`."""
        self._tokens.take("(")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise TooDeepError(f"its parentheses are more than {_DEEPEST} deep")
        found = read()
        self._depth -= 1
        self._tokens.take(")")
        return found

    def _simple(self) -> Condition:
        if self._tokens.calls and self._tokens.seen != "size":
            return self._call(self._tokens.take())
        operand = self._operand()
        if self._tokens.word == "BETWEEN":
            return self._between(operand)
        if self._tokens.word == "IN":
            self._tokens.take()
            return Among(operand, self._list())
        return _comparison(self._tokens.take(*SIGNS), operand, self._operand())

    def _between(self, operand: Operand) -> Condition:
        self._tokens.take()
        low = self._operand()
        self._tokens.take("AND")
        high = self._operand()
        found = Every((_comparison(">=", operand, low), _comparison("<=", operand, high)))
        if isinstance(low, Value) and isinstance(high, Value):
            if low.kind != high.kind:
                raise ExpressionError(f"BETWEEN has bounds of two types: {low.kind}, {high.kind}")
            if sortable(low.kind, low.content) > sortable(high.kind, high.content):
                raise ExpressionError("the upper bound of BETWEEN is lower than the other")
        return found

    def _call(self, function: str) -> Condition:
        if function not in _OPERANDS:
            raise ExpressionError(f"{function!r} is no function of conditions")
        operands = self._list()
        if len(operands) != _OPERANDS[function]:
            raise ExpressionError(f"{function} takes {_OPERANDS[function]}, not {len(operands)}")
        if function in ("attribute_exists", "attribute_not_exists"):
            if not isinstance(operands[0], Path):
                raise ExpressionError(f"{function} takes the place of an attribute")
        elif function == "attribute_type":
            _check_type_name(operands[1])
        elif function == "begins_with":
            _check_kinds(function, operands, ("S", "B"))
        return Call(function, operands)

    def _list(self) -> Sequence[Operand]:
        self._tokens.take("(")
        found = [self._operand()]
        while self._tokens.seen == ",":
            self._tokens.take()
            found.append(self._operand())
        self._tokens.take(")")
        return found

    def _operand(self) -> Operand:
        if self._tokens.seen == "size" and self._tokens.calls:
            self._tokens.take()
            self._tokens.take("(")
            found = self._place_or_value()
            self._tokens.take(")")
            _check_kinds("size", [found], _SIZED)
            return Size(found)
        if self._tokens.seen == "(":
            return self._deeper(self._operand)
        return self._place_or_value()

    def _place_or_value(self) -> Path | Value:
        if self._tokens.seen.startswith(":"):
            return self._literal(self._tokens.take())
        parts: list[str | int] = [self._name()]
        while self._tokens.seen in (".", "["):
            if self._tokens.take() == ".":
                parts.append(self._name())
                continue
            if not self._tokens.seen.isdecimal():
                self._tokens.unexpected()
            parts.append(int(self._tokens.take()))
            self._tokens.take("]")
        return Path(parts)

    def _name(self) -> str:
        if self._tokens.seen.startswith("#"):
            placeholder = self._tokens.take()
            if placeholder not in self._names:
                raise ExpressionError(f"{placeholder} is not defined: add it to names")
            self._used.add(placeholder)
            return self._names[placeholder]
        if not self._tokens.seen[:1].isalpha() or self._tokens.word:
            self._tokens.unexpected()
        return self._tokens.take()

    def _literal(self, name: str) -> Value:
        if name not in self._values:
            raise ExpressionError(f"{name} is not defined: add it to values")
        self._used.add(name)
        ((kind, content),) = self._values[name].items()
        if kind not in TYPES:
            raise ExpressionError(f"{name} is of no type of DynamoDB's: {kind}")
        if kind == "N" and not _is_number(content):
            raise ExpressionError(f"{name} is no number: {content}")
        return Value(kind, content)


def sortable(kind: str, content: str) -> Any:
    """A key that orders values of one type of `ORDERED`. Raises `InvalidOperation` for a number
    that is none."""
    return Decimal(content) if kind == "N" else octets(kind, content)


def octets(kind: str, content: str) -> bytes:
    """The bytes of a text, or of binary."""
    return b64decode(content) if kind == "B" else content.encode("utf-8", "surrogatepass")


def _comparison(sign: str, left: Operand, right: Operand) -> Compare:
    if sign not in ("=", "<>"):
        _check_kinds(sign, (left, right), ORDERED)
    return Compare(sign, left, right)


def _check_kinds(function: str, operands: Sequence[Operand], kinds: Sequence[str]) -> None:
    """Raises `ExpressionError` for a value, or a size, of another type than these."""
    for operand in operands:
        kind = "N" if isinstance(operand, Size) else getattr(operand, "kind", kinds[0])
        if kind not in kinds:
            raise ExpressionError(f"{function} does not take a value of type {kind}")


def _check_type_name(operand: Operand) -> None:
    if not isinstance(operand, Value) or operand.kind != "S" or operand.content not in TYPES:
        raise ExpressionError(f"attribute_type takes a value that is one of {', '.join(TYPES)}")


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
