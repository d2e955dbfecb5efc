"""A user's function over exports into a target with another key: what is deleted there too."""

import re
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.validate.mode import ValidateOptions
from tests.e2e.test_exports_incremental import AT_THE_END, FIRST, VIEWS, chain, manifests
from tests.e2e.validations import read, validate
from tests.servers.client import Item, create_table
from tests.standin import StandIn
from tests.support.jobs import Command, Migrate, alternator, job
from tests.support.shapes import same_items

CODE = """
def transform(item):
    item["half"], item["number"] = half_and_number(item["pk"])
    return item


def half_and_number(pk):
    number = int(pk[5:])
    return f"h{number % 2}", number
"""
KEY = """

def transform_key(key):
    return dict(zip(("half", "number"), half_and_number(key["pk"])))
"""
BACK = """

def source_key(key):
    return {"pk": f"item {key['number']}"}
"""
KEYS = {"half": "S", "order": "N"}
RENAMES = [{"from": "number", "to": "order"}]


def made(row: Item) -> Item:
    """What the function makes of a row, under the target's names."""
    number = int(row["pk"]["S"][5:])
    return {**row, "half": {"S": f"h{number % 2}"}, "order": {"N": str(number)}}


def told(folder: Path, standin: StandIn, table_name: str, found: Any, code: str) -> dict[str, Any]:
    """A migration of these exports by the code into a table that is there."""
    (folder / "change.py").write_text(code)
    given = manifests(folder, found)
    sides = given, alternator(standin.url, table_name)
    return job(*sides, transform=str(folder / "change.py"), renames=RENAMES)


@pytest.mark.parametrize("view", VIEWS)
async def test_deletions_reach_the_key_that_transform_key_gives(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate, view: str
) -> None:
    await create_table(standin.url, table_name, KEYS)
    content = told(tmp_path, standin, table_name, chain(**VIEWS[view]), CODE + KEY + BACK)
    ending = await migrate(content)
    assert same_items(standin.items(table_name), map(made, AT_THE_END))
    counts = ending.done.items
    assert counts.accounted
    assert counts.read == 60 + 30 + 3
    for mode in ("digest", "lookup"):
        outcome = await validate(tmp_path, content, ValidateOptions(mode), fresh=True)
        assert outcome.findings == []


@pytest.mark.parametrize("options", [(), ("--engine", "processes", "--workers", "2")])
async def test_increments_alone_go_over_what_is_there(
    tmp_path: Path,
    standin: StandIn,
    table_name: str,
    command: Command,
    options: tuple[str, ...],
) -> None:
    await create_table(standin.url, table_name, KEYS)
    first, *rest = chain()
    whole = told(tmp_path, standin, table_name, [first], CODE + KEY)
    assert (await command(whole)).code == 0
    content = told(tmp_path, standin, table_name, rest, CODE + KEY)
    ending = await command(content, "--into-existing", *options)
    assert ending.code == 0, ending.err
    assert same_items(standin.items(table_name), map(made, AT_THE_END))


async def test_old_images_tell_the_keys_without_transform_key(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name, KEYS)
    content = told(tmp_path, standin, table_name, chain(both=True), CODE)
    assert (await migrate(content)).done.items.accounted
    assert same_items(standin.items(table_name), map(made, AT_THE_END))


async def test_a_target_with_another_key_needs_a_way_to_delete(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name, KEYS)
    failure = (await migrate(told(tmp_path, standin, table_name, chain(), CODE))).failure
    assert isinstance(failure, MigrateError)
    assert "another key, and a later deletion of it would not reach the target" in str(failure)
    assert "transform_key" in failure.hint


WRONG = {
    "no key": ("return {}", "transform_key of .*/change.py: attribute 'half' is missing"),
    "another type": (
        "return {'half': 'h1', 'number': '7'}",
        "transform_key of .*/change.py: attribute 'number' is of type S, and its key needs N",
    ),
    "raises": ("raise LookupError(key['pk'])", "change.py, line 13: LookupError: item "),
}


@pytest.mark.parametrize("kind", WRONG)
async def test_what_transform_key_fails_on_is_refused_until_it_is_mended(
    tmp_path: Path, standin: StandIn, table_name: str, command: Command, kind: str
) -> None:
    await create_table(standin.url, table_name, KEYS)
    body, words = WRONG[kind]
    code = f"{CODE}\n\ndef transform_key(key):\n    {body}\n"
    content = told(tmp_path, standin, table_name, chain()[:2], code)
    ending = await command({**content, "maxRejects": 99})
    assert ending.code == 3, ending.err
    assert ending.table["items"]["rejected"] == len(FIRST)
    file = ending.summary["rejects"]
    assert all(re.search(words, line["message"]) for line in read(Path(file)))

    (tmp_path / "change.py").write_text(CODE + KEY)
    again = await command(content, "--rejects", file)
    assert (again.code, "`--fresh --into-existing` with exports" in again.err) == (2, True)
    assert (await command(content, "--fresh", "--into-existing")).code == 0
    there = {item["pk"]["S"] for item in standin.items(table_name)}
    assert there == {f"item {n}" for n in [*range(10), *range(20, 60), *range(100, 110)]}


async def test_a_later_export_waits_for_what_was_refused(
    tmp_path: Path, standin: StandIn, table_name: str, command: Command
) -> None:
    await create_table(standin.url, table_name, KEYS)
    code = f"{CODE}\n\ndef transform_key(key):\n    return {{}}\n"
    content = told(tmp_path, standin, table_name, chain(), code)
    refused = await command({**content, "maxRejects": 99})
    assert refused.code == 1
    assert "30 items were refused, and a later export may hold newer ones" in refused.err
    assert "apply all exports once more with `--fresh --into-existing`" in refused.err
    (tmp_path / "change.py").write_text(CODE + KEY)
    ending = await command(content, "--fresh", "--into-existing")
    assert ending.code == 0, ending.err
    assert same_items(standin.items(table_name), map(made, AT_THE_END))
