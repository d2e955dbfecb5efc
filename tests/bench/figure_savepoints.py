"""What savepoints and the ledger cost, and how soon a resumed run of many segments copies."""

import asyncio
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from alternator_migrate.core.counts import Counts
from alternator_migrate.core.model import Batch, Page
from alternator_migrate.core.state import CopyState, Status
from alternator_migrate.savepoints.format import Savepoint
from alternator_migrate.savepoints.keeper import Keeper
from alternator_migrate.savepoints.store import Store
from alternator_migrate.snapshot.ledger import Ledger
from tests.bench.children import NotMeasuredError
from tests.bench.product import COMMAND, Ends, canned, settings
from tests.bench.rows import Extent, Figure, Row

TITLE = "Savepoints and ledger with 4,096 segments"
SEGMENTS = 4096
PAGE_ITEMS = 4400
BATCH = 100
ITEMS_A_SECOND = 150_000
INTERVAL = 60.0
MOST_SHARE = 3.0
MOST_SECONDS = 2.0
WAIT_SECONDS = 60.0


def figure(extent: Extent) -> Figure:
    """CPU of both at 150,000 items a second, in percent of a core; seconds to the first batch."""
    ledger = ledger_micros(100 if extent.quick else 1000)
    saving = saving_seconds(Path(tempfile.mkdtemp(dir=extent.folder)))
    share = (ledger * 1e-6 * ITEMS_A_SECOND + saving / INTERVAL) * 100
    first = seconds_to_first_batch(200_000 if extent.quick else 1_000_000, extent.folder)
    return Figure(
        TITLE,
        [
            Row("ledger, CPU an item", ledger, "us"),
            Row("one savepoint, half the segments open, CPU", saving * 1000, "ms"),
            Row(
                f"both at {ITEMS_A_SECOND:,} items/s, a savepoint every {INTERVAL:g} s",
                share,
                "% of a core",
                None,
                f"< {MOST_SHARE:g} %",
                share < MOST_SHARE,
            ),
            Row(
                "resumed run, start of the process to its first batch",
                first,
                "s",
                None,
                f"< {MOST_SECONDS:g} s",
                first < MOST_SECONDS,
            ),
        ],
    )


def ledger_micros(pages: int) -> float:
    """CPU microseconds an item that the ledger takes for so many pages in turn."""
    ledger = Ledger(SEGMENTS)
    batches = PAGE_ITEMS // BATCH
    page = Page([b"{}"] * PAGE_ITEMS, 2**20, b'{"id":{"S":"a"}}', PAGE_ITEMS)
    items = page.items[:BATCH]
    began = time.process_time()
    for turn in range(pages):
        segment = turn % SEGMENTS
        number = ledger.page(segment, page, batches)
        for _ in range(batches):
            ledger.acknowledged(Batch(segment, number, items, 30_000))
    return (time.process_time() - began) / (pages * PAGE_ITEMS) * 1e6


def saving_seconds(folder: Path) -> float:
    """CPU seconds of writing one savepoint with half of its segments done and half open."""
    positions = {n: b'{"id":{"S":"%036d"}}' % n for n in range(0, SEGMENTS, 2)}
    done = frozenset(range(1, SEGMENTS, 2))
    state = CopyState(done, positions, Counts(1, 1))
    base = Savepoint({"source": {}, "target": {}}, "bench", "shape", SEGMENTS, "id")
    keeper = Keeper(Store(folder, "bench"), base)

    async def save(times: int) -> None:
        for _ in range(times):
            await keeper.save(replace(state), Status.RUNNING)

    asyncio.run(save(3))
    began = time.process_time()
    asyncio.run(save(10))
    return (time.process_time() - began) / 10


def seconds_to_first_batch(items: int, folder: Path) -> float:
    """Stop a run of 4,096 segments on the way, run it again, and see when the sink hears of it."""
    with canned(items) as ends:
        config = folder / "resumed.yaml"
        config.write_text(json.dumps(settings(ends, BATCH, SEGMENTS, folder)))
        command = (*COMMAND, "run", str(config), "--progress", "none")
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as stopped:
            _wait(lambda: _batches(ends) > 0, "the first run to write")
            stopped.send_signal(signal.SIGTERM)
        if stopped.returncode != 128 + signal.SIGTERM:
            raise NotMeasuredError(f"the stopped run ended with {stopped.returncode}")
        before, began = _batches(ends), time.monotonic()
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as resumed:
            _wait(lambda: _batches(ends) > before, "the resumed run to write")
            took = time.monotonic() - began
            resumed.send_signal(signal.SIGTERM)
        return took


def _batches(ends: Ends) -> int:
    return int(ends.sink.stats()["requests"])


def _wait(condition: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > give_up:
            raise NotMeasuredError(f"waited {WAIT_SECONDS:g} s for {what}")
        time.sleep(0.01)
