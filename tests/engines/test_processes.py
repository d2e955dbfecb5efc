"""Worker processes: killed, interrupted, left alone; none of them outlives its run."""

import asyncio
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.engines.dask import children, forking, gone
from tests.engines.ends import ITEMS, TABLE, batches, between, slow_down
from tests.servers.cli import Cli, running
from tests.servers.patience import stretched
from tests.standin import StandIn
from tests.support.cli import text_of, until
from tests.support.jobs import read_summary, write_config
from tests.support.shapes import same_items

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

RUN = ("run", "config.yaml", "--engine", "processes", "--workers", "2")
SECONDS = 90


async def both_at_work(cli: Cli, target: StandIn) -> list[int]:
    """The two workers, once both have written."""
    await batches(target, 20)
    async with asyncio.timeout(stretched(30)):
        while len(workers := children(cli.pid)) < 2:  # noqa: ASYNC110 # another process's doing
            await asyncio.sleep(0.02)
    return workers


async def test_a_killed_worker_is_replaced_and_its_slice_run_again(
    source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    slow_down(target, 0.2)
    write_config(tmp_path, between(source, target))
    async with running(tmp_path, *RUN, "--summary-json", "summary.json") as cli:
        for victim in await both_at_work(cli, target):
            os.kill(victim, signal.SIGKILL)
        target.faults.clear()
        result = await cli.wait(SECONDS)
    assert result.code == 0, result
    assert len(re.findall("ended by signal 9; its slice is run again", result.err)) == 2
    assert "Traceback" not in result.err
    assert same_items(target.items(TABLE), ITEMS)
    (table,) = read_summary(tmp_path / "summary.json")["tables"]
    assert table["items"]["read"] == table["items"]["written"] == len(ITEMS)


async def test_workers_that_die_again_and_again_end_the_run(
    source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    """The savepoint stands, and the next run goes on from it."""
    slow_down(target, 30)
    write_config(tmp_path, between(source, target))
    async with running(tmp_path, *RUN) as cli, asyncio.TaskGroup() as group:
        killing = group.create_task(_kill_all(cli, target))
        result = await cli.wait(SECONDS)
        killing.cancel()
    assert result.code == 1, result
    assert "workers in turn were lost with segment" in result.err
    assert "--workers" in result.err
    assert "Traceback" not in result.err
    target.faults.clear()
    async with running(tmp_path, *RUN) as cli:
        again = await cli.wait(SECONDS)
    assert (again.code, "going on from" in again.err) == (0, True), again
    assert same_items(target.items(TABLE), ITEMS)


async def test_a_worker_that_is_killed_as_it_is_started_is_lost_like_any_other(
    source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    """Killed with the process that forks workers: the system may choose either."""
    write_config(tmp_path, between(source, target))
    async with running(tmp_path, *RUN) as cli:
        await until(lambda: forking(cli.pid) != [], 30)
        os.kill(forking(cli.pid)[0], signal.SIGKILL)
        result = await cli.wait(SECONDS)
    assert result.code == 0, result
    assert "a worker process ended as it was started; its slice is run again" in result.err
    assert "Traceback" not in result.err
    assert same_items(target.items(TABLE), ITEMS)


async def _kill_all(cli: Cli, target: StandIn) -> None:
    """Kill each worker of a run as soon as it writes."""
    heard = 0
    while not cli.ended:
        await asyncio.sleep(0.02)
        if target.requests["BatchWriteItem"] > heard:
            heard = target.requests["BatchWriteItem"]
            for worker in children(cli.pid):
                os.kill(worker, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_to_all_of_the_group_is_a_signal_to_the_run(
    source: StandIn, target: StandIn, tmp_path: Path, number: signal.Signals
) -> None:
    """As Ctrl-C in a terminal and a service manager send it: workers finish what they read."""
    slow_down(target, 0.2)
    write_config(tmp_path, between(source, target))
    async with running(tmp_path, *RUN) as cli:
        workers = await both_at_work(cli, target)
        began = time.monotonic()
        os.killpg(cli.pid, number)
        result = await cli.wait(20)
        assert time.monotonic() - began < stretched(5)
        await gone(workers, 1)
    assert result.code == 128 + number, result
    assert "Traceback" not in result.err
    assert "run again" not in result.err


async def test_a_target_that_does_not_answer_does_not_hold_it_up(
    source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    slow_down(target, 25)
    write_config(tmp_path, between(source, target))
    async with running(tmp_path, *RUN) as cli:
        await batches(target, 5)
        workers = children(cli.pid)
        began = time.monotonic()
        cli.send_signal(signal.SIGTERM)
        result = await cli.wait(20)
        assert time.monotonic() - began < stretched(5)
        await gone(workers, 1)
    assert result.code == 143, result
    assert "run again" not in result.err


@pytest.mark.parametrize("seconds", [0.2, 30])
async def test_no_worker_outlives_a_killed_run(
    source: StandIn, target: StandIn, tmp_path: Path, seconds: float
) -> None:
    slow_down(target, seconds)
    write_config(tmp_path, between(source, target))
    async with running(tmp_path, *RUN) as cli:
        await batches(target, 5)
        workers = children(cli.pid)
        assert workers
        cli.send_signal(signal.SIGKILL)
        await cli.wait(20)
        await gone(workers)


async def test_the_second_signal_leaves_at_once(
    source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    slow_down(target, 30)
    write_config(tmp_path, between(source, target))
    async with running(tmp_path, *RUN) as cli:
        await batches(target, 5)
        workers = children(cli.pid)
        cli.send_signal(signal.SIGINT)
        await cli.wait_for("stopping", 20)
        began = time.monotonic()
        cli.send_signal(signal.SIGINT)
        result = await cli.wait(20)
        assert time.monotonic() - began < stretched(2)
        await gone(workers)
    assert result.code == 130


async def test_progress_within_a_slice_is_shown(
    source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    """The first slices last two seconds, and end when their pages are written: much later."""
    slow_down(target, 1.5)
    content = between(source, target)
    content["target"]["maxConnections"] = 2
    write_config(tmp_path, content)
    async with running(tmp_path, *RUN, "--metrics-file", "m.prom") as cli:
        await batches(target, 4)
        async with asyncio.timeout(stretched(30)):
            while not (shown := _written(cli.result.err)):
                cli.send_signal(signal.SIGUSR1)  # a status line is asked for until it tells some
                await asyncio.sleep(0.1)
        cli.send_signal(signal.SIGINT)
        assert (await cli.wait(20)).code == 130
    assert "Segments 0/8" in shown, "told before any slice was over"
    metrics = text_of(tmp_path / "m.prom")
    told = r'requests_total\{op="BatchWriteItem",outcome="answered",side="target"\} [1-9]'
    assert re.search(told, metrics)
    assert 'engine="processes, 2 workers' in metrics


def _written(err: str) -> str:
    """The first status line that tells of items written; "" without any."""
    return next((line for line in err.splitlines() if re.search(r"Copy [\d.]+% [1-9]", line)), "")
