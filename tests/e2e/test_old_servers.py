"""What old servers and emulators cannot do, or say otherwise: found in time and told."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from alternator_migrate.config.loading import load
from alternator_migrate.connectors.service import open_service
from tests.conftest import RunCli
from tests.servers import faults
from tests.servers.client import create_table, fill
from tests.servers.exchange import Exchange, Fault
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Command, Migrate, alternator, dynamodb, job, write_config
from tests.support.many import Many, make
from tests.support.shapes import same_items
from tests.support.tables import changes, definitions, index, numbered

ITEMS = numbered(60)
BY_CITY: dict[str, Any] = {
    "AttributeDefinitions": definitions(pk="S", city="S"),
    "GlobalSecondaryIndexes": [index("by-city", "city")],
}
GZIP = "the target does not read compressed requests"


@pytest.fixture
async def source(dynamodb_local: str, table_name: str) -> dict[str, Any]:
    """A table of `ITEMS` with an index, in DynamoDB Local, as a side of a configuration."""
    await create_table(dynamodb_local, table_name, **BY_CITY)
    await fill(dynamodb_local, table_name, ITEMS)
    return dynamodb(dynamodb_local, table_name)


@pytest.fixture
async def old() -> AsyncIterator[StandIn]:
    """An Alternator of long ago, which keeps every request in its log."""
    async with StandIn(record=True, old=True) as server:
        yield server


def answering(words: str, when: Any) -> Fault:
    """Refuse requests whose body is as `when` says; pass on all others."""
    refusal = faults.validation(words)

    async def act(exchange: Exchange) -> web.StreamResponse:
        if when(exchange.json()):
            return await refusal.act(exchange)
        return (await exchange.forward(exchange.body)).response()

    return Fault("answering", act)


def ended_by(last_key: object) -> Fault:
    """Answer as the server does, but with a LastEvaluatedKey where it has none."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.forward(exchange.body)
        return reply.with_json({"LastEvaluatedKey": last_key, **reply.json()}).response()

    return Fault("ended_by", act)


@pytest.mark.parametrize("last_key", [{}, None])
async def test_a_key_without_attributes_ends_a_scan(
    source: dict[str, Any],
    dynamodb_local: str,
    standin: StandIn,
    table_name: str,
    command: Command,
    last_key: object,
) -> None:
    await create_table(standin.url, table_name, **BY_CITY)
    async with (
        FaultProxy(dynamodb_local, page_limit=7) as emulator,
        FaultProxy(standin.url) as target,
    ):
        for proxy in (emulator, target):
            proxy.always("Scan", ended_by(last_key))
        there = dynamodb(emulator.url, table_name, scanSegments=2)
        report = await command(job(there, alternator(target.url, table_name)), "--validate")
    assert report.code == 0, report.err
    assert report.table["items"]["written"] == len(ITEMS)
    assert report.table["validation"]["compared"] == len(ITEMS)
    assert same_items(standin.items(table_name), ITEMS)


@pytest.mark.parametrize("exists", [False, True])
async def test_tags_without_a_value_are_left_to_a_server_that_takes_them(
    standin: StandIn, table_name: str, command: Command, exists: bool
) -> None:
    tags = [{"Key": "team", "Value": "data"}, {"Key": "beta", "Value": ""}]
    await create_table(standin.url, "Tagged", **BY_CITY, Tags=tags)
    source = alternator(standin.url, "Tagged")
    if exists:
        await create_table(standin.url, table_name, **BY_CITY)
    words = "The Tag Value provided is invalid string"
    async with FaultProxy(standin.url) as target:
        fault = answering(words, lambda body: any(not t["Value"] for t in body.get("Tags", ())))
        target.always("CreateTable", fault)
        target.always("TagResource", fault)
        report = await command(job(source, alternator(target.url, table_name)))
    assert report.code == 0, report.err
    assert "not copied: tags without a value" in report.err
    assert "beta" in report.err
    kept = {k: v for k, v in standin.table(table_name).tags.items() if not k.startswith("system:")}
    assert kept == {"team": "data"}
    report = await command(job(source, alternator(standin.url, f"{table_name}_new")))
    assert report.code == 0, report.err
    assert standin.table(f"{table_name}_new").tags["beta"] == ""


