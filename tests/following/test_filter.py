"""A filter bounds what is followed, as it bounds what is copied."""

from typing import Any

from tests.conftest import RunCli
from tests.following.conftest import Table
from tests.servers.client import Item, call, scan_all
from tests.servers.cli import running
from tests.shapes import same_items

UNTIL = ("--until-caught-up",)
RED: dict[str, Any] = {"colour": {"S": "red"}}
BLUE: dict[str, Any] = {"colour": {"S": "blue"}}
WANTED = {"expression": "#c = :red AND v < :ten", "names": {"#c": "colour"}}
VALUES = {":red": {"S": "red"}, ":ten": {"N": "10"}}


async def wanted(table: Table) -> list[Item]:
    """What the source's own Scan lets through, under the target's names."""
    request = {
        "FilterExpression": WANTED["expression"],
        "ExpressionAttributeNames": WANTED["names"],
        "ExpressionAttributeValues": VALUES,
    }
    items = await scan_all(table.url, table.name, **request)
    return [{"color" if name == "colour" else name: item[name] for name in item} for item in items]


async def test_changes_enter_and_leave_the_filter(table: Table, run_cli: RunCli) -> None:
    for number in range(40):
        await table.put(number, 0, **(RED if number % 2 else BLUE))
    table.configure(
        source={"filter": {**WANTED, "values": VALUES}},
        renames=[{"from": "colour", "to": "color"}],
    )
    await call(
        table.url,
        "UpdateTable",
        {
            "TableName": table.name,
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        },
    )
    code, _, err = await run_cli("run", "config.yaml", *UNTIL)
    assert code == 0, err
    assert len(table.target.items(table.name)) == 20
    for number in range(20):
        await table.put(number, 1, **(BLUE if number % 2 else RED))
    await table.put(21, 10, **RED)
    await table.put(23, 9, **RED)
    await table.put(25, 9)
    await table.remove(27)
    await table.remove(28)
    await table.put(500, 3, **RED)
    await table.put(501, 3, **BLUE)
    code, _, err = await run_cli("follow", "config.yaml", *UNTIL)
    assert code == 0, err
    assert {"i0", "i18", "i23", "i29", "i500"} <= (there := names(table))
    assert not {"i1", "i19", "i21", "i25", "i27", "i501"} & there
    assert same_items(table.target.items(table.name), await wanted(table))


def names(table: Table) -> set[str]:
    """The keys of what the target has."""
    return {item["pk"]["S"] for item in table.target.items(table.name)}
