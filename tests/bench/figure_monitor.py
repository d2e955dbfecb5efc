"""What page and metrics cost a run, with one person who looks, and with many who mean no good."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

from tests.bench import product
from tests.bench.children import SERVER_CORE, NotMeasuredError, measure, started
from tests.bench.product import COMMAND, RUN_SECONDS, Ends, canned
from tests.bench.rows import Extent, Figure, Row

TITLE = "What a status page, metrics and their clients cost a run"
ITEMS = 2_000_000
BATCH = 100
SECONDS = 30
MOST_SHARE, MOST_SLOWER = 1.0, 1.03


def figure(extent: Extent) -> Figure:
    """The share of a core that watching takes by itself, then whole runs in turn."""
    seconds = 10 if extent.quick else SECONDS
    rows = []
    for kind, most in (("polite", MOST_SHARE), ("hostile", 3.0)):
        share = watched_share(kind, seconds)
        what = f"core taken by page and metrics, {kind} clients"
        rows.append(Row(what, share, "%", None, f"< {most:g}", share < most))
    return Figure(TITLE, [*rows, *whole_runs(extent)])


def watched_share(kind: str, seconds: int) -> float:
    """Percent of a core that a process takes which shows a large run, and does nothing else."""
    command = [sys.executable, "-m", "tests.bench.watched", str(seconds)]
    with started(command, SERVER_CORE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        port = process.stdout.readline().decode().strip()
        crowd = [sys.executable, "-m", "tests.bench.crowd", port, str(seconds + 5), kind]
        with started(crowd, SERVER_CORE, stdout=subprocess.DEVNULL):
            return float(process.stdout.readline())


def whole_runs(extent: Extent) -> list[Row]:
    """CPU an item of runs that nobody sees, that one person watches, and that a crowd besets: the
    least of three turns, for what else the machine does only adds to it."""
    items = extent.items or (ITEMS // 2 if extent.quick else ITEMS)
    found: dict[str, list[float]] = {"": [], "polite": [], "hostile": []}
    with canned(items) as ends:
        for turn in range(1 if extent.quick else 3):
            for kind, costs in found.items():
                costs.append(one_run(ends, kind, extent.folder / f"{turn}{kind}"))
    alone = min(found[""])
    rows = []
    for kind, most in (("polite", None), ("hostile", MOST_SLOWER)):
        cost = min(found[kind])
        target = f"<= {most:g} of it" if most else ""
        holds = cost <= most * alone if most else None
        rows.append(Row(f"CPU an item, {kind} clients", cost, "us", alone, target, holds))
    return rows


def one_run(ends: Ends, kind: str, folder: Path) -> float:
    """CPU microseconds an item of a whole run."""
    folder.mkdir()
    config = folder / "config.yaml"
    config.write_text(json.dumps(product.settings(ends, BATCH, None, folder)))
    command = [*COMMAND, "run", str(config), "--progress", "none"]
    if not kind:
        return measure(command, RUN_SECONDS).cpu / ends.items * 1e6
    port = free_port()
    command += ["--status", str(port), "--metrics-file", str(folder / "m.prom")]
    crowd = [sys.executable, "-m", "tests.bench.crowd", str(port), str(RUN_SECONDS), kind]
    with started(crowd, SERVER_CORE, stdout=subprocess.DEVNULL):
        used = measure(command, RUN_SECONDS)
    if not re.search(r"items_written_total.* [1-9]", (folder / "m.prom").read_text()):
        raise NotMeasuredError("the run wrote no metrics")
    return used.cpu / ends.items * 1e6


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
