"""Changes that are followed through a user's function, kept while the copy lasts and live."""

import json
import signal
import time

from tests.conftest import RunCli
from tests.following.conftest import UNTIL, Table, enable, until
from tests.servers.cli import running
from tests.servers.client import call, create_table, scan_all

MOVES = """
def transform(item):
    if item["v"] == 13:
        return None
    if item["v"] % 2:
        return {**item, "pk": f'{item["pk"]}#{item["v"]}'}
    return item

def source_key(key):
    return {"pk": key["pk"].partition("#")[0]}
"""


async def expected(table: Table) -> set[str]:
    """The keys that the target is to have."""
    found = [
        (each["pk"]["S"], int(each["v"]["N"])) for each in await scan_all(table.url, table.name)
    ]
    return {f"{pk}#{v}" if v % 2 else pk for pk, v in found if v != 13}


def keys(table: Table) -> set[str]:
    return {item["pk"]["S"] for item in table.target.items(table.name)}


async def change(table: Table, first: int) -> None:
    """Items move to other keys, back, are dropped and deleted."""
    for number in range(first, first + 10):
        for version in (1, 3, 4, 5)[: number % 5]:
            await table.put(number, version)
    await table.put(first, 13)
    await table.put(first + 1, 13)
    await table.put(first + 1, 7)
    await table.remove(first + 2)
    await table.remove(first + 4)


async def test_deletions_reach_what_was_made(table: Table, run_cli: RunCli) -> None:
    (table.folder / "change.py").write_text(MOVES)
    table.configure(transform="./change.py")
    table.target.faults.rate("BatchWriteItem", "slow", 1.0, 0.1)
    for number in range(0, 20):
        await table.put(number, number % 4)

    async def began() -> bool:
        return table.target.requests["BatchWriteItem"] > 0

    async with running(table.folder, "run", "config.yaml", "--progress", "none") as cli:
        await until(began)
        await change(table, 0)
        await cli.wait_for("has caught up", 60)
        cli.send_signal(signal.SIGTERM)
        assert (await cli.wait(60)).code == 143
    described = await call(table.url, "DescribeTable", {"TableName": table.name})
    view = described["Table"]["StreamSpecification"]["StreamViewType"]
    assert view == "NEW_AND_OLD_IMAGES"
    await change(table, 10)
    code, _, err = await run_cli("run", "config.yaml", *UNTIL, "--validate")
    assert code == 0, err
    assert keys(table) == await expected(table)
    summary = json.loads((table.folder / "summary.json").read_text())
    assert summary["tables"][0]["validation"]["missing"] == 0


async def test_the_deletion_of_what_has_expired_reaches_what_was_made(table: Table) -> None:
    (table.folder / "change.py").write_text(MOVES)
    ttl = {"Enabled": True, "AttributeName": "ttl"}
    await call(
        table.url, "UpdateTimeToLive", {"TableName": table.name, "TimeToLiveSpecification": ttl}
    )
    table.configure(transform="./change.py")
    past, key = {"N": str(round(time.time()) - 60)}, {"TableName": table.name}

    async with running(table.folder, "run", "config.yaml", "--progress", "none") as cli:
        await cli.wait_for("has caught up", 60)
        await table.put(200, 1, ttl={"N": "4102444800"})
        await until(lambda: _has(table, "i200#1"))
        update = {"UpdateExpression": "SET #t = :t", "ExpressionAttributeNames": {"#t": "ttl"}}
        values = {"ExpressionAttributeValues": {":t": past}, "Key": {"pk": {"S": "i200"}}}
        await call(table.url, "UpdateItem", {**key, **update, **values})
        await table.remove(200)
        await table.put(201, 1)
        await until(lambda: _has(table, "i201#1"))
        assert "i200#1" not in keys(table)
        cli.send_signal(signal.SIGTERM)
        assert (await cli.wait(60)).code == 143


async def _has(table: Table, key: str) -> bool:
    return key in keys(table)


OTHER_KEY = """
def transform(item):
    if item["v"] == 13:
        return None
    return {**item, "number": int(item["pk"][1:]), "version": str(item["v"])}
"""


async def test_changes_reach_a_target_with_another_key(table: Table, run_cli: RunCli) -> None:
    await create_table(table.target.url, table.name, {"number": "N", "version": "S"})
    (table.folder / "change.py").write_text(OTHER_KEY)
    table.configure(transform="./change.py")
    table.target.faults.rate("BatchWriteItem", "slow", 1.0, 0.1)

    async def began() -> bool:
        return table.target.requests["BatchWriteItem"] > 0

    async with running(table.folder, "run", "config.yaml", *UNTIL, "--validate") as cli:
        await until(began)
        await change(table, 0)
        ended = await cli.wait(60)
    there = await scan_all(table.url, table.name)
    expected = {(int(each["pk"]["S"][1:]), each["v"]["N"]) for each in there}
    found = table.target.items(table.name)
    assert {(int(each["number"]["N"]), each["version"]["S"]) for each in found} == {
        each for each in expected if each[1] != "13"
    }
    assert ended.code == 1 and "Define `source_key" in ended.err  # for --validate, by look-ups


async def test_keys_that_move_are_refused_without_old_images(table: Table, run_cli: RunCli) -> None:
    (table.folder / "change.py").write_text(MOVES)
    table.configure(transform="./change.py")
    for number in range(8):
        await table.put(number, 1)
    await enable(table, "NEW_IMAGE")
    code, _, err = await run_cli("run", "config.yaml", *UNTIL)
    assert code == 2
    assert "gives items other keys, and deletions that are followed would not reach these" in err
    assert not table.target.store.tables
    await create_table(table.target.url, table.name, {"number": "N", "version": "S"})
    (table.folder / "change.py").write_text(OTHER_KEY)
    code, _, err = await run_cli("run", "config.yaml", *UNTIL)
    assert code == 2
    assert "gives items other keys, and deletions that are followed would not reach these" in err
    assert not table.target.items(table.name)
