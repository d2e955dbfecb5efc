"""Tables as DescribeTable tells them."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from alternator_migrate.dynamodb.table_schema import TableState, read_state

Described = dict[str, Any]


def keys(*names: str) -> list[dict[str, str]]:
    """A KeySchema: HASH first, then RANGE; a name such as "h+a" makes two elements of one kind."""
    kinds = zip(names, ("HASH", "RANGE"), strict=False)
    return [
        {"AttributeName": name, "KeyType": kind} for many, kind in kinds for name in many.split("+")
    ]


def index(name: str, *names: str, projection: Any = "ALL", units: tuple[int, int] = (0, 0)) -> Any:
    """A secondary index; a list as `projection` means INCLUDE of these attributes."""
    chosen = {"ProjectionType": projection}
    if isinstance(projection, list):
        chosen = {"ProjectionType": "INCLUDE", "NonKeyAttributes": projection}
    return {
        "IndexName": name,
        "KeySchema": keys(*names),
        "Projection": chosen,
        "IndexStatus": "ACTIVE",
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0,
            "ReadCapacityUnits": units[0],
            "WriteCapacityUnits": units[1],
        },
    }


def described(
    *names: str,
    name: str = "Example",
    attributes: Mapping[str, str] | None = None,
    units: tuple[int, int] = (0, 0),
    on_demand: bool = True,
    **more: Any,
) -> Described:
    """A table with the key `names` (default: id), all of type S unless `attributes` says it."""
    schema = keys(*(names or ("id",)))
    indexes = [*more.get("GlobalSecondaryIndexes", ()), *more.get("LocalSecondaryIndexes", ())]
    elements = chain(schema, *(each["KeySchema"] for each in indexes))
    used = sorted({each["AttributeName"] for each in elements})
    kinds = dict.fromkeys(used, "S") | dict(attributes or {})
    mode = {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}} if on_demand else {}
    return {
        "TableName": name,
        "TableId": "0c5f",
        "TableStatus": "ACTIVE",
        "TableArn": f"arn:aws:dynamodb:eu-west-1:123456789012:table/{name}",
        "ItemCount": 7,
        "TableSizeBytes": 700,
        "KeySchema": schema,
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()
        ],
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0,
            "ReadCapacityUnits": units[0],
            "WriteCapacityUnits": units[1],
        },
        **mode,
        **more,
    }


def state(
    description: Described | None = None,
    ttl: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> TableState:
    """The state of a described table."""
    return read_state(description or described(), ttl, tags or {})
