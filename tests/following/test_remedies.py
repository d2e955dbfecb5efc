"""Each thing that a message about following tells to do is done, and makes both tables equal."""

import json
import resource
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCli
from tests.following.conftest import RULE, Table
from tests.servers.cli import running
from tests.servers.client import call, create_table, fill
from tests.standin import StandIn
from tests.support.cli import until
from tests.support.jobs import alternator, job, write_config
from tests.support.shapes import same_items

UNTIL = "--until-caught-up"
MEND = ("validate", "config.yaml", "--repair", "--delete-extra", "--yes")
ANEW = "Follow anew with `follow --fresh`"
EMPTIED = "empty the target and copy anew with `run --fresh`"
SWITCH = "Switch the clients"
STAYS = "those that the source does not have"
UNFOLLOWED = "what the source has changed since the target was copied"
FIRST_MEND = "next: Run validate --repair --delete-extra"
SLOW: dict[str, Any] = {"maxItemsPerBatch": 5, "maxConnections": 1}


async def set_stream(url: str, name: str, view: str | None = "NEW_IMAGE") -> None:
    """Enable or disable (None) a stream."""
    stream = {"StreamEnabled": True, "StreamViewType": view} if view else {"StreamEnabled": False}
    await call(url, "UpdateTable", {"TableName": name, "StreamSpecification": stream})


async def remake_stream(table: Table) -> None:
    """Somebody disables the stream and enables it again; what is made meanwhile is in none."""
    await set_stream(table.url, table.name, None)
    await table.put(1, 5)
    await table.remove(2)
    await set_stream(table.url, table.name)
    await table.put(3, 5)


async def follow_anew(table: Table, run_cli: RunCli) -> None:
    """`follow --fresh`, then `validate --repair --delete-extra`."""
    code, _, err = await run_cli("follow", "config.yaml", "--fresh", UNTIL)
    assert (code, err.count(UNFOLLOWED)) == (0, 2), err
    assert FIRST_MEND in err and SWITCH not in err
    code, _, err = await run_cli(*MEND)
    assert code == 0, err
    assert await table.equal()


async def copy_anew(table: Table, run_cli: RunCli) -> None:
    """Empty the target, then `run --fresh`."""
    await call(table.target.url, "DeleteTable", {"TableName": table.name})
    code, _, err = await run_cli("run", "config.yaml", "--fresh", UNTIL)
    assert code == 0, err
    assert "held items" not in err
    assert await table.equal()


@pytest.mark.parametrize("remedy", [follow_anew, copy_anew])
async def test_after_a_stream_was_remade(table: Table, run_cli: RunCli, remedy: Any) -> None:
    table.configure()
    assert (await run_cli("run", "config.yaml", UNTIL)).code == 0
    await remake_stream(table)
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert code == 1
    assert ANEW in err and "validate --repair --delete-extra" in err and EMPTIED in err
    await remedy(table, run_cli)
    await table.put(4, 7)
    await table.remove(5)
    again = "follow" if remedy is follow_anew else "run"
    assert (await run_cli(again, "config.yaml", UNTIL)).code == 0
    assert await table.equal()


async def test_a_copy_over_items_tells_what_stays(table: Table, run_cli: RunCli) -> None:
    """It would end as if all were well, with items that the source deleted in between."""
    table.configure()
    assert (await run_cli("run", "config.yaml", UNTIL)).code == 0
    await remake_stream(table)
    code, _, err = await run_cli("run", "config.yaml", "--fresh", UNTIL)
    assert (code, "what only the target has then stays there" in err) == (2, True)
    code, _, err = await run_cli("run", "config.yaml", "--fresh", "--into-existing", UNTIL)
    assert code == 0, err
    assert err.count("those that the source does not have") == 2, "first, and last"
    assert "`validate --repair --delete-extra` deletes them" in err
    assert not await table.equal()
    code, _, err = await run_cli(*MEND)
    assert code == 0, err
    assert await table.equal()


