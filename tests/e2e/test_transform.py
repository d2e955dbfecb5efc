"""A user's function between source and target: copied, counted, refused, compared."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.config.loading import load
from alternator_migrate.core.counts import Counts
from alternator_migrate.core.errors import MigrateError, TooManyRejects, UsageError
from alternator_migrate.core.state import Status
from alternator_migrate.migration import MigrateOptions, MigrationRun, ResendRun
from alternator_migrate.validate import Ask
from alternator_migrate.validate.mode import ValidateOptions
from tests.e2e.stage import TABLE, Stage, staged
from tests.e2e.validations import validate
from tests.servers.client import Item, call, fill
from tests.servers.guarded import either, kind_of
from tests.support.jobs import migrate, write_config
from tests.support.shapes import same_items

MASK = """
def transform(item):
    n = item["n"]
    if n % 5 == 0:
        return None
    if n % 5 == 1:
        raise LookupError(f"no {n}")
    item["t"] = "masked"
    return item
"""
SPLIT = """
def transform(item):
    yield item
    if item["n"] % 2:
        yield {"pk": item["pk"] + " again", "n": item["n"]}

def source_key(key):
    return {"pk": key["pk"].removesuffix(" again")}
"""
COUNT = 60


def rows() -> list[Item]:
    return [{"pk": {"S": f"item {n}"}, "n": {"N": str(n)}, "t": {"S": "x"}} for n in range(COUNT)]


@pytest.fixture
async def small(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path, rows(), kind_of(request)) as stage:
        yield stage


def told(stage: Stage, code: str, **more: Any) -> dict[str, Any]:
    """The configuration with a transform of this code."""
    (stage.folder / "change.py").write_text(code)
    stage.write(transform="./change.py", **more)
    return stage.job


async def run(stage: Stage, content: dict[str, Any], **options: Any) -> MigrationRun:
    """A whole run in this process. Raises `MigrateError`."""
    loaded = load(write_config(stage.folder, content), {})
    made = MigrationRun(loaded, options=MigrateOptions(**options))
    status = await made.run(asyncio.Event(), _show_nothing)
    assert status in (Status.COMPLETED, Status.REJECTS)
    return made


async def _show_nothing(_: object) -> None:
    await asyncio.Event().wait()


async def test_dropped_refused_and_changed_items_are_accounted_for(small: Stage) -> None:
    ending = await migrate(small.folder, told(small, MASK, maxRejects=12))
    counts = ending.done.items
    assert counts == Counts(read=60, written=36, rejected=12, dropped=12)
    expected = [
        {**row, "t": {"S": "masked"}} for n, row in enumerate(small.items) if n % 5 not in (0, 1)
    ]
    assert same_items(small.target.items(TABLE), expected)
    lines = sorted(small.rejects(), key=lambda line: int(line["item"]["n"]["N"]))
    assert [line["item"] for line in lines] == [r for n, r in enumerate(small.items) if n % 5 == 1]
    first = lines[0]
    assert first["error"] == "transform"
    assert first["message"] == f"{small.folder}/change.py, line 7: LookupError: no 1"
    assert first["source"] is True
    assert 'raise LookupError(f"no {n}")' in first["traceback"]
    assert "alternator_migrate" not in first["traceback"]


async def test_an_exception_is_never_a_silent_copy(small: Stage) -> None:
    failure = (await migrate(small.folder, told(small, MASK))).failure
    assert isinstance(failure, TooManyRejects)
    assert "the transform refuses item" in str(failure)
    assert "change.py, line 7: LookupError: no" in str(failure)
    assert "Mend the function and run again with --transform-changed" in failure.hint


@either("small")
@pytest.mark.parametrize("mode", ["digest", "lookup"])
async def test_one_item_becomes_two(small: Stage, mode: Any) -> None:
    content = told(small, SPLIT, renames=[{"from": "n", "to": "number"}])
    ending = await migrate(small.folder, content)
    assert ending.done.items == Counts(read=60, written=60, extra=30)
    assert len(small.target.items(TABLE)) == 90
    outcome = await validate(small.folder, content, ValidateOptions(mode))
    assert (outcome.validated.compared, outcome.validated.found) == (60, 0)
    for name in ("item 3 again", "item 4"):
        request = {"TableName": TABLE, "Key": {"pk": {"S": name}}}
        await call(small.target.url, "DeleteItem", request)
    await fill(small.target.url, TABLE, [{"pk": {"S": "stray again"}}])
    options = ValidateOptions(mode, repair=True, delete_extra=True)
    outcome = await validate(small.folder, content, options)
    assert {(kind, json.loads(key)["pk"]["S"]) for kind, key, _ in outcome.told} == {
        ("missing", "item 3 again"),
        ("missing", "item 4"),
        ("extra", "stray again"),
    }
    assert outcome.validated.repaired == 3
    assert len(small.target.items(TABLE)) == 90


@pytest.mark.parametrize("mode", ["digest", "lookup"])
async def test_what_is_refused_is_missing_to_a_validation(small: Stage, mode: Any) -> None:
    content = told(small, MASK, maxRejects=12)
    await migrate(small.folder, content)
    outcome = await validate(small.folder, content, ValidateOptions(mode))
    assert outcome.validated.missing == outcome.validated.found == 12
    assert {line["refused"].split(":")[0] for line in outcome.findings} == {"transform"}


async def test_keys_that_move_need_a_way_back_to_be_compared_one_by_one(small: Stage) -> None:
    content = told(small, SPLIT.partition("def source_key")[0])
    await migrate(small.folder, content)
    assert (await validate(small.folder, content, ValidateOptions("digest"))).validated.found == 0
    with pytest.raises(MigrateError, match="Define `source_key"):
        await validate(small.folder, content, ValidateOptions("lookup"))


async def agreed(count: int, keys: Sequence[str]) -> bool:
    """The answer of a person who has every item deleted."""
    return bool(count and keys)


@pytest.mark.parametrize("ask", [None, agreed])
async def test_nothing_is_deleted_that_a_transform_may_have_made(
    small: Stage, ask: Ask | None
) -> None:
    content = told(small, SPLIT.partition("def source_key")[0])
    await migrate(small.folder, content)
    options = ValidateOptions("digest", delete_extra=True)
    with pytest.raises(UsageError, match="--delete-extra: whether transform"):
        await validate(small.folder, content, options, ask=ask)


async def test_two_items_of_one_key_are_not_merged(small: Stage) -> None:
    code = 'def transform(item):\n    return {**item, "pk": "one of " + str(item["n"] // 2)}\n'
    content = told(small, code, maxRejects=COUNT)
    counts = (await migrate(small.folder, content)).done.items
    assert counts.accounted
    assert counts.rejected == len(small.rejects()) > 0
    assert all("gives the key of another item" in line["message"] for line in small.rejects())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import random\ndef transform(item):\n    return {**item, 'r': random.getrandbits(99)}",
         "makes something else of the same item when it is called again"),
        ("def transform(item):\n    return item[", "change.py, line 2 does not run: SyntaxError"),
        ("import nothing_of_this_name", "change.py, line 1 does not run: ModuleNotFoundError"),
        ("import os\nA = os.environ['NO SUCH']", "change.py, line 2 does not run: KeyError"),
        ("def transform(): ...", "transform of {}/change.py cannot be called with one argument"),
        ("def transform(item, meta, more): ...", "nor with two"),
        ("def transform(item): ...\ndef source_key(): ...", "Write `def source_key(key):`"),
        ("def other(item): ...", "change.py has no function transform"),
        ("def transform(item): ...\ntransform_key = 5", "has no function transform_key\n  "
         "Write `def transform_key(key):`, or leave it out."),
        ("async def transform(item): ...", "is async"),
        ("def transform(item): ...\ntransform.form = 'xml'", "its attribute `form` is 'xml'"),
    ],
)  # fmt: skip
async def test_code_that_cannot_serve_is_refused_before_anything_is_written(
    small: Stage, code: str, words: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        await run(small, told(small, code))
    assert words.format(small.folder) in f"{refusal.value}\n{refusal.value.hint}"
    assert not small.target.store.tables


async def test_a_run_goes_on_with_the_same_code_only(small: Stage) -> None:
    content = told(small, MASK)
    with pytest.raises(MigrateError):
        await run(small, content)
    content = told(small, MASK.replace("raise LookupError", "item['x'] = "))
    with pytest.raises(UsageError, match=r"(?s)the transform has changed: .*--transform-changed"):
        await run(small, content)
    done = await run(small, content, transform_changed=True)
    assert done.progress().items.accounted  # type: ignore[union-attr]
    assert (await run(small, content)).savepoint == done.savepoint
    content.pop("transform")
    with pytest.raises(UsageError, match="there is none now"):
        await run(small, content)


async def test_mended_rejects_go_through_the_function_again(small: Stage) -> None:
    content = told(small, MASK, maxRejects=12)
    await run(small, content)
    (file,) = small.savepoints.glob("rejects_*.jsonl")
    with pytest.raises(
        UsageError, match=r"(?s)line 1: .*change.py, line 7: LookupError: no .*Nothing was sent"
    ):
        await resend(small, file)
    mended = MASK.replace('raise LookupError(f"no {n}")', "return [item, {**item, 'pk': f'{n}'}]")
    mended = mended.replace("if n % 5 == 0", "if n % 5 == 0 or n == 11")
    (small.folder / "change.py").write_text(mended)
    await resend(small, file)
    assert small.rejects() == []
    there = {item["pk"]["S"] for item in small.target.items(TABLE)}
    assert {"item 1", "1", "item 56", "56"} <= there
    assert not {"item 11", "11", "item 5"} & there
    assert small.newest().status == "completed"


async def resend(stage: Stage, file: Path) -> None:
    """`run --rejects FILE` in this process. Raises `MigrateError`."""
    made = ResendRun(load(stage.folder / "config.yaml", {}), [file])
    assert await made.run(asyncio.Event(), _show_nothing) == Status.COMPLETED
