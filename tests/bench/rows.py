"""What a figure prints: rows of a measured value, what it is held against, and the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HEADINGS = ("", "measured", "beside", "ratio", "target", "")


@dataclass(frozen=True, slots=True)
class Extent:
    """How much to measure: `quick` for small counts, `items` in place of a figure's own count;
    `folder` is for files of this run."""

    quick: bool
    items: int | None
    folder: Path


@dataclass(frozen=True, slots=True)
class Row:
    """`value` in `unit`, `beside` in the same unit (the yardstick, where there is one).

    `holds` is None where nothing is asked; a row without a value says in `note` why.
    """

    what: str
    value: float | None
    unit: str
    beside: float | None = None
    target: str = ""
    holds: bool | None = None
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """The row as text, a cell for each of HEADINGS."""
        verdict = {True: "ok", False: "MISS", None: ""}[self.holds]
        ratio = ratio_text(self.value, self.beside)
        texts = (text_of(self.value, self.unit), text_of(self.beside, self.unit))
        return (self.what, *texts, ratio, self.target, f"{verdict} {self.note}".strip())


@dataclass(frozen=True, slots=True)
class Figure:
    """A table with a title."""

    title: str
    rows: Sequence[Row]

    def text(self) -> str:
        """The table for people."""
        table = [HEADINGS, *(row.cells() for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ("  ".join(_aligned(cells, widths)).rstrip() for cells in table)
        return "\n".join([self.title, *("  " + line for line in lines), ""])


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    left = {0, len(cells) - 1}
    return [
        cell.ljust(width) if at in left else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]


def text_of(value: float | None, unit: str) -> str:
    """Three significant digits or all whole ones, and the unit; empty for None."""
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def ratio_text(value: float | None, beside: float | None) -> str:
    """`1/12.3` where the value is below its yardstick, else `x1.23`."""
    if not value or not beside:
        return ""
    return f"1/{beside / value:.1f}" if value < beside else f"x{value / beside:.2f}"
