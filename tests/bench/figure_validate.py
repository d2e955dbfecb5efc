"""CPU an item and peak memory of whole validations of equal tables by digests."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import product
from tests.bench.children import NotMeasuredError, Server, Usage, measure, server
from tests.bench.rows import Extent, Figure, Row

TITLE = "Validation of equal tables by digests: CPU beside that of the copy, and peak memory"
MOST = 4.0  # times the copy's CPU an item at 100 a batch
LIMIT = 150.0  # MB
GROWTH = 1.1  # what ten times the table may cost: the noise of an allocator, no more
BATCH = 100
SEGMENTS = 16  # a page is full in the smallest table too
SECONDS = 1800


def figure(extent: Extent) -> Figure:
    """CPU in turns with the copy, three or one if quick; one run for each size's memory."""
    items = extent.items or (500_000 if extent.quick else 2_000_000)
    copies, validations = [], []
    for _ in range(1 if extent.quick else 3):
        with product.canned(items) as ends:
            copies.append(product.run(ends, BATCH).cpu / items * 1e6)
        validations.append(validated(items).cpu / items * 1e6)
    ours, copy = median(validations), median(copies)
    what = f"{items:,} items of 238 bytes, CPU an item"
    rows = [Row(what, ours, "us", copy, f"<= x{MOST:g}", ours <= copy * MOST)]
    return Figure(TITLE, [*rows, *_memory(extent)])


def _memory(extent: Extent) -> Iterator[Row]:
    most = extent.items or (1_000_000 if extent.quick else 10_000_000)
    peaks = []
    for items in (most // 100, most // 10, most):
        peaks.append(validated(items).peak / 1e6)
        holds = peaks[-1] < LIMIT
        yield Row(f"{items:,} items: peak memory", peaks[-1], "MB", None, f"< {LIMIT:g} MB", holds)
    _, less, more = peaks
    yield Row("  beside a tenth of that", more, "MB", less, f"<= x{GROWTH}", more <= less * GROWTH)


@contextmanager
def twins(items: int) -> Iterator[tuple[Server, Server]]:
    """Two canned tables of the same items."""
    options = ("--items", str(items))
    with server("source", *options) as source, server("source", *options) as target:
        yield source, target


def validated(items: int) -> Usage:
    """One whole `alternator-migrate validate` of equal tables.

    Raises NotMeasuredError if it fails, or if it did not compare every item.
    """
    with twins(items) as (source, target), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config, summary = folder / "config.yaml", folder / "summary.json"
        config.write_text(json.dumps(_settings(source, target, folder)))  # JSON is YAML
        options = ("--mode", "digest", "--progress", "none", "--summary-json", str(summary))
        command = (sys.executable, "-m", "alternator_migrate", "validate", str(config))
        usage = measure((*command, *options), SECONDS)
        compared = json.loads(summary.read_text())["tables"][0]["validation"]["compared"]
    if compared != items:
        raise NotMeasuredError(f"{compared} of {items} items were compared")
    return usage


def _settings(source: Server, target: Server, folder: Path) -> dict[str, Any]:
    def side(at: Server) -> dict[str, Any]:
        keys = {"accessKey": "a", "secretKey": "b"}
        place = {"table": "Example", "region": "us-east-1", "endpoint": {"url": at.url}}
        return {"type": "dynamodb", **place, "credentials": keys}

    return {
        "source": {**side(source), "scanSegments": SEGMENTS},
        "target": side(target),
        "savepoints": {"path": str(folder / "savepoints")},
    }
