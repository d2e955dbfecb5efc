"""Condition, filter and key condition expressions, as functions from an item to a truth."""

import re
from collections.abc import Callable
from typing import Any

from tests.standin import comparisons
from tests.standin.errors import validation
from tests.standin.values import Item

Truth = Callable[[Item], bool]
Operand = Callable[[Item], Any]

TOKEN = re.compile(
    r"\s*(<>|<=|>=|[=<>(),.+\-]|\[\d+\]|[:#]?[A-Za-z0-9_][A-Za-z0-9_\-]*|$)", re.ASCII
)
COMPARATORS = {"=", "<>", "<", "<=", ">", ">="}
TESTS = {"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"}


class Parser:
    """Reads one expression; names and values that it used are checked by `finish`.

    `equal` collects `attribute = :value` conditions on top-level attributes: the hash key of a
    Query is found there. Key conditions are about values, others about their spelling.
    """

    def __init__(self, text: str, body: Item, parameter: str) -> None:
        self.parameter = parameter
        self.names: dict[str, str] = body.get("ExpressionAttributeNames") or {}
        self.values: dict[str, Any] = body.get("ExpressionAttributeValues") or {}
        self.used: set[str] = set()
        self.equal: dict[str, Any] = {}
        self.tokens = self._tokens(text)
        self.place = 0

    def _tokens(self, text: str) -> list[str]:
        found, place = [], 0
        while place < len(text):
            match = TOKEN.match(text, place)
            if match is None:
                raise self._error(text[place:])
            found.append(match[1])
            place = match.end()
        return [token for token in found if token]

    def _error(self, near: str) -> Exception:
        return validation(f"Failed parsing {self.parameter} near '{near}'")

    def peek(self) -> str:
        """The next token, or "" at the end."""
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> str:
        """The next token, which must be `wanted` if that is given."""
        token = self.peek()
        if not token or (wanted is not None and token.upper() != wanted):
            raise self._error(token)
        self.place += 1
        return token

    def accept(self, wanted: str) -> bool:
        """Take the next token if it is `wanted` (keywords in any case)."""
        if self.peek().upper() != wanted:
            return False
        self.place += 1
        return True

    def either(self) -> Truth:
        """condition OR condition ..."""
        parts = [self.all()]
        while self.accept("OR"):
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else lambda item: any(part(item) for part in parts)

    def all(self) -> Truth:
        """condition AND condition ..."""
        parts = [self.single()]
        while self.accept("AND"):
            parts.append(self.single())
        return parts[0] if len(parts) == 1 else lambda item: all(part(item) for part in parts)

    def single(self) -> Truth:
        """NOT, parentheses, a function, or a comparison."""
        if self.accept("NOT"):
            inner = self.single()
            return lambda item: not inner(item)
        if self.accept("("):
            inner = self.either()
            self.take(")")
            return inner
        if self.peek().lower() in TESTS:
            return self.test()
        return self.comparison()

    def test(self) -> Truth:
        """A function that says yes or no."""
        name, operands = self.take().lower(), self.arguments()
        function = comparisons.FUNCTIONS[name]
        return lambda item: function(*[operand(item) for operand in operands])

    def arguments(self) -> list[Operand]:
        """( operand, operand, ... )"""
        self.take("(")
        operands = [self.operand()]
        while self.accept(","):
            operands.append(self.operand())
        self.take(")")
        return operands

    def comparison(self) -> Truth:
        """operand =<> operand, BETWEEN, or IN."""
        start, left = self.place, self.operand()
        if self.accept("BETWEEN"):
            low = self.operand()
            self.take("AND")
            high = self.operand()
            return lambda item: comparisons.between(left(item), low(item), high(item))
        if self.accept("IN"):
            choices = self.arguments()
            return lambda item: any(
                comparisons.same(left(item), choice(item)) for choice in choices
            )
        sign = self.take()
        if sign not in COMPARATORS:
            raise self._error(sign)
        return self._compared(start, left, sign)

    def _compared(self, start: int, left: Operand, sign: str) -> Truth:
        right = self.operand()
        if sign == "=" and self.place == start + 3 and self.tokens[start + 2].startswith(":"):
            self.equal[self.resolve(self.tokens[start])] = right({})
        if sign == "=" and self.parameter == "KeyConditionExpression":
            return lambda item: comparisons.same_key(left(item), right(item))
        return lambda item: comparisons.compare(sign, left(item), right(item))

    def operand(self) -> Operand:
        """A :value, size(path), or a path; None stands for what is not there."""
        token = self.take()
        if token.startswith(":"):
            value = self._value(token)
            return lambda _: value
        if token.lower() == "size" and self.peek() == "(":
            [inner] = self.arguments()
            return lambda item: comparisons.size(inner(item))
        return self._path(token)

    def _value(self, token: str) -> Any:
        if token not in self.values:
            raise validation(
                f"ExpressionAttributeValues missing entry '{token}' required by expression"
            )
        self.used.add(token)
        return self.values[token]

    def resolve(self, token: str) -> str:
        """The attribute's name that `token` is or, with a #, stands for."""
        if not token.startswith("#"):
            return token
        if token not in self.names:
            raise validation(
                f"ExpressionAttributeNames missing entry '{token}' required by expression"
            )
        self.used.add(token)
        return self.names[token]

    def _path(self, token: str) -> Operand:
        top = self.resolve(token)
        steps: list[str | int] = []
        while True:
            if self.accept("."):
                steps.append(self.resolve(self.take()))
            elif self.peek().startswith("["):
                steps.append(int(self.take()[1:-1]))
            else:
                return lambda item: comparisons.walk(item.get(top), steps)

    def end(self) -> None:
        """Nothing may follow."""
        if self.peek():
            raise self._error(self.peek())


def read(body: Item, parameter: str) -> tuple[Truth, Parser]:
    """The expression under `parameter` as a function, and the parser that read it."""
    parser = Parser(body[parameter], body, parameter)
    truth = parser.either()
    parser.end()
    return truth, parser


def check_all_used(body: Item, used: set[str], operation: str) -> None:
    """Names and values that no expression of the request uses are refused."""
    for field in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        for name in body.get(field) or {}:
            if name not in used:
                raise validation(f"{field} has spurious '{name}', not used in {operation}")
