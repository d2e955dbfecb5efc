"""Stopping a migration and going on with it, as its user does: with the command."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.savepoints.format import decode
from tests.conftest import RunCli
from tests.servers.cli import Result, running
from tests.servers.client import call, create_table, fill
from tests.servers.filled import filled
from tests.servers.guarded import EITHER
from tests.servers.patience import stretched
from tests.standin import StandIn
from tests.support.cli import READS, names_in
from tests.support.jobs import Job, alternator, job, standin_side, write_config
from tests.support.shapes import same_items

TABLE = "Example"
ITEMS = [{"pk": {"S": f"item {n}"}, "n": {"N": str(n)}} for n in range(600)]
INDEXED = "city"
STOPS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture
async def source() -> AsyncIterator[StandIn]:
    async with filled(TABLE, ITEMS, page_bytes=2000) as server:
        yield server


def slowly(source: StandIn, target: StandIn, seconds: float = 0.03, **more: Any) -> Job:
    """A migration of one batch at a time, each taking a while."""
    target.faults.rate("BatchWriteItem", "slow", 1.0, seconds)
    options = {"maxItemsPerBatch": 10, "maxConnections": 1}
    ends = alternator(source.url, TABLE, scanSegments=4), standin_side(target, TABLE, **options)
    return job(*ends, **more)


async def writes(target: StandIn, count: int) -> None:
    """Return when the target has heard of so many batches."""
    async with asyncio.timeout(stretched(60)):
        while target.requests["BatchWriteItem"] < count:  # noqa: ASYNC110 # another process's doing
            await asyncio.sleep(0.005)


async def stopped(folder: Path, target: StandIn, number: signal.Signals) -> Result:
    """Run `config.yaml` and stop it on the way."""
    begun = target.requests["BatchWriteItem"]
    async with running(folder, "run", "config.yaml") as cli:
        await writes(target, begun + 5)
        cli.send_signal(number)
        return await cli.wait(20)


def newest(folder: Path) -> Path:
    return max((folder / "savepoints").glob("savepoint_*.yaml"))


def saved(folder: Path) -> int:
    """Items written, as the newest savepoint has it; 0 for one that was just removed."""
    try:
        return int(json.loads(newest(folder).read_text())["progress"]["items"]["written"])
    except FileNotFoundError:
        return 0


@EITHER
@pytest.mark.parametrize("number", STOPS)
async def test_a_stopped_run_names_its_savepoint_and_the_next_goes_on(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli, number: signal.Signals
) -> None:
    write_config(tmp_path, slowly(source, standin, 0.2))
    result = await stopped(tmp_path, standin, number)
    assert result.code == STOPS[number]
    last = Path(result.err.splitlines()[-1])
    assert tmp_path / last == newest(tmp_path)
    kept = json.loads(newest(tmp_path).read_text())["progress"]["items"]
    assert 0 < kept["written"] < len(ITEMS)
    standin.faults.clear()
    code, _, err = await run_cli("run", "config.yaml", "--summary-json", "done.json")
    assert (code, "going on from" in err) == (0, True)
    (table,) = json.loads((tmp_path / "done.json").read_text())["tables"]
    assert table["items"]["read"] == table["items"]["written"] == len(ITEMS)
    assert same_items(standin.items(TABLE), ITEMS)


async def test_a_killed_run_goes_on_from_its_clock(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    each = {"path": str(tmp_path / "savepoints"), "intervalSeconds": 0.1}
    write_config(tmp_path, slowly(source, standin, 0.2, savepoints=each))
    async with running(tmp_path, "run", "config.yaml") as cli:
        await writes(standin, 5)
        async with asyncio.timeout(stretched(60)):
            while not saved(tmp_path):  # noqa: ASYNC110 # another process's doing
                await asyncio.sleep(0.02)
        cli.send_signal(signal.SIGKILL)
        assert (await cli.wait(20)).code == -signal.SIGKILL
    assert 0 < saved(tmp_path) < len(ITEMS)
    told = (await run_cli("status", "config.yaml")).out
    assert "Example -> Example: interrupted; `run` goes on from here" in told
    standin.faults.clear()
    assert (await run_cli("run", "config.yaml")).code == 0
    assert same_items(standin.items(TABLE), ITEMS)


async def test_status_tells_of_a_running_and_of_a_completed_migration(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    write_config(tmp_path, slowly(source, standin, 0.3))
    code, _, err = await run_cli("status", "config.yaml")
    assert (code, "no savepoint" in err) == (2, True)
    async with running(tmp_path, "run", "config.yaml") as cli:
        await writes(standin, 5)
        cli.send_signal(signal.SIGUSR2)
        told = (await run_cli("status", "config.yaml")).out
        assert f"running, process {cli.pid}" in told
        standin.faults.clear()
        assert (await cli.wait(30)).code == 0
    told = (await run_cli("status", "config.yaml")).out
    assert "Example -> Example: completed" in told
    assert "600 read = 600 written" in told


async def test_a_signal_asks_for_a_savepoint_at_once(
    source: StandIn, standin: StandIn, tmp_path: Path
) -> None:
    write_config(tmp_path, slowly(source, standin, 1.0))
    async with running(tmp_path, "run", "config.yaml") as cli:
        await writes(standin, 2)
        before = newest(tmp_path)
        cli.send_signal(signal.SIGUSR2)
        async with asyncio.timeout(stretched(50)):  # the copy takes longer
            while newest(tmp_path) == before:  # noqa: ASYNC110 # another process's doing
                await asyncio.sleep(0.01)
        assert decode(newest(tmp_path).read_bytes()).status == "running"
        standin.faults.clear()
        assert (await cli.wait(60)).code == 0


async def test_a_completed_migration_says_so_and_fresh_begins_anew(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    write_config(tmp_path, job(alternator(source.url, TABLE), alternator(standin.url, TABLE)))
    assert (await run_cli("run", "config.yaml")).code == 0
    standin.log.clear()
    code, _, err = await run_cli("run", "config.yaml")
    assert (code, "done already" in err) == (0, True)
    assert {name for name, _ in standin.log} <= READS
    code, _, err = await run_cli("run", "config.yaml", "--fresh")
    assert (code, "already holds items" in err) == (2, True)
    assert f"Without --fresh the run goes on from {newest(tmp_path)}" in err
    code, _, err = await run_cli("run", "config.yaml", "--set", "savepoints.path=elsewhere")
    assert (code, f"in {tmp_path / 'elsewhere'}, so name their folder" in err) == (2, True)
    assert (await run_cli("run", "config.yaml", "--fresh", "--into-existing")).code == 0


async def test_a_second_run_beside_a_running_one_is_refused(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    write_config(tmp_path, slowly(source, standin, 0.5))
    async with running(tmp_path, "run", "config.yaml") as cli:
        await writes(standin, 5)
        code, _, err = await run_cli("run", "config.yaml")
        assert (code, f"process {cli.pid}" in err) == (2, True), err
        told = (await run_cli("status", "config.yaml")).out
        assert re.search(r"\n  now        Copy [\d.]+% .*items/s.*; ETA ", told), told
        stood = json.loads((await run_cli("status", "config.yaml", "--json")).out)
        assert (stood["live"], stood["status"], stood["state"]) == (True, "running", "copying")
        assert stood["tables"][0]["items"]["written"] > 0
        assert err.count("\n") == 1, "one line, before anybody is asked"
        standin.faults.clear()
        assert (await cli.wait(30)).code == 0
    stood = json.loads((await run_cli("status", "config.yaml", "--json")).out)
    assert (stood["live"], stood["status"], stood["tables"][0]["fraction"]) == (
        False,
        "completed",
        1,
    )
    assert 0 <= stood["saved_seconds_ago"] < 60


async def test_plan_says_what_run_would_do_beside_a_savepoint(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    write_config(tmp_path, slowly(source, standin))
    assert "\nrun     begins at the start\n" in (await run_cli("plan", "config.yaml")).out
    await stopped(tmp_path, standin, signal.SIGTERM)
    standin.faults.clear()
    planned = await run_cli("plan", "config.yaml")
    assert planned.code == 0, planned.err
    assert f"\nrun     goes on from {newest(tmp_path)}\n" in planned.out
    assert re.search(r"\d/4 segments done, [1-9]\d* items written", planned.out)
    other = await run_cli("plan", "config.yaml", "--set=source.scanSegments=5")
    assert (other.code, "4 segments" in other.err, other.out) == (2, True, "")
    assert (await run_cli("run", "config.yaml")).code == 0
    files, standin_log = names_in(tmp_path / "savepoints"), len(standin.log)
    assert "nothing to do" in (await run_cli("plan", "config.yaml")).out
    fresh = await run_cli("plan", "config.yaml", "--fresh")
    assert (fresh.code, "already holds items" in fresh.err) == (2, True)
    assert "\nrun     refused, exit code 2" in fresh.out
    anew = await run_cli("plan", "config.yaml", "--fresh", "--into-existing")
    assert (anew.code, "the target held items before this copy" in anew.out) == (0, True)
    assert {name for name, _ in standin.log[standin_log:]} <= READS
    assert names_in(tmp_path / "savepoints") == files


async def unfit(tmp_path: Path, run_cli: RunCli, standin: StandIn, words: str, *more: str) -> None:
    written = standin.requests["BatchWriteItem"]
    code, _, err = await run_cli("run", "config.yaml", *more)
    assert (code, words in err, "--fresh" in err) == (2, True, True), err
    assert standin.requests["BatchWriteItem"] == written


async def test_a_savepoint_that_does_not_fit_is_refused(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    write_config(tmp_path, slowly(source, standin))
    await stopped(tmp_path, standin, signal.SIGTERM)
    await unfit(tmp_path, run_cli, standin, "4 segments", "--set=source.scanSegments=5")
    await unfit(tmp_path, run_cli, standin, "have changed", "--set=source.expiredItems=copy")
    await call(standin.url, "DeleteTable", {"TableName": TABLE})
    await unfit(tmp_path, run_cli, standin, "is gone")
    await create_table(standin.url, TABLE)
    await unfit(tmp_path, run_cli, standin, "was made anew")
    await call(source.url, "DeleteTable", {"TableName": TABLE})
    await create_table(source.url, TABLE)
    await unfit(tmp_path, run_cli, standin, "source table Example was made anew")


async def test_a_savepoint_that_cannot_be_read_is_told(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    """An older one serves in its stead; without one, nothing is begun as if there were none."""
    write_config(tmp_path, slowly(source, standin))
    await stopped(tmp_path, standin, signal.SIGTERM)
    last, *older = sorted((tmp_path / "savepoints").glob("savepoint_*"), reverse=True)
    assert older
    text = last.read_text()
    last.write_text(text.replace('"version": 1', '"version": 2'))
    again = await stopped(tmp_path, standin, signal.SIGTERM)
    assert f"this one cannot be read: {last}: it has version 2" in " ".join(again.err.split())
    for each in (tmp_path / "savepoints").glob("savepoint_*"):
        each.write_text("")
    await unfit(tmp_path, run_cli, standin, "a savepoint cannot be read")
    assert (await run_cli("status", "config.yaml")).code == 2
    standin.faults.clear()
    fresh = await run_cli("run", "config.yaml", "--fresh", "--into-existing")
    assert fresh.code == 0, fresh
    assert same_items(standin.items(TABLE), ITEMS)


async def test_a_folder_that_takes_nothing_is_noticed_before_the_copy(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    (tmp_path / "file").write_text("")
    place = {"path": str(tmp_path / "file" / "savepoints")}
    ends = alternator(source.url, TABLE), alternator(standin.url, TABLE)
    write_config(tmp_path, job(*ends, savepoints=place))
    code, _, err = await run_cli("run", "config.yaml")
    assert (code, "savepoints.path" in err) == (2, True)
    assert standin.requests["CreateTable"] == 0


async def test_rejects_are_sent_again_when_they_are_mended(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    wrong = {"pk": {"S": "wrong"}, INDEXED: {"S": ""}}
    index = [{"IndexName": "byK", "KeySchema": [{"AttributeName": INDEXED, "KeyType": "HASH"}]}]
    await call(standin.url, "CreateTable", _with_index(index))
    await fill(source.url, TABLE, [wrong])
    ends = alternator(source.url, TABLE), alternator(standin.url, TABLE)
    write_config(tmp_path, job(*ends, maxRejects=1))
    code, _, _ = await run_cli("run", "config.yaml")
    assert code == 3
    (rejects,) = (tmp_path / "savepoints").glob("rejects_*.jsonl")
    line = json.loads(rejects.read_text())
    assert line["item"] == wrong
    line["item"][INDEXED] = {"S": "mended"}
    rejects.write_text(json.dumps(line) + "\n")
    code, _, err = await run_cli("run", "config.yaml", "--rejects", str(rejects))
    assert code == 0, err
    assert same_items(standin.items(TABLE), [*ITEMS, line["item"]])
    rejects.write_text('{"item": \n')
    code, _, err = await run_cli("run", "config.yaml", "--rejects", str(rejects))
    assert (code, "line 1" in err) == (2, True)


def _with_index(indexes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "TableName": TABLE,
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": INDEXED, "AttributeType": "S"},
        ],
        "GlobalSecondaryIndexes": [
            {**index, "Projection": {"ProjectionType": "ALL"}} for index in indexes
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


async def test_nodes_that_come_and_go_cost_nothing_but_time(
    source: StandIn, tmp_path: Path
) -> None:
    async with StandIn(nodes=3) as cluster:
        write_config(tmp_path, slowly(source, cluster))
        async with running(tmp_path, "run", "config.yaml", "--summary-json", "done.json") as cli:
            for node in range(3):
                await writes(cluster, 10 + 12 * node)
                await cluster.kill(node)
                await writes(cluster, 16 + 12 * node)
                await cluster.revive(node)
            assert (await cli.wait(60)).code == 0
        assert same_items(cluster.items(TABLE), ITEMS)
        assert all(count > 0 for count in cluster.by_node.values())


async def test_a_datacenter_without_nodes_is_a_mistake(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    target = alternator(standin.url, TABLE, datacenter="atlantis")
    write_config(tmp_path, job(alternator(source.url, TABLE), target))
    code, _, err = await run_cli("run", "config.yaml")
    assert (code, "atlantis" in err, "target.datacenter" in err) == (2, True, True)


async def test_no_secret_is_in_a_savepoint(
    source: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    async with StandIn(auth={"role": "hunter2"}) as guarded:
        keys = {"accessKey": "role", "secretKey": "hunter2"}
        target = alternator(guarded.url, TABLE, credentials=keys)
        write_config(tmp_path, job(alternator(source.url, TABLE), target))
        assert (await run_cli("run", "config.yaml")).code == 0
        for path in (tmp_path / "savepoints").iterdir():
            assert b"hunter2" not in path.read_bytes()
        code, _, err = await run_cli("run", str(newest(tmp_path)), "--fresh", "--into-existing")
        assert code == 0, err
