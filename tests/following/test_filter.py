"""A filter bounds what is followed, as it bounds what is copied."""

import signal
from typing import Any

from tests.conftest import RunCli
from tests.following.conftest import Table, until
from tests.servers.cli import running
from tests.servers.client import Item, scan_all
from tests.support.shapes import same_items

RED: dict[str, Any] = {"colour": {"S": "red"}}
BLUE: dict[str, Any] = {"colour": {"S": "blue"}}
EXPRESSION = "#c = :red AND v < :ten"
NAMES = {"#c": "colour"}
VALUES = {":red": {"S": "red"}, ":ten": {"N": "10"}}


async def wanted(table: Table) -> list[Item]:
    """What the source's own Scan lets through, under the target's names."""
    request: dict[str, Any] = {
        "FilterExpression": EXPRESSION,
        "ExpressionAttributeNames": NAMES,
        "ExpressionAttributeValues": VALUES,
    }
    items = await scan_all(table.url, table.name, **request)
    return [{"color" if name == "colour" else name: item[name] for name in item} for item in items]


def keys(table: Table) -> set[str]:
    """The keys of what the target has."""
    return {item["pk"]["S"] for item in table.target.items(table.name)}


async def change(table: Table, first: int) -> None:
    """Ten keys from `first` on, red where they are even: let some enter the filter, some leave."""
    await table.put(first, 1, **BLUE)
    await table.put(first + 1, 1, **RED)
    await table.put(first + 2, 10, **RED)
    await table.put(first + 3, 2, **BLUE)
    await table.put(first + 4, 1)
    await table.put(first + 5, 1, **BLUE)
    await table.put(first + 5, 2, **RED)
    await table.remove(first + 6)
    await table.remove(first + 7)


async def test_changes_enter_and_leave_the_filter(table: Table, run_cli: RunCli) -> None:
    """Some while the copy lasts, which are replayed, some live, some while nobody follows."""
    for number in range(100):
        await table.put(number, 0, **(BLUE if number % 2 else RED))
    chosen = {"expression": EXPRESSION, "names": NAMES, "values": VALUES}
    table.configure(source={"filter": chosen}, renames=[{"from": "colour", "to": "color"}])
    table.target.faults.rate("BatchWriteItem", "slow", 1.0, 0.3)

    async def began() -> bool:
        return table.target.requests["BatchWriteItem"] > 0

    async with running(table.folder, "run", "config.yaml", "--progress", "none") as cli:
        await until(began)
        await change(table, 0)
        await cli.wait_for("has caught up", 60)
        await change(table, 10)
        cli.send_signal(signal.SIGTERM)
        assert (await cli.wait(60)).code == 143
    await change(table, 20)
    code, _, err = await run_cli("run", "config.yaml", "--until-caught-up")
    assert code == 0, err
    assert same_items(table.target.items(table.name), await wanted(table))
    there = keys(table)
    for first in (0, 10, 20):
        assert {f"i{first + number}" for number in (1, 5, 8)} <= there
        assert not {f"i{first + number}" for number in (0, 2, 3, 4, 6, 7, 9)} & there


async def test_attributes_are_left_out_of_changes_too(table: Table, run_cli: RunCli) -> None:
    table.configure(source={"attributes": {"drop": ["col*"]}})
    for number in range(10):
        await table.put(number, 0, **RED)
    assert (await run_cli("run", "config.yaml", "--until-caught-up"))[0] == 0
    for number in range(5, 15):
        await table.put(number, 1, **BLUE)
    code, _, err = await run_cli("run", "config.yaml", "--until-caught-up")
    assert code == 0, err
    there = [
        {n: each[n] for n in each if n != "colour"}
        for each in await scan_all(table.url, table.name)
    ]
    assert same_items(table.target.items(table.name), there)