async def test_what_stays_is_told_until_a_validation_settles_it(
    table: Table, run_cli: RunCli
) -> None:
    """Whoever goes on need not repeat --into-existing, and is told all the same."""
    table.configure(target=SLOW)
    stray = {"pk": {"S": "stray"}}
    await create_table(table.target.url, table.name)
    await call(table.target.url, "PutItem", {"TableName": table.name, "Item": stray})
    table.target.faults.rate("BatchWriteItem", "slow", 1.0, 0.3)
    async with running(table.folder, "run", "config.yaml", "--into-existing", UNTIL) as cli:
        await until(lambda: began(table), 60)
        cli.send_signal(signal.SIGTERM)
        stopped = await cli.wait(60)
    table.target.faults.clear()
    assert (stopped.code, STAYS in stopped.err) == (143, True)
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert (code, err.count(STAYS)) == (0, 2), err
    assert FIRST_MEND in err and SWITCH not in err
    assert not await table.equal()
    code, _, err = await run_cli(*MEND)
    assert code == 0, err
    assert await table.equal()
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert (code, STAYS in err, SWITCH in err) == (0, False, True), err


async def test_a_validation_finds_what_stays(table: Table, run_cli: RunCli) -> None:
    table.configure()
    stray = {"pk": {"S": "stray"}}
    await create_table(table.target.url, table.name)
    await call(table.target.url, "PutItem", {"TableName": table.name, "Item": stray})
    options = ("--into-existing", "--validate", UNTIL)
    code, _, err = await run_cli("run", "config.yaml", *options)
    assert (code, err.count("those that the source does not have")) == (3, 1)
    assert "extra" in err


async def test_validate_beside_following_is_told_how(table: Table, run_cli: RunCli) -> None:
    table.configure()
    code, _, err = await run_cli("run", "config.yaml", "--validate")
    assert code == 2
    assert "Add --until-caught-up" in err and "run `validate`" in err
    assert table.name not in table.target.store.tables
    async with running(table.folder, "run", "config.yaml") as cli:
        await cli.wait_for("has caught up", 60)
        assert "stop the writers" in cli.result.err
        code, _, err = await run_cli("validate", "config.yaml")
        assert code == 0, err
        cli.send_signal(signal.SIGTERM)
        await cli.wait(60)
    code, _, err = await run_cli("run", "config.yaml", "--validate", UNTIL)
    assert code == 0, err
    assert "switch only if the writers were stopped before" in err


async def test_a_copy_without_its_place_in_the_stream(table: Table, run_cli: RunCli) -> None:
    table.configure()
    copying = ("--set", "target.streamChanges=false")
    assert (await run_cli("run", "config.yaml", *copying)).code == 0
    await table.put(1, 9)
    await table.remove(2)
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert (code, "Then `follow`, and when that has caught up" in err) == (2, True)
    assert (await run_cli("run", "config.yaml", *copying)).code == 0
    code, _, err = await run_cli("follow", "config.yaml", UNTIL)
    assert (code, err.count(UNFOLLOWED)) == (0, 2), err
    assert "until now, when its stream is enabled" in err
    assert FIRST_MEND in err and SWITCH not in err
    assert not await table.equal()
    assert (await run_cli(*MEND)).code == 0
    assert await table.equal()
    code, _, err = await run_cli("follow", "config.yaml", UNTIL)
    assert (code, UNFOLLOWED in err, SWITCH in err) == (0, False, True), err


@pytest.mark.parametrize("remedy", [follow_anew, copy_anew])
async def test_what_waited_for_too_long(table: Table, run_cli: RunCli, remedy: Any) -> None:
    table.configure()
    assert (await run_cli("run", "config.yaml", UNTIL)).code == 0
    newest = max((table.folder / "savepoints").glob("savepoint_*.yaml"))
    point = json.loads(newest.read_text())
    point["progress"]["stream"]["freshAt"] -= 86_400
    newest.write_text(json.dumps(point))
    await remake_stream(table)
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert code == 1
    assert "keeps them for 24" in err and ANEW in err and EMPTIED in err
    await remedy(table, run_cli)


def began(table: Table) -> bool:
    return table.target.requests["BatchWriteItem"] > 0


def kept(table: Table, least: int) -> bool:
    stream = table.kept["stream"]
    return bool(stream and stream["spool"] and stream["spool"]["changes"] >= least)


