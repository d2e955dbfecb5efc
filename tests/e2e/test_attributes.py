"""Attributes that are left out on their way."""

from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.core.errors import UsageError
from alternator_migrate.validate.mode import ValidateOptions
from tests.e2e.validations import validate
from tests.servers.client import Item, create_table, fill
from tests.standin import StandIn
from tests.support.jobs import Command, Job, Migrate, alternator, dynamodb, job
from tests.support.shapes import same_items

REPLICAS: Item = {
    "aws:rep:deleting": {"BOOL": False},
    "aws:rep:updateregion": {"S": "eu-west-1"},
    "aws:rep:updatetime": {"N": "1700000000.123456"},
}
GONE = {"drop": ["aws:rep:*"]}


def rows(count: int = 40) -> list[Item]:
    return [{"pk": {"S": f"item {n}"}, "n": {"N": str(n)}, "s": {"S": "x"}} for n in range(count)]


def replicated() -> list[Item]:
    return [{**row, **REPLICAS} for row in rows()]


async def content(url: str, standin: StandIn, name: str, **attributes: Any) -> Job:
    """A job from a table of DynamoDB's with replicated items, which leaves attributes out."""
    await create_table(url, name)
    await fill(url, name, replicated())
    renames = [{"from": "n", "to": "number"}]
    source = dynamodb(url, name, scanSegments=2, **attributes)
    return job(source, alternator(standin.url, name), renames=renames)


def renamed(items: list[Item], *names: str) -> list[Item]:
    return [{**{n: each[n] for n in names if n != "n"}, "number": each["n"]} for each in items]


@pytest.mark.parametrize("mode", ["digest", "lookup"])
async def test_a_copy_without_them_is_equal(
    dynamodb_local: str,
    standin: StandIn,
    table_name: str,
    migrate: Migrate,
    tmp_path: Path,
    mode: Any,
) -> None:
    there = await content(dynamodb_local, standin, table_name, attributes=GONE)
    ending = await migrate(there)
    assert ending.done.items.written == 40
    assert same_items(standin.items(table_name), renamed(rows(), "pk", "s"))
    options = ValidateOptions(mode)
    assert (await validate(tmp_path, there, options)).validated.found == 0
    there["source"].pop("attributes")
    assert (await validate(tmp_path, there, options, fresh=True)).validated.different == 40


async def test_only_what_is_kept_is_copied_and_the_key_always(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    kept = {"keep": ["n", "aws:*"], "drop": ["*time", "*k"]}
    there = await content(dynamodb_local, standin, table_name, attributes=kept)
    await migrate(there)
    names = "pk", "aws:rep:deleting", "aws:rep:updateregion"
    assert same_items(standin.items(table_name), renamed(replicated(), *names))


async def test_a_key_cannot_be_left_out(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    there = await content(dynamodb_local, standin, table_name, attributes={"drop": ["s", "pk"]})
    failure = (await migrate(there)).failure
    assert isinstance(failure, UsageError)
    assert "source.attributes.drop names 'pk', a key attribute" in str(failure)
    assert not standin.store.tables


async def test_the_plan_names_what_old_global_tables_leave_in_items(
    dynamodb_local: str, standin: StandIn, table_name: str, command: Command
) -> None:
    there = await content(dynamodb_local, standin, table_name)
    told = "note: items bear attributes of an old global table (aws:rep:deleting, "
    bare = await command(there, word="plan")
    assert bare.code == 0, bare.err
    assert told in bare.out and "source.attributes {drop: [aws:rep:*]} leaves them out" in bare.out
    there["source"]["attributes"] = GONE
    better = await command(there, word="plan")
    assert "  attributes      left out: aws:rep:* (bytes, nothing is decoded)" in better.out
    assert "which source.attributes leaves out" in better.out
