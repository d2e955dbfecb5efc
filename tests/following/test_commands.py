"""Following as its user does it, with the command, from DynamoDB Local."""

import json
import signal
from typing import Any

import pytest

from tests.conftest import RunCli
from tests.following.conftest import UNTIL, WRITERS_STOP, Table, enable, until
from tests.servers.cli import running
from tests.servers.client import call, create_table
from tests.servers.guarded import EITHER


def summary(table: Table) -> dict[str, Any]:
    (found,) = json.loads((table.folder / "summary.json").read_text())["tables"]
    return dict(found)


async def stream_of(table: Table) -> dict[str, Any]:
    answer = await call(table.url, "DescribeTable", {"TableName": table.name})
    return dict(answer["Table"].get("StreamSpecification", {}))


@EITHER
async def test_a_run_ends_when_the_target_has_caught_up(table: Table) -> None:
    seldom = {"path": str(table.folder / "savepoints"), "intervalSeconds": 600}
    table.configure(savepoints=seldom, hooks=WRITERS_STOP)
    table.target.faults.rate("BatchWriteItem", "error_500", 1.0)
    async with running(table.folder, "run", "config.yaml", *UNTIL) as cli:
        await until(lambda: _began(table))
        for number in range(60):
            await table.put(number % 10, number + 1)
        for number in range(50, 60):
            await table.remove(number)
        await table.put(55, 7)
        table.target.faults.clear()
        table.writers_have_stopped()
        result = await cli.wait(60)
    assert result.code == 0, result.err
    assert await table.equal()
    changes = summary(table)["changes"]
    assert changes["read"] == 71
    assert changes["read"] == changes["applied"] + changes["superseded"]
    assert changes["superseded"] > 0
    assert (changes["waiting"], changes["rejected"], changes["expired"]) == (0, 0, 0)
    assert changes["lag_seconds"] < 5
    assert "the target has caught up" in result.err
    assert "State done, caught up" in result.err
    assert await stream_of(table) == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert not list((table.folder / "savepoints").glob("spool_*"))


async def _began(table: Table) -> bool:
    return table.target.requests["BatchWriteItem"] > 0


async def test_live_until_stopped_and_going_on(table: Table, run_cli: RunCli) -> None:
    table.configure()
    async with running(table.folder, "run", "config.yaml", "--progress", "none") as cli:
        await cli.wait_for("has caught up", 60)
        for number in range(3):
            await table.put(1, 100 + number)
            await arrival(table, 1, 100 + number)
        told = (await run_cli("status", "config.yaml")).out
        cli.send_signal(signal.SIGTERM)
        result = await cli.wait(60)
    assert result.code == 143
    assert "following  live; lag" in told
    assert table.kept["stream"]["phase"] == "live"
    await table.put(2, 200)
    await table.remove(3)
    code, _, err = await run_cli("run", "config.yaml", *UNTIL)
    assert code == 0, err
    assert "going on from" in err
    assert await table.equal()
    assert summary(table)["items"]["read"] == 100
    assert summary(table)["changes"]["read"] == 5


async def arrival(table: Table, number: int, version: int) -> None:
    wanted = {"pk": {"S": f"i{number}"}, "v": {"N": str(version)}}

    async def there() -> bool:
        return wanted in table.target.items(table.name)

    await until(there)


@pytest.mark.parametrize("kept", [10_000_000, 0])
async def test_a_kill_while_copying_loses_no_change(
    table: Table, run_cli: RunCli, kept: int
) -> None:
    table.configure(target={"maxItemsPerBatch": 5, "maxConnections": 1}, spool={"maxBytes": kept})
    table.target.faults.rate("BatchWriteItem", "slow", 1.0, 1.5)
    async with running(table.folder, "run", "config.yaml") as cli:
        await until(lambda: _began(table))
        for number in range(30):
            await table.put(number % 10, number + 1)
        await until(lambda: _kept_changes(table, 20 if kept else 0))
        cli.send_signal(signal.SIGKILL)
        await cli.wait(60)
    for number in range(40, 50):
        await table.remove(number)
    table.target.faults.clear()
    code, _, err = await run_cli("run", "config.yaml", *UNTIL)
    assert code == 0, err
    assert await table.equal()
    assert summary(table)["changes"]["read"] >= 40


