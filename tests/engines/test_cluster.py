"""A Dask cluster whose workers and scheduler come and go, and workers that do not fit."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alternator_migrate.engines.dask import open_local_cluster
from alternator_migrate.engines.lateness import GIVEN_UP_SECONDS
from tests.conftest import RunCli
from tests.engines.dask import DaskCluster, children, dask_cluster, gone
from tests.engines.ends import ITEMS, TABLE, batches, between, slow_down
from tests.servers.cli import running
from tests.servers.patience import stretched
from tests.servers.process import free_port
from tests.standin import StandIn
from tests.support.jobs import alternator, job, read_summary, write_config
from tests.support.shapes import same_items

SECONDS = 90
LONGEST_WAIT = 10.0
"""Seconds between two attempts, at most."""
RETRY_BUDGET = 300.0
"""Seconds in which a batch is sent again and again, unless its run is gone."""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DaskCluster]:
    """A cluster of one worker that a test may break."""
    folder = tmp_path / "dask"
    folder.mkdir()
    with dask_cluster(folder, workers=1) as cluster:
        yield cluster


def run(cluster: DaskCluster, *more: str) -> tuple[str, ...]:
    return ("run", "config.yaml", "--engine", "dask", "--scheduler", cluster.address, *more)


async def test_workers_come_and_go(
    own: DaskCluster, source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    """One is added, and then the first one killed with its slices."""
    slow_down(target, 5)
    content = between(source, target)
    content["target"]["maxConnections"] = 4
    write_config(tmp_path, content)
    async with running(tmp_path, *run(own, "--summary-json", "summary.json")) as cli:
        await batches(target, 4)
        own.add_worker()
        await asyncio.to_thread(_joined, own, 2)
        target.faults.clear()
        slow_down(target, 0.3)
        own.kill(own.workers[0])
        await batches(target, target.requests["BatchWriteItem"] + 8)
        target.faults.clear()
        result = await cli.wait(SECONDS)
    assert result.code == 0, result
    assert "Traceback" not in result.err
    assert same_items(target.items(TABLE), ITEMS)
    (table,) = read_summary(tmp_path / "summary.json")["tables"]
    assert table["items"]["read"] == table["items"]["written"] == len(ITEMS)


async def test_all_workers_gone_are_waited_for(
    own: DaskCluster, source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    slow_down(target, 0.3)
    write_config(tmp_path, between(source, target))
    async with running(tmp_path, *run(own)) as cli:
        await batches(target, 4)
        own.kill(own.workers[0])
        target.faults.clear()
        await cli.wait_for("waiting up to 60 s for a worker", 60)
        own.add_worker()
        result = await cli.wait(SECONDS)
    assert result.code == 0, result
    assert same_items(target.items(TABLE), ITEMS)


async def test_a_scheduler_that_is_gone_leaves_a_savepoint(
    own: DaskCluster, source: StandIn, target: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    """The run fails with words, and goes on without a cluster."""
    slow_down(target, 0.3)
    content = between(source, target)
    content["target"]["maxConnections"] = 2
    write_config(tmp_path, content)
    async with running(tmp_path, *run(own)) as cli:
        await batches(target, 10)
        own.kill(own.scheduler)
        result = await cli.wait(SECONDS)
    assert result.code == 1, result
    assert f"the Dask scheduler at {own.address} is gone" in result.err
    assert "Traceback" not in result.err
    target.faults.clear()
    again = await run_cli("run", "config.yaml", seconds=SECONDS)
    assert (again.code, "going on from" in again.err) == (0, True), again
    assert same_items(target.items(TABLE), ITEMS)


async def test_what_a_killed_run_has_under_way_is_given_up_by_its_workers(
    own: DaskCluster, source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    """Else a batch that is sent again and again would be written over what is newer."""
    target.faults.rate("BatchWriteItem", "overload", 1.0)
    write_config(tmp_path, between(source, target))
    async with running(tmp_path, *run(own)) as cli:
        await batches(target, 10)
        cli.send_signal(signal.SIGKILL)
        await cli.wait(60)
    sent = await given_up(target)
    target.faults.clear()
    await asyncio.sleep(1)
    assert (target.requests["BatchWriteItem"], target.items(TABLE)) == (sent, [])


async def given_up(target: StandIn) -> int:
    """The number of batches when none has come for longer than their senders ever wait. Raises
    `TimeoutError` when they are sent for much longer than by a worker that gives them up."""
    async with asyncio.timeout(GIVEN_UP_SECONDS + RETRY_BUDGET / 2):
        while True:
            sent = target.requests["BatchWriteItem"]
            await asyncio.sleep(LONGEST_WAIT + 1)
            if target.requests["BatchWriteItem"] == sent:
                return sent


async def test_changes_are_not_replayed_while_workers_of_a_killed_run_may_write(
    own: DaskCluster, source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    slow_down(target, 0.3)
    content = between(source, target)
    content["target"]["streamChanges"] = True
    write_config(tmp_path, content)
    async with running(tmp_path, *run(own)) as cli:
        await batches(target, 4)
        cli.send_signal(signal.SIGKILL)
        await cli.wait(60)
    target.faults.clear()
    async with running(tmp_path, *run(own)) as cli:
        await cli.wait_for("s are waited before changes are replayed", 60)
        assert same_items(target.items(TABLE), ITEMS)
        cli.send_signal(signal.SIGTERM)
        result = await cli.wait(60)
    assert result.code == 143, result


async def test_a_local_cluster_without_a_scheduler(
    source: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    """It speaks TLS, so that a literal secret may go to its workers."""
    async with StandIn(auth={"role": "hunter2"}) as guarded:
        keys = {"accessKey": "role", "secretKey": "hunter2"}
        ends = alternator(source.url, TABLE), alternator(guarded.url, TABLE, credentials=keys)
        write_config(tmp_path, job(*ends))
        options = ("--engine", "dask", "--workers", "2")
        result = await run_cli("run", "config.yaml", *options, seconds=SECONDS)
        assert result.code == 0, result
        assert "distributed" not in result.err
        assert "hunter2" not in result.err
        assert same_items(guarded.items(TABLE), ITEMS)


async def test_workers_of_a_local_cluster_log_no_errors_of_their_own() -> None:
    """One that ends with its run logs a heartbeat that fails then, sometimes."""
    from distributed import Client  # noqa: PLC0415 # slow to import

    def tells_errors() -> bool:
        return logging.getLogger("distributed.worker").isEnabledFor(logging.ERROR)

    async with (
        open_local_cluster(workers=1) as local,
        Client(local, asynchronous=True, set_as_default=False) as client,  # type: ignore[no-untyped-call] # has no types
    ):
        told = await client.run(tells_errors)
    assert list(told.values()) == [False]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_local_cluster_ends_with_its_run(
    source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    slow_down(target, 0.2)
    write_config(tmp_path, between(source, target))
    options = ("--engine", "dask", "--workers", "2")
    async with running(tmp_path, "run", "config.yaml", *options) as cli:
        await batches(target, 20)
        workers = children(cli.pid)
        assert len(workers) >= 2
        began = time.monotonic()
        os.killpg(cli.pid, signal.SIGINT)
        result = await cli.wait(60)
        assert time.monotonic() - began < stretched(5)
        await gone(workers)
    assert result.code == 130, result
    assert "Traceback" not in result.err


async def test_a_scheduler_that_cannot_be_reached(
    source: StandIn, target: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    write_config(tmp_path, between(source, target))
    nobody = f"tcp://127.0.0.1:{free_port()}"
    result = await run_cli("run", "config.yaml", "--engine", "dask", "--scheduler", nobody)
    assert result.code == 2, result
    assert f"cannot reach a Dask scheduler at {nobody}" in result.err
    assert "Traceback" not in result.err
    assert target.requests["CreateTable"] == 0


async def test_a_run_that_waits_for_workers_can_be_stopped(
    source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    folder = tmp_path / "dask"
    folder.mkdir()
    write_config(tmp_path, between(source, target))
    with dask_cluster(folder, workers=0) as empty:
        async with running(tmp_path, *run(empty)) as cli:
            await cli.wait_for("waiting up to 60 s for a worker", 60)
            began = time.monotonic()
            cli.send_signal(signal.SIGTERM)
            result = await cli.wait(60)
    assert time.monotonic() - began < stretched(5)
    assert result.code == 143, result
    assert "Traceback" not in result.err
    assert target.requests["CreateTable"] == 0


async def test_variables_are_those_of_the_workers(
    cluster: DaskCluster, own: DaskCluster, source: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    """Workers without them are refused before anything is written; no secret is sent."""
    async with StandIn(auth={"role": "hunter2"}) as guarded:
        keys = {"accessKey": "${ROLE}", "secretKey": "${SECRET}"}
        ends = alternator(source.url, TABLE), alternator(guarded.url, TABLE, credentials=keys)
        write_config(tmp_path, job(*ends))
        variables = {"ROLE": "role", "SECRET": "hunter2"}
        refused = await run_cli(*run(cluster), env=variables, seconds=SECONDS)
        assert refused.code == 2, refused
        assert "the environment variable SECRET is not set" in refused.err
        assert "hunter2" not in refused.err
        assert guarded.requests["CreateTable"] == 0
        own.add_worker(**variables)
        await asyncio.to_thread(_joined, own, 2)
        own.kill(own.workers[0])
        done = await run_cli(*run(own), env=variables, seconds=SECONDS)
        assert done.code == 0, done
        assert same_items(guarded.items(TABLE), ITEMS)


OLD = """\"Another version.\"
def versions():
    return "0.0.1", "3.10"
