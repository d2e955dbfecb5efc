"""A filter on an Alternator source means what it means on DynamoDB, whatever Alternator's own
conditions make of a number's notation, and of what is not there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.validate.mode import ValidateOptions
from tests.conftest import RunCli
from tests.e2e.validations import validate
from tests.servers.cli import running
from tests.servers.client import Item, call, create_table, fill, scan_all
from tests.servers.patience import stretched
from tests.standin import StandIn
from tests.support.jobs import (
    Command,
    Job,
    Migrate,
    alternator,
    by_key,
    dynamodb,
    job,
    write_config,
)
from tests.support.shapes import same_items

NUMBERS: Final = ("2", "2.0", "20e-1", "3", "1e2", "100", "-0.50")


def holding(place: str, name: str, value: dict[str, Any]) -> Item:
    """An item with an attribute besides its key."""
    return {"pk": {"S": place}, name: value}


ITEMS: Final[list[Item]] = [
    *(holding(f"top {text}", "n", {"N": text}) for text in NUMBERS),
    *(holding(f"in a map {text}", "m", {"M": {"n": {"N": text}}}) for text in NUMBERS),
    *(holding(f"in a list {text}", "l", {"L": [{"N": text}]}) for text in NUMBERS),
    *(holding(f"in a set {text}", "ns", {"NS": [text, "7"]}) for text in NUMBERS),
    {"pk": {"S": "a text"}, "n": {"S": "2"}, "s": {"S": "long enough"}},
]
VALUES: Final[dict[str, dict[str, Any]]] = {
    ":two": {"N": "2.00"},
    ":hundred": {"N": "1E+2"},
    ":list": {"L": [{"N": "2.00"}]},
    ":set": {"NS": ["7.0", "2.00"]},
}
EXPRESSIONS: Final = (
    "n = :two",
    "n <> :two",
    "NOT n = :two",
    "n IN (:two, :hundred)",
    "n BETWEEN :two AND :hundred",
    "m.n = :two",
    "l = :list",
    "l[0] = :two",
    "contains(l, :two)",
    "contains(ns, :hundred)",
    "ns = :set",
    "size(s) > :two",
    "NOT size(s) > :two",
    "n = :hundred OR size(s) > :two",
)
COUNT: Final = 4
"""The items of which `n = :two` is true."""


def chosen(expression: str) -> Job:
    """`source.filter` with an expression of `EXPRESSIONS`."""
    values = {name: value for name, value in VALUES.items() if name in expression}
    return {"expression": expression, "values": values}


@pytest.fixture
async def source() -> AsyncIterator[StandIn]:
    """An Alternator with pages of a few items, and a stream that shows changes at once."""
    async with StandIn(page_bytes=300, stream_shards=2, stream_delay=0.1) as server:
        yield server


@pytest.fixture
async def filled(source: StandIn, table_name: str) -> str:
    """A table of `ITEMS` on the source, with a fourth `n` that is two."""
    await create_table(source.url, table_name)
    await fill(source.url, table_name, [*ITEMS, {"pk": {"S": "fourth"}, "n": {"N": "2"}}])
    return table_name


async def wanted(url: str, table: str, expression: str) -> list[Item]:
    """What DynamoDB's own Scan lets through of the items of `filled`."""
    await create_table(url, table)
    await fill(url, table, [*ITEMS, {"pk": {"S": "fourth"}, "n": {"N": "2"}}])
    given = chosen(expression)
    request = {"FilterExpression": expression, "ExpressionAttributeValues": given["values"]}
    found = await scan_all(url, table, **request)
    await call(url, "DeleteTable", {"TableName": table})
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
async def test_what_arrives_is_what_dynamodb_lets_through(
    source: StandIn,
    filled: str,
    dynamodb_local: str,
    standin: StandIn,
    migrate: Migrate,
    expression: str,
) -> None:
    ends = (
        alternator(source.url, filled, filter=chosen(expression)),
        alternator(standin.url, filled),
    )
    done = (await migrate(job(*ends))).done
    expected = await wanted(dynamodb_local, filled, expression)
    assert by_key(standin.items(filled)).keys() == by_key(expected).keys()
    assert done.items.read == done.items.written == len(expected) > 0


async def test_an_alternator_that_is_found_out_to_be_one(
    source: StandIn, filled: str, standin: StandIn, migrate: Migrate
) -> None:
    side = dynamodb(source.url, filled, filter=chosen("n = :two"))
    assert (await migrate(job(side, alternator(standin.url, filled)))).done.items.written == COUNT