async def _kept_changes(table: Table, least: int) -> bool:
    spool = table.kept["stream"]["spool"]
    return bool((spool or {"changes": 0})["changes"] >= least)


async def test_a_spool_that_is_full_is_told_and_loses_nothing(
    table: Table, run_cli: RunCli
) -> None:
    table.configure(
        target={"maxItemsPerBatch": 5, "maxConnections": 1},
        spool={"maxBytes": 3000},
        hooks=WRITERS_STOP,
    )
    table.target.faults.rate("BatchWriteItem", "slow", 1.0, 1.5)
    async with running(table.folder, "run", "config.yaml", *UNTIL) as cli:
        await until(lambda: _began(table))
        for number in range(60):
            await table.put(number, number + 1)
        await cli.wait_for("the spool is full", 60)
        table.target.faults.clear()
        table.writers_have_stopped()
        result = await cli.wait(60)
    assert result.code == 0, result.err
    assert await table.equal()


async def test_a_damaged_spool_is_told(table: Table, run_cli: RunCli) -> None:
    table.configure(target={"maxItemsPerBatch": 5, "maxConnections": 1})
    table.target.faults.rate("BatchWriteItem", "slow", 1.0, 1.5)
    async with running(table.folder, "run", "config.yaml") as cli:
        await until(lambda: _began(table))
        for number in range(30):
            await table.put(number, number + 1)
        await until(lambda: _kept_changes(table, 30))
        cli.send_signal(signal.SIGTERM)
        await cli.wait(60)
    (folder,) = (table.folder / "savepoints").glob("spool_*")
    largest = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[60] ^= 1
    largest.write_bytes(content)
    table.target.faults.clear()
    code, _, err = await run_cli("run", "config.yaml", *UNTIL)
    assert code == 1
    assert "the spool is damaged" in err and "--fresh" in err
    assert "Traceback" not in err


async def test_follow_alone(table: Table, run_cli: RunCli) -> None:
    table.configure()
    code, _, err = await run_cli("follow", "config.yaml", *UNTIL)
    assert code == 2
    assert "does not exist" in err and "`run`" in err
    await create_table(table.target.url, table.name)
    await enable(table, "NEW_AND_OLD_IMAGES")
    await table.put(1, 5)
    code, _, err = await run_cli(
        "follow", "config.yaml", *UNTIL, "--disable-stream-after", "--progress", "lines"
    )
    assert code == 0, err
    assert table.target.items(table.name) == [{"pk": {"S": "i1"}, "v": {"N": "5"}}]
    assert "stays enabled" in err
    assert (await stream_of(table))["StreamEnabled"]
    code, _, err = await run_cli("run", "config.yaml", *UNTIL)
    assert (code, "without a copy" in err) == (2, True)
    await table.put(2, 6)
    code, _, err = await run_cli("follow", "config.yaml", *UNTIL)
    assert code == 0, err
    assert len(table.target.items(table.name)) == 2


async def test_what_was_enabled_is_disabled_and_then_all_is_over(
    table: Table, run_cli: RunCli
) -> None:
    table.configure()
    code, _, err = await run_cli("run", "config.yaml", *UNTIL, "--disable-stream-after")
    assert code == 0, err
    assert "was disabled again" in err
    assert 0 <= summary(table)["changes"]["lag_seconds"] < 5
    assert not (await stream_of(table)).get("StreamEnabled")
    code, _, err = await run_cli("run", "config.yaml")
    assert (code, "done already" in err) == (0, True)
    assert "over, the stream was disabled" in (await run_cli("status", "config.yaml")).out


async def test_a_stream_without_new_images_is_refused(table: Table, run_cli: RunCli) -> None:
    await enable(table, "KEYS_ONLY")
    table.configure()
    for command in ("run", "plan"):
        code, out, err = await run_cli(command, "config.yaml")
        assert (code, out) == (2, "")
        assert "KEYS_ONLY" in err and "disable it" in err
    assert table.name not in table.target.store.tables


