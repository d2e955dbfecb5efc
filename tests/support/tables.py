"""Schemas of tables, and what was done to the tables of an Alternator."""

from typing import Any

from tests.servers.client import Item, call
from tests.standin import StandIn

KEYS = {"pk": "S", "sk": "N"}


def numbered(count: int) -> list[Item]:
    """Items with a text key and a number."""
    return [{"pk": {"S": f"item {n}"}, "n": {"N": str(n)}} for n in range(count)]


def index(name: str, keys: str, **more: Any) -> dict[str, Any]:
    """An index; `keys` is like "city at"."""
    roles = zip(keys.split(), ("HASH", "RANGE"), strict=False)
    schema = [{"AttributeName": key, "KeyType": role} for key, role in roles]
    projection = {"ProjectionType": "ALL"}
    return {"IndexName": name, "KeySchema": schema, "Projection": projection, **more}


def definitions(**kinds: str) -> list[dict[str, str]]:
    """AttributeDefinitions."""
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()]


async def enable_ttl(url: str, table: str, attribute: str) -> None:
    """Switch TTL on."""
    wanted = {"Enabled": True, "AttributeName": attribute}
    await call(url, "UpdateTimeToLive", {"TableName": table, "TimeToLiveSpecification": wanted})


def changes(standin: StandIn) -> list[str]:
    """The operations that changed something, in order, repeated ones once; those on a table that
    cannot be there did not."""
    changing = (
        *("CreateTable", "UpdateTable", "DeleteTable", "BatchWriteItem", "UpdateTimeToLive"),
        *("TagResource", "UntagResource"),
    )
    names = [name for name, body in standin.log if name in changing and not _probes(body)]
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


def _probes(body: Item) -> bool:
    return str(body.get("TableName")).startswith("alternator-migrate-")
