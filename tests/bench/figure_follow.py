"""Changes applied a second on one core, and the lag behind a table of DynamoDB Local."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench import product
from tests.bench.children import CLIENT_CORE, NotMeasuredError, Server, measure, server, started
from tests.bench.figure_local import dynamodb_local
from tests.bench.product import COMMAND, RUN_SECONDS, Ends
from tests.bench.rows import Extent, Figure, Row

TITLE = "Following: changes applied by one core, and the lag behind DynamoDB Local"
SHARDS = 4
LEAST_RATE = 20_000
MOST_LAG = 2.0
A_SECOND = 1000
WRITE_SECONDS = 20
WARM_SECONDS = 5.0
LOOK_SECONDS = 0.05
GIVE_UP_SECONDS = 60.0


def figure(extent: Extent) -> Figure:
    """Canned ends at two sizes of batches, then a writer of a thousand changes a second."""
    count = extent.items or (100_000 if extent.quick else 500_000)
    rows = [row for batch in (25, 100) for row in _applied(count, batch)]
    try:
        lags = lag_behind(WRITE_SECONDS // 2 if extent.quick else WRITE_SECONDS)
    except NotMeasuredError as error:
        rows.append(Row("lag", None, "", note=f"skipped: {error}"))
    else:
        middle, worst = lags[len(lags) // 2], lags[int(len(lags) * 0.99)]
        what = f"lag at {A_SECOND:,} changes/s, 99 of 100 looks"
        rows.append(Row(what, worst, "s", None, f"< {MOST_LAG:g} s", worst < MOST_LAG))
        rows.append(Row("  median", middle, "s"))
    return Figure(TITLE, rows)


def _applied(count: int, batch: int) -> list[Row]:
    """A run until caught up over canned ends, start-up included."""
    with (
        server("changes", "--items", str(count), "--shards", str(SHARDS)) as source,
        server("sink") as sink,
        tempfile.TemporaryDirectory() as name,
    ):
        folder = Path(name)
        _configure(Ends(source, sink, count), batch, folder)
        options = ("--until-caught-up", "--summary-json", str(folder / "summary.json"))
        command = (*COMMAND, "run", str(folder / "config.yaml"), "--progress", "none", *options)
        usage = measure(command, RUN_SECONDS)
        changes = json.loads((folder / "summary.json").read_text())["tables"][0]["changes"]
        arrived = sink.stats()["items"]
    if not changes["applied"] == arrived == count:
        raise NotMeasuredError(f"{count} changes, {changes} said, {arrived} arrived")
    rate = count / usage.cpu
    return [
        Row(
            f"{batch} a batch: changes a second of CPU, start-up included",
            rate,
            "/s",
            None,
            f">= {LEAST_RATE:,}",
            rate >= LEAST_RATE,
        ),
        Row("  CPU a change", usage.cpu / count * 1e6, "us"),
        Row("  changes a second of wall time", count / usage.wall, "/s"),
    ]


def _configure(ends: Ends, batch: int, folder: Path) -> str:
    content: dict[str, Any] = product.settings(ends, batch, SHARDS, folder)
    content["target"]["streamChanges"] = True
    content["spool"] = {"maxBytes": 0}
    content["cutover"] = {"maxLagSeconds": 5, "forSeconds": 0}
    (folder / "config.yaml").write_text(json.dumps(content))
    return str(content["target"]["table"])


def lag_behind(seconds: int) -> list[float]:
    """Seconds from a write at the source to its arrival at the sink, sorted: at each look, the
    time since the writer had made as many changes as have arrived."""
    with (
        dynamodb_local() as source,
        server("sink") as sink,
        tempfile.TemporaryDirectory() as name,
    ):
        folder = Path(name)
        writer = (sys.executable, "-m", "tests.bench.steady", "--endpoint", source.url)
        measure((*writer, "--create"), RUN_SECONDS)
        _configure(Ends(source, sink, 0), 100, folder)
        run = (*COMMAND, "run", str(folder / "config.yaml"), "--progress", "none")
        with started(run, CLIENT_CORE, stdout=subprocess.DEVNULL):
            time.sleep(WARM_SECONDS)
            log = folder / "written.txt"
            rate = ("--rate", str(A_SECOND), "--seconds", str(seconds), "--log", str(log))
            with started((*writer, *rate), CLIENT_CORE, stdout=subprocess.DEVNULL) as writing:
                return _looks(sink, writing, log)


def _looks(sink: Server, writing: subprocess.Popen[bytes], log: Path) -> list[float]:
    looks: list[tuple[float, int]] = []
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while writing.poll() is None or looks[-1][1] < _written(log)[-1][1]:
        if time.monotonic() > give_up:
            raise NotMeasuredError(f"{looks[-1:]} arrived of {_written(log)[-1:]}")
        looks.append((time.time(), sink.stats()["items"]))
        time.sleep(LOOK_SECONDS)
    return sorted(_lags(looks, _written(log)))


def _lags(looks: Sequence[tuple[float, int]], written: Sequence[tuple[float, int]]) -> list[float]:
    """At each look: how long ago the oldest write that has not arrived was made; 0 for none."""
    found, place = [], 0
    for at, arrived in looks:
        while place < len(written) and written[place][1] <= arrived:
            place += 1
        waiting = place < len(written) and written[place][0] < at
        found.append(at - written[place][0] if waiting else 0.0)
    return found


def _written(log: Path) -> list[tuple[float, int]]:
    """When so many changes had been made."""
    if not log.exists():
        return [(time.time(), 0)]
    lines = [line.split() for line in log.read_text().splitlines() if line.count(" ") == 1]
    return [(float(at), int(count)) for at, count in lines] or [(time.time(), 0)]