async def test_plan_says_what_will_be_enabled(table: Table, run_cli: RunCli) -> None:
    table.configure()
    out = (await run_cli("plan", "config.yaml")).out
    assert "will be enabled on the source" in out
    assert "up to 10.0 GB" in out
    assert await stream_of(table) == {}
    await enable(table, "NEW_IMAGE")
    assert "is there (NEW_IMAGE)" in (await run_cli("plan", "config.yaml")).out


async def test_savepoints_of_a_copy_do_not_serve_to_follow(table: Table, run_cli: RunCli) -> None:
    table.configure()
    copying = ("--set", "target.streamChanges=false")
    assert (await run_cli("run", "config.yaml", *copying)).code == 0
    code, _, err = await run_cli("run", "config.yaml")
    assert (code, "before the stream's place was known" in err) == (2, True)
    await enable(table, "NEW_IMAGE")
    await table.put(1, 9)
    code, _, err = await run_cli("follow", "config.yaml", *UNTIL)
    assert code == 0, err
    assert await table.equal()
    code, _, err = await run_cli("run", "config.yaml", *copying)
    assert (code, "streamChanges was true" in err) == (2, True)


async def test_what_waited_for_too_long_is_an_error(table: Table, run_cli: RunCli) -> None:
    table.configure()
    assert (await run_cli("run", "config.yaml", *UNTIL)).code == 0
    newest = max((table.folder / "savepoints").glob("savepoint_*.yaml"))
    point = json.loads(newest.read_text())
    point["progress"]["stream"]["freshAt"] -= 86_400
    newest.write_text(json.dumps(point))
    code, _, err = await run_cli("run", "config.yaml")
    assert code == 1
    assert "keeps them for 24" in err and "validate --repair" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--until-caught-up", "--set", "target.streamChanges=false"), "goes with target"),
        (("--disable-stream-after",), "goes with --until-caught-up"),
        (("--set", "source.filter.expression=attribute_exists(:pk)"), ":pk is not defined"),
    ],
)
async def test_options_that_do_not_fit(
    table: Table, run_cli: RunCli, options: tuple[str, ...], words: str
) -> None:
    table.configure()
    code, _, err = await run_cli("run", "config.yaml", *options)
    assert (code, words in err) == (2, True)
    assert await stream_of(table) == {}


async def test_renames_and_rejects(table: Table, run_cli: RunCli) -> None:
    index: dict[str, Any] = {
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "city", "AttributeType": "S"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-city",
                "KeySchema": [{"AttributeName": "city", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }
    await create_table(table.target.url, table.name, **index)
    await enable(table, "NEW_IMAGE")
    await table.put(1, 5, town={"N": "1"})
    await table.put(2, 5, town={"S": "Quito"})
    renames = [{"from": "town", "to": "city"}]
    table.configure(renames=renames, maxRejects=5)
    code, _, err = await run_cli("follow", "config.yaml", *UNTIL)
    assert code == 3, err
    assert {"pk": {"S": "i2"}, "v": {"N": "5"}, "city": {"S": "Quito"}} in table.target.items(
        table.name
    )
    (rejects,) = (table.folder / "savepoints").glob("rejects_*.jsonl")
    refused = json.loads(rejects.read_text())
    assert (refused["item"]["city"], refused["change"]) == ({"N": "1"}, "put")
    assert summary(table)["changes"]["rejected"] == 1
    code, _, err = await run_cli("run", "config.yaml", "--rejects", str(rejects))
    assert code == 2, "what came later would be overwritten"
    assert "line 1: this is a change" in err and "validate --repair" in err
    await table.put(1, 6, town={"S": "Lima"})
    code, _, err = await run_cli("follow", "config.yaml", *UNTIL)
    assert code == 0, err
    assert rejects.read_text() == "", "a newer change stands for it"
    changes = summary(table)["changes"]
    assert changes["rejected"] == 0
    assert changes["read"] == changes["applied"] + changes["superseded"]
    code, out, _ = await run_cli("status", "config.yaml")
    assert (code, "completed" in out, str(rejects) in out) == (0, True, False)
