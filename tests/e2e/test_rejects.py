"""Items that the target refuses: kept whole, named with the reason, counted."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers.client import Item, create_table, fill
from tests.servers.guarded import EITHER
from tests.standin import StandIn
from tests.support.jobs import Command, Migrate, alternator, by_key, dynamodb, job, standin_side
from tests.support.shapes import nested, same_item, same_items
from tests.support.tables import definitions, index

CITIES: dict[str, Any] = {
    "AttributeDefinitions": definitions(pk="S", sk="N", city="S"),
    "GlobalSecondaryIndexes": [index("by-city", "city")],
}
KEYS = {"pk": "S", "sk": "N"}
GOOD: list[Item] = [
    {"pk": {"S": f"good {n}"}, "sk": {"N": str(n)}, "city": {"S": "c"}} for n in range(150)
]
BAD: dict[str, Item] = {
    "a number": {"pk": {"S": "a number"}, "sk": {"N": "1.50"}, "city": {"N": "5"}},
    "a list": {"pk": {"S": "a list"}, "sk": {"N": "2"}, "city": {"L": [{"S": "c"}]}},
    'quoted "key"': {"pk": {"S": 'quoted "key"'}, "sk": {"N": "3"}, "city": {"BOOL": True}},
}


async def fill_both(source: str, target: StandIn, table: str, items: list[Item]) -> None:
    """A source without the index that makes the target refuse items."""
    await create_table(source, table, KEYS)
    await fill(source, table, items)
    await create_table(target.url, table, KEYS, **CITIES)


def lines(path: Path | str | None) -> list[dict[str, Any]]:
    """The rejects file."""
    assert path is not None
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def is_private(path: str) -> bool:
    """Whether only the owner may read a file."""
    return Path(path).stat().st_mode & 0o077 == 0


async def test_the_first_one_ends_the_run(
    dynamodb_local: str, standin: StandIn, table_name: str, command: Command
) -> None:
    bad = BAD['quoted "key"']
    await fill_both(dynamodb_local, standin, table_name, [*GOOD, bad])
    report = await command(
        job(dynamodb(dynamodb_local, table_name), alternator(standin.url, table_name))
    )
    assert report.code == 1
    assert "Traceback" not in report.err
    assert '{"pk":{"S":"quoted \\"key\\""},"sk":{"N":"3"}}' in report.err
    assert "expected type S for GSI" in report.err
    assert report.summary["status"] == "failed"
    (kept,) = lines(report.summary["rejects"])
    assert str(report.summary["rejects"]) in report.err
    assert same_item(kept["item"], bad)
    assert by_key([bad], "pk").keys().isdisjoint(by_key(standin.items(table_name), "pk"))


@EITHER
async def test_as_many_as_allowed_are_left_to_a_person(
    dynamodb_local: str, standin: StandIn, table_name: str, command: Command
) -> None:
    await fill_both(dynamodb_local, standin, table_name, [*GOOD, *BAD.values()])
    source = dynamodb(dynamodb_local, table_name, scanSegments=2)
    report = await command(job(source, standin_side(standin, table_name), maxRejects=5))
    assert report.code == 3
    assert "Traceback" not in report.err
    assert report.summary["status"] == "rejects"
    assert report.table["items"] == {
        "read": 153,
        "written": 150,
        "skipped_expired": 0,
        "rejected": 3,
    }
    assert same_items(standin.items(table_name), GOOD)
    kept = {line["key"]["pk"]["S"]: line for line in lines(report.summary["rejects"])}
    assert kept.keys() == BAD.keys()
    for name, line in kept.items():
        assert line.keys() == {"key", "error", "message", "item"}
        assert same_item(line["key"], {key: BAD[name][key] for key in KEYS})
        assert same_item(line["item"], BAD[name])
        assert line["error"] == "ValidationException"
        assert "for GSI or LSI key attribute city" in line["message"]
    assert report.summary["rejects"] in report.err
    assert is_private(report.summary["rejects"])


async def test_one_more_than_allowed_ends_the_run(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await fill_both(dynamodb_local, standin, table_name, [*GOOD, *BAD.values()])
    source = dynamodb(dynamodb_local, table_name)
    target = alternator(standin.url, table_name)
    ending = await migrate(job(source, target, maxRejects=2))
    assert ending.failure.exit_code == 1
    assert len(lines(ending.rejects)) == 3


async def test_an_empty_text_as_index_key(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    empty: Item = {"pk": {"S": "empty"}, "sk": {"N": "1"}, "city": {"S": ""}}
    async with StandIn() as source:
        await fill_both(source.url, standin, table_name, [*GOOD, empty])
        here, there = alternator(source.url, table_name), alternator(standin.url, table_name)
        ending = await migrate(job(here, there, maxRejects=1))
    assert (ending.done.items.written, ending.done.items.rejected) == (150, 1)
    (kept,) = lines(ending.rejects)
    assert "cannot be set to an empty string" in kept["message"]
    assert kept["item"] == empty


@pytest.mark.xdist_group("second servers")
async def test_an_item_nested_too_deep(
    moto_server: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    good: list[Item] = [{"pk": {"S": f"good {n}"}} for n in range(30)]
    deep: Item = {"pk": {"S": "deep"}, "v": nested(60, {"S": "bottom"})}
    await create_table(moto_server, table_name)
    await fill(moto_server, table_name, [*good, deep])
    source = dynamodb(moto_server, table_name, scanSegments=2)
    ending = await migrate(job(source, alternator(standin.url, table_name), maxRejects=1))
    assert (ending.done.items.written, ending.done.items.rejected) == (30, 1)
    (kept,) = lines(ending.rejects)
    assert "nested level" in kept["message"]
    assert kept["item"] == deep
    assert same_items(standin.items(table_name), good)


async def test_rejects_have_the_names_of_the_target(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name, KEYS)
    await fill(dynamodb_local, table_name, [{"pk": {"S": "p"}, "sk": {"N": "1"}, "a": {"N": "5"}}])
    await create_table(standin.url, table_name, {"id": "S", "sk": "N"}, **index_on_b())
    renames = [{"from": "pk", "to": "id"}, {"from": "a", "to": "b"}]
    source, target = dynamodb(dynamodb_local, table_name), alternator(standin.url, table_name)
    ending = await migrate(job(source, target, renames=renames, maxRejects=1))
    assert ending.done.items.rejected == 1
    (kept,) = lines(ending.rejects)
    assert kept["key"] == {"id": {"S": "p"}, "sk": {"N": "1"}}
    assert kept["item"] == {"id": {"S": "p"}, "sk": {"N": "1"}, "b": {"N": "5"}}


async def test_an_item_too_large_for_dynamodb(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    good: list[Item] = [{"pk": {"S": f"good {n}"}} for n in range(30)]
    large: Item = {"pk": {"S": "large"}, "v": {"S": "x" * 420_000}}
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, [*good, large])
    source, target = alternator(standin.url, table_name), dynamodb(dynamodb_local, table_name)
    ending = await migrate(job(source, target, maxRejects=1))
    assert (ending.done.items.written, ending.done.items.rejected) == (30, 1)
    (kept,) = lines(ending.rejects)
    assert kept["item"] == large


def index_on_b() -> dict[str, Any]:
    """What makes a table with an index on attribute b."""
    return {
        "AttributeDefinitions": definitions(id="S", sk="N", b="S"),
        "GlobalSecondaryIndexes": [index("by-b", "b")],
    }
