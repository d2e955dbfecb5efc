"""The rotation of nodes: who is in it, who leaves and comes back, and what that costs."""

import asyncio
from collections import Counter

import pytest

from alternator_migrate.core.errors import Unavailable
from alternator_migrate.dynamodb.nodes import Nodes
from tests.support import virtual_time
from tests.support.cluster import (
    ACTIVE,
    PORT,
    Cluster,
    busy,
    in_rotation,
    opened,
    url,
    urls,
    watching,
)


def test_all_listed_nodes_get_the_same_number_of_requests() -> None:
    async def scene() -> None:
        nodes, cluster = opened(1), Cluster(3)
        await nodes.refresh(cluster.ask)
        assert set(nodes.listed) == in_rotation(nodes) == urls([1, 2, 3])
        assert set(Counter(nodes.pick() for _ in range(300)).values()) == {100}

    virtual_time.run(scene)


def test_before_anything_is_known_the_contacts_serve() -> None:
    nodes = Nodes([url(1), url(2)])
    assert Counter(nodes.pick() for _ in range(10)) == Counter({url(1): 5, url(2): 5})
    assert nodes.listed == ()


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_node_to_avoid_is_avoided(size: int) -> None:
    async def scene() -> None:
        nodes, cluster = opened(1), Cluster(size)
        await nodes.refresh(cluster.ask)
        for avoided in [*nodes.rotation, *nodes.rotation]:
            assert avoided not in {nodes.pick(avoided) for _ in range(3 * size)}

    virtual_time.run(scene)


def test_a_single_node_cannot_be_avoided() -> None:
    nodes = Nodes([url(1)])
    assert {nodes.pick(url(1)) for _ in range(3)} == {url(1)}
    assert nodes.pick("http://elsewhere") == url(1)


def test_a_failed_node_leaves_at_once_and_comes_back_once_it_answers() -> None:
    async def scene() -> None:
        nodes, cluster = opened(1), Cluster(3)
        async with watching(nodes, cluster):
            cluster.dead.add(url(2))
            nodes.failed(url(2))
            assert in_rotation(nodes) == urls([1, 3])
            assert url(2) not in await busy(nodes, 30)
            cluster.dead.clear()
            await busy(nodes, 2 * ACTIVE)
            assert in_rotation(nodes) == urls([1, 2, 3])
            assert (await busy(nodes, 3))[url(2)] > 0

    virtual_time.run(scene)


def test_a_node_that_only_failed_once_is_back_before_the_next_turn_of_the_clock() -> None:
    async def scene() -> None:
        nodes, cluster = opened(1, active_seconds=10.0), Cluster(3)
        async with watching(nodes, cluster):
            await asyncio.sleep(1)
            nodes.failed(url(2))
            assert url(2) not in nodes.rotation
            await busy(nodes, 0.5)
            assert in_rotation(nodes) == urls([1, 2, 3])

    virtual_time.run(scene)


def test_a_listed_node_that_never_answers_never_joins() -> None:
    async def scene() -> None:
        nodes, cluster = opened(1), Cluster(3)
        cluster.silent.add(url(3))
        async with watching(nodes, cluster):
            assert in_rotation(nodes) == urls([1, 2])
            assert url(3) not in await busy(nodes, 60)

    virtual_time.run(scene)


def test_where_no_listed_node_can_be_reached_the_contacts_serve_alone() -> None:
    async def scene() -> None:
        nodes, cluster = opened(1, 2), Cluster(2)
        cluster.addresses = ["172.17.0.2", "172.17.0.3"]
        hidden = {f"http://{address}:{PORT}" for address in cluster.addresses}
        cluster.dead |= hidden
        async with watching(nodes, cluster):
            assert set(nodes.listed) == hidden
            assert set(await busy(nodes, 10)) == urls([1, 2])
            cluster.dead.clear()
            await busy(nodes, 3)
            assert in_rotation(nodes) == hidden

    virtual_time.run(scene)


