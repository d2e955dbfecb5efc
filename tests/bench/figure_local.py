"""A whole run from DynamoDB Local, held against reading the same table and doing nothing else."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from tests.bench import product
from tests.bench.children import (
    SERVER_CORE,
    START_SECONDS,
    NotMeasuredError,
    Server,
    measure,
    server,
    started,
)
from tests.bench.product import Ends
from tests.bench.rows import Extent, Figure, Row
from tests.servers.local_command import NotInstalledError, local_command

TITLE = "DynamoDB Local to a canned sink, beside a bare parallel scan: wall time"
SEGMENTS = 8
TURNS = 5
BATCH = 100
MOST = 1.15
SEED_SECONDS = 600
SCAN_SECONDS = 300


def figure(extent: Extent) -> Figure:
    """Turns of a bare scan and a run; a first scan warms the server up and does not count."""
    items = extent.items or (10_000 if extent.quick else 200_000)
    scans, runs = [], []
    with dynamodb_local() as source, server("sink") as sink:
        seed = ("--endpoint", source.url, "--items", str(items))
        measure((sys.executable, "-m", "tests.bench.seed", *seed), SEED_SECONDS)
        ends = Ends(source, sink, items)
        bare_scan(ends)
        for _ in range(1 if extent.quick else TURNS):
            scans.append(bare_scan(ends))
            runs.append(product.run(ends, BATCH, SEGMENTS).wall)
    scan, run = median(scans), median(runs)
    return Figure(
        TITLE,
        [
            Row(
                f"{items:,} items, {SEGMENTS} segments",
                run,
                "s",
                scan,
                f"<= x{MOST}",
                run <= scan * MOST,
            ),
            Row("  items a second", items / run, "/s", items / scan),
        ],
    )


def bare_scan(ends: Ends) -> float:
    """Seconds of a whole process that scans the table with the product's client."""
    options = ("--source", ends.source.url, "--segments", str(SEGMENTS))
    used = measure((sys.executable, "-m", "tests.bench.bare_scan", *options), SCAN_SECONDS)
    if int(used.output) != ends.items:
        raise NotMeasuredError(f"the scan read {used.output.strip()} of {ends.items} items")
    return used.wall


@contextmanager
def dynamodb_local() -> Iterator[Server]:
    """DynamoDB Local in memory, on the servers' core and a free port.

    Raises NotMeasuredError without a java command or the jar.
    """
    try:
        command = local_command()
    except NotInstalledError as missing:
        raise NotMeasuredError(str(missing)) from missing
    port = free_port()
    command += ["-port", str(port)]
    quiet = subprocess.DEVNULL
    with started(command, SERVER_CORE, stdout=quiet, stderr=quiet) as process:
        await_port(port, process)
        yield Server(f"http://127.0.0.1:{port}", process.pid)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once `process` accepts connections; NotMeasuredError if it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise NotMeasuredError("DynamoDB Local does not start")