async def stop_with_spool(table: Table) -> Path:
    """Stop a run amid its copy, with changes kept; the largest file of the spool."""
    table.configure(target=SLOW)
    table.target.faults.rate("BatchWriteItem", "slow", 1.0, 1.5)
    async with running(table.folder, "run", "config.yaml") as cli:
        await until(lambda: began(table))
        for number in range(30):
            await table.put(number, number + 1)
        await table.remove(31)
        await until(lambda: kept(table, 31))
        cli.send_signal(signal.SIGTERM)
        await cli.wait(60)
    table.target.faults.clear()
    (folder,) = (table.folder / "savepoints").glob("spool_*")
    return max(folder.iterdir(), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("damage", ["changed", "gone"])
async def test_a_spool_that_is_lost(table: Table, run_cli: RunCli, damage: str) -> None:
    largest = await stop_with_spool(table)
    content = bytearray(largest.read_bytes())
    content[60] ^= 1
    if damage == "changed":
        largest.write_bytes(content)
    else:
        largest.unlink()
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert code == 1
    assert EMPTIED in err
    await copy_anew(table, run_cli)


async def test_a_disk_without_room_for_the_spool(table: Table, run_cli: RunCli) -> None:
    """Told to lower spool.maxBytes: the changes then wait in the stream."""
    table.configure(target=SLOW)
    table.target.faults.rate("BatchWriteItem", "slow", 1.0, 1.5)
    async with running(table.folder, "run", "config.yaml") as cli:
        await until(lambda: began(table))
        resource.prlimit(cli.pid, resource.RLIMIT_FSIZE, (8_000, 8_000))
        for number in range(60):
            await table.put(number, 1, text={"S": "x" * 3000})
        result = await cli.wait(60)
    table.target.faults.clear()
    assert result.code == 1, result.err
    assert "cannot keep changes in" in result.err and "lower spool.maxBytes" in result.err
    lower = ("--set", "spool.maxBytes=1000")
    code, _, err = await run_cli("run", "config.yaml", *lower, UNTIL)
    assert code == 0, err
    assert await table.equal()


async def test_a_spool_that_is_full_is_made_larger(table: Table, run_cli: RunCli) -> None:
    table.configure(target=SLOW, spool={"maxBytes": 3000})
    table.target.faults.rate("BatchWriteItem", "slow", 1.0, 1.5)
    async with running(table.folder, "run", "config.yaml") as cli:
        await until(lambda: began(table))
        for number in range(60):
            await table.put(number, number + 1)
        await cli.wait_for("the spool is full", 60)
        cli.send_signal(signal.SIGTERM)
        await cli.wait(60)
    table.target.faults.clear()
    code, _, err = await run_cli("run", "config.yaml", "--set", "spool.maxBytes=9000000", UNTIL)
    assert (code, "is full" in err) == (0, False), err
    assert await table.equal()


async def test_a_stream_without_new_images(table: Table, run_cli: RunCli) -> None:
    await set_stream(table.url, table.name, "KEYS_ONLY")
    table.configure()
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert (code, "disable it and run again" in err) == (2, True)
    await set_stream(table.url, table.name, None)
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert code == 0, err
    assert await table.equal()


async def test_following_before_a_copy(table: Table, run_cli: RunCli) -> None:
    table.configure()
    code, _, err = await run_cli("follow", "config.yaml", UNTIL)
    assert (code, "copy the table first, with `run`" in err) == (2, True)
    assert (await run_cli("run", "config.yaml", UNTIL)).code == 0
    await table.remove(1)
    assert (await run_cli("follow", "config.yaml", UNTIL)).code == 0
    assert await table.equal()


async def test_following_amid_a_copy(table: Table, run_cli: RunCli) -> None:
    await stop_with_spool(table)
    code, _, err = await run_cli("follow", "config.yaml", UNTIL)
    assert (code, "its copy is not complete: `run` goes on with it" in err) == (2, True)
    assert (await run_cli("run", "config.yaml", UNTIL)).code == 0
    assert await table.equal()


async def test_a_change_that_the_target_refuses(table: Table, run_cli: RunCli) -> None:
    """Its item is mended or deleted on the source, and validation does the rest."""
    keys = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "city")]
    index = {
        "IndexName": "by-city",
        "KeySchema": [{"AttributeName": "city", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    more: dict[str, Any] = {"AttributeDefinitions": keys, "GlobalSecondaryIndexes": [index]}
    await create_table(table.target.url, table.name, **more)
    await fill(table.target.url, table.name, [{"pk": {"S": "i1"}}, {"pk": {"S": "i2"}}])
    await set_stream(table.url, table.name)
    for number in (1, 2):
        await table.put(number, 5, city={"N": "1"})
    table.configure(maxRejects=5)
    code, _, err = await run_cli("follow", "config.yaml", UNTIL)
    assert code == 3, err
    assert "next: Mend the items of refused changes on the source, or delete them there" in err
    assert "run --rejects FILE" not in err
    (rejects,) = (table.folder / "savepoints").glob("rejects_*.jsonl")
    code, _, err = await run_cli("run", "config.yaml", "--rejects", str(rejects))
    assert (code, "`validate --repair --delete-extra`" in err) == (2, True)
    await table.put(1, 6, city={"S": "Quito"})
    await table.remove(2)
    code, _, err = await run_cli(*MEND)
    assert code == 0, err
    assert await table.equal()
    rejects.write_text("")
    code, _, err = await run_cli("run", "config.yaml", "--rejects", str(rejects))
    assert code == 0, err


async def test_renames_that_collide(table: Table, run_cli: RunCli) -> None:
    table.configure(renames=[{"from": "town", "to": "city"}])
    assert (await run_cli("run", "config.yaml", UNTIL)).code == 0
    await table.put(1, 5, town={"S": "Quito"}, city={"S": "Lima"})
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert (code, "Change `renames`" in err and EMPTIED in err) == (1, True), err
    table.configure(renames=[{"from": "v", "to": "version"}])
    await call(table.target.url, "DeleteTable", {"TableName": table.name})
    code, _, err = await run_cli("run", "config.yaml", "--fresh", UNTIL)
    assert code == 0, err
    code, _, err = await run_cli("validate", "config.yaml")
    assert code == 0, err


async def test_a_hook_that_fails(table: Table, run_cli: RunCli) -> None:
    table.configure(hooks={"onCaughtUp": "false"})
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert (code, "mend the hook, run again" in err) == (1, True), err
    await table.remove(1)
    table.configure(hooks={"onCaughtUp": "true"})
    assert (await run_cli("run", "config.yaml", UNTIL)).code == 0
    assert await table.equal()


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [("tablets", "system:initial_tablets=none"), ("streams", "experimental-features")],
)
async def test_an_alternator_that_refuses_streams(
    standin: StandIn, tmp_path: Path, run_cli: RunCli, refusal: str, hint: str
) -> None:
    settings: dict[str, Any] = {"tablets": True} if refusal == "tablets" else {"streams": False}
    async with StandIn(stream_delay=0.2, stream_shards=2, **settings) as source:
        await create_table(source.url, "Old")
        await fill(source.url, "Old", [{"pk": {"S": f"i{n}"}} for n in range(20)])
        name = "Old"
        ends = alternator(source.url, name), alternator(standin.url, name, streamChanges=True)
        write_config(tmp_path, job(*ends, cutover=RULE))
        code, _, err = await run_cli("run", "config.yaml", UNTIL)
        assert (code, hint in err) == (2, True), err
        if refusal == "streams":
            source.store.settings.streams = True
        else:
            name, tags = "New", {"system:initial_tablets": "none"}
            ends = alternator(source.url, "Old"), alternator(source.url, name, tags=tags)
            write_config(tmp_path, job(*ends))
            assert (await run_cli("run", "config.yaml")).code == 0
            ends = alternator(source.url, name), alternator(standin.url, name, streamChanges=True)
            write_config(tmp_path, job(*ends, cutover=RULE))
        code, _, err = await run_cli("run", "config.yaml", UNTIL)
        assert code == 0, err
        assert same_items(standin.items(name), source.items("Old"))
