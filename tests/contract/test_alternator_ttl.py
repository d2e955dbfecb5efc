"""Time to live: at once, once, and only some values expire."""

from typing import Any

import pytest

from tests.contract.conftest import Client, Item
from tests.standin import StandIn

INVALID = (400, "ValidationException")
NOW = 1_800_000_000
YEAR = 31_556_952


def ttl(table: str, enabled: bool = True, name: str = "expires") -> Item:
    """An UpdateTimeToLive request."""
    wanted = {"Enabled": enabled, "AttributeName": name}
    return {"TableName": table, "TimeToLiveSpecification": wanted}


async def test_it_takes_effect_at_once(alternator: Client) -> None:
    table = await alternator.table()
    describe = ("DescribeTimeToLive", {"TableName": table})
    assert (await alternator.call(*describe)).body == {
        "TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}
    }
    request = ttl(table)
    answer = (await alternator.call("UpdateTimeToLive", request)).body
    assert answer == {"TimeToLiveSpecification": request["TimeToLiveSpecification"]}
    assert (await alternator.call(*describe)).body == {
        "TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    }


async def test_it_is_enabled_once_and_disabled_once(alternator: Client) -> None:
    table = await alternator.table()

    async def update(*wanted: Any) -> Any:
        answer = await alternator.call("UpdateTimeToLive", ttl(table, *wanted))
        return answer.status if answer.status == 200 else answer.error

    assert await update(False) == (*INVALID, "TTL is already disabled")
    assert await update() == 200
    assert await update() == (*INVALID, "TTL is already enabled")
    assert await update(True, "other") == (*INVALID, "TTL is already enabled")
    assert await update(False, "other") == (
        *INVALID,
        "Requested to disable TTL on attribute other, but a different attribute expires is "
        "enabled.",
    )
    assert await update(False) == 200


@pytest.mark.parametrize("name", ["", "x" * 256])
async def test_the_attribute_has_a_length(alternator: Client, name: str) -> None:
    answer = await alternator.call("UpdateTimeToLive", ttl(await alternator.table(), True, name))
    assert answer.error == (*INVALID, "The length of AttributeName must be between 1 and 255")


@pytest.mark.stand_in
@pytest.mark.parametrize(
    ("value", "expires"),
    [
        ({"N": str(NOW)}, True),
        ({"N": str(NOW - 60)}, True),
        ({"N": f"{NOW}.9"}, True),
        ({"N": str(NOW + 1)}, False),
        ({"N": str(NOW - 5 * YEAR + 60)}, True),
        ({"N": str(NOW - 5 * YEAR)}, False),
        ({"S": str(NOW - 60)}, False),
        ({"M": {"N": {"N": "1"}}}, False),
    ],
)
async def test_what_expires(session: Any, value: Item, expires: bool) -> None:
    async with StandIn(clock=lambda: NOW) as server:
        client = Client(session, server.url)
        table = await client.table()
        await client.put(table, {"id": {"S": "x"}, "expires": value}, {"id": {"S": "stays"}})
        await client.call("UpdateTimeToLive", ttl(table))
        assert len(await client.scan(table)) == 2
        assert server.expire() == int(expires)
        assert len(await client.scan(table)) == 2 - int(expires)


@pytest.mark.stand_in
async def test_nothing_expires_without_ttl(session: Any) -> None:
    async with StandIn(clock=lambda: NOW) as server:
        client = Client(session, server.url)
        table = await client.table()
        await client.put(table, {"id": {"S": "x"}, "expires": {"N": str(NOW - 60)}})
        assert server.expire() == 0
