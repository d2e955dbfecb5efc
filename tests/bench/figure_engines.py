"""What engines cost: two worker processes beside one process, and the CPU of items of 1 KB.

The servers share the cores with what is measured, so that seconds of wall tell nothing. CPU does:
on cores of their own, two workers take as long as the busier of the two computes. Start-up is left
out by the difference of a long and a short run.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.children import CLIENT_CORE, NotMeasuredError, cpu_seconds, pinned
from tests.bench.product import COMMAND, Ends, canned, settings
from tests.bench.rows import Extent, Figure, Row

TITLE = "Engines: two processes beside one, CPU without start-up, 100 a batch over HTTP"
BATCH = 100
SEGMENTS = 32
LEAST_SPEED = 1.7
MOST_OVERHEAD = 3.0
LARGE_ITEM = 1024
SECONDS = 300
LOCAL = ("--engine", "local")
ONE = ("--engine", "processes", "--workers", "1")
TWO = ("--engine", "processes", "--workers", "2")


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of a run: all its processes together, and the busiest alone."""

    total: float
    busiest: float


def figure(extent: Extent) -> Figure:
    """Speed of two workers, overhead of the engine, start-up, and the cost of larger items."""
    items = extent.items or (1_000_000 if extent.quick else 2_000_000)
    turns = range(1 if extent.quick else 3)
    here, one, two, begin = [], [], [], []
    with canned(items // 5) as short, canned(items) as long:
        for _ in turns:
            here.append(marginal(short, long, LOCAL).total)
            one.append(marginal(short, long, ONE).total)
            two.append(marginal(short, long, TWO).busiest)
            begin.append(spent(short, TWO).total - here[-1] * short.items * 1e-6)
    with canned(items // 10, *large()) as short, canned(items // 3, *large()) as long:
        larger = median(marginal(short, long, LOCAL).total for _ in turns)
    alone, worker, busiest = median(here), median(one), median(two)
    overhead = (worker / alone - 1) * 100
    return Figure(
        TITLE,
        [
            Row("no engine: CPU an item", alone, "us"),
            Row("one worker process: CPU an item, both processes", worker, "us", alone),
            Row(
                "overhead of slices, reports and pickling",
                overhead,
                "%",
                None,
                f"< {MOST_OVERHEAD:g} %",
                overhead < MOST_OVERHEAD,
            ),
            Row(
                "two workers' speed on cores of their own",
                alone / busiest,
                "times one's",
                None,
                f">= {LEAST_SPEED:g}",
                alone / busiest >= LEAST_SPEED,
            ),
            Row("start-up of a run with two workers: CPU", median(begin), "s"),
            Row(f"no engine: CPU an item of {LARGE_ITEM:,} bytes", larger, "us"),
        ],
    )


def large() -> tuple[str, ...]:
    """Options of a source with larger items."""
    return ("--item-bytes", str(LARGE_ITEM))


def marginal(
    short: Ends, long: Ends, options: Sequence[str], more: Mapping[str, Any] | None = None
) -> Spent:
    """CPU microseconds an item, from the difference of two runs; `more` is what else they are
    configured with."""
    few, many = spent(short, options, more), spent(long, options, more)
    items = (long.items - short.items) / 1e6
    return Spent((many.total - few.total) / items, (many.busiest - few.busiest) / items)


def spent(ends: Ends, options: Sequence[str], more: Mapping[str, Any] | None = None) -> Spent:
    """What one whole run spends. Raises NotMeasuredError unless every item arrived."""
    before = ends.sink.stats()["items"]
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "config.yaml"
        content = {**settings(ends, BATCH, SEGMENTS, Path(name)), **(more or {})}
        content["source"] |= content.pop("more of source", {})
        config.write_text(json.dumps(content))
        command = (*COMMAND, "run", str(config), "--progress", "none", *options)
        with pinned(CLIENT_CORE):
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        workers = _watch(process.pid)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    arrived = ends.sink.stats()["items"] - before
    if process.returncode or arrived != ends.items:
        raise NotMeasuredError(f"exit {process.returncode}, {arrived} of {ends.items} items")
    own = used.ru_utime + used.ru_stime
    return Spent(own + sum(workers), max(workers, default=own))


def _watch(pid: int) -> list[float]:
    """CPU seconds of each child of a process and of each of theirs, as last seen before it ended:
    the process whose forks the workers are is not waited for, and its usage is told to nobody."""
    seen: dict[int, float] = {}
    give_up = time.monotonic() + SECONDS
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > give_up:
            raise NotMeasuredError(f"a run took more than {SECONDS} s")
        children = _children(pid)
        theirs = [each for child in children for each in _children(child)]
        for number in (*children, *theirs):
            with suppress(OSError):
                seen[number] = cpu_seconds(number)
        time.sleep(0.02)
    return list(seen.values())


def _children(pid: int) -> list[int]:
    try:
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    except OSError:
        return []
