"""Several nodes on one port: shared data, dying, coming back, data centres."""

import socket
from typing import Any

import aiohttp
import pytest

from tests.contract.conftest import Client, text_items
from tests.standin import Node, StandIn

pytestmark = pytest.mark.stand_in


async def test_nodes_share_tables_and_port(session: Any) -> None:
    async with StandIn(nodes=3) as server:
        clients = [Client(session, url) for url in server.urls]
        table = await clients[0].table()
        await clients[1].put(table, *text_items(3))
        assert len(await clients[2].scan(table)) == 3
        assert {url.rpartition(":")[2] for url in server.urls} == {str(server.port)}
        expected = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
        assert (await clients[0].get("/localnodes")).body == expected
        assert server.by_node == {0: 1, 1: 1, 2: 1}
        assert server.requests == {"CreateTable": 1, "BatchWriteItem": 1, "Scan": 1}


async def test_a_dead_node_is_still_listed_and_comes_back(session: Any) -> None:
    async with StandIn(nodes=2) as server:
        first, second = (Client(session, url) for url in server.urls)
        await second.call("ListTables")
        await server.kill(1)
        with pytest.raises(aiohttp.ClientError):
            await second.call("ListTables")
        assert (await first.get("/localnodes")).body == ["127.0.0.1", "127.0.0.2"]
        await server.revive(1)
        assert (await second.call("ListTables")).status == 200


async def test_nobody_else_gets_the_port_of_a_dead_node(session: Any) -> None:
    async with StandIn(nodes=2) as server:
        await server.kill(1)
        with socket.socket() as other:
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.2", server.port))
            other.bind(("127.0.0.2", 0))  # as who asks for any port
            assert other.getsockname()[1] != server.port
        await server.revive(1)
        assert (await Client(session, server.urls[1]).call("ListTables")).status == 200


async def test_the_list_is_of_the_own_data_centre(session: Any) -> None:
    async with StandIn(nodes=2) as server:
        server.topology = [
            Node("127.0.0.1", "east", "r1"),
            Node("127.0.0.2", "west", "r1"),
            Node("127.0.0.9", "east", "r2"),
        ]
        first, second = (Client(session, url) for url in server.urls)
        assert (await first.get("/localnodes")).body == ["127.0.0.1", "127.0.0.9"]
        assert (await second.get("/localnodes")).body == ["127.0.0.2"]
        assert (await second.get("/localnodes?dc=east&rack=r2")).body == ["127.0.0.9"]
        assert (await first.get("/localnodes?rack=r1")).body == ["127.0.0.1"]
        assert (await first.get("/localnodes?dc=north")).body == []


async def test_requests_are_recorded_when_asked(session: Any) -> None:
    async with StandIn(record=True) as server:
        await Client(session, server.url).call("ListTables", {"Limit": 3})
        assert server.log == [("ListTables", {"Limit": 3})]


async def put(client: Client, table: str, text: str) -> None:
    """Write item x."""
    await client.put(table, {"id": {"S": "x"}, "text": {"S": text}})


async def texts(server: StandIn, table: str) -> list[str]:
    """What is stored."""
    return [item["text"]["S"] for item in server.items(table)]


@pytest.mark.parametrize(
    ("isolation", "kept"), [("only_rmw_uses_lwt", "first"), ("always_use_lwt", "second")]
)
async def test_a_skewed_clock_inverts_writes_without_lwt(
    session: Any, isolation: str, kept: str
) -> None:
    async with StandIn(nodes=2, skew={0: 60.0}, write_isolation=isolation) as server:
        ahead, right = (Client(session, url) for url in server.urls)
        table = await ahead.table()
        await put(ahead, table, "first")
        await put(right, table, "second")
        assert await texts(server, table) == [kept]


async def test_a_delete_of_the_same_microsecond_wins(session: Any) -> None:
    async with StandIn(write_clock=lambda: 1) as server:
        client = Client(session, server.url)
        table = await client.table()
        await put(client, table, "put")
        await client.call("DeleteItem", {"TableName": table, "Key": {"id": {"S": "x"}}})
        await put(client, table, "again")
        assert server.items(table) == []


async def test_puts_of_the_same_microsecond_merge(session: Any) -> None:
    async with StandIn(write_clock=lambda: 1) as server:
        client = Client(session, server.url)
        table = await client.table()
        await client.put(table, {"id": {"S": "x"}, "a": {"S": "2"}, "b": {"S": "1"}})
        await client.put(table, {"id": {"S": "x"}, "a": {"S": "1"}, "c": {"S": "1"}})
        expected = {"id": {"S": "x"}, "a": {"S": "2"}, "b": {"S": "1"}, "c": {"S": "1"}}
        assert server.items(table) == [expected]
