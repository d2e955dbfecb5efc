"""Shards of a migration: runs of their own that know of each other by a tag on the target."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCli
from tests.servers.cli import Result
from tests.servers.client import call, create_table, fill
from tests.servers.guarded import EITHER
from tests.standin import StandIn
from tests.support.jobs import Job, alternator, job, read_summary, standin_side, write_config
from tests.support.shapes import same_items
from tests.support.tables import changes, definitions, enable_ttl, index

TABLE = "Example"
ITEMS = [
    {"pk": {"S": f"item {n}"}, "city": {"S": f"city {n % 7}"}, "n": {"N": str(n)}}
    for n in range(300)
]
BY_CITY: dict[str, Any] = {
    "AttributeDefinitions": definitions(pk="S", city="S"),
    "GlobalSecondaryIndexes": [index("by-city", "city")],
}
TAG = "alternator-migrate:shards"


@pytest.fixture
async def source(standin: StandIn) -> Any:
    async with type(standin)(page_bytes=2000) as server:
        await create_table(server.url, TABLE, **BY_CITY)
        await enable_ttl(server.url, TABLE, "expires")
        await fill(server.url, TABLE, ITEMS)
        yield server


def content(source: StandIn, target: StandIn, **more: Any) -> Job:
    ends = (
        standin_side(source, TABLE, scanSegments=10),
        standin_side(target, TABLE, indexes="after"),
    )
    return job(*ends, **more)


async def tags(target: StandIn) -> dict[str, str]:
    described = await call(target.url, "DescribeTable", {"TableName": TABLE})
    arn = described["Table"]["TableArn"]
    found = await call(target.url, "ListTagsOfResource", {"ResourceArn": arn})
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags", ())}


async def ttl(target: StandIn) -> str:
    found = await call(target.url, "DescribeTimeToLive", {"TableName": TABLE})
    return str(found["TimeToLiveDescription"]["TimeToLiveStatus"])


async def indexes(target: StandIn) -> list[str]:
    described = await call(target.url, "DescribeTable", {"TableName": TABLE})
    found = described["Table"].get("GlobalSecondaryIndexes", ())
    return [each["IndexName"] for each in found]


@EITHER
async def test_shards_together_copy_all_and_a_last_run_finishes(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    """All start at once on an absent table, each in a folder of its own."""
    folders = [tmp_path / str(shard) for shard in range(3)]
    for folder in folders:
        folder.mkdir()
        write_config(folder, content(source, standin))
    runs = [
        run_cli(
            *("run", f"{shard}/config.yaml", "--shard", f"{shard}/3"),
            *("--summary-json", f"{shard}/summary.json"),
        )
        for shard in range(3)
    ]
    for result in await asyncio.gather(*runs):
        assert result.code == 0, result
    assert same_items(standin.items(TABLE), ITEMS)
    tables = [read_summary(folder / "summary.json")["tables"][0] for folder in folders]
    assert sum(table["items"]["written"] for table in tables) == len(ITEMS)
    assert [table["segments"]["total"] for table in tables] == [4, 3, 3]
    assert (await ttl(standin), await indexes(standin)) == ("DISABLED", [])
    result = await run_cli("run", "0/config.yaml", "--shard", "finish/3")
    assert result.code == 0, result
    assert "no savepoint of shard 1/3 here" in result.err
    assert (await ttl(standin), await indexes(standin)) == ("ENABLED", ["by-city"])
    assert TAG not in await tags(standin)


async def shard(run_cli: RunCli, which: str, *more: str) -> Result:
    return await run_cli("run", "config.yaml", "--shard", which, *more)


async def test_a_shard_is_done_once_and_not_mistaken_for_another(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    write_config(tmp_path, content(source, standin))
    assert (await shard(run_cli, "1/2")).code == 0
    again = await shard(run_cli, "1/2")
    assert (again.code, "done already" in again.err) == (0, True)
    assert (await shard(run_cli, "0/2")).code == 0
    assert same_items(standin.items(TABLE), ITEMS)
    status = await run_cli("status", "config.yaml", "--shard", "0/2")
    assert "5/10 done" in status.out
    assert "completed" in status.out


async def test_others_are_refused(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    """Another number of shards, another total of segments, a run without shards."""
    write_config(tmp_path, content(source, standin))
    assert (await shard(run_cli, "1/2")).code == 0
    written = standin.requests["BatchWriteItem"]
    for refused in (
        await shard(run_cli, "0/3"),
        await shard(run_cli, "0/2", "--set=source.scanSegments=11"),
    ):
        assert refused.code == 2, refused
        assert "is being filled by other shards" in refused.err
    alone = await run_cli("run", "config.yaml")
    assert (alone.code, "already holds items" in alone.err) == (2, True)
    assert standin.requests["BatchWriteItem"] == written


async def test_a_table_with_items_of_somebody_else_is_refused(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    await create_table(standin.url, TABLE)
    await fill(standin.url, TABLE, [{"pk": {"S": "mine"}}])
    write_config(tmp_path, content(source, standin))
    refused = await shard(run_cli, "0/2")
    assert (refused.code, "already holds items" in refused.err) == (2, True), refused
    assert TAG not in await tags(standin)
    assert (await shard(run_cli, "0/2", "--into-existing")).code == 0
    assert (await shard(run_cli, "1/2")).code == 0
    assert same_items(standin.items(TABLE), [*ITEMS, {"pk": {"S": "mine"}}])
    for later in ("0/2", "finish/2"):
        told = await shard(run_cli, later)
        assert (told.code, "those that the source does not have" in told.err) == (0, True), told
        assert "next: Run validate --repair --delete-extra before you switch" in told.err


async def test_the_end_waits_for_shards_that_are_known_not_to_be_done(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    write_config(tmp_path, content(source, standin))
    early = await shard(run_cli, "finish/2")
    assert (early.code, "is not being filled by shards" in early.err) == (2, True)
    assert (await shard(run_cli, "0/2")).code == 0
    standin.faults.rate("BatchWriteItem", "error_500", 1.0)
    assert (await shard(run_cli, "1/2", "--set=retryBudgetSeconds=1")).code == 1
    standin.faults.clear()
    early = await shard(run_cli, "finish/2")
    assert (early.code, "shard 1/2 is not done" in early.err) == (2, True)
    assert (await shard(run_cli, "1/2")).code == 0
    assert (await shard(run_cli, "finish/2")).code == 0
    assert same_items(standin.items(TABLE), ITEMS)


async def test_the_end_takes_a_transform_that_has_changed_where_that_is_said(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    code = tmp_path / "change.py"
    code.write_text("def transform(item):\n    return item\n")
    write_config(tmp_path, content(source, standin, transform=str(code)))
    assert (await shard(run_cli, "0/1")).code == 0
    code.write_text("def transform(item):\n    return {**item}\n")
    refused = await shard(run_cli, "finish/1")
    assert (refused.code, "pass --transform-changed" in refused.err) == (2, True), refused
    ended = await shard(run_cli, "finish/1", "--transform-changed")
    assert ended.code == 0, ended


async def test_shards_are_finished_once(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    """As a Job is run again that was lost after its work, where no shard has its savepoints."""
    write_config(tmp_path, content(source, standin))
    assert (await shard(run_cli, "0/1")).code == 0
    end = tmp_path / "end"
    end.mkdir()
    write_config(end, content(source, standin))
    finish = ("run", "end/config.yaml", "--shard", "finish/1")
    assert (await run_cli(*finish)).code == 0
    standin.log.clear()
    again = await run_cli(*finish)
    assert (again.code, "finished already" in again.err) == (0, True), again
    assert not changes(standin)
    standin.table(TABLE).indexes.clear()
    again = await run_cli(*finish)
    assert (again.code, "now lacks: index by-city" in again.err) == (0, True), again
    assert await indexes(standin) == ["by-city"]
    other = await run_cli(*finish, "--set=renames=[{from: n, to: m}]")
    assert (other.code, "renames" in other.err) == (2, True), other
    await call(standin.url, "DeleteTable", {"TableName": TABLE})
    await create_table(standin.url, TABLE, **BY_CITY)
    standin.log.clear()
    other = await run_cli(*finish)
    assert (other.code, "was made anew" in other.err) == (2, True), other
    assert not changes(standin)
    assert (await shard(run_cli, "0/1", "--fresh")).code == 0
    again = await run_cli(*finish)
    assert (again.code, "finished already" in again.err) == (0, False), again
    assert await ttl(standin) == "ENABLED"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shard", "2/2", "--set=source.scanSegments=10"), "0/N to N-1/N"),
        (("--shard", "0/2"), "needs source.scanSegments"),
        (("--shard", "0/8", "--set=source.scanSegments=4"), "of at least 8"),
    ],
)
async def test_mistakes(
    source: StandIn,
    standin: StandIn,
    tmp_path: Path,
    run_cli: RunCli,
    options: tuple[str, ...],
    words: str,
) -> None:
    write_config(tmp_path, job(alternator(source.url, TABLE), alternator(standin.url, TABLE)))
    result = await run_cli("run", "config.yaml", *options)
    assert (result.code, words in result.err) == (2, True), result
    assert standin.requests["CreateTable"] == 0
