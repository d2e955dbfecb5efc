"""Exports to S3 as the source of whole runs: CPU an item in JSON and in Ion, memory, the start."""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import product
from tests.bench.children import NotMeasuredError, Server, Usage, measure, server
from tests.bench.product import COMMAND, NUMBERS, RUN_SECONDS, canned
from tests.bench.rows import Extent, Figure, Row

TITLE = "Whole runs from an export on a local disk, 100 a batch, and into one"
BATCH = 100
FILES = 20
MOST_CPU = 1.3
ION_RATE = 40_000
WRITE_RATE = 150_000
MOST_MEMORY = 200.0  # MB
MANY_FILES = 4_000
START_SECONDS = 2.0


def figure(extent: Extent) -> Figure:
    """Turns of a copy from a canned table and one from an export, then one run each."""
    items = extent.items or (200_000 if extent.quick else 1_000_000)
    ours, beside = _json(extent, items, "--orders")
    what, holds = "JSON: CPU an item, beside a table's", ours <= beside * MOST_CPU
    rows = [Row(what, ours, "us", beside, f"<= x{MOST_CPU}", holds)]
    what = "JSON of six random UUIDs an item, which hardly shrinks"
    ours, beside = _json(extent, items)
    rows.append(Row(what, ours, "us", beside))
    with exported(extent.folder, items // 4, FILES, "--ion") as source, server("sink") as sink:
        rate = items // 4 / run(source, sink, items // 4).cpu
    rows.append(
        Row("Ion: items a second a core", rate, "/s", None, f">= {ION_RATE:,}", rate >= ION_RATE)
    )
    with server("source", "--items", str(items)) as table:
        rate = items / write(table, extent.folder, items).cpu
    what = "writing an export: items a second a core"
    rows.append(Row(what, rate, "/s", None, f">= {WRITE_RATE:,}", rate >= WRITE_RATE))
    with exported(extent.folder, items, 1) as source, server("sink") as sink:
        peak = run(source, sink, items).peak / 1e6
    what = f"peak memory, one object of {items:,} items"
    rows.append(Row(what, peak, "MB", None, f"< {MOST_MEMORY:g} MB", peak < MOST_MEMORY))
    one, many = first_item(extent.folder, 1), first_item(extent.folder, MANY_FILES)
    holds = many - one <= START_SECONDS
    what = f"first item of {MANY_FILES:,} files at the sink, beside that of one file"
    rows.append(Row(what, many, "s", one, f"<= {START_SECONDS:g} s more", holds))
    return Figure(TITLE, rows)


def _json(extent: Extent, items: int, *kind: str) -> tuple[float, float]:
    """CPU an item of an export, and of a table with items of the same kind: medians in us."""
    table, export = [], []
    with (
        canned(items, *kind) as ends,
        exported(extent.folder, items, FILES, *kind) as source,
        server("sink") as sink,
    ):
        for _ in range(1 if extent.quick else 3):
            table.append(product.run(ends, BATCH).cpu / items * 1e6)
            export.append(run(source, sink, items).cpu / items * 1e6)
    return median(export), median(table)


@contextmanager
def exported(folder: Path, items: int, files: int, *kind: str) -> Iterator[Path]:
    """The manifest of an export of so many items of a kind in equal files, made by a process of its
    own."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        options = ("--items", str(items), "--files", str(files), *kind)
        command = (sys.executable, "-m", "tests.bench.make_export", name, *options)
        yield Path(measure(command, RUN_SECONDS).output.strip())


def run(manifest: Path, sink: Server, items: int) -> Usage:
    """One whole run from an export to a sink. Raises NotMeasuredError if not every item arrived."""
    before = sink.stats()["items"]
    with tempfile.TemporaryDirectory() as name:
        usage = measure((*COMMAND, *_run(Path(name), manifest, sink)), RUN_SECONDS)
    arrived = sink.stats()["items"] - before
    if arrived != items:
        raise NotMeasuredError(f"{items} items in the export, {arrived} arrived")
    return usage


def write(table: Server, folder: Path, items: int) -> Usage:
    """One whole run from a canned table into an export in a folder. Raises NotMeasuredError if not
    every item is in it."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        config, out = Path(name) / "config.yaml", Path(name) / "out"
        source = {
            "type": "dynamodb",
            "table": "Example",
            "region": "us-east-1",
            "endpoint": {"url": table.url},
            "credentials": {"accessKey": "a", "secretKey": "b"},
        }
        target = {"type": "dynamodb-s3-export", "path": str(out)}
        savepoints = {"path": str(Path(name) / "savepoints")}
        content = {"source": source, "target": target, "savepoints": savepoints}
        config.write_text(json.dumps(content))
        usage = measure((*COMMAND, "run", str(config), "--progress", "none"), RUN_SECONDS)
        (summary,) = out.rglob("manifest-summary.json")
        written = json.loads(summary.read_text())["itemCount"]
    if written != items:
        raise NotMeasuredError(f"{items} items in the table, {written} in the export")
    return usage


def _run(folder: Path, manifest: Path, sink: Server) -> Sequence[str]:
    config = folder / "config.yaml"
    description: dict[str, Any] = {
        "attributeDefinitions": [{"name": "id", "type": "S"}],
        "keySchema": [{"name": "id", "type": "HASH"}],
    }
    target = {
        "type": "alternator",
        "table": f"Exported{next(NUMBERS)}",
        "endpoint": {"url": sink.url},
        "credentials": {"accessKey": "a", "secretKey": "b"},
        "maxItemsPerBatch": BATCH,
    }
    content = {
        "source": {
            "type": "dynamodb-s3-export",
            "manifestKey": str(manifest),
            "tableDescription": description,
        },
        "target": target,
        "savepoints": {"path": str(folder / "savepoints")},
    }
    config.write_text(json.dumps(content))
    return ("run", str(config), "--progress", "none")


def first_item(folder: Path, files: int) -> float:
    """Seconds from the start of a process until the first item of an export of so many files is
    at the sink."""
    items = 10 * MANY_FILES
    with exported(folder, items, files) as source, server("sink") as sink:
        began, seen = time.perf_counter(), threading.Event()
        at: list[float] = []

        def watch() -> None:
            while not seen.is_set():
                if sink.stats()["items"]:
                    at.append(time.perf_counter() - began)
                    return
                time.sleep(0.02)

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            run(source, sink, items)
        finally:
            seen.set()
            watching.join()
    if not at:
        raise NotMeasuredError("no item was seen at the sink")
    return at[0]
