"""Target tables that are there already: taken, or refused with nothing changed."""

from typing import Any

import pytest

from tests.conftest import RunCli
from tests.servers.client import Item, create_table, fill
from tests.standin import StandIn
from tests.support.jobs import Command, Migrate, alternator, dynamodb, job
from tests.support.shapes import same_items
from tests.support.tables import KEYS, changes, definitions, enable_ttl, index

ITEMS: list[Item] = [{"pk": {"S": f"p{n}"}, "sk": {"N": str(n)}} for n in range(30)]
BY_CITY: dict[str, Any] = {
    "AttributeDefinitions": definitions(pk="S", sk="N", city="S"),
    "GlobalSecondaryIndexes": [index("by-city", "city")],
}

ANEW = "Delete it, or choose another target.table."
MADE = (
    "Delete it, choose another target.table, or let each item get that key: by `renames`, or by a "
    "`transform`, with its `transform_key` for deletions (`alternator-migrate help transforms`)."
)
BY_INDEXES = "Delete it, choose another target.table, or set target.indexes to {}."


@pytest.fixture
async def source(dynamodb_local: str, table_name: str) -> dict[str, Any]:
    """A side with a table of `ITEMS` and an index."""
    await create_table(dynamodb_local, table_name, KEYS, **BY_CITY)
    await fill(dynamodb_local, table_name, ITEMS)
    return dynamodb(dynamodb_local, table_name)


async def test_one_that_fits_and_is_empty_is_used(
    source: dict[str, Any], standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name, KEYS, **BY_CITY)
    standin.log.clear()
    ending = await migrate(job(source, alternator(standin.url, table_name)))
    assert ending.done.items.written == 30
    assert changes(standin) == ["BatchWriteItem"]
    assert same_items(standin.items(table_name), ITEMS)


async def test_one_without_an_index_is_used_when_indexes_come_after(
    source: dict[str, Any], standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name, KEYS)
    standin.log.clear()
    target = alternator(standin.url, table_name, indexes="after")
    assert (await migrate(job(source, target))).done.items.written == 30
    assert changes(standin) == ["BatchWriteItem", "UpdateTable"]
    assert set(standin.table(table_name).indexes) == {"by-city"}


@pytest.mark.parametrize(
    ("keys", "spec", "told", "remedy"),
    [
        ({"id": "S", "sk": "N"}, {}, "id HASH", MADE),
        ({"pk": "S"}, {}, "sk RANGE", MADE),
        ({"pk": "S", "sk": "S"}, {}, "sk: wanted type N, found S", MADE),
        (KEYS, {}, "by-city: missing", BY_INDEXES.format("after or skip")),
        (
            KEYS,
            {
                "AttributeDefinitions": definitions(pk="S", sk="N", town="S"),
                "GlobalSecondaryIndexes": [index("by-city", "town")],
            },
            "town",
            BY_INDEXES.format("skip"),
        ),
    ],
    ids=["another key", "no range key", "another type", "no index", "another index key"],
)
async def test_one_that_differs_is_refused(
    source: dict[str, Any],
    standin: StandIn,
    table_name: str,
    migrate: Migrate,
    keys: dict[str, str],
    spec: dict[str, Any],
    told: str,
    remedy: str,
) -> None:
    await create_table(standin.url, table_name, keys, **spec)
    standin.log.clear()
    failure = (await migrate(job(source, alternator(standin.url, table_name)))).failure
    assert failure.exit_code == 2
    assert told in str(failure)
    assert failure.hint == remedy
    assert changes(standin) == []


@pytest.mark.parametrize("indexes", ["before", "after", "skip"])
async def test_one_without_a_local_index_is_refused(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate, indexes: str
) -> None:
    local: dict[str, Any] = {
        "AttributeDefinitions": definitions(pk="S", sk="N", at="N"),
        "LocalSecondaryIndexes": [index("by-at", "pk at")],
    }
    await create_table(dynamodb_local, table_name, KEYS, **local)
    await create_table(standin.url, table_name, KEYS)
    standin.log.clear()
    source = dynamodb(dynamodb_local, table_name)
    target = alternator(standin.url, table_name, indexes=indexes)
    failure = (await migrate(job(source, target))).failure
    assert failure.exit_code == 2
    assert "index by-at: missing" in str(failure)
    assert failure.hint == ANEW
    assert changes(standin) == []


async def test_one_whose_ttl_is_on_another_attribute_is_refused(
    dynamodb_local: str,
    source: dict[str, Any],
    standin: StandIn,
    table_name: str,
    migrate: Migrate,
) -> None:
    await enable_ttl(dynamodb_local, table_name, "expires")
    await create_table(standin.url, table_name, KEYS, **BY_CITY)
    await enable_ttl(standin.url, table_name, "other")
    standin.log.clear()
    failure = (await migrate(job(source, alternator(standin.url, table_name)))).failure
    assert failure.exit_code == 2, "it would fail after hours of copying"
    assert "other" in str(failure)
    assert changes(standin) == []


