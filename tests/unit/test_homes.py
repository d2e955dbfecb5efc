"""Homes of keys: one node each, and a pause whenever a key moves to another."""

import asyncio
from collections import Counter

import pytest

from alternator_migrate.homes import CLOCK_SECONDS, Homes
from alternator_migrate.model import Home
from tests.unit.cluster import Cluster, opened, url
from tests.unit.virtual_time import now, run

KEYS = [f"key {number}".encode() for number in range(2000)]


async def cluster_of(size: int) -> tuple[Cluster, Homes]:
    cluster = Cluster(size)
    nodes = opened(1)
    await nodes.refresh(cluster.ask)
    homes = Homes(nodes, clock=now)
    return cluster, homes


async def write(homes: Homes, home: Home, seconds: float = 0.0) -> tuple[str, float]:
    """Where a write went, and when it was sent."""
    async with homes.writing(home) as node:
        began = now()
        if seconds:
            await asyncio.sleep(seconds)
        return node, round(began, 2)


def test_a_key_has_one_home_and_keys_are_spread_evenly() -> None:
    async def scene() -> None:
        _, homes = await cluster_of(4)
        found = [homes.of(key).node for key in KEYS]
        assert found == [homes.of(key).node for key in KEYS]
        share = Counter(found)
        assert len(share) == 4
        assert min(share.values()) > len(KEYS) / 4 / 2

    run(scene)


def test_only_the_keys_of_a_node_that_leaves_move() -> None:
    async def scene() -> None:
        _, homes = await cluster_of(4)
        before = {key: homes.of(key).node for key in KEYS}
        homes._nodes.failed(url(2))
        for key, node in before.items():
            after = homes.of(key).node
            assert (after == node) == (node != url(2))

    run(scene)


def test_one_node_never_waits() -> None:
    async def scene() -> None:
        _, homes = await cluster_of(1)
        assert homes.one
        assert await write(homes, homes.of(b"a")) == (url(1), 0.0)

    run(scene)


def test_the_first_write_waits_out_what_others_wrote_before() -> None:
    async def scene() -> None:
        _, homes = await cluster_of(3)
        _, sent = await write(homes, homes.of(b"a"))
        assert sent == pytest.approx(CLOCK_SECONDS, abs=0.01)
        _, again = await write(homes, homes.of(b"a"))
        assert again == sent

    run(scene)


def test_a_key_moves_after_all_writes_have_ended_and_the_pause() -> None:
    async def scene() -> None:
        _, homes = await cluster_of(3)
        await write(homes, homes.of(b"a"))
        other = next(key for key in KEYS if homes.of(key).node == url(2))
        slow = asyncio.create_task(write(homes, homes.of(other), 5.0))
        await asyncio.sleep(1.0)
        moved = next(key for key in KEYS if homes.of(key).node == url(3))
        homes._nodes.failed(url(3))
        began = now()
        node, sent = await write(homes, homes.of(moved))
        assert slow.done()
        assert node != url(3)
        assert sent == pytest.approx(began + 4.0 + CLOCK_SECONDS, abs=0.01)

    run(scene)


def test_a_batch_whose_node_has_left_settles_after_the_pause() -> None:
    async def scene() -> None:
        _, homes = await cluster_of(3)
        await write(homes, homes.of(b"a"))
        home = homes.of(KEYS[0])
        began = now()
        await homes.settle(home)
        assert now() == began
        homes._nodes.failed(home.node)
        node, sent = await write(homes, home)
        assert node != home.node
        await homes.settle(home)
        assert now() - sent == pytest.approx(CLOCK_SECONDS, abs=0.01)
        assert homes.of(KEYS[0]).epoch != home.epoch

    run(scene)


def test_a_node_that_comes_back_is_moved_to_after_the_pause() -> None:
    async def scene() -> None:
        cluster, homes = await cluster_of(2)
        key = next(key for key in KEYS if homes.of(key).node == url(2))
        await write(homes, homes.of(key))
        homes._nodes.failed(url(2))
        await write(homes, homes.of(key))
        await homes._nodes.refresh(cluster.ask)
        began = now()
        node, sent = await write(homes, homes.of(key))
        assert node == url(2)
        assert sent == pytest.approx(began + CLOCK_SECONDS, abs=0.01)

    run(scene)
