"""Finding, enabling and disabling the stream of a table."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from alternator_migrate.connectors import source_stream as enabling
from alternator_migrate.connectors.source_stream import (
    disable_stream,
    enable_stream,
    find_stream,
    ready_stream,
)
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.control_plane import open_control
from alternator_migrate.dynamodb.http import Transport
from alternator_migrate.dynamodb.nodes import Nodes
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import TableStream
from tests.servers import faults
from tests.servers.client import call, create_table
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.streams.conftest import stream_of_new_table
from tests.streams.reading import credentials, reading, streams_http


@asynccontextmanager
async def opened(url: str, name: str) -> AsyncIterator[tuple[Table, DynamoDBClient]]:
    """A table's control plane, and the client of its streams."""
    nodes, region = Nodes((url,)), "us-east-1"
    async with (
        open_control(
            nodes, Transport(), region=region, credentials=credentials, patience=5.0
        ) as control,
        streams_http(url) as http,
    ):
        yield Table(control, name), DynamoDBClient(http, Retry(5.0))


@pytest.fixture(params=["dynamodb-local", "alternator", "alternator-old"])
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A server with tables and streams, of each kind in turn."""
    if request.param == "dynamodb-local":
        yield request.getfixturevalue("dynamodb_local")
        return
    async with StandIn(stream_delay=0, old=request.param == "alternator-old") as server:
        yield server.url


async def prepare_stream(table: Table, client: DynamoDBClient) -> tuple[str, bool]:
    """Find or enable the stream, and wait for it; its ARN, and whether it was enabled here."""
    found = await find_stream(table)
    arn, enabled_here = (found.arn, False) if found else await enable_stream(table)
    await ready_stream(table, client, arn)
    return arn, enabled_here


async def status(url: str, name: str) -> Any:
    """The table's StreamSpecification."""
    described = await call(url, "DescribeTable", {"TableName": name})
    return described["Table"].get("StreamSpecification")


async def test_a_table_without_a_stream_gets_one(url: str, table_name: str) -> None:
    await create_table(url, table_name)
    async with opened(url, table_name) as (table, client):
        assert await find_stream(table) is None
        arn, enabled_here = await prepare_stream(table, client)
        assert enabled_here
        assert await find_stream(table) == TableStream(arn, "NEW_IMAGE", enabled=True)
        assert await prepare_stream(table, client) == (arn, False)
    async with reading(url, arn) as source:
        assert await source.shards()


@pytest.mark.parametrize("view", ["NEW_IMAGE", "NEW_AND_OLD_IMAGES"])
async def test_a_stream_with_new_images_is_used_as_it_is(
    url: str, table_name: str, view: str
) -> None:
    arn = await stream_of_new_table(url, table_name, view)
    async with opened(url, table_name) as (table, client):
        assert await prepare_stream(table, client) == (arn, False)
    assert (await status(url, table_name))["StreamViewType"] == view


@pytest.mark.parametrize("view", ["KEYS_ONLY", "OLD_IMAGE"])
async def test_a_stream_without_new_images_is_refused(url: str, table_name: str, view: str) -> None:
    await stream_of_new_table(url, table_name, view)
    async with opened(url, table_name) as (table, client):
        with pytest.raises(UsageError, match=f"has the view type {view}") as refusal:
            await prepare_stream(table, client)
    assert "disable it and run again" in refusal.value.hint
    assert (await status(url, table_name))["StreamViewType"] == view


async def test_only_the_stream_that_was_enabled_is_disabled(url: str, table_name: str) -> None:
    await create_table(url, table_name)
    async with opened(url, table_name) as (table, client):
        first, _ = await prepare_stream(table, client)
        assert await disable_stream(table, first)
        assert await find_stream(table) is None
        assert not await disable_stream(table, first)
        second, enabled_here = await prepare_stream(table, client)
        assert enabled_here
        assert second != first
        assert not await disable_stream(table, first)
        assert await find_stream(table) == TableStream(second, "NEW_IMAGE", enabled=True)