@pytest.mark.parametrize("on_source", [None, "expires"])
async def test_one_that_deletes_what_the_source_keeps_is_refused_unless_it_is_meant(
    dynamodb_local: str,
    source: dict[str, Any],
    standin: StandIn,
    table_name: str,
    command: Command,
    run_cli: RunCli,
    on_source: str | None,
) -> None:
    if on_source:
        await enable_ttl(dynamodb_local, table_name, on_source)
    await create_table(standin.url, table_name, KEYS, **BY_CITY)
    await enable_ttl(standin.url, table_name, "other")
    standin.log.clear()
    refused = await command(job(source, alternator(standin.url, table_name)))
    assert refused.code == 2
    assert "other" in refused.err and changes(standin) == []
    target = alternator(standin.url, table_name, copyTtl=False)
    accepted = await command(job(source, target))
    assert (accepted.code, accepted.table["items"]["written"]) == (0, 30)
    told = "warning: the target expires items by 'other', which the source does not"
    assert told in accepted.err
    planned = await run_cli("plan", "config.yaml")
    assert planned.code == 0
    assert told in planned.out and "nothing to do" in planned.out
    if not on_source:
        planned = await run_cli("plan", "config.yaml", "--set", "target.copyTtl=true")
        assert (planned.code, told in planned.out) == (2, True)
        assert "set target.copyTtl: false" in planned.err


async def test_one_that_expires_items_as_the_source_does_is_taken_without_a_word(
    dynamodb_local: str,
    source: dict[str, Any],
    standin: StandIn,
    table_name: str,
    command: Command,
) -> None:
    await enable_ttl(dynamodb_local, table_name, "expires")
    await create_table(standin.url, table_name, KEYS, **BY_CITY)
    await enable_ttl(standin.url, table_name, "ends")
    renames = [{"from": "expires", "to": "ends"}]
    report = await command(job(source, alternator(standin.url, table_name), renames=renames))
    assert report.code == 0
    assert "expires items" not in report.err


async def test_one_with_items_is_refused_unless_it_is_meant(
    source: dict[str, Any], standin: StandIn, table_name: str, command: Command
) -> None:
    await create_table(standin.url, table_name, KEYS, **BY_CITY)
    there: Item = {"pk": {"S": "there"}, "sk": {"N": "0"}}
    await fill(standin.url, table_name, [there])
    standin.log.clear()
    content = job(source, alternator(standin.url, table_name))
    refused = await command(content)
    assert refused.code == 2
    assert "--into-existing" in refused.err
    assert "Traceback" not in refused.err
    assert changes(standin) == []
    assert standin.items(table_name) == [there]
    accepted = await command(content, "--into-existing")
    assert (accepted.code, accepted.table["items"]["written"]) == (0, 30)
    assert same_items(standin.items(table_name), [there, *ITEMS])


async def test_one_whose_first_pages_are_empty_still_holds_items(
    source: dict[str, Any], standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name, KEYS, **BY_CITY)
    await fill(standin.url, table_name, ITEMS[:1])
    standin.faults.next("Scan", "empty_page")
    failure = (await migrate(job(source, alternator(standin.url, table_name)))).failure
    assert failure.exit_code == 2
    assert "already holds items" in str(failure)


async def test_items_there_are_overwritten_by_those_of_the_source(
    source: dict[str, Any], standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name, KEYS, **BY_CITY)
    await fill(standin.url, table_name, [{**ITEMS[3], "old": {"S": "value"}}])
    target = alternator(standin.url, table_name)
    ending = await migrate(job(source, target), into_existing=True)
    assert ending.done.items.written == 30
    assert same_items(standin.items(table_name), ITEMS)


async def test_tags_that_are_missing_are_added(
    source: dict[str, Any], standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name, KEYS, **BY_CITY)
    target = alternator(standin.url, table_name, tags={"team": "data"})
    assert (await migrate(job(source, target))).done
    assert standin.table(table_name).tags["team"] == "data"


async def test_a_source_that_is_not_there_is_told_before_anything_is_made(
    dynamodb_local: str, standin: StandIn, table_name: str, command: Command
) -> None:
    report = await command(
        job(dynamodb(dynamodb_local, table_name), alternator(standin.url, table_name))
    )
    assert report.code == 2
    assert f"{table_name} does not exist" in report.err
    assert "Traceback" not in report.err
    assert changes(standin) == []
