"""What it costs to change items on their way: attributes left out, and a user's function.

CPU an item without start-up, by the difference of a long and a short run, beside a plain copy in
turn with it; the items have six attributes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench.figure_engines import LOCAL, TWO, Spent, marginal
from tests.bench.product import canned
from tests.bench.rows import Extent, Figure, Row

TITLE: Final = "Items changed on their way: CPU without start-up, 100 a batch over HTTP"
MOST_FOR_DROPPING: Final = 1.5
LEAST_A_CORE: Final = 40_000
LEAST_SPEED: Final = 1.7
DROP: Final = {"more of source": {"attributes": {"drop": ["col5"]}}}
CODE: Final = """
def transform(item):
    item["col5"] = "masked"
    return item
"""
JSON_CODE: Final = """
def transform(item):
    item["col5"] = {"S": "masked"}
    return item


transform.form = "dynamodb"
"""


def figure(extent: Extent) -> Figure:
    """A plain copy, one attribute left out, one attribute set in Python, on one core and on two."""
    items = extent.items or (400_000 if extent.quick else 1_000_000)
    native, as_json = (
        {"transform": _file(extent, name, code)}
        for name, code in (("native", CODE), ("json", JSON_CODE))
    )
    kinds: Mapping[str, tuple[Sequence[str], Mapping[str, Any]]] = {
        "plain": (LOCAL, {}),
        "drop": (LOCAL, DROP),
        "native": (LOCAL, native),
        "json": (LOCAL, as_json),
        "two": (TWO, native),
    }
    found: dict[str, list[Spent]] = {name: [] for name in kinds}
    with canned(items // 5) as short, canned(items) as long:
        for _ in range(1 if extent.quick else 5):
            for name, (options, more) in kinds.items():
                found[name].append(marginal(short, long, options, more))
    micros = {name: median(each.total for each in spent) for name, spent in found.items()}
    busiest = median(each.busiest for each in found["two"])
    return Figure(TITLE, [*_rows(micros), _two(micros["native"], busiest)])


def _rows(micros: Mapping[str, float]) -> list[Row]:
    plain, drop, rate = micros["plain"], micros["drop"], 1e6 / micros["native"]
    return [
        Row("a plain copy: CPU an item", plain, "us"),
        Row(
            "source.attributes.drop, one of six: CPU an item",
            drop,
            "us",
            plain,
            f"<= x{MOST_FOR_DROPPING:g}",
            drop <= MOST_FOR_DROPPING * plain,
        ),
        Row("a function that sets one of six: CPU an item", micros["native"], "us", plain),
        Row(
            "the same: items a second and core",
            rate,
            "/s",
            None,
            f">= {LEAST_A_CORE:,}",
            rate >= LEAST_A_CORE,
        ),
        Row("with DynamoDB JSON: CPU an item", micros["json"], "us", plain),
    ]


def _two(alone: float, busiest: float) -> Row:
    speed = alone / busiest
    what = "two workers' speed on cores of their own"
    return Row(what, speed, "times one's", None, f">= {LEAST_SPEED:g}", speed >= LEAST_SPEED)


def _file(extent: Extent, name: str, code: str) -> str:
    path = Path(extent.folder) / f"{name}.py"
    path.write_text(code)
    return str(path)
