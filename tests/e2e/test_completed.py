"""What is said to be completed: both tables are looked at, and it is what was asked for."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.savepoints.store import lock
from tests.conftest import RunCli
from tests.servers.cli import running
from tests.servers.client import call, create_table, fill, scan_all
from tests.standin import StandIn
from tests.support.cli import until
from tests.support.jobs import alternator, job, read_summary, write_config
from tests.support.shapes import same_items
from tests.support.tables import changes, definitions, enable_ttl, index

TABLE = "Example"
ITEMS = [{"pk": {"S": f"item {n}"}, "city": {"S": f"city {n % 7}"}} for n in range(150)]
BY_CITY: dict[str, Any] = {
    "AttributeDefinitions": definitions(pk="S", city="S"),
    "GlobalSecondaryIndexes": [index("by-city", "city")],
}
TAG = "alternator-migrate:shards"
ANEW = "was made anew"
GONE = "target table is gone"


@pytest.fixture
async def source() -> AsyncIterator[StandIn]:
    async with StandIn(page_bytes=1000, stream_delay=0, stream_shards=2) as server:
        await create_table(server.url, TABLE, **BY_CITY)
        await fill(server.url, TABLE, ITEMS)
        yield server


class Job:
    """A migration in three segments, as a command."""

    def __init__(self, folder: Path, run_cli: RunCli, source: StandIn, target: StandIn) -> None:
        self.folder, self.source, self.target, self._cli = folder, source, target, run_cli
        self.write()

    def write(self, target: dict[str, Any] | None = None, **more: Any) -> None:
        """Write the configuration anew; `target` has more keys of that section."""
        sides = (
            alternator(self.source.url, TABLE, scanSegments=3),
            alternator(self.target.url, TABLE, **{"indexes": "after", **(target or {})}),
        )
        write_config(self.folder, job(*sides, **more))

    async def run(self, *options: str, code: int = 0, words: str = "") -> str:
        """Run; it must end with this code, and these words on standard error, which it returns.
        Where it is refused, nothing may be changed."""
        self.target.log.clear()
        result = await self._cli("run", "config.yaml", *options)
        assert (result.code, words in " ".join(result.err.split())) == (code, True), result
        if code == 2:
            assert not changes(self.target)
        return result.err

    async def anew(self, server: StandIn, *, drop_only: bool = False) -> None:
        """Drop a server's table, and make another of that name."""
        await call(server.url, "DeleteTable", {"TableName": TABLE})
        if not drop_only:
            await create_table(server.url, TABLE, **BY_CITY)

    @property
    def equal(self) -> bool:
        """Whether the target holds all items."""
        return same_items(self.target.items(TABLE), ITEMS)

    async def segments(self, *numbers: int) -> list[Any]:
        """The items of some segments."""
        return [
            item
            for number in numbers
            for item in await scan_all(self.source.url, TABLE, Segment=number, TotalSegments=3)
        ]


@pytest.fixture
def migration(tmp_path: Path, run_cli: RunCli, source: StandIn, standin: StandIn) -> Job:
    return Job(tmp_path, run_cli, source, standin)


@pytest.mark.parametrize("second", [[0], [], None], ids=["others", "none", "absent"])
async def test_what_was_skipped_and_is_not_any_more_is_copied(
    migration: Job, second: list[int] | None
) -> None:
    """As ScyllaDB Migrator's users copy in parts: complementary segments, one folder."""
    migration.write(skipSegments=[1, 2])
    err = await migration.run("--summary-json", "done.json")
    assert "2 of 3 segments are left out (skipSegments)" in err
    (table,) = read_summary(migration.folder / "done.json")["tables"]
    assert table["segments"] == {"total": 1, "done": 1}
    assert same_items(migration.target.items(TABLE), await migration.segments(0))
    await migration.run(words="done already")
    more: dict[str, Any] = {} if second is None else {"skipSegments": second}
    migration.write(**more)
    told = await migration.run("--summary-json", "done.json")
    assert "now lacks: segment 1, segment 2" in told
    assert migration.equal
    (table,) = read_summary(migration.folder / "done.json")["tables"]
    assert table["segments"] == {"total": 3, "done": 3}
    assert table["items"]["read"] == table["items"]["written"] == len(ITEMS)
    await migration.run(words="done already")


async def test_what_was_skipped_at_a_stop_is_copied_too(migration: Job, run_cli: RunCli) -> None:
    """Whether the configuration or the savepoint is gone on from."""
    slow = {"maxItemsPerBatch": 10, "maxConnections": 1}
    migration.write(slow, skipSegments=[1])
    migration.target.faults.rate("BatchWriteItem", "slow", 1.0, 0.3)
    async with running(migration.folder, "run", "config.yaml") as cli:
        await until(lambda: migration.target.requests["BatchWriteItem"] > 2)
        cli.send_signal(signal.SIGTERM)
        assert (await cli.wait(30)).code == 143
    migration.target.faults.clear()
    savepoint = max((migration.folder / "savepoints").glob("savepoint_*"))
    assert (await run_cli("run", str(savepoint))).code == 0
    assert same_items(migration.target.items(TABLE), await migration.segments(0, 2))
    await migration.run("--set", "skipSegments=[]")
    assert migration.equal


