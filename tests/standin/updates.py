"""UpdateExpression on top-level attributes: SET with + and -, REMOVE, and ADD of numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.standin.decimals import WIDE
from tests.standin.errors import unsupported, validation
from tests.standin.expressions import Parser
from tests.standin.values import Item

ACTIONS = {"SET", "REMOVE", "ADD", "DELETE"}


@dataclass
class Change:
    """A read UpdateExpression; `reads` if it looks at the item's old values."""

    steps: list[Callable[[Item, Item], None]] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    reads: bool = False

    def apply(self, before: Item) -> Item:
        """The item after the update; every step reads the item as it was."""
        after = dict(before)
        for step in self.steps:
            step(before, after)
        return after


def read(body: Item) -> Change:
    """The UpdateExpression of a request; none at all only makes sure the item exists."""
    change = Change()
    if "UpdateExpression" not in body:
        return change
    parser = Parser(body["UpdateExpression"], body, "UpdateExpression")
    while parser.peek():
        action = parser.take().upper()
        if action not in ACTIONS:
            raise validation(f"Failed parsing UpdateExpression near '{action}'")
        _clause(parser, action, change)
    change.used = parser.used
    return change


def _clause(parser: Parser, action: str, change: Change) -> None:
    while True:
        name = parser.resolve(parser.take())
        if parser.peek() == "." or parser.peek().startswith("["):
            raise unsupported("nested paths in UpdateExpression")
        change.touched.add(name)
        change.steps.append(_step(parser, action, name, change))
        if not parser.accept(","):
            return


def _step(parser: Parser, action: str, name: str, change: Change) -> Callable[[Item, Item], None]:
    if action == "REMOVE":
        return lambda _before, after: _drop(after, name)
    if action == "SET":
        parser.take("=")
        value = _sum(parser, change)
        return lambda before, after: after.update({name: value(before)})
    if action == "ADD":
        change.reads = True
        amount = parser.operand()
        return lambda before, after: after.update(
            {name: _added(before.get(name) or {"N": "0"}, amount(before), 1)}
        )
    raise unsupported("DELETE in UpdateExpression")


def _drop(item: Item, name: str) -> None:
    item.pop(name, None)


def _sum(parser: Parser, change: Change) -> Callable[[Item], Any]:
    left = _term(parser, change)
    if parser.peek() not in {"+", "-"}:
        return left
    sign = 1 if parser.take() == "+" else -1
    right = _term(parser, change)
    return lambda item: _added(left(item), right(item), sign)


def _term(parser: Parser, change: Change) -> Callable[[Item], Any]:
    change.reads = change.reads or not parser.peek().startswith(":")
    if parser.peek().lower() != "if_not_exists":
        return parser.operand()
    parser.take()
    present, otherwise = parser.arguments()
    return lambda item: present(item) or otherwise(item)


def _added(left: Any, right: Any, sign: int) -> Item:
    if not left or not right or "N" not in left or "N" not in right:
        raise unsupported("adding anything but numbers in UpdateExpression")
    return {"N": str(WIDE.add(Decimal(left["N"]), sign * Decimal(right["N"])))}