async def test_workers_judge_alike(
    source: StandIn, filled: str, standin: StandIn, command: Command
) -> None:
    side = alternator(source.url, filled, filter=chosen("n = :two"), scanSegments=3)
    content = job(side, alternator(standin.url, filled))
    report = await command(content, "--engine", "processes", "--workers", "2")
    assert (report.code, len(standin.items(filled))) == (0, COUNT), report.err
    assert report.table["items"] == {
        "read": COUNT,
        "written": COUNT,
        "skipped_expired": 0,
        "rejected": 0,
    }


@pytest.mark.parametrize("mode", ["digest", "lookup"])
async def test_validation_compares_what_matches(
    source: StandIn, filled: str, standin: StandIn, migrate: Migrate, tmp_path: Path, mode: Any
) -> None:
    side = alternator(source.url, filled, filter=chosen("n = :two"))
    content = job(side, alternator(standin.url, filled))
    await migrate(content)
    assert (await validate(tmp_path, content, ValidateOptions(mode))).validated == ValidationCounts(
        compared=COUNT
    )
    gone = {"pk": {"S": "top 20e-1"}}
    await call(standin.url, "DeleteItem", {"TableName": filled, "Key": gone})
    await fill(standin.url, filled, [{"pk": {"S": "fourth"}, "n": {"N": "3"}}])
    outcome = await validate(tmp_path, content, ValidateOptions(mode), fresh=True)
    assert outcome.told == {
        ("missing", '{"pk": {"S": "top 20e-1"}}', ()),
        ("different", '{"pk": {"S": "fourth"}}', ("n",)),
    }


async def test_changes_are_judged_as_the_copy_is(
    source: StandIn, filled: str, standin: StandIn, tmp_path: Path
) -> None:
    side = alternator(source.url, filled, filter=chosen("n = :two"))
    target = alternator(standin.url, filled, streamChanges=True)
    rule = {"maxLagSeconds": 5, "forSeconds": 0.2}
    write_config(tmp_path, job(side, target, cutover=rule))
    async with running(tmp_path, "run", "config.yaml", "--until-caught-up") as cli:
        async with asyncio.timeout(stretched(30)):
            while source.requests["GetRecords"] < 2:  # noqa: ASYNC110 # nothing to wait for
                await asyncio.sleep(0.05)
        entering = {"pk": {"S": "entering"}, "n": {"N": "0.2e1"}}
        leaving = {"pk": {"S": "fourth"}, "n": {"N": "2.1"}}
        await fill(source.url, filled, [entering, leaving])
        result = await cli.wait(60)
    assert result.code == 0, result
    expected = [item for item in ITEMS if item["pk"]["S"] in {"top 2", "top 2.0", "top 20e-1"}]
    assert same_items(standin.items(filled), [*expected, entering])


async def test_plan_says_where_a_filter_is_judged(
    source: StandIn, filled: str, dynamodb_local: str, tmp_path: Path, run_cli: RunCli
) -> None:
    given, target = chosen("n = :two"), alternator(source.url, "Other")
    write_config(tmp_path, job(alternator(source.url, filled, filter=given), target))
    result = await run_cli("plan", "config.yaml")
    assert (result.code, result.err) == (0, "")
    assert "filter          judged here" in result.out
    await create_table(dynamodb_local, filled)
    write_config(tmp_path, job(dynamodb(dynamodb_local, filled, filter=given), target))
    result = await run_cli("plan", "config.yaml")
    assert "filter          judged by the source" in result.out


@pytest.mark.parametrize("kind", ["alternator", "dynamodb"])
async def test_a_filter_that_cannot_be_judged_here_is_told_before_anything_is_made(
    source: StandIn, filled: str, standin: StandIn, tmp_path: Path, run_cli: RunCli, kind: str
) -> None:
    make = alternator if kind == "alternator" else dynamodb
    deep = {"expression": "(" * 51 + "attribute_exists(pk)" + ")" * 51}
    side = make(source.url, filled, filter=deep)
    write_config(tmp_path, job(side, alternator(standin.url, filled)))
    result = await run_cli("run", "config.yaml")
    assert result.code == 2
    assert "source.filter" in result.err and "more than 50 deep" in result.err
    assert not standin.store.tables
