"""Refused items: found by halving whatever the refusal, and sent again once they are mended."""

import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from alternator_migrate.core.errors import OutOfTime
from tests.e2e.stage import TABLE, Stage, refusing, rows, staged
from tests.servers.cli import Result
from tests.servers.client import create_table
from tests.servers.exchange import Exchange, Fault
from tests.servers.patience import stretched
from tests.servers.proxy import FaultProxy
from tests.support.cli import one_error, until
from tests.support.jobs import Migrate
from tests.support.shapes import same_items

LONG = "k" * 70_000
LARGE = {"S": "y" * 60_000}
LARGEST = 50_000


def mended(stage: Stage, lines: Sequence[Any]) -> Path:
    """A rejects file as a person leaves it."""
    path = stage.folder / "mended.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n")
    return path


def lengthen() -> Fault:
    """A Scan that shows item 7 with a key which no ScyllaDB takes."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.forward(exchange.body)
        page = reply.json()
        for item in page.get("Items", ()):
            if item["pk"]["S"] == "item 7":
                item["pk"]["S"] = LONG
        return reply.with_json(page).response()

    return Fault("lengthen", act)


async def test_what_no_replica_takes_is_kept_and_sent_again_when_mended(stage: Stage) -> None:
    stage.target.settings.mutation_limit = LARGEST
    stage.items[300]["t"] = LARGE
    await stage.refill()
    async with FaultProxy(stage.source.url) as proxy:
        proxy.always("Scan", lengthen())
        stage.write(
            source__endpoint={"url": proxy.url}, maxRejects=2, retryBudgetSeconds=stretched(1)
        )
        result = await stage.ended("run", "config.yaml")
    assert result.code == 3, result
    assert LONG not in result.err
    found = {line["key"]["pk"]["S"]: line for line in stage.rejects()}
    assert set(found) == {LONG, "item 300"}
    assert "Key size too large" in found[LONG]["message"]
    assert "mutation_write_failure" in found["item 300"]["message"]
    assert found["item 300"]["item"] == stage.items[300]
    assert len(stage.target.items(TABLE)) == len(stage.items) - 2
    stage.write()
    found[LONG]["item"]["pk"]["S"] = "item 7"
    found["item 300"]["item"]["t"] = stage.items[300]["t"] = {"S": "shorter"}
    again = ("--rejects", str(mended(stage, list(found.values()))))
    result = await stage.ended("run", "config.yaml", *again)
    assert result.code == 0, result
    assert "read 2 = written 2" in result.err
    stage.is_equal()


async def test_the_last_batch_of_all_is_halved_too(tmp_path: Path, migrate: Migrate) -> None:
    items = rows(9)
    items[4]["t"] = LARGE
    async with staged(tmp_path, items) as stage:
        stage.target.settings.mutation_limit = LARGEST
        stage.write(source__scanSegments=1, maxRejects=1, retryBudgetSeconds=stretched(1))
        done = (await migrate(stage.job)).done
        assert (done.items.written, done.items.rejected) == (8, 1)
        assert same_items(stage.target.items(TABLE), [*items[:4], *items[5:]])


async def test_a_server_that_fails_whatever_it_is_sent_makes_no_rejects(
    tmp_path: Path, migrate: Migrate
) -> None:
    async with staged(tmp_path, rows(9)) as stage:
        stage.target.faults.rate("BatchWriteItem", "error_500", 1.0)
        stage.write(source__scanSegments=1, maxRejects=9, retryBudgetSeconds=stretched(1))
        ending = await migrate(stage.job)
    assert isinstance(ending.failure, OutOfTime)
    assert ending.rejects is None
    assert ending.progress and ending.progress.items.rejected == 0


async def test_what_is_refused_again_is_kept_again(stage: Stage) -> None:
    await create_table(stage.target.url, TABLE)
    path = mended(stage, [{"item": item} for item in stage.items[:20]])
    async with refusing(stage, "item 5"):
        result = await stage.ended("run", "config.yaml", "--rejects", str(path))
    assert result.code == 3, result
    (kept,) = stage.rejects()
    assert kept["item"] == stage.items[5]
    assert len(stage.target.items(TABLE)) == 19


async def in_order(stage: Stage) -> None:
    """`status` and `run` say that nothing is left to do."""
    status = await stage.ended("status", "config.yaml")
    assert status.code == 0
    assert ": completed\n" in status.out, status.out
    assert "+ 0 rejected" in status.out and "\n  rejects " not in status.out
    whole = await stage.completes()
    assert whole["rejects"] is None


@asynccontextmanager
async def copied_but_for(stage: Stage, *names: str) -> AsyncIterator[tuple[Path, set[str]]]:
    """The rejects file of a copy to which the target refused these items, and those that it
    refuses from now on: none."""
    async with refusing(stage, *names) as bad:
        assert (await stage.ended("run", "config.yaml")).code == 3
        bad.clear()
        (path,) = stage.savepoints.glob("rejects_*.jsonl")
        yield path, bad


async def sent(stage: Stage, path: Path, *more: str) -> Result:
    """How sending a rejects file again ended."""
    return await stage.ended("run", "config.yaml", "--rejects", str(path), *more)


async def test_rejects_that_were_sent_are_settled(stage: Stage) -> None:
    async with copied_but_for(stage, "item 5", "item 77") as (path, _):
        assert "rejects" in (await stage.ended("status", "config.yaml")).out
        assert (await sent(stage, path)).code == 0
        assert path.read_bytes() == b""
        await in_order(stage)
        assert (await sent(stage, path)).code == 0


async def test_what_is_refused_again_stays_and_the_rest_is_settled(stage: Stage) -> None:
    async with copied_but_for(stage, "item 5", "item 77", "item 9") as (path, bad):
        copy = mended(stage, path.read_text().splitlines())
        summary = stage.folder / "summary.json"
        bad.add("item 77")
        result = await sent(stage, copy, "--summary-json", str(summary))
        assert result.code == 3, result
        (kept,) = stage.rejects()
        assert kept["item"] == stage.items[77]
        assert json.loads(summary.read_text())["rejects"] == str(path)
        point = stage.newest()
        assert (point.status, point.state.items.rejected) == ("rejects", 1)
        assert point.state.items.accounted
        assert (await stage.ended("run", "config.yaml")).code == 3
        bad.clear()
        assert (await sent(stage, copy)).code == 0
        await in_order(stage)


async def test_rejects_that_were_not_sent_are_told(stage: Stage) -> None:
    async with copied_but_for(stage, "item 5", "item 77") as (path, _):
        result = await sent(stage, mended(stage, path.read_text().splitlines()[:1]))
    assert result.code == 3, result
    assert str(path) in result.err
    assert len(stage.rejects()) == stage.newest().state.rejected == 1


async def test_a_kill_before_the_savepoint_knows_is_made_good_by_a_second_go(stage: Stage) -> None:
    async with copied_but_for(stage, "item 5") as (path, _):
        saved = {each: each.read_bytes() for each in stage.saved()}
        assert (await sent(stage, path)).code == 0
        for each in stage.saved():
            each.unlink()
        for each, text in saved.items():
            each.write_bytes(text)
        assert (await stage.ended("run", "config.yaml")).code == 3
        assert (await sent(stage, path)).code == 0
        await in_order(stage)


async def test_a_file_that_was_moved_to_be_mended_settles_what_it_was(stage: Stage) -> None:
    async with copied_but_for(stage, "item 5", "item 77") as (path, _):
        assert (await sent(stage, path.rename(stage.folder / "mine.jsonl"))).code == 0
        await in_order(stage)


async def test_a_key_that_was_mended_settles_the_one_that_was_refused(stage: Stage) -> None:
    async with copied_but_for(stage, "item 5") as (path, _):
        line = json.loads(path.read_text())
        line["item"]["pk"]["S"] = "item 5 with another name"
        assert (await sent(stage, mended(stage, [line]))).code == 0
    assert stage.rejects() == []
    assert stage.newest().status == "completed"


async def test_an_item_that_stands_there_twice_is_sent_once(stage: Stage) -> None:
    async with copied_but_for(stage, "item 5") as (path, _):
        twice = mended(stage, path.read_text().splitlines() * 2)
        stage.target.log.clear()
        assert (await sent(stage, twice)).code == 0
    writes = [request for name, request in stage.target.log if name == "BatchWriteItem"]
    assert [len(write["RequestItems"][TABLE]) for write in writes] == [1]


async def test_rejects_of_shards_are_settled_too(stage: Stage) -> None:
    shards = ("0/2", "1/2")
    async with refusing(stage, *(f"item {n}" for n in range(12))) as bad:
        codes = [(await stage.ended("run", "config.yaml", "--shard", n)).code for n in shards]
        assert codes == [3, 3]
        done = ("config.yaml", "--shard", "finish/2")
        for words in ("rejected items: see", "finished already"):
            summary = ("--summary-json", "done.json")
            result = await stage.ended("run", *done, *summary)
            assert (result.code, words in result.err) == (3, True), result
            told = json.loads((stage.folder / "done.json").read_text())
            assert (told["status"], told["tables"][0]["items"]["rejected"]) == ("rejects", 12)
            assert Path(told["rejects"]) in stage.savepoints.glob("rejects_*.jsonl")
        assert "+ 12 rejected" in (await stage.ended("status", *done)).out
        bad.clear()
        ended = [await sent(stage, path) for path in stage.savepoints.glob("rejects_*.jsonl")]
        assert ended[-1].code == 0, ended
        for shard in (*shards, "finish/2"):
            result = await stage.ended("run", "config.yaml", "--shard", shard)
            assert result.code == 0, result
        assert "+ 0 rejected" in (await stage.ended("status", *done)).out
    stage.is_equal()


async def test_a_line_without_a_key_is_named_before_anything_is_sent(stage: Stage) -> None:
    good = {"item": {"pk": {"S": "a"}}}
    path = mended(stage, [good, "", '{"item": {"a": {"S": "b"}}}', good])
    again = ("run", "config.yaml", "--rejects", str(path))
    assert "does not exist" in one_error(await stage.ended(*again))
    await create_table(stage.target.url, f"{TABLE}s")
    told = one_error(await stage.ended(*again))
    assert f"the target table {TABLE} does not exist at {stage.target.url}" in told
    assert f"Did you mean {TABLE}s?" in told
    assert "Run the migration first" in told
    await create_table(stage.target.url, TABLE)
    assert f"{path}, line 3: the item lacks the key attribute pk" in one_error(
        await stage.ended(*again)
    )
    assert not stage.target.items(TABLE)


async def test_rejects_of_before_a_stop_are_told_at_the_end(stage: Stage) -> None:
    bad = ("item 5", "item 77", "item 599")
    async with refusing(stage, *bad):
        stage.slow_down(0.2)
        async with stage.run() as cli:
            await until(lambda: bool(list(stage.savepoints.glob("rejects_*.jsonl"))))
            cli.send_signal(signal.SIGTERM)
            assert (await cli.wait(20)).code == 143
        stage.hurry()
        summary = stage.folder / "summary.json"
        result = await stage.ended("run", "config.yaml", "--summary-json", str(summary))
    assert result.code == 3, result
    told = json.loads(summary.read_text())
    (table,) = told["tables"]
    assert table["items"]["rejected"] == len(bad)
    assert told["rejects"] in [str(path) for path in stage.savepoints.iterdir()]
    assert {line["item"]["pk"]["S"] for line in stage.rejects()} == set(bad)
