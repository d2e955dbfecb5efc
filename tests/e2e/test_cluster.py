"""Three nodes that die and come back, in any number, while a table is copied."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.core.errors import OutOfTime, UsageError
from tests.e2e.stage import TABLE, rows
from tests.servers.client import create_table, fill
from tests.servers.filled import filled
from tests.servers.patience import stretched
from tests.standin import StandIn
from tests.standin.server import Node
from tests.support.cli import until
from tests.support.jobs import Ending, Job, alternator, job, migrate
from tests.support.shapes import same_items

ITEMS = rows(1500)
NODES = 3
WRITERS = 4
REFRESH_MS = 100


@pytest.fixture
async def source() -> AsyncIterator[StandIn]:
    """A table of `ITEMS`."""
    async with filled(TABLE, ITEMS, page_bytes=3000) as server:
        yield server


@pytest.fixture
async def cluster() -> AsyncIterator[StandIn]:
    """Three nodes without a table."""
    async with StandIn(NODES) as server:
        yield server


def config(source: StandIn, cluster: StandIn, budget: float = 60, **options: object) -> Job:
    """From the source to the cluster, whose first node is the only one that is named."""
    small = {
        "maxItemsPerBatch": 10,
        "maxConnections": WRITERS,
        "activeRefreshIntervalMs": REFRESH_MS,
    }
    target = alternator(cluster.url, TABLE, **small, **options)
    return job(alternator(source.url, TABLE), target, retryBudgetSeconds=budget)


def copied(ending: Ending, cluster: StandIn) -> None:
    """All items are there, and all were counted."""
    items = ending.done.items
    assert items.read == items.written == len(ITEMS)
    assert items.rejected == items.skipped_expired == 0
    assert same_items(cluster.items(TABLE), ITEMS)


async def busy(cluster: StandIn, node: int, requests: int = 10) -> None:
    """Return when a node got so many requests more."""
    end = cluster.by_node[node] + requests
    await until(lambda: cluster.by_node[node] >= end)


async def batches(cluster: StandIn, count: int, operation: str = "BatchWriteItem") -> None:
    """Return when so many requests of an operation more have come."""
    end = cluster.requests[operation] + count
    await until(lambda: cluster.requests[operation] >= end)


async def test_all_nodes_are_written_to_over_several_connections_each(
    source: StandIn, cluster: StandIn, tmp_path: Path
) -> None:
    cluster.faults.latency = 0.1
    content = config(source, cluster)
    content["target"]["maxConnections"] = 12
    task = asyncio.create_task(migrate(tmp_path, content))
    await until(lambda: all(cluster.connections(node) > 1 for node in range(NODES)))
    assert not task.done()
    cluster.faults.latency = 0
    ending = await asyncio.wait_for(task, stretched(60))
    copied(ending, cluster)
    assert ending.done.retries == 0
    for node in range(NODES):
        assert cluster.by_node[node] >= 40


async def test_a_rolling_restart_of_all_nodes_loses_nothing(
    source: StandIn, cluster: StandIn, tmp_path: Path
) -> None:
    cluster.faults.latency = 0.1
    task = asyncio.create_task(migrate(tmp_path, config(source, cluster)))
    for node in range(NODES):
        await busy(cluster, node)
        await cluster.kill(node)
        await batches(cluster, 10)
        assert not task.done()
        await cluster.revive(node)
        await busy(cluster, node, 3)
    cluster.faults.latency = 0
    ending = await asyncio.wait_for(task, stretched(60))
    copied(ending, cluster)
    assert 0 < ending.done.retries <= 4 * NODES * WRITERS


@asynccontextmanager
async def corpse(cluster: StandIn, ip: str) -> AsyncIterator[list[bytes]]:
    """Something at a node's address that resets whatever comes; yields how requests began."""
    heard: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.read(100)).partition(b" HTTP")[0])
        writer.transport.abort()

    server = await asyncio.start_server(take, ip, cluster.port)
    async with server:
        yield heard


async def test_a_node_that_is_listed_and_was_never_there_gets_no_request(
    source: StandIn, cluster: StandIn, tmp_path: Path
) -> None:
    cluster.topology += [Node("127.0.0.77"), Node("192.0.2.1")]
    async with corpse(cluster, "127.0.0.77") as heard:
        ending = await migrate(tmp_path, config(source, cluster))
    copied(ending, cluster)
    assert ending.done.retries == 0
    assert set(heard) == {b"GET /localnodes"}


async def test_a_node_that_dies_costs_what_was_in_flight_and_then_a_probe_by_the_clock(
    source: StandIn, cluster: StandIn, tmp_path: Path
) -> None:
    cluster.faults.latency = 0.05
    task = asyncio.create_task(migrate(tmp_path, config(source, cluster)))
    await busy(cluster, 2)
    await cluster.kill(2)
    async with corpse(cluster, "127.0.0.3") as heard:
        began = time.monotonic()
        ending = await asyncio.wait_for(task, stretched(60))
        seconds = time.monotonic() - began
    copied(ending, cluster)
    assert ending.done.retries <= 2 * WRITERS
    probes = heard.count(b"GET /localnodes")
    assert len(heard) - probes <= 2 * WRITERS, heard
    assert 0 < probes <= 2 + 1000 * seconds / REFRESH_MS