async def test_indexes_come_before_the_data_where_none_can_be_added_after_it(
    source: dict[str, Any], old: StandIn, table_name: str, command: Command
) -> None:
    content = job(source, alternator(old.url, table_name, indexes="after"))
    report = await command(content)
    assert report.code == 0, report.err
    assert "created before the data, not after: by-city" in report.err
    assert set(old.table(table_name).indexes) == {"by-city"}
    assert len(old.items(table_name)) == len(ITEMS)
    assert changes(old) == ["CreateTable", "BatchWriteItem"]
    again = await command(content, "--fresh", "--into-existing")
    assert again.code == 0, again.err


async def test_an_existing_table_to_which_an_index_cannot_be_added_is_told_before_the_copy(
    source: dict[str, Any], old: StandIn, table_name: str, command: Command, run_cli: RunCli
) -> None:
    await create_table(old.url, table_name)
    old.log.clear()
    report = await command(job(source, alternator(old.url, table_name, indexes="after")))
    assert report.code == 2, report.err
    assert "lacks index by-city" in report.err
    assert "target.indexes to skip" in report.err
    planned = await run_cli("plan", "config.yaml")
    assert (planned.code, "lacks index by-city" in planned.err) == (2, True)
    assert "BatchWriteItem" not in changes(old)
    skipping = ("--set", "target.indexes=skip")
    assert (await run_cli("run", "config.yaml", *skipping)).code == 0
    assert len(old.items(table_name)) == len(ITEMS)


async def test_compression_is_given_up_where_it_cannot_be_read(
    source: dict[str, Any], old: StandIn, table_name: str, command: Command, run_cli: RunCli
) -> None:
    report = await command(
        job(source, alternator(old.url, table_name, compression=True)), "--validate"
    )
    assert report.code == 0, report.err
    assert report.err.count(GZIP) == 2, "once for the copy, once for the validation"
    assert report.table["items"]["rejected"] == 0
    assert len(old.items(table_name)) == len(ITEMS)
    assert old.requests["BatchWriteItem"] <= len(ITEMS), "items were not tried one by one"
    assert GZIP in (await run_cli("plan", "config.yaml")).out


async def test_compression_is_given_up_by_each_worker(
    source: dict[str, Any], old: StandIn, table_name: str, command: Command
) -> None:
    content = job({**source, "scanSegments": 4}, alternator(old.url, table_name, compression=True))
    report = await command(content, "--engine", "processes", "--workers", "2")
    assert report.code == 0, report.err
    assert report.err.count(GZIP) == 1
    assert same_items(old.items(table_name), ITEMS)


async def test_compression_that_cannot_be_read_is_told_of_many_tables(
    old: StandIn, tmp_path: Path
) -> None:
    async with StandIn() as there:
        await make(there.url, {"a-1": 3, "a-2": 3})
        many = Many(tmp_path, there, old)
        many.write({"include": ["a-*"]}, target_compression=True)
        plan = await many.command("plan")
    assert plan.code == 0, plan
    assert f"warning: {GZIP}" in plan.out


def is_packed(exchange: Exchange) -> bool:
    """Whether a request is compressed."""
    return "gzip" in exchange.request.headers.get("Content-Encoding", "")


@pytest.mark.parametrize(
    ("passing", "lasting", "packs"),
    [(0, False, True), (1, False, True), (2, False, True), (0, True, False)],
)
async def test_a_fault_that_passes_does_not_end_compression(
    standin: StandIn, tmp_path: Path, passing: int, lasting: bool, packs: bool
) -> None:
    """One that comes with compressed requests alone, and with each, does."""
    async with FaultProxy(standin.url) as proxy:
        proxy.script("DescribeTable", *[faults.internal_500()] * passing)
        if lasting:
            proxy.always(is_packed, faults.internal_500())
        sides = (
            alternator(standin.url, "Example"),
            alternator(proxy.url, "Example", compression=True),
        )
        target = load(write_config(tmp_path, job(*sides)), {}).settings.target
        async with open_service("target", target, 1, 60.0) as service:
            assert service.http.packs is packs
            assert (GZIP in "".join(service.remarks)) is not packs


