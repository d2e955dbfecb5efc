"""How near a run comes to what a table in partitions can give, each with a limit of its own."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tests.bench.children import NotMeasuredError, Server, measure, server
from tests.bench.product import COMMAND, Ends, settings
from tests.bench.rows import Extent, Figure, Row

TITLE = "Runs over tables in partitions, beside what these can give together"
RUN_SECONDS = 300
DELAY = 0.02
PARTITIONS = 32
RATE = 23.4
"""Pages a second of a partition: 3,000 read units, eventually consistent, by pages of 1 MB."""
PAGE_ITEMS = 4
SEGMENTS = 320
DESCRIBED = 320_000_000_000
MOST_REFUSED = 5.0
BATCH = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run, as the server in partitions saw it, from the first answer to the last."""

    served: float
    refused: float
    seconds: float
    least_seconds: float
    given: float = 0.0

    @property
    def refused_share(self) -> float:
        """The share of requests that was refused, in percent."""
        return 100 * self.refused / (self.served + self.refused)


def figure(extent: Extent) -> Figure:
    """A row for each kind of table, and for the throttled requests."""
    scale = 4 if extent.quick else 1
    rows = [
        *_partitioned("32 partitions, 320 segments", 9000 // scale, segments=SEGMENTS),
        *_partitioned(
            "  one with a quarter of all data", 1800 // scale, segments=SEGMENTS, hot=0.25
        ),
        *_partitioned(
            "  320 GB described, segments by themselves", 9000 // scale, described=DESCRIBED
        ),
        _doubling(20 if extent.quick else 25),
        _writing(40_000 // scale),
        _unlimited(4000 // scale),
    ]
    return Figure(TITLE, rows)


def _partitioned(
    what: str,
    pages: int,
    *,
    segments: int | None = None,
    hot: float = 0.0,
    described: int | None = None,
) -> Iterator[Row]:
    options = ["--rate", str(RATE), "--hot", str(hot)]
    if described:
        options += ["--described", str(described)]
    done = copied(pages, options, segments=segments)
    yield _share(what, done.least_seconds, done.seconds, 0.9)
    refused = done.refused_share
    if described:
        yield Row("    throttled requests", refused, "%")
    else:
        asked = f"<= {MOST_REFUSED:g} %"
        yield Row("    throttled requests", refused, "%", None, asked, refused <= MOST_REFUSED)


def _doubling(seconds: float) -> Row:
    """A limit of the whole table that doubles every 5 s; the run is as long as the table."""
    start = 40.0
    pages = int(start * 5 * (2 ** (seconds / 5) - 1))
    options = ["--whole-rate", str(start), "--doubles", "5"]
    done = copied(pages, options, segments=SEGMENTS)
    share = 100 * done.served / done.given
    note = f"{done.seconds:.1f} s, {done.refused_share:.1f} % throttled"
    what = "a limit of the table that doubles every 5 s"
    return Row(what, share, "%", None, ">= 80 %", share >= 80, note)


def _writing(items: int) -> Row:
    with (
        server("partitions", "--items", str(items), "--delay", "0.005") as source,
        server(
            "partitioned-sink",
            *("--items", str(items), "--partitions", "16", "--rate", "250"),
            *("--delay", str(DELAY)),
        ) as sink,
    ):
        run(Ends(source, sink, items), SEGMENTS, target="dynamodb")
        done = outcome(sink)
    what = "a DynamoDB target with 16 partitions"
    return _share(what, done.least_seconds, done.seconds, 0.85)


def _unlimited(pages: int) -> Row:
    """No limit, 100 ms an answer: found by itself, beside the best of fixed numbers of readers."""
    times = {}
    for readers in (None, 16, 32, 64):
        options = ["--delay", "0.1"]
        times[readers] = copied(pages, options, segments=SEGMENTS, fixed=readers).seconds
    ours = times.pop(None)
    best = min(times.values())
    return _share("no limit, 100 ms an answer", best, ours, 0.9)


def _share(what: str, least: float, seconds: float, asked: float) -> Row:
    share = 100 * least / seconds
    note = f"{seconds:.1f} s, {least:.1f} s at best"
    return Row(what, share, "%", None, f">= {100 * asked:g} %", share >= 100 * asked, note)


def copied(
    pages: int, options: list[str], *, segments: int | None = None, fixed: int | None = None
) -> Outcome:
    """One run over so many pages; `fixed` is a bound on the readers."""
    items = pages * PAGE_ITEMS
    common = ("--items", str(items), "--page-items", str(PAGE_ITEMS))
    delay = () if "--delay" in options else ("--delay", str(DELAY))
    with server("partitions", *common, *delay, *options) as source, server("sink") as sink:
        more = {"maxMapTasks": fixed} if fixed else {}
        run(Ends(source, sink, items), segments, source=more)
        return outcome(source)


def outcome(at: Server) -> Outcome:
    """What a server in partitions has seen."""
    told = at.stats()
    return Outcome(**{each.name: told[each.name] for each in fields(Outcome) if each.name in told})


def run(
    ends: Ends,
    segments: int | None,
    *,
    source: dict[str, Any] | None = None,
    target: str = "alternator",
) -> None:
    """One whole run, in one process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = settings(ends, BATCH, segments, folder)
        found["source"] |= source or {}
        if target == "dynamodb":
            found["target"].pop("maxItemsPerBatch")
            found["target"]["type"] = "dynamodb"
        config, summary = folder / "config.yaml", folder / "summary.json"
        config.write_text(json.dumps(found))
        options = ("--summary-json", str(summary), "--progress", "none", "--engine", "local")
        measure((*COMMAND, "run", str(config), *options), RUN_SECONDS)
        written = json.loads(summary.read_text())["tables"][0]["items"]["written"]
        if written != ends.items:
            raise NotMeasuredError(f"{written} of {ends.items} items are said to be written")