@pytest.mark.parametrize("rejects", [False, True], ids=["completed", "rejects"])
async def test_tables_that_are_not_those_that_were_copied_are_refused(
    migration: Job, rejects: bool
) -> None:
    code = 0
    if rejects:
        code = 3
        index_key = {"pk": {"S": "wrong"}, "city": {"S": ""}}
        await create_table(migration.target.url, TABLE, **BY_CITY)
        migration.source.table(TABLE).indexes.clear()
        await fill(migration.source.url, TABLE, [index_key])
        migration.write({"indexes": "skip"}, maxRejects=1)
    await migration.run(code=code)
    await migration.run(code=code, words="done already")
    await migration.run("--set=renames=[{from: a, to: b}]", code=2, words="have changed")
    await migration.run("--set=source.filter.expression=city = pk", code=2, words="have changed")
    await migration.anew(migration.target, drop_only=True)
    await migration.run(code=2, words=GONE)
    await create_table(migration.target.url, TABLE, **BY_CITY)
    await migration.run(code=2, words=f"target table Example {ANEW}")
    await migration.anew(migration.source)
    await migration.run(code=2, words=f"source table Example {ANEW}")
    await migration.anew(migration.source, drop_only=True)
    await migration.run(code=2, words="the source table Example does not exist")


async def test_what_the_target_lacks_is_brought(migration: Job) -> None:
    """Whether somebody took it away, or the configuration asks for more than it did."""
    await enable_ttl(migration.source.url, TABLE, "expires")
    migration.write({"copyTtl": False, "indexes": "skip"})
    await migration.run()
    migration.write({"tags": {"team": "blue"}})
    told = await migration.run()
    assert "now lacks: index by-city, TTL on expires, tag team=blue" in told
    table = migration.target.table(TABLE)
    assert [*table.indexes] == ["by-city"]
    assert (table.ttl, table.tags["team"]) == ("expires", "blue")
    off = {"Enabled": False, "AttributeName": "expires"}
    await call(
        migration.target.url,
        "UpdateTimeToLive",
        {"TableName": TABLE, "TimeToLiveSpecification": off},
    )
    assert "now lacks: TTL on expires" in await migration.run()
    assert table.ttl == "expires"
    batches = migration.target.requests["BatchWriteItem"]
    await migration.run(words="done already")
    assert not changes(migration.target)
    assert migration.target.requests["BatchWriteItem"] == batches


async def test_an_index_that_only_comes_with_the_data_is_missed(migration: Job) -> None:
    migration.write({"indexes": "before"})
    await migration.run()
    migration.target.table(TABLE).indexes.clear()
    await migration.run(code=2, words="index by-city: missing")


async def test_shards_that_are_done_look_too(migration: Job) -> None:
    await migration.run("--shard", "0/2")
    await migration.run("--shard", "0/2", words="done already")
    await migration.run("--shard", "1/2")
    await migration.run("--shard", "finish/3", code=2, words="is being filled by other shards")
    await migration.run("--shard=finish/2", "--set=renames=[{from: a, to: b}]", code=2)
    mark = migration.target.table(TABLE).tags[TAG]
    await migration.anew(migration.target)
    await migration.run("--shard", "0/2", code=2, words=ANEW)
    migration.target.table(TABLE).tags[TAG] = mark
    await migration.run("--shard", "finish/2", code=2, words=f"target table Example {ANEW}")
    await migration.anew(migration.target, drop_only=True)
    await migration.run("--shard", "1/2", code=2, words=GONE)


async def test_shards_do_not_count_what_they_skipped_as_done(migration: Job) -> None:
    migration.write(skipSegments=[1, 2])
    await migration.run("--shard", "0/2")
    await migration.run("--shard", "1/2")
    assert same_items(migration.target.items(TABLE), await migration.segments(0))
    migration.write()
    await migration.run("--shard", "finish/2", code=2, words="shard 0/2 is not done")
    await migration.run("--shard", "0/2", words="now lacks: segment 2")
    await migration.run("--shard", "finish/2", code=2, words="shard 1/2 is not done")
    await migration.run("--shard", "1/2", words="now lacks: segment 1")
    await migration.run("--shard", "finish/2")
    assert migration.equal


async def test_what_finishes_and_what_sends_rejects_takes_the_lock(migration: Job) -> None:
    await migration.run("--shard", "0/1")
    savepoints = migration.folder / "savepoints"
    (held,) = savepoints.glob("migration_*.lock")
    whole = held.stem.removeprefix("migration_").removesuffix("-0-of-1")
    rejects = migration.folder / "mended.jsonl"
    rejects.write_text('{"item": {"pk": {"S": "a"}}}\n')
    with lock(savepoints, whole), lock(savepoints, f"{whole}-finish-of-1"):
        await migration.run("--shard", "finish/1", code=2, words="is running already")
        await migration.run("--rejects", str(rejects), code=2, words="is running already")
    await migration.run("--shard", "finish/1")
    await migration.run("--rejects", str(rejects))