async def test_an_absent_table(url: str, table_name: str) -> None:
    async with opened(url, table_name) as (table, client):
        with pytest.raises(UsageError, match=f"the table {table_name} does not exist"):
            await prepare_stream(table, client)


async def test_a_stream_that_takes_its_time_is_waited_for() -> None:
    async with StandIn(enabling_polls=2) as server:
        await create_table(server.url, "Example")
        async with opened(server.url, "Example") as (table, client):
            arn, enabled_here = await prepare_stream(table, client)
        assert enabled_here
        assert server.requests["DescribeStream"] == 2
        assert (await status(server.url, "Example"))["StreamEnabled"]
        assert server.table("Example").stream is not None
        assert arn


async def test_what_a_stream_is_waited_for_is_told_at_each_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server's words at once, how long it is tried, and nothing twice."""
    caplog.set_level("INFO")
    busy = "Table is being updated: Example"
    async with StandIn(enabling_polls=3) as server, FaultProxy(server.url) as proxy:
        await create_table(server.url, "Example")
        proxy.script("UpdateTable", *[faults.in_use(busy)] * 2)
        async with opened(proxy.url, "Example") as (table, client):
            await prepare_stream(table, client)
    said = [each.getMessage() for each in caplog.records if each.name.endswith("patience")]
    start = "the stream of table Example is waited for, 300 s at most: "
    assert said == [
        f"{start}ResourceInUseException: {busy}",
        f"{start}its status is ENABLING",
    ]


async def test_a_stream_that_never_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told to do then, helps."""
    monkeypatch.setattr(enabling, "_ENABLE_SECONDS", 0.2)
    async with StandIn(enabling_polls=3) as server:
        await create_table(server.url, "Example")
        async with opened(server.url, "Example") as (table, client):
            with pytest.raises(MigrateError, match="after 0 s: its status is ENABLING") as failure:
                await prepare_stream(table, client)
            assert "Run again" in failure.value.hint
            monkeypatch.undo()
            _, enabled_here = await prepare_stream(table, client)
            assert not enabled_here


@pytest.mark.parametrize(
    ("settings", "words", "remedy"),
    [
        ({"tablets": True}, "on a table using tablets", "system:initial_tablets=none"),
        ({"streams": False}, "feature not enabled", "--experimental-features=alternator-streams"),
    ],
)
async def test_a_server_that_refuses_streams(
    settings: dict[str, Any], words: str, remedy: str
) -> None:
    async with StandIn(**settings) as server:
        await create_table(server.url, "Example")
        async with opened(server.url, "Example") as (table, client):
            with pytest.raises(UsageError, match=words) as refusal:
                await prepare_stream(table, client)
        assert remedy in refusal.value.hint
        assert refusal.value.exit_code == 2


async def test_somebody_else_was_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    async with StandIn(stream_delay=0) as server:
        await create_table(server.url, "Example")
        async with opened(server.url, "Example") as (table, client):
            set_stream = table.set_stream

            async def late(specification: Any) -> None:
                await set_stream({"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
                await set_stream(specification)

            monkeypatch.setattr(table, "set_stream", late)
            _, enabled_here = await prepare_stream(table, client)
        assert not enabled_here
        assert (await status(server.url, "Example"))["StreamViewType"] == "NEW_AND_OLD_IMAGES"


async def test_a_description_may_lag_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async with StandIn(stream_delay=0) as server:
        await create_table(server.url, "Example")
        async with opened(server.url, "Example") as (table, client):
            stream, stale = table.stream, [None, None, None]

            async def late() -> TableStream | None:
                return stale.pop() if stale else await stream()

            monkeypatch.setattr(table, "stream", late)
            assert (await prepare_stream(table, client))[1]
        assert server.requests["UpdateTable"] == 1
