"""How long a person waits for the command line to answer."""

from statistics import median

from tests.bench.children import measure
from tests.bench.product import COMMAND
from tests.bench.rows import Extent, Figure, Row

TITLE = "Start-up, median"
LIMIT = 0.3  # seconds
SECONDS = 30


def figure(extent: Extent) -> Figure:
    """A first run of each warms the disk's cache and does not count."""
    repeats = 5 if extent.quick else 15
    return Figure(TITLE, [_row(option, repeats) for option in ("--version", "-h")])


def _row(option: str, repeats: int) -> Row:
    walls = [measure((*COMMAND, option), SECONDS).wall for _ in range(repeats + 1)]
    middle = median(walls[1:])
    return Row(option, middle, "s", None, f"< {LIMIT:g} s", middle < LIMIT)
