"""A function that makes another key: for a target that was created with it."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.core.counts import Counts
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.validate.mode import ValidateOptions
from tests.conftest import RunCli
from tests.e2e.stage import TABLE, Stage, staged
from tests.e2e.validations import validate
from tests.servers.client import Item, call, create_table, fill
from tests.support.jobs import migrate
from tests.support.shapes import same_items

CODE = """
def transform(item):
    n = item["n"]
    if n == 7:
        raise LookupError("seven")
    if n == 8:
        return {"pk": item["pk"], "order": "8"}
    item["customer"] = f"c{n % 5}"
    item["order"] = n
    return item
"""
BACK = """
def source_key(key):
    return {"pk": f"item {key['order']}"}
"""
KEYS = {"customer": "S", "number": "N"}
RENAMES = [{"from": "order", "to": "number"}]
COUNT = 40


def rows() -> list[Item]:
    return [{"pk": {"S": f"item {n}"}, "n": {"N": str(n)}} for n in range(COUNT)]


def made(row: Item) -> Item:
    n = int(row["n"]["N"])
    return {**row, "customer": {"S": f"c{n % 5}"}, "number": {"N": str(n)}}


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path, rows()) as stage:
        await create_table(stage.target.url, TABLE, KEYS)
        yield stage


def told(stage: Stage, code: str = CODE, **more: Any) -> dict[str, Any]:
    (stage.folder / "change.py").write_text(code)
    stage.write(transform="./change.py", renames=RENAMES, maxRejects=2, **more)
    return stage.job


@pytest.mark.parametrize("mode", ["digest", "lookup"])
async def test_it_is_copied_compared_and_repaired(small: Stage, mode: Any) -> None:
    content = told(small, CODE + BACK)
    ending = await migrate(small.folder, content)
    assert ending.done.items == Counts(read=COUNT, written=COUNT - 2, rejected=2)
    expected = [made(row) for row in small.items if row["n"]["N"] not in ("7", "8")]
    assert same_items(small.target.items(TABLE), expected)
    messages = {line["key"]["pk"]["S"]: line["message"] for line in small.rejects()}
    assert messages["item 7"].endswith("LookupError: seven")
    assert "attribute 'customer' is missing: the target's key needs it" in messages["item 8"]

    key = {name: made(small.items[3])[name] for name in KEYS}
    await call(small.target.url, "DeleteItem", {"TableName": TABLE, "Key": key})
    stray = {"customer": {"S": "c1"}, "number": {"N": "999"}}
    await fill(small.target.url, TABLE, [stray])
    options = ValidateOptions(mode, repair=True, delete_extra=True)
    outcome = await validate(small.folder, content, options)
    assert (outcome.validated.missing, outcome.validated.extra) == (3, 1)
    assert same_items(small.target.items(TABLE), expected)


async def test_refused_items_are_sent_again(small: Stage, run_cli: RunCli) -> None:
    told(small)
    assert (await run_cli("run", "config.yaml"))[0] == 3
    (file,) = small.savepoints.glob("rejects_*.jsonl")
    mended = CODE.replace('raise LookupError("seven")', "pass").replace("n == 8", "n == 80")
    (small.folder / "change.py").write_text(mended)
    code, _, err = await run_cli("run", "config.yaml", "--rejects", str(file))
    assert code == 0, err
    assert "change.py, SHA-256" in err
    assert same_items(small.target.items(TABLE), map(made, small.items))
    assert small.rejects() == []


async def test_the_plan_tells_the_other_key(small: Stage, run_cli: RunCli) -> None:
    told(small, CODE + BACK)
    code, out, err = await run_cli("plan", "config.yaml")
    assert code == 0, err
    assert (
        "the target's key is another than the source's: customer (S) HASH, number (N) RANGE" in out
    )
    assert re.search(r'key \{"pk":\{"S":"item (\d+)"\}\} -> .*"number":\{"N":"\1"\}\}', out)


async def test_what_needs_a_way_is_refused_without_one(small: Stage) -> None:
    content = told(small)
    await migrate(small.folder, content)
    with pytest.raises(MigrateError, match="cannot be looked up on the source") as refusal:
        await validate(small.folder, content, ValidateOptions("lookup"))
    assert "Define `source_key" in str(refusal.value.hint)
    content.pop("transform")
    with pytest.raises(UsageError, match="does not fit:\\n  keys: wanted pk HASH, found customer"):
        await validate(small.folder, content, ValidateOptions("lookup"), fresh=True)


async def test_a_key_of_another_type_is_made_of_the_same_attribute(tmp_path: Path) -> None:
    async with staged(tmp_path, rows()) as stage:
        await create_table(stage.target.url, TABLE, {"pk": "N"})
        number = "{**item, 'pk': int(item['pk'][5:])}"
        code = f"def transform(item):\n    return {number} if item['n'] else item\n"
        (tmp_path / "change.py").write_text(code)
        stage.write(transform="./change.py", maxRejects=1)
        ending = await migrate(tmp_path, stage.job)
        assert ending.done.items == Counts(read=COUNT, written=COUNT - 1, rejected=1)
        assert "attribute 'pk' is of type S, and its key needs N" in stage.rejects()[0]["message"]
        there = {int(item["pk"]["N"]) for item in stage.target.items(TABLE)}
        assert there == {*range(1, COUNT)}
        assert json.dumps(stage.rejects()[0]["key"]) == '{"pk": {"S": "item 0"}}'