async def test_the_contact_node_may_die_once_the_others_are_known(
    source: StandIn, cluster: StandIn, tmp_path: Path
) -> None:
    cluster.faults.latency = 0.05
    task = asyncio.create_task(migrate(tmp_path, config(source, cluster)))
    await busy(cluster, 1)
    await cluster.kill(0)
    cluster.faults.latency = 0
    copied(await asyncio.wait_for(task, stretched(60)), cluster)


async def test_all_nodes_down_for_a_while_are_waited_for(
    source: StandIn, cluster: StandIn, tmp_path: Path
) -> None:
    cluster.faults.latency = 0.05
    task = asyncio.create_task(migrate(tmp_path, config(source, cluster)))
    await batches(cluster, 12)
    for node in range(NODES):
        await cluster.kill(node)
    await asyncio.sleep(1)  # so long is the outage
    assert not task.done()
    cluster.faults.latency = 0
    for node in range(NODES):
        await cluster.revive(node)
    ending = await asyncio.wait_for(task, stretched(60))
    copied(ending, cluster)
    assert ending.done.retries > 0


async def test_all_nodes_down_for_longer_than_the_budget_end_the_run(
    source: StandIn, cluster: StandIn, tmp_path: Path
) -> None:
    cluster.faults.latency = 0.05
    task = asyncio.create_task(migrate(tmp_path, config(source, cluster, budget=stretched(1))))
    await batches(cluster, 12)
    for node in range(NODES):
        await cluster.kill(node)
    ending = await asyncio.wait_for(task, stretched(60))
    assert isinstance(ending.failure, OutOfTime)
    assert ending.failure.exit_code == 1
    assert "retryBudgetSeconds" in ending.failure.hint
    assert ending.progress
    assert ending.progress.items.written <= len(cluster.items(TABLE)) < len(ITEMS)


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({"datacenter": "dc2"}, {1, 2}),
        ({"datacenter": "dc2", "rack": "r2"}, {2}),
        ({}, {0}),
    ],
)
async def test_only_nodes_of_the_datacenter_and_rack_get_requests(
    source: StandIn,
    cluster: StandIn,
    tmp_path: Path,
    options: dict[str, Any],
    chosen: set[int],
) -> None:
    for node, (dc, rack) in enumerate((("dc1", "r1"), ("dc2", "r1"), ("dc2", "r2"))):
        cluster.topology[node].dc, cluster.topology[node].rack = dc, rack
    copied(await migrate(tmp_path, config(source, cluster, **options)), cluster)
    assert {node for node, count in cluster.by_node.items() if count} == chosen


@pytest.mark.parametrize(
    "options", [{"datacenter": "atlantis"}, {"rack": "r9"}, {"datacenter": "dc1", "rack": "r9"}]
)
async def test_a_place_without_nodes_is_a_mistake_before_anything_is_written(
    source: StandIn, cluster: StandIn, tmp_path: Path, options: dict[str, Any]
) -> None:
    for node in cluster.topology:
        node.dc = "dc1"
    ending = await migrate(tmp_path, config(source, cluster, **options))
    assert isinstance(ending.failure, UsageError)
    for name, value in options.items():
        assert value in str(ending.failure)
        assert f"target.{name}" in ending.failure.hint
    assert not cluster.store.tables


async def test_one_failed_request_at_each_node_sends_none_to_another_datacenter(
    source: StandIn, cluster: StandIn, tmp_path: Path
) -> None:
    for node, dc in enumerate(("dc1", "dc2", "dc2")):
        cluster.topology[node].dc = dc
    content = config(source, cluster, datacenter="dc2")
    content["target"]["activeRefreshIntervalMs"] = 5000
    cluster.faults.rate("BatchWriteItem", "reset_after_write", 0.2)
    copied(await migrate(tmp_path, content), cluster)
    assert cluster.by_node[0] == 0
    assert cluster.by_node[1] > 0 < cluster.by_node[2]


async def test_a_datacenter_that_cannot_be_reached_is_told_before_anything_is_written(
    source: StandIn, cluster: StandIn, tmp_path: Path
) -> None:
    for node, dc in enumerate(("dc1", "dc2", "dc2")):
        cluster.topology[node].dc = dc
    for node in (1, 2):
        await cluster.kill(node)
    failure = (await migrate(tmp_path, config(source, cluster, datacenter="dc2"))).failure
    assert isinstance(failure, UsageError)
    assert "datacenter dc2" in str(failure)
    assert all(each in str(failure) for each in cluster.urls[1:])
    assert "target.datacenter" in failure.hint
    assert not cluster.requests


async def test_a_source_of_several_nodes_is_read_through_their_deaths(
    source: StandIn, cluster: StandIn, tmp_path: Path
) -> None:
    await create_table(cluster.url, TABLE)
    await fill(cluster.url, TABLE, ITEMS)
    cluster.store.settings.page_bytes = 3000
    cluster.faults.latency = 0.05
    target = alternator(source.url, "Copy")
    reading = alternator(cluster.url, TABLE, activeRefreshIntervalMs=100, scanSegments=4)
    task = asyncio.create_task(migrate(tmp_path, job(reading, target)))
    for node in range(NODES):
        await busy(cluster, node, 3)
        await cluster.kill(node)
        await batches(cluster, 3, "Scan")
        await cluster.revive(node)
    ending = await asyncio.wait_for(task, stretched(60))
    assert ending.done.items.written == len(ITEMS)
    assert same_items(source.items("Copy"), ITEMS)
