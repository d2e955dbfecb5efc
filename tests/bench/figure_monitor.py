"""What page and metrics cost a run, with one person who looks, and with many who mean no good."""

import json
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise

from tests.bench import product
from tests.bench.children import (
    CLIENT_CORE,
    SERVER_CORE,
    START_SECONDS,
    NotMeasuredError,
    Server,
    cpu_seconds,
    started,
)
from tests.bench.product import COMMAND, Ends, canned
from tests.bench.rows import Extent, Figure, Row

TITLE = "What a status page, metrics and their clients cost a run"
ITEMS = 200_000_000
BATCH = 100
SECONDS = 30
CROWDS = {"polite": 1.0, "hostile": 3.0}
"""By kind of clients: the most that watching may take, in percent of a core."""
TURNS = 6
SETTLES = 4.0
"""Seconds after which the connections that a crowd has left behind are closed."""
MEASURED = 3.0
MOST = 3.0
"""Percent by which a crowd may make an item dearer."""


def figure(extent: Extent) -> Figure:
    """The share of a core that watching takes by itself, and what it costs a run that is beset."""
    seconds = 10 if extent.quick else SECONDS
    rows = []
    for kind, most in CROWDS.items():
        share = watched_share(kind, seconds)
        what = f"core taken by page and metrics, {kind} clients"
        rows.append(Row(what, share, "%", None, f"< {most:g}", share < most))
    return Figure(TITLE, [*rows, beset_run(extent, 2 if extent.quick else TURNS)])


def watched_share(kind: str, seconds: int) -> float:
    """Percent of a core that a process takes which shows a large run, and does nothing else."""
    command = [sys.executable, "-m", "tests.bench.watched", str(seconds)]
    with started(command, SERVER_CORE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        port = process.stdout.readline().decode().strip()
        crowd = [sys.executable, "-m", "tests.bench.crowd", port, str(seconds + 5), kind]
        with started(crowd, SERVER_CORE, stdout=subprocess.DEVNULL):
            return float(process.stdout.readline())


def beset_run(extent: Extent, turns: int) -> Row:
    """Percent of its core that a run loses to a crowd which besets its page.

    The run is held against itself while as large a crowd besets the page of another process, on the
    servers' core as its own is: turn by turn, so that both have the same from the servers, and from
    what else the machine does. What an item costs more is counted at the speed of that moment: what
    a crowd takes does not grow with it, nor shrink on a machine that has other things to do.
    """
    ours, theirs = free_port(), free_port()
    with (
        canned(extent.items or ITEMS) as ends,
        page_alone(theirs),
        copying(ends, extent, ours) as run,
        crowds(ours, theirs) as (at_ours, at_theirs),
    ):
        beside = [Stretch.of(run, ends.sink, at_theirs)]
        beset = []
        for _ in range(turns):
            beset.append(Stretch.of(run, ends.sink, at_ours))
            beside.append(Stretch.of(run, ends.sink, at_theirs))
    lost = statistics.median(
        100 * now.speed * (now.cost - (before.cost + after.cost) / 2)
        for now, (before, after) in zip(beset, pairwise(beside), strict=True)
    )
    usual, speed = (
        statistics.median(each.cost for each in beside),
        statistics.median(each.speed for each in beside),
    )
    note = f"{turns} turns; {usual * 1e6:.2f} us an item, {speed:,.0f} items/s beside it"
    what = "core lost by a run to hostile clients"
    return Row(what, lost, "%", None, f"< {MOST:g}", lost < MOST, note)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some seconds of a run: the CPU seconds of an item, and items a second."""

    cost: float
    speed: float

    @classmethod
    def of(
        cls, run: subprocess.Popen[bytes], sink: Server, crowd: subprocess.Popen[bytes]
    ) -> "Stretch":
        """A stretch of a run while a crowd is let loose."""
        crowd.send_signal(signal.SIGCONT)
        try:
            time.sleep(SETTLES)
            began, used, items = standing(run, sink)
            time.sleep(MEASURED)
            ended, used_then, items_then = standing(run, sink)
        finally:
            crowd.send_signal(signal.SIGSTOP)
        done = items_then - items
        if not done:
            raise NotMeasuredError("the run does not get on")
        return cls((used_then - used) / done, done / (ended - began))


def standing(run: subprocess.Popen[bytes], sink: Server) -> tuple[float, float, int]:
    """How a run stands now: the time, the CPU seconds that it has used, the items written."""
    if run.poll() is not None:
        raise NotMeasuredError(f"the run has ended with {run.returncode}")
    before = cpu_seconds(run.pid)
    items = sink.stats()["items"]
    return time.monotonic(), (before + cpu_seconds(run.pid)) / 2, items


@contextmanager
def copying(ends: Ends, extent: Extent, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A run that is under way, with a page and metrics, on the client's core."""
    config = extent.folder / "config.yaml"
    config.write_text(json.dumps(product.settings(ends, BATCH, None, extent.folder)))
    metrics = extent.folder / "m.prom"
    command = [*COMMAND, "run", str(config), "--progress", "none"]
    command += ["--status", str(port), "--metrics-file", str(metrics)]
    quiet = subprocess.DEVNULL
    with started(command, CLIENT_CORE, stdout=quiet, stderr=quiet) as run:
        wait_for_page(port)
        yield run
        if not metrics.exists():
            raise NotMeasuredError("the run wrote no metrics")


@contextmanager
def page_alone(port: int) -> Iterator[None]:
    """A page at a port on the servers' core, which shows nothing that goes on."""
    command = [sys.executable, "-m", "tests.bench.watched", "3600", str(port)]
    with started(command, SERVER_CORE, stdout=subprocess.DEVNULL):
        wait_for_page(port)
        yield


@contextmanager
def crowds(*ports: int) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    """A hostile crowd for each port on the servers' core, all of them held back."""
    with ExitStack() as stack:
        found = []
        for port in ports:
            command = [sys.executable, "-m", "tests.bench.crowd", str(port), "3600", "hostile"]
            crowd = stack.enter_context(started(command, SERVER_CORE, stdout=subprocess.DEVNULL))
            stack.callback(crowd.send_signal, signal.SIGCONT)  # one that is stopped does not end
            crowd.send_signal(signal.SIGSTOP)
            found.append(crowd)
        yield found


def wait_for_page(port: int) -> None:
    """Return once somebody listens at a port."""
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError as error:
            if time.monotonic() > give_up:
                raise NotMeasuredError(f"no page at {port}: {error}") from error
            time.sleep(0.1)
        else:
            return


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
