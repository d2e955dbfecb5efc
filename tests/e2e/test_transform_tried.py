"""`transform` and `plan`: what a function does to a page of the source, before any run."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import RunCli
from tests.e2e.stage import Stage, staged
from tests.servers.client import Item
from tests.standin import StandIn
from tests.support.many import Many, make, rows
from tests.support.shapes import same_items

CODE = """
def transform(item):
    n = item["n"]
    if n == 1:
        return None
    if n == 2:
        item["n"] = 0.5
    elif n == 3:
        return [item, {**item, "pk": "again"}]
    elif n == 4:
        item["t"] = "masked"
    elif n == 5:
        item["pk"] = "moved"
    return item
"""
PLAN = (
    "8 items tried: 6 changed, 0 unchanged, 1 dropped, 1 refused; 7 items made of them",
    'key {"pk":{"S":"item 3"}} -> {"id":{"S":"again"}}',
    'key {"pk":{"S":"item 5"}} -> {"id":{"S":"moved"}}',
    "refused: ",
    "change.py: attribute 'n' is a float (0.5)",
    "us an item here, which is decoded for it: at most",
)
SHOWN = """changed  {"pk":{"S":"item 4"}}
  - pk: {"S":"item 4"}
  - t: {"S":"x"}
  + id: {"S":"item 4"}
  + t: {"S":"masked"}
"""


@pytest.fixture
async def few(tmp_path: Path) -> AsyncIterator[Stage]:
    rows: list[Item] = [
        {"pk": {"S": f"item {n}"}, "n": {"N": str(n)}, "t": {"S": "x"}} for n in range(8)
    ]
    async with staged(tmp_path, rows) as stage:
        (tmp_path / "change.py").write_text(CODE)
        yield stage


async def test_items_are_shown_before_and_after(few: Stage, run_cli: RunCli) -> None:
    few.write(transform="./change.py", source__scanSegments=1)
    code, out, err = await run_cli("transform", "config.yaml")
    assert code == 3, err
    assert 'dropped  {"pk":{"S":"item 1"}}\n' in out
    assert 'refused  {"pk":{"S":"item 2"}}: ' in out
    assert 'split    {"pk":{"S":"item 3"}} into 2 items\n  1 pk: {"S":"item 3"}\n' in out
    assert "8 items tried: 3 changed, 3 unchanged, 1 dropped, 1 refused; 7 items made" in out
    assert not few.target.store.tables
    assert not few.savepoints.exists()


async def test_what_it_prints_is_told_of_each_trial_and_not_of_the_timing(
    few: Stage, run_cli: RunCli
) -> None:
    text = "def transform(item):\n    print('given', item['pk'])\n    return item\n"
    (few.folder / "change.py").write_text(text)
    few.write(transform="./change.py", source__scanSegments=1)
    code, out, err = await run_cli("transform", "config.yaml")
    assert (code, "given" in out) == (0, False), err
    assert all(err.count(f"given item {n}\n") == 2 for n in range(8)), err


async def test_what_gives_the_key_of_another_is_refused_there_too(
    few: Stage, run_cli: RunCli
) -> None:
    text = "def transform(item):\n    return {**item, 'pk': f\"one of {item['n'] // 2}\"}\n"
    (few.folder / "change.py").write_text(text)
    few.write(transform="./change.py", source__scanSegments=1, maxRejects=99)
    code, out, err = await run_cli("transform", "config.yaml")
    assert code == 3, err
    assert (
        "8 items tried: 4 changed, 0 unchanged, 0 dropped, 4 refused; 4 items made of them" in out
    )
    assert "change.py: it gives the key of another item of its page" in out
    code, _, err = await run_cli("run", "config.yaml")
    assert code == 3, err
    assert "the transform or the items of the rejects file" in err
    assert "where two of different pages got one key, the last is there" in err


async def test_a_file_of_items_is_tried(few: Stage, run_cli: RunCli) -> None:
    few.write(transform="./change.py", renames=[{"from": "pk", "to": "id"}])
    lines = [{"item": few.items[4]}, {"Item": {**few.items[0], "item": {"S": "x"}}}]
    text = "\n".join(map(json.dumps, lines))
    (few.folder / "some.jsonl").write_text(text)
    code, out, err = await run_cli("transform", "config.yaml", "--items", "some.jsonl")
    assert code == 0, err
    assert out.startswith(SHOWN)
    (few.folder / "some.jsonl").write_text('{"pk": "text"}')
    code, _, err = await run_cli("transform", "config.yaml", "--items", "some.jsonl")
    assert code == 2
    assert "some.jsonl, line 1: not an item" in err


@pytest.mark.parametrize("key", [{}, {"pk": {"N": "1"}}, {"pk": {"S": ""}}, {"id": {"S": "a"}}])
async def test_an_item_that_is_none_of_the_source_is_told(
    few: Stage, run_cli: RunCli, key: Item
) -> None:
    few.write(transform="./change.py", renames=[{"from": "pk", "to": "id"}])
    lines = [few.items[4], {**key, "n": {"N": "9"}}]
    (few.folder / "some.jsonl").write_text("\n\n".join(map(json.dumps, lines)))
    code, out, err = await run_cli("transform", "config.yaml", "--items", "some.jsonl")
    assert (code, out) == (2, "")
    assert "some.jsonl, line 3: the item is none of the source, whose key attribute 'pk'" in err
    assert "under the name that it has in the source" in err


async def test_a_configuration_that_changes_nothing_is_told(few: Stage, run_cli: RunCli) -> None:
    few.write()
    code, _, err = await run_cli("transform", "config.yaml")
    assert code == 2
    assert "the configuration changes no item" in err


async def test_a_plan_says_what_it_costs(few: Stage, run_cli: RunCli) -> None:
    renames = [{"from": "pk", "to": "id"}]
    few.write(transform="./change.py", renames=renames, source__scanSegments=1)
    code, out, err = await run_cli("plan", "config.yaml")
    assert code == 0, err
    assert f"transform       {few.folder}/change.py, SHA-256 " in out
    for text in PLAN:
        assert text in out


async def test_tables_of_one_run_have_functions_of_their_own(tmp_path: Path) -> None:
    async with StandIn() as source, StandIn() as target:
        many = Many(tmp_path, source, target)
        await make(source.url, {"Orders": 12, "Users": 8, "Plain": 3})
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "all.py").write_text("def transform(item):\n    return item\n")
        (tmp_path / "code" / "users.py").write_text(CODE.replace("0.5", "1"))
        section = {
            "include": ["*"],
            "overrides": {"Users": {"transform": "code/users.py"}},
        }
        many.write(section, transform="code/all.py")
        tried = await many.command("transform", "--only", "Users")
        assert tried.code == 0, tried
        assert 'dropped  {"pk":{"S":"Users1"}}' in tried.out
        assert "--only TABLE names one of them" in (await many.command("transform")).err
        plan = await many.command("plan")
        assert f"{tmp_path}/code/users.py, SHA-256" in plan.out
        outcome = await many.run()
        assert outcome.states == dict.fromkeys(("Orders", "Users", "Plain"), "completed")
        assert same_items(target.items("Orders"), rows(12, "Orders"))
        assert len(target.items("Users")) == 8
        assert {"again", "moved"} < {item["pk"]["S"] for item in target.items("Users")}
        (users,) = (each for each in outcome.tables if each.source == "Users")
        assert (users.items.dropped, users.items.extra) == (1, 1)