async def test_a_validation_goes_on_with_the_tables_it_began_with(
    migration: Job, run_cli: RunCli
) -> None:
    await migration.run()
    migration.target.faults.rate("Scan", "slow", 1.0, 0.5)
    async with running(migration.folder, "validate", "config.yaml", "--mode=digest") as cli:
        heard = migration.target.requests["Scan"]
        await until(lambda: migration.target.requests["Scan"] > heard)
        cli.send_signal(signal.SIGTERM)
        assert (await cli.wait(30)).code == 143
    migration.target.faults.clear()
    await migration.anew(migration.target)
    result = await run_cli("validate", "config.yaml")
    assert (result.code, ANEW in result.err) == (2, True), result
    await migration.anew(migration.target, drop_only=True)
    result = await run_cli("validate", "config.yaml")
    assert (result.code, "does not exist" in result.err) == (2, True), result


RULE = {"maxLagSeconds": 5, "forSeconds": 0.1}
UNTIL = "--until-caught-up"
pytestmark = pytest.mark.timeout(900)


async def test_what_was_skipped_is_copied_beside_following(migration: Job) -> None:
    """Changes that were made meanwhile win over what is copied late."""
    follows = {"streamChanges": True}
    migration.write(follows, cutover=RULE, skipSegments=[1, 2])
    await migration.run(UNTIL)
    assert len(migration.target.items(TABLE)) < len(ITEMS)
    changed = {"pk": ITEMS[0]["pk"], "city": {"S": "elsewhere"}}
    await call(migration.source.url, "PutItem", {"TableName": TABLE, "Item": changed})
    gone = {"pk": ITEMS[1]["pk"]}
    await call(migration.source.url, "DeleteItem", {"TableName": TABLE, "Key": gone})
    migration.write(follows, cutover=RULE)
    await migration.run(UNTIL)
    assert same_items(migration.target.items(TABLE), [changed, *ITEMS[2:]])
    assert same_items(migration.target.items(TABLE), migration.source.items(TABLE))


async def test_following_that_is_over_looks_too(migration: Job) -> None:
    await enable_ttl(migration.source.url, TABLE, "expires")
    follows = {"streamChanges": True}
    migration.write({**follows, "copyTtl": False}, cutover=RULE, skipSegments=[1])
    await migration.run(UNTIL, "--disable-stream-after")
    await migration.run(words="done already")
    migration.write(follows, cutover=RULE, skipSegments=[1])
    await migration.run(words="now lacks: TTL on expires")
    assert migration.target.table(TABLE).ttl == "expires"
    migration.write(follows, cutover=RULE)
    await migration.run(code=2, words="skipSegments leaves out fewer")
    migration.write(follows, cutover=RULE, skipSegments=[1])
    await migration.anew(migration.target)
    await migration.run(code=2, words=ANEW)
    await migration.anew(migration.target, drop_only=True)
    await migration.run(code=2, words=GONE)


MIGRATOR: dict[str, Any] = {
    "renames": None,
    "savepoints": {"path": "savepoints", "intervalSeconds": 300},
    "skipSegments": [0],
    "validation": None,
}


async def test_a_savepoint_of_scylladb_migrator_is_gone_on_from(
    migration: Job, run_cli: RunCli
) -> None:
    """The folder that it stands in may be ours, too."""
    folder = migration.folder / "savepoints"
    folder.mkdir()
    migration.write(**MIGRATOR)
    theirs = folder / "savepoint_1795885615284_0000000001.yaml"
    (migration.folder / "config.yaml").rename(theirs)
    text = theirs.read_text()
    migration.write()
    await create_table(migration.target.url, TABLE, **BY_CITY)
    await fill(migration.target.url, TABLE, await migration.segments(0))
    told = await migration.run(code=2, words="already holds items")
    assert f"to go on from the newest of them: `run {theirs} --into-existing`" in told
    status = await run_cli("status", "config.yaml")
    assert (status.code, "no savepoint of this migration" in status.err) == (2, True), status
    result = await run_cli("run", str(theirs), "--into-existing", "--summary-json", "done.json")
    assert result.code == 0, result
    assert "is a savepoint of ScyllaDB Migrator, taken as a configuration" in result.err
    assert "1 of 3 segments are left out" in result.err
    (table,) = read_summary(migration.folder / "done.json")["tables"]
    assert table["segments"] == {"total": 2, "done": 2}
    assert table["items"]["written"] < len(ITEMS)
    assert migration.equal
    assert theirs.read_text() == text
    for _ in range(2):
        result = await run_cli("run", str(theirs))
        assert (result.code, "done already" in result.err) == (0, True), result
