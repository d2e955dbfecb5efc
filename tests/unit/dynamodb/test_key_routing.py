"""Routes of keys: one node each, and a pause whenever a key moves to another."""

import asyncio
from collections import Counter

import pytest

from alternator_migrate.core.model import Route
from alternator_migrate.dynamodb.key_routing import CLOCK_SECONDS, KeyRouter
from tests.support.cluster import Cluster, opened, url
from tests.support.virtual_time import now, run

KEYS = [f"key {number}".encode() for number in range(2000)]


async def cluster_of(size: int) -> tuple[Cluster, KeyRouter]:
    cluster = Cluster(size)
    nodes = opened(1)
    await nodes.refresh(cluster.ask)
    router = KeyRouter(nodes, clock=now)
    return cluster, router


async def write(router: KeyRouter, route: Route, seconds: float = 0.0) -> tuple[str, float]:
    """Where a write went, and when it was sent."""
    async with router.writing(route) as node:
        began = now()
        if seconds:
            await asyncio.sleep(seconds)
        return node, round(began, 2)


def test_a_key_has_one_home_and_keys_are_spread_evenly() -> None:
    async def scene() -> None:
        _, router = await cluster_of(4)
        found = [router.of(key).node for key in KEYS]
        assert found == [router.of(key).node for key in KEYS]
        share = Counter(found)
        assert len(share) == 4
        assert min(share.values()) > len(KEYS) / 4 / 2

    run(scene)


def test_only_the_keys_of_a_node_that_leaves_move() -> None:
    async def scene() -> None:
        _, router = await cluster_of(4)
        before = {key: router.of(key).node for key in KEYS}
        router._nodes.failed(url(2))
        for key, node in before.items():
            after = router.of(key).node
            assert (after == node) == (node != url(2))

    run(scene)


def test_one_node_never_waits() -> None:
    async def scene() -> None:
        _, router = await cluster_of(1)
        assert router.one
        assert await write(router, router.of(b"a")) == (url(1), 0.0)

    run(scene)


def test_the_first_write_waits_out_what_others_wrote_before() -> None:
    async def scene() -> None:
        _, router = await cluster_of(3)
        _, sent = await write(router, router.of(b"a"))
        assert sent == pytest.approx(CLOCK_SECONDS, abs=0.01)
        _, again = await write(router, router.of(b"a"))
        assert again == sent

    run(scene)


def test_a_key_moves_after_all_writes_have_ended_and_the_pause() -> None:
    async def scene() -> None:
        _, router = await cluster_of(3)
        await write(router, router.of(b"a"))
        other = next(key for key in KEYS if router.of(key).node == url(2))
        slow = asyncio.create_task(write(router, router.of(other), 5.0))
        await asyncio.sleep(1.0)
        moved = next(key for key in KEYS if router.of(key).node == url(3))
        router._nodes.failed(url(3))
        began = now()
        node, sent = await write(router, router.of(moved))
        assert slow.done()
        assert node != url(3)
        assert sent == pytest.approx(began + 4.0 + CLOCK_SECONDS, abs=0.01)

    run(scene)


def test_a_batch_whose_node_has_left_settles_after_the_pause() -> None:
    async def scene() -> None:
        _, router = await cluster_of(3)
        await write(router, router.of(b"a"))
        route = router.of(KEYS[0])
        began = now()
        await router.settle(route)
        assert now() == began
        router._nodes.failed(route.node)
        node, sent = await write(router, route)
        assert node != route.node
        await router.settle(route)
        assert now() - sent == pytest.approx(CLOCK_SECONDS, abs=0.01)
        assert router.of(KEYS[0]).epoch != route.epoch

    run(scene)


def test_a_node_that_comes_back_is_moved_to_after_the_pause() -> None:
    async def scene() -> None:
        cluster, router = await cluster_of(2)
        key = next(key for key in KEYS if router.of(key).node == url(2))
        await write(router, router.of(key))
        router._nodes.failed(url(2))
        await write(router, router.of(key))
        await router._nodes.refresh(cluster.ask)
        began = now()
        node, sent = await write(router, router.of(key))
        assert node == url(2)
        assert sent == pytest.approx(began + CLOCK_SECONDS, abs=0.01)

    run(scene)
