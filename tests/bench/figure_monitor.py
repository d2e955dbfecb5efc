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
CROWDS = {"polite": 1.0, "hostile": 3.0}
"""By kind of clients: the most that watching may take, in percent of a core."""


def figure(extent: Extent) -> Figure:
    """The share of a core that watching takes by itself, then whole runs in turn."""
    seconds = 10 if extent.quick else SECONDS
    rows = []
    for kind, most in CROWDS.items():
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
    """CPU an item of runs that are watched and beset, beside that of runs that are not: the least
    of three turns, for what else the machine does only adds to it.

    A crowd takes its share of the servers' core, and a page its time to start: beside the run that
    is beset stands one with a page of its own, and as much of a crowd at a port where nobody
    answers.
    """
    items = extent.items or (ITEMS // 2 if extent.quick else ITEMS)
    kinds = [(crowd, seen) for crowd in ("polite", "hostile") for seen in (False, True)]
    found: dict[tuple[str, bool], list[float]] = {kind: [] for kind in kinds}
    with canned(items) as ends:
        for turn in range(1 if extent.quick else 3):
            for crowd, seen in kinds:
                folder = extent.folder / f"{turn}{crowd}{seen}"
                found[crowd, seen].append(one_run(ends, crowd, folder, seen=seen))
    return [_row(crowd, min(found[crowd, True]), min(found[crowd, False])) for crowd in CROWDS]


def _row(crowd: str, cost: float, alone: float) -> Row:
    note = "told only: a crowd slows the servers, too, whose core it is on"
    return Row(f"CPU an item, {crowd} clients", cost, "us", alone, note=note)


def one_run(ends: Ends, crowd: str, folder: Path, *, seen: bool) -> float:
    """CPU microseconds an item of a whole run, with a crowd at its page, or, where it is not
    `seen`, at a port where nobody answers."""
    folder.mkdir()
    config = folder / "config.yaml"
    config.write_text(json.dumps(product.settings(ends, BATCH, None, folder)))
    command = [*COMMAND, "run", str(config), "--progress", "none"]
    with socket.create_server(("127.0.0.1", 0), backlog=64) as deaf:
        port = free_port() if seen else int(deaf.getsockname()[1])
        page = port if seen else free_port()
        if seen or crowd == "hostile":
            command += ["--status", str(page), "--metrics-file", str(folder / "m.prom")]
        clients = [sys.executable, "-m", "tests.bench.crowd", str(port), str(RUN_SECONDS), crowd]
        with started(clients, SERVER_CORE, stdout=subprocess.DEVNULL):
            used = measure(command, RUN_SECONDS)
    if seen and not re.search(r"items_written_total.* [1-9]", (folder / "m.prom").read_text()):
        raise NotMeasuredError("the run wrote no metrics")
    return used.cpu / ends.items * 1e6


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