@pytest.mark.parametrize("place", [{"datacenter": "dc2"}, {"rack": "r2"}])
def test_where_a_place_is_chosen_nothing_goes_to_a_contact_elsewhere(
    place: dict[str, str | float],
) -> None:
    async def scene() -> None:
        nodes, cluster = opened(9, **place), Cluster(2)
        await nodes.refresh(cluster.ask)
        for each in (1, 2):
            nodes.failed(url(each))
        assert in_rotation(nodes) == urls([1, 2])
        async with watching(nodes, cluster):
            cluster.dead |= urls([1, 2])
            assert set(await busy(nodes, 10)) == urls([1, 2])
            cluster.dead -= {url(2)}
            await busy(nodes, 2 * ACTIVE)
            assert in_rotation(nodes) == {url(2)}

    virtual_time.run(scene)


def test_a_dead_listed_node_is_asked_by_the_clock_and_no_more() -> None:
    async def scene() -> None:
        nodes, cluster = opened(1), Cluster(3)
        cluster.dead.add(url(3))

        async def ask(node: str, path: str) -> bytes:
            try:
                return await cluster.ask(node, path)
            except Unavailable:
                nodes.failed(node)  # as every failed request says
                raise

        await nodes.refresh(ask)
        task = asyncio.create_task(nodes.watch(ask))
        picked = await busy(nodes, 30)
        task.cancel()
        assert url(3) not in picked
        assert len(cluster.moments(url(3))) <= 1 + 30 / ACTIVE + 2

    virtual_time.run(scene)


def test_nodes_that_come_and_go_are_followed() -> None:
    async def scene() -> None:
        nodes, cluster = opened(1), Cluster(3)
        async with watching(nodes, cluster):
            cluster.addresses = ["10.0.0.1", "10.0.0.3", "10.0.0.4"]
            await busy(nodes, 2 * ACTIVE)
            assert in_rotation(nodes) == urls([1, 3, 4])
            cluster.addresses = ["10.0.0.4"]
            cluster.dead.add(url(1))
            await busy(nodes, 2 * ACTIVE)
            assert in_rotation(nodes) == urls([4])

    virtual_time.run(scene)


def test_the_list_is_known_as_long_as_one_node_answers() -> None:
    async def scene() -> None:
        nodes, cluster = opened(1), Cluster(3)
        await nodes.refresh(cluster.ask)
        cluster.dead |= urls([1, 2])
        cluster.addresses = ["10.0.0.3", "10.0.0.4"]
        await nodes.refresh(cluster.ask)
        assert in_rotation(nodes) == urls([3, 4])

    virtual_time.run(scene)


def test_where_no_answer_comes_in_time_those_serve_that_have_ever_answered() -> None:
    """As on a machine that stood still for longer than a probe may take."""

    async def scene() -> None:
        nodes, cluster = opened(1), Cluster(4)
        cluster.silent = {url(4)}
        async with watching(nodes, cluster):
            cluster.silent = urls([1, 2, 3, 4])
            await busy(nodes, 4 * ACTIVE)
            assert set(await busy(nodes, 20)) == urls([1, 2, 3])
            cluster.silent = urls([1, 2, 3])
            await busy(nodes, 4 * ACTIVE)
            assert in_rotation(nodes) == urls([4])

    virtual_time.run(scene)


def test_where_all_are_dead_all_are_tried_until_one_is_back() -> None:
    async def scene() -> None:
        nodes, cluster = opened(1, 9), Cluster(3)
        async with watching(nodes, cluster):
            cluster.dead = urls([1, 2, 3, 9])
            for each in cluster.dead:
                nodes.failed(each)
            assert in_rotation(nodes) == urls([1, 2, 3, 9])
            assert set(await busy(nodes, 20)) == urls([1, 2, 3, 9])
            cluster.dead -= {url(2)}
            await busy(nodes, 2 * ACTIVE)
            assert in_rotation(nodes) == urls([2])

    virtual_time.run(scene)
