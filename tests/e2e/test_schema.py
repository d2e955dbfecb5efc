"""The table that is created on the target, and what is done to it in which order."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCli
from tests.servers.client import Item, call, create_table, fill
from tests.standin import StandIn
from tests.support.jobs import Migrate, alternator, dynamodb, job, write_config
from tests.support.tables import KEYS, changes, definitions, enable_ttl, index

ITEMS: list[Item] = [
    {"pk": {"S": f"p{n}"}, "sk": {"N": str(n)}, "city": {"S": f"c{n}"}, "at": {"N": str(n)}}
    for n in range(30)
]
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}


def indexed(**more: Any) -> dict[str, Any]:
    """What makes a table with two global indexes and a local one."""
    keys_only = {"Projection": {"ProjectionType": "KEYS_ONLY"}}
    return {
        "AttributeDefinitions": definitions(pk="S", sk="N", city="S", at="N"),
        "GlobalSecondaryIndexes": [
            index("by-city", "city", **more),
            index("by-city-at", "city at", **{**more, **keys_only}),
        ],
        "LocalSecondaryIndexes": [index("by-at", "pk at")],
    }


async def described(url: str, table: str) -> dict[str, Any]:
    """What DescribeTable says."""
    return dict((await call(url, "DescribeTable", {"TableName": table}))["Table"])


async def test_indexes_are_created_with_the_table(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name, KEYS, **indexed())
    await fill(dynamodb_local, table_name, ITEMS)
    ending = await migrate(
        job(dynamodb(dynamodb_local, table_name), alternator(standin.url, table_name))
    )
    assert ending.done.items.written == len(ITEMS)
    assert changes(standin) == ["CreateTable", "BatchWriteItem"]
    table = standin.table(table_name)
    assert {name: index.local for name, index in table.indexes.items()} == {
        "by-city": False,
        "by-city-at": False,
        "by-at": True,
    }
    assert table.definitions == {"pk": "S", "sk": "N", "city": "S", "at": "N"}
    assert [(column.name, column.kind) for column in table.columns] == [("pk", "S"), ("sk", "N")]


async def test_global_indexes_are_created_after_the_data_on_demand(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name, KEYS, **indexed())
    await fill(dynamodb_local, table_name, ITEMS)
    await enable_ttl(dynamodb_local, table_name, "expires")
    target = alternator(standin.url, table_name, indexes="after")
    ending = await migrate(job(dynamodb(dynamodb_local, table_name), target))
    assert ending.done.items.written == len(ITEMS)
    wanted = ["CreateTable", "BatchWriteItem", "UpdateTable", "UpdateTimeToLive"]
    assert changes(standin) == wanted
    table = standin.table(table_name)
    assert set(table.indexes) == {"by-city", "by-city-at", "by-at"}
    assert table.indexes["by-city-at"].range is not None
    created = next(body for name, body in standin.log if name == "CreateTable")
    assert [each["IndexName"] for each in created["LocalSecondaryIndexes"]] == ["by-at"]
    assert "GlobalSecondaryIndexes" not in created


async def test_the_schema_alone_is_what_a_run_goes_on_with(
    dynamodb_local: str, standin: StandIn, table_name: str, tmp_path: Path, run_cli: RunCli
) -> None:
    await create_table(dynamodb_local, table_name, KEYS, **indexed())
    await fill(dynamodb_local, table_name, ITEMS)
    await enable_ttl(dynamodb_local, table_name, "expires")
    target = alternator(standin.url, table_name, indexes="after")
    write_config(tmp_path, job(dynamodb(dynamodb_local, table_name), target))
    for state in ("was created", "exists and fits"):
        made = await run_cli("run", "config.yaml", "--schema-only")
        assert (made.code, state in made.err) == (0, True), made.err
        assert "left to `run`: index by-city, index by-city-at, TTL on expires" in made.err
        assert changes(standin) == ["CreateTable"]
    assert (await run_cli("run", "config.yaml")).code == 0
    assert changes(standin) == ["CreateTable", "BatchWriteItem", "UpdateTable", "UpdateTimeToLive"]


async def test_global_indexes_may_be_skipped(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name, KEYS, **indexed())
    await fill(dynamodb_local, table_name, ITEMS)
    target = alternator(standin.url, table_name, indexes="skip")
    ending = await migrate(job(dynamodb(dynamodb_local, table_name), target))
    assert ending.done.items.written == len(ITEMS)
    assert set(standin.table(table_name).indexes) == {"by-at"}, "it can never be added later"
    assert standin.table(table_name).definitions == {"pk": "S", "sk": "N", "at": "N"}


async def test_ttl_is_enabled_last(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name, KEYS)
    await fill(dynamodb_local, table_name, ITEMS)
    await enable_ttl(dynamodb_local, table_name, "at")
    source = dynamodb(dynamodb_local, table_name, expiredItems="copy")
    ending = await migrate(job(source, alternator(standin.url, table_name)))
    assert ending.done.items.written == len(ITEMS)
    assert changes(standin) == ["CreateTable", "BatchWriteItem", "UpdateTimeToLive"]
    assert standin.table(table_name).ttl == "at"


async def test_ttl_may_be_left_off(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name, KEYS)
    await enable_ttl(dynamodb_local, table_name, "at")
    target = alternator(standin.url, table_name, copyTtl=False)
    assert (await migrate(job(dynamodb(dynamodb_local, table_name), target))).done
    assert standin.table(table_name).ttl is None


async def test_billing_follows_the_source(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(
        dynamodb_local,
        table_name,
        KEYS,
        ProvisionedThroughput=UNITS,
        **indexed(ProvisionedThroughput=UNITS),
    )
    source = dynamodb(dynamodb_local, table_name)
    assert (await migrate(job(source, alternator(standin.url, table_name)))).done
    assert standin.table(table_name).billing == "PROVISIONED"
    assert standin.table(table_name).throughput == (5, 7)


async def test_billing_may_be_on_demand_instead(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(
        dynamodb_local,
        table_name,
        KEYS,
        ProvisionedThroughput=UNITS,
        **indexed(ProvisionedThroughput=UNITS),
    )
    target = alternator(standin.url, table_name, billingMode="PAY_PER_REQUEST")
    assert (await migrate(job(dynamodb(dynamodb_local, table_name), target))).done
    assert standin.table(table_name).billing == "PAY_PER_REQUEST"
    created = next(body for name, body in standin.log if name == "CreateTable")
    assert "ProvisionedThroughput" not in str(created)


@pytest.mark.xdist_group("second servers")
async def test_tags_are_copied_and_added_at_creation(
    moto_server: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    tags = [{"Key": "team", "Value": "data"}, {"Key": "cost", "Value": "42"}]
    await create_table(moto_server, table_name, Tags=tags)
    added = {"system:write_isolation": "only_rmw_uses_lwt", "team": "target"}
    target = alternator(standin.url, table_name, tags=added)
    assert (await migrate(job(dynamodb(moto_server, table_name), target))).done
    wanted = {"team": "target", "cost": "42", "system:write_isolation": "only_rmw_uses_lwt"}
    assert wanted.items() <= standin.table(table_name).tags.items()
    assert "TagResource" not in changes(standin), "the isolation must hold from the start"


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize(
    "wished",
    [
        {"tags": {"a@b": "c"}},
        {"tags": {"system:write_isolation": "nope"}},
        {"table": ".scylla.alternator.foo"},
    ],
    ids=["other characters", "no such isolation", "a reserved name"],
)
async def test_what_was_asked_for_and_alternator_refuses_is_told_before_anything_is_made(
    standin: StandIn,
    table_name: str,
    tmp_path: Path,
    run_cli: RunCli,
    command: str,
    wished: dict[str, Any],
) -> None:
    await create_table(standin.url, table_name)
    standin.log.clear()
    target = alternator(standin.url, "target") | wished
    write_config(tmp_path, job(alternator(standin.url, table_name), target))
    result = await run_cli(command, "config.yaml")
    assert result.code == 2
    assert "target.tags" in result.err or "target.table" in result.err
    assert changes(standin) == []


async def test_tags_may_be_left_behind(standin: StandIn, table_name: str, migrate: Migrate) -> None:
    async with StandIn() as source:
        await create_table(source.url, table_name, Tags=[{"Key": "team", "Value": "data"}])
        target = alternator(standin.url, table_name, copyTags=False, tags={"own": "tag"})
        assert (await migrate(job(alternator(source.url, table_name), target))).done
    assert "team" not in standin.table(table_name).tags
    assert standin.table(table_name).tags["own"] == "tag"


async def test_schema_agreement_that_takes_too_long(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name, KEYS, **indexed())
    await fill(dynamodb_local, table_name, ITEMS)
    standin.faults.next("CreateTable", "schema_500")
    ending = await migrate(
        job(dynamodb(dynamodb_local, table_name), alternator(standin.url, table_name))
    )
    assert ending.done.items.written == len(standin.items(table_name)) == len(ITEMS)
    assert standin.requests["CreateTable"] == 2


async def test_an_old_alternator(dynamodb_local: str, table_name: str, migrate: Migrate) -> None:
    await create_table(dynamodb_local, table_name, KEYS, **indexed())
    await fill(dynamodb_local, table_name, ITEMS)
    await enable_ttl(dynamodb_local, table_name, "expires")
    source = dynamodb(dynamodb_local, table_name)
    async with StandIn(old=True, record=True) as old:
        target = alternator(old.url, table_name)
        assert (await migrate(job(source, target))).done.items.written == len(ITEMS)
        assert set(old.table(table_name).indexes) == {"by-city", "by-city-at", "by-at"}
        assert old.table(table_name).ttl == "expires"
        again = await migrate(job(source, target), into_existing=True)
        assert again.done.items.written == len(ITEMS) == len(old.items(table_name))


async def test_back_from_an_alternator_to_dynamodb(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name, KEYS, **indexed())
    await fill(standin.url, table_name, ITEMS)
    await enable_ttl(standin.url, table_name, "expires")
    ending = await migrate(
        job(alternator(standin.url, table_name), dynamodb(dynamodb_local, table_name))
    )
    assert ending.done.items.written == len(ITEMS)
    table = await described(dynamodb_local, table_name)
    assert {each["IndexName"] for each in table["GlobalSecondaryIndexes"]} == {
        "by-city",
        "by-city-at",
    }
    assert [each["IndexName"] for each in table["LocalSecondaryIndexes"]] == ["by-at"]
    ttl = await call(dynamodb_local, "DescribeTimeToLive", {"TableName": table_name})
    assert ttl["TimeToLiveDescription"]["AttributeName"] == "expires"
