"""The way back: from Alternator, by its streams, to DynamoDB; deletions by TTL."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCli
from tests.following.conftest import RULE, STOPPED, UNTIL, WRITERS_STOP
from tests.servers import faults
from tests.servers.cli import running
from tests.servers.client import Item, call, create_table, fill, scan_all
from tests.servers.guarded import Guarded
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import alternator, dynamodb, job, standin_side, write_config
from tests.support.shapes import same_items

TABLE = "Example"


@pytest.fixture
async def source(request: pytest.FixtureRequest) -> AsyncIterator[StandIn]:
    """A cluster of three nodes with a stream of several shards, shown soon."""
    stream: dict[str, Any] = {"stream_delay": 0.3, "stream_shards": 8}
    guarded = getattr(request, "param", "open") == "guarded"
    async with Guarded(**stream) if guarded else StandIn(3, **stream) as server:
        await create_table(server.url, TABLE)
        await fill(server.url, TABLE, [item(n) for n in range(200)])
        yield server


def item(number: int, version: int = 0, **more: Any) -> Item:
    return {"pk": {"S": f"i{number}"}, "v": {"N": str(version)}, **more}


async def put(source: StandIn, number: int, version: int, **more: Any) -> None:
    await call(source.url, "PutItem", {"TableName": TABLE, "Item": item(number, version, **more)})


def configure(folder: Path, source: StandIn, target: dict[str, Any], **more: Any) -> None:
    ends = standin_side(source, TABLE), target | {"streamChanges": True}
    write_config(folder, job(*ends, cutover=RULE, **more))


def changes(folder: Path) -> dict[str, Any]:
    (table,) = json.loads((folder / "summary.json").read_text())["tables"]
    return dict(table["changes"])


@pytest.mark.parametrize("source", ["open", "guarded"], indirect=True)
async def test_from_alternator_to_dynamodb(
    source: StandIn, dynamodb_local: str, table_name: str, tmp_path: Path
) -> None:
    configure(tmp_path, source, dynamodb(dynamodb_local, table_name), hooks=WRITERS_STOP)
    async with running(tmp_path, "run", "config.yaml", *UNTIL) as cli:
        await cli.wait_for("was enabled", 30)
        for version in range(1, 60):
            await put(source, version % 9, version)
            if version == 30:
                source.new_generation(5)
        for number in range(100, 120):
            key = {"pk": {"S": f"i{number}"}}
            await call(source.url, "DeleteItem", {"TableName": TABLE, "Key": key})
        (tmp_path / STOPPED).touch()
        result = await cli.wait(90)
    assert result.code == 0, result.err
    assert same_items(await scan_all(dynamodb_local, table_name), source.items(TABLE))
    found = changes(tmp_path)
    assert found["read"] == found["applied"] + found["superseded"] >= 79


async def test_changes_that_come_back_unprocessed_are_sent_again(
    dynamodb_local: str, table_name: str, tmp_path: Path, run_cli: RunCli
) -> None:
    async with (
        StandIn(stream_delay=0.0, stream_shards=3) as source,
        FaultProxy(dynamodb_local) as proxy,
    ):
        await create_table(source.url, TABLE)
        configure(tmp_path, source, dynamodb(proxy.url, table_name))
        code, _, err = await run_cli("run", "config.yaml", *UNTIL)
        assert code == 0, err
        for number in range(120):
            await put(source, number % 60, number)
        for number in range(0, 60, 3):
            key = {"pk": {"S": f"i{number}"}}
            await call(source.url, "DeleteItem", {"TableName": TABLE, "Key": key})
        fault = faults.unprocessed(0.5, seed=5)
        proxy.sometimes("BatchWriteItem", fault, probability=0.6, seed=5)
        proxy.script("BatchWriteItem", faults.unprocessed_all(), fault)
        code, _, err = await run_cli("run", "config.yaml", *UNTIL)
        assert code == 0, err
        assert same_items(await scan_all(dynamodb_local, table_name), source.items(TABLE))
    assert changes(tmp_path)["read"] >= 140


async def test_deletions_by_ttl_are_applied_and_counted_apart(
    source: StandIn, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ttl = {"Enabled": True, "AttributeName": "ends"}
    await call(source.url, "UpdateTimeToLive", {"TableName": TABLE, "TimeToLiveSpecification": ttl})
    configure(tmp_path, source, alternator(standin.url, TABLE), hooks=WRITERS_STOP)
    then = time.time() + 3600
    async with running(tmp_path, "run", "config.yaml", *UNTIL) as cli:
        await cli.wait_for("was enabled", 30)
        for number in range(10):
            await put(source, number, 1, ends={"N": str(int(then))})
        with monkeypatch.context() as later:
            later.setattr(source.store, "clock", lambda: then)
            assert source.expire() == 10
        (tmp_path / STOPPED).touch()
        result = await cli.wait(60)
    assert result.code == 0, result.err
    assert same_items(standin.items(TABLE), source.items(TABLE))
    assert len(standin.items(TABLE)) == 190
    assert changes(tmp_path)["expired"] == 10
    described = await call(standin.url, "DescribeTimeToLive", {"TableName": TABLE})
    assert described["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"


async def test_changes_that_the_stream_dropped_are_an_error(
    standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    async with StandIn(stream_delay=0.0, stream_shards=2, trimmed_refused=True) as source:
        await create_table(source.url, TABLE)
        configure(tmp_path, source, alternator(standin.url, TABLE))
        for version in range(5):
            await put(source, version, version)
        assert (await run_cli("run", "config.yaml", *UNTIL)).code == 0
        for version in range(5, 15):
            await put(source, version, version)
        assert (await run_cli("run", "config.yaml", *UNTIL)).code == 0
        for version in range(15, 25):
            await put(source, version, version)
        source.trim(TABLE)
        code, _, err = await run_cli("run", "config.yaml", *UNTIL)
    assert code == 1, err
    assert "no longer there" in err and "validate --repair" in err
    assert "Traceback" not in err
