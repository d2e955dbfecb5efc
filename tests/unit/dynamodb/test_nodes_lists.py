"""The list of nodes: what is asked for, how often, and what is made of the answers."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from alternator_migrate.core.errors import BadAnswer
from alternator_migrate.dynamodb.nodes import Nodes
from tests.support import virtual_time
from tests.support.cluster import Cluster, busy, in_rotation, opened, url, urls, watching
from tests.support.virtual_time import now


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({}, "/localnodes"),
        ({"datacenter": "dc1"}, "/localnodes?dc=dc1"),
        ({"rack": "r 1&x=y"}, "/localnodes?rack=r%201%26x%3Dy"),
        ({"datacenter": "dc1", "rack": "r1"}, "/localnodes?dc=dc1&rack=r1"),
    ],
)
def test_datacenter_and_rack_are_asked_for(options: dict[str, str], path: str) -> None:
    async def scene() -> None:
        nodes, cluster = opened(1, **options), Cluster(2)
        await nodes.refresh(cluster.ask)
        assert {asked for _, _, asked in cluster.asked} == {path}

    virtual_time.run(scene)


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        ("http://scylla:8000", ["http://[fd00::2]:8000", "http://10.0.0.2:8000"]),
        ("https://[fd00::1]:8043", ["https://[fd00::2]:8043", "https://10.0.0.2:8043"]),
        ("https://scylla", ["https://[fd00::2]", "https://10.0.0.2"]),
    ],
)
def test_others_have_the_scheme_and_port_of_the_contact(contact: str, expected: list[str]) -> None:
    async def scene() -> None:
        nodes, cluster = Nodes([contact], clock=now), Cluster()
        cluster.addresses = ["fd00::2", "10.0.0.2"]
        await nodes.refresh(cluster.ask)
        assert list(nodes.rotation) == expected

    virtual_time.run(scene)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b"null", b"[]", b"7", b"\xff"])
def test_an_answer_that_is_no_list_changes_nothing(answer: bytes) -> None:
    async def scene() -> None:
        nodes, cluster = opened(1), Cluster(3)
        await nodes.refresh(cluster.ask)
        cluster.answers = dict.fromkeys([url(1), url(2), url(3)], answer)
        await nodes.refresh(cluster.ask)
        assert set(nodes.listed) == urls([1, 2, 3])
        assert in_rotation(nodes) <= urls([1, 2, 3])
        assert nodes.pick()

    virtual_time.run(scene)


def test_a_refusal_counts_as_no_answer() -> None:
    async def scene() -> None:
        nodes, cluster = opened(1, 2), Cluster(2)

        async def ask(node: str, path: str) -> bytes:
            if node == url(2):
                raise BadAnswer("HTTP 404")
            return await cluster.ask(node, path)

        await nodes.refresh(ask)
        assert in_rotation(nodes) == urls([1])

    virtual_time.run(scene)


def gaps(moments: Sequence[float]) -> set[float]:
    """The whole seconds between moments."""
    return {round(b - a) for a, b in pairwise(moments)}


@pytest.mark.parametrize(("active", "idle"), [(1.0, 60.0), (5.0, 20.0)])
def test_the_list_is_refreshed_by_the_active_interval_and_seldom_when_idle(
    active: float, idle: float
) -> None:
    async def scene() -> None:
        nodes, cluster = opened(1, active_seconds=active, idle_seconds=idle), Cluster(1)
        async with watching(nodes, cluster):
            await busy(nodes, 10 * active, 0.1)
            assert gaps(cluster.moments(url(1))[1:]) == {round(active)}
            await asyncio.sleep(idle + 2 * active)
            cluster.asked.clear()
            await asyncio.sleep(5 * idle)
            assert gaps(cluster.moments(url(1))) == {round(idle)}
            await busy(nodes, idle + active, 0.1)
            cluster.asked.clear()
            await busy(nodes, 10 * active, 0.1)
            assert gaps(cluster.moments(url(1))) == {round(active)}

    virtual_time.run(scene)


def test_a_node_that_takes_its_time_holds_up_a_refresh_for_seconds_only() -> None:
    async def scene() -> None:
        nodes, cluster = opened(1), Cluster(3)
        cluster.silent.add(url(2))
        async with asyncio.timeout(5):
            await nodes.refresh(cluster.ask)
        assert in_rotation(nodes) == urls([1, 3])

    virtual_time.run(scene)