async def test_one_node_that_cannot_read_compression_is_enough(
    source: dict[str, Any], standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    async with FaultProxy(standin.url) as target:
        target.always(
            lambda exchange: exchange.operation == "BatchWriteItem" and is_packed(exchange),
            faults.validation("Parsing JSON failed: Invalid value. at 2779734952"),
        )
        ending = await migrate(job(source, alternator(target.url, table_name, compression=True)))
    assert ending.done.rejected == 0
    assert same_items(standin.items(table_name), ITEMS)


async def test_an_alternator_section_says_nothing_of_another_server(
    source: dict[str, Any], dynamodb_local_target: str, table_name: str, command: Command
) -> None:
    options = {"compression": True, "maxItemsPerBatch": 100}
    target = dynamodb(dynamodb_local_target, table_name, alternator=options)
    report = await command(job({**source, "scanSegments": 1}, target))
    assert report.code == 0, report.err
    assert report.table["items"]["written"] == len(ITEMS)
    assert report.table["batches"] == 3, "of 25 items, as DynamoDB takes them"
    assert "target.alternator counts for connections only" in report.err


@pytest.mark.parametrize("side", ["source", "target"])
async def test_an_internal_table_is_no_table(
    source: dict[str, Any], standin: StandIn, command: Command, side: str
) -> None:
    await create_table(standin.url, "Orders_scylla_cdc_log")
    standin.log.clear()
    content = job(source, alternator(standin.url, "Copy"))
    content[side] = alternator(standin.url, "Orders_scylla_cdc_log")
    report = await command(content)
    assert report.code == 2
    assert "'Orders_scylla_cdc_log' is no table of a user's" in report.err
    assert f"{side}.table" in report.err
    assert changes(standin) == []


async def test_vector_indexes_are_told_as_not_copied(
    source: dict[str, Any],
    dynamodb_local: str,
    standin: StandIn,
    table_name: str,
    tmp_path: Any,
    run_cli: RunCli,
) -> None:
    async def act(exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.forward(exchange.body)
        more = {"VectorIndexes": [{"IndexName": "by-meaning", "IndexStatus": "ACTIVE"}]}
        return reply.with_json({"Table": {**reply.json()["Table"], **more}}).response()

    async with FaultProxy(dynamodb_local) as proxy:
        proxy.always("DescribeTable", Fault("vectors", act))
        there = dynamodb(proxy.url, table_name)
        write_config(tmp_path, job(there, alternator(standin.url, table_name)))
        planned = await run_cli("plan", "config.yaml")
        copied = await run_cli("run", "config.yaml")
    assert (planned.code, copied.code) == (0, 0), copied.err
    assert "not copied: vector indexes" in planned.out
    assert "not copied: vector indexes" in copied.err


async def test_plan_says_what_a_target_needs_for_the_way_back(
    source: dict[str, Any], standin: StandIn, table_name: str, tmp_path: Any, run_cli: RunCli
) -> None:
    write_config(tmp_path, job(source, alternator(standin.url, table_name)))
    told = "can be followed back"
    planned = (await run_cli("plan", "config.yaml")).out
    assert told in planned
    remedy = planned[planned.index("set target.tags ") :].removeprefix("set target.tags ")
    tags = remedy[: remedy.index("}") + 1]
    followed = await run_cli("plan", "config.yaml", "--set", f"target.tags={tags}")
    assert (followed.code, told in followed.out) == (0, False), "what was said was done"
    assert json.loads(tags.replace("'", '"').replace("none", '"none"')) == {
        "system:initial_tablets": "none"
    }
    await create_table(standin.url, table_name, **BY_CITY)
    assert told not in (await run_cli("plan", "config.yaml")).out
