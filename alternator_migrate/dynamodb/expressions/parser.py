"""FilterExpressions as DynamoDB documents them, read into conditions for `evaluate`.

What a server would refuse for its form or its types is refused here as well. Some things that it
also refuses are let pass, for they have a meaning: reserved words, redundant parentheses.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn, TypeVar

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

_SIZED: Final = ("S", "B", "SS", "NS", "BS", "L", "M")
_SIGNS: Final = ("=", "<>", "<", "<=", ">", ">=")
_WORDS: Final = ("AND", "OR", "NOT", "IN", "BETWEEN")
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
_token: Final = re.compile(
    r"[#:]?[A-Za-z][A-Za-z0-9_]*|[#:][A-Za-z0-9_]+|0|[1-9][0-9]*|<>|<=|>=|[][=<>(),.]"
).match
_space: Final = re.compile(r"[ \t\r\n]*").match


class ExpressionError(ValueError):
    """The mistake in an expression, its names or its values: the second half of a sentence."""


class TooDeepError(ExpressionError):
    """Parentheses that a server may take, but that are not followed here."""


def parse(expression: str, names: Mapping[str, str], values: Mapping[str, Any]) -> Condition:
    """The condition that an expression is, with these names and values (canonical, decoded).

    Raises `ExpressionError`.
    """
    if len(expression.encode("utf-8", "surrogatepass")) > _LONGEST:
        raise ExpressionError(f"it is longer than {_LONGEST} bytes")
    return _Parser(expression, names, values).whole()


def _tokens(text: str) -> list[tuple[str, int]]:
    """The tokens of a text, each with its place; an empty one at the end."""
    found, place = [], 0
    while True:
        space = _space(text, place)
        place = space.end() if space else place
        token = _token(text, place)
        if token is None:
            break
        found.append((token[0], place))
        place = token.end()
    if place < len(text):
        raise ExpressionError(f"{text[place:][:20]!r} is not understood")
    return [*found, ("", place)]


class _Parser:
    def __init__(self, text: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self._text, self._names, self._values = text, names, values
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0
        self._used: set[str] = set()

    def whole(self) -> Condition:
        """The condition of the whole text."""
        found = self._either()
        if self._seen:
            self._unexpected()
        if unused := sorted({*self._names, *self._values} - self._used):
            raise ExpressionError(f"{unused[0]} is given, but stands nowhere in it")
        return found

    @property
    def _seen(self) -> str:
        return self._tokens[self._next][0]

    @property
    def _word(self) -> str:
        """The next token where it is a keyword, in capitals."""
        word = self._seen.upper()
        return word if word in _WORDS else ""

    def _unexpected(self) -> NoReturn:
        if not self._seen:
            raise ExpressionError("it ends too early")
        near = self._text[self._tokens[self._next][1] :][:20]
        raise ExpressionError(f"{self._seen!r} cannot stand where it stands, at {near!r}")

    def _take(self, *wanted: str) -> str:
        token = self._seen
        if not token or (wanted and token.upper() not in wanted):
            self._unexpected()
        self._next += 1
        return token

    def _either(self) -> Condition:
        found = [self._both()]
        while self._word == "OR":
            self._take()
            found.append(self._both())
        return found[0] if len(found) == 1 else Some(found)

    def _both(self) -> Condition:
        found = [self._one()]
        while self._word == "AND":
            self._take()
            found.append(self._one())
        return found[0] if len(found) == 1 else Every(found)

    def _one(self) -> Condition:
        negated = False
        while self._word == "NOT":
            self._take()
            negated = not negated
        inner = self._holds_a_condition
        found = self._deeper(self._either) if inner else self._simple()
        return Not(found) if negated else found

    def _deeper(self, read: Callable[[], _Read]) -> _Read:
        """The result of `read` within parentheses. Raises `TooDeepError`."""
        self._take("(")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise TooDeepError(f"its parentheses are more than {_DEEPEST} deep")
        found = read()
        self._depth -= 1
        self._take(")")
        return found

    @property
    def _holds_a_condition(self) -> bool:
        """Whether a condition in parentheses is next, not an operand in them."""
        if self._seen != "(":
            return False
        depth, place = 0, self._next
        for place in range(self._next, len(self._tokens)):
            depth += {"(": 1, ")": -1}.get(self._tokens[place][0], 0)
            if not depth:
                break
        after = self._tokens[min(place + 1, len(self._tokens) - 1)][0]
        return after.upper() not in (*_SIGNS, "BETWEEN", "IN")

    def _simple(self) -> Condition:
        if self._calls and self._seen != "size":
            return self._call(self._take())
        operand = self._operand()
        if self._word == "BETWEEN":
            return self._between(operand)
        if self._word == "IN":
            self._take()
            return Among(operand, self._list())
        return _comparison(self._take(*_SIGNS), operand, self._operand())

    def _between(self, operand: Operand) -> Condition:
        self._take()
        low = self._operand()
        self._take("AND")
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
        self._take("(")
        found = [self._operand()]
        while self._seen == ",":
            self._take()
            found.append(self._operand())
        self._take(")")
        return found

    @property
    def _calls(self) -> bool:
        """Whether a function is called next."""
        return self._seen[:1].isalpha() and not self._word and self._after == "("

    @property
    def _after(self) -> str:
        """The token after the next one."""
        return self._tokens[self._next + 1][0]

    def _operand(self) -> Operand:
        if self._seen == "size" and self._calls:
            self._take()
            self._take("(")
            found = self._place_or_value()
            self._take(")")
            _check_kinds("size", [found], _SIZED)
            return Size(found)
        if self._seen == "(":
            return self._deeper(self._operand)
        return self._place_or_value()

    def _place_or_value(self) -> Path | Value:
        if self._seen.startswith(":"):
            return self._literal(self._take())
        parts: list[str | int] = [self._name()]
        while self._seen in (".", "["):
            if self._take() == ".":
                parts.append(self._name())
                continue
            if not self._seen.isdecimal():
                self._unexpected()
            parts.append(int(self._take()))
            self._take("]")
        return Path(parts)

    def _name(self) -> str:
        if self._seen.startswith("#"):
            placeholder = self._take()
            if placeholder not in self._names:
                raise ExpressionError(f"{placeholder} is not defined: add it to names")
            self._used.add(placeholder)
            return self._names[placeholder]
        if not self._seen[:1].isalpha() or self._word:
            self._unexpected()
        return self._take()

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