"""


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ({}, "it has no alternator-migrate of this version"),
        (
            {"engines/__init__.py": "", "engines/dask_worker.py": OLD},
            "it has alternator-migrate 0.0.1",
        ),
    ],
    ids=["a stranger", "an old one"],
)
async def test_workers_of_another_version_are_refused(
    own: DaskCluster,
    source: StandIn,
    target: StandIn,
    tmp_path: Path,
    run_cli: RunCli,
    modules: dict[str, str],
    words: str,
) -> None:
    write_config(tmp_path, between(source, target))
    for name, text in {"__init__.py": "", **modules}.items():
        module = tmp_path / "other" / "alternator_migrate" / name
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text(text)
    own.add_worker(PYTHONPATH=str(tmp_path / "other"))
    await asyncio.to_thread(_joined, own, 2)
    result = await run_cli(*run(own), seconds=SECONDS)
    assert result.code == 2, result
    assert words in result.err
    assert "Traceback" not in result.err
    assert target.requests["CreateTable"] == 0


def _joined(cluster: DaskCluster, count: int) -> None:
    """Return when the cluster has so many workers."""
    from distributed import Client  # noqa: PLC0415 # slow to import

    with Client(cluster.address, set_as_default=False) as client:  # type: ignore[no-untyped-call] # has no types
        client.wait_for_workers(count, timeout=60)
