"""Many tables in one run: beside a loop of single runs, in memory, and beside one large table."""

import itertools
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.children import NotMeasuredError, Usage, measure
from tests.bench.product import COMMAND, Ends, canned
from tests.bench.rows import Extent, Figure, Row
from tests.bench.source import SMALL

TITLE = "Many tables in one run"
SECONDS = 600
MANY, MOST, BESIDE = 200, 500, 49
WALL_LIMIT = 30.0
FASTER = 5.0
MEMORY_LIMIT = 250.0  # MB
SLOWER = 1.15
LOOPED = 8
"""Single runs of the loop that are measured; the loop is so many times longer."""
TURNS = itertools.count(1)


def figure(extent: Extent) -> Figure:
    """One run each; of the large table alone and among small ones the better of two."""
    many, most = (40, 100) if extent.quick else (MANY, MOST)
    with _served(most) as ends:
        together = _run(ends, ["--table", "small-*", "--only", _first(many)], many)
        alone = [_run(ends, ["--table", f"small-{n:04}"], 1).wall for n in range(LOOPED)]
        whole = _run(ends, ["--table", "small-*"], most)
    loop = sum(alone) / LOOPED * many
    peak = whole.peak / 1e6
    rows = [
        Row(
            f"{many} tables of {SMALL} items",
            together.wall,
            "s",
            None,
            f"< {WALL_LIMIT:g} s",
            together.wall < WALL_LIMIT,
        ),
        Row(
            "  beside a loop of single runs",
            together.wall,
            "s",
            loop,
            f"1/{FASTER:g}",
            together.wall * FASTER <= loop,
        ),
        Row(
            f"peak memory with {most} tables",
            peak,
            "MB",
            None,
            f"< {MEMORY_LIMIT:g} MB",
            peak < MEMORY_LIMIT,
        ),
        _beside(extent.items or (400_000 if extent.quick else 10_000_000)),
    ]
    return Figure(TITLE, rows)


def _beside(items: int) -> Row:
    """A large table with small ones beside it, and alone; what these cost does not grow with it."""
    with canned(items, "--small", str(BESIDE)) as ends:
        alone = min(_run(ends, ["--table", "Example"], 0, items).wall for _ in range(2))
        among = min(_run(ends, ["--table", "*"], BESIDE, items).wall for _ in range(2))
    what = f"{items:,} items and {BESIDE} small tables"
    return Row(what, among, "s", alone, f"x{SLOWER}", among <= SLOWER * alone)


@contextmanager
def _served(small: int) -> Iterator[Ends]:
    with canned(0, "--small", str(small)) as ends:
        yield ends


def _first(count: int) -> str:
    """A pattern for the first so many small tables."""
    return "/^small-(" + "|".join(f"{n:04}" for n in range(count)) + ")$/"


def _run(ends: Ends, options: list[str], small: int, items: int = 0) -> Usage:
    """One run over so many small tables, and a large one of so many items, into new tables.

    Raises NotMeasuredError if it fails, or if not every item arrived at the sink.
    """
    before = ends.sink.stats()["items"]
    with tempfile.TemporaryDirectory() as name:
        summary = Path(name) / "summary.json"
        command = _command(ends, Path(name), options, summary)
        usage = measure(command, SECONDS)
        tables = json.loads(summary.read_text())["tables"]
    written = sum(each["items"]["written"] for each in tables)
    arrived = ends.sink.stats()["items"] - before
    if not written == arrived == small * SMALL + items:
        raise NotMeasuredError(f"{written} items said written, {arrived} arrived")
    return usage


def _command(ends: Ends, folder: Path, options: list[str], summary: Path) -> list[str]:
    """A run as a one-off, in an own folder, to tables that are not there yet."""
    turn = next(TURNS)
    single = options[1] if len(options) == 2 and "*" not in options[1] else ""
    target = (
        ["--target-table", f"copy{turn}-{single}"]
        if single
        else ["--set", f"tables.rename={{'*': 'copy{turn}-*'}}"]
    )
    places = ("--source-endpoint", ends.source.url, "--target-endpoint", ends.sink.url)
    keys = [
        option
        for side in ("source", "target")
        for option in ("--set", f"{side}.credentials={{accessKey: a, secretKey: b}}")
    ]
    return [
        *COMMAND,
        *("run", *options, *target, *places, "--source-region", "us-east-1"),
        *("--target-region", "us-east-1", *keys, "--set", f"savepoints.path={folder}"),
        *("--engine", "local", "--progress", "none", "--summary-json", str(summary)),
    ]
