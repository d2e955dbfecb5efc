"""The tree of a condition: operands and conditions over them. `parser` reads it from a text,
`evaluate` applies it to items."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

TYPES: Final = ("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS")
ORDERED: Final = ("S", "N", "B")


@dataclass(frozen=True, slots=True)
class Path:
    """A place in an item: attribute names, and indexes of lists."""

    parts: Sequence[str | int]


@dataclass(frozen=True, slots=True)
class Value:
    """A value that was given: one of `TYPES`, and its content."""

    kind: str
    content: Any


@dataclass(frozen=True, slots=True)
class Size:
    """The size of what is at a place, or was given."""

    of: Path | Value


Operand: TypeAlias = Path | Value | Size


@dataclass(frozen=True, slots=True)
class Compare:
    """`left sign right`, the sign one of = <> < <= > >=."""

    sign: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Among:
    """`operand IN (options)`."""

    operand: Operand
    options: Sequence[Operand]


@dataclass(frozen=True, slots=True)
class Call:
    """A function that is true or false."""

    function: str
    operands: Sequence[Operand]


@dataclass(frozen=True, slots=True)
class Not:
    """True where the condition is not."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Every:
    """Conditions joined by AND."""

    conditions: Sequence["Condition"]


@dataclass(frozen=True, slots=True)
class Some:
    """Conditions joined by OR."""

    conditions: Sequence["Condition"]


Condition: TypeAlias = Compare | Among | Call | Not | Every | Some
