"""CreateTable: what it answers and what it refuses."""

from typing import Any

import pytest

from tests.contract.conftest import Client, Item, definitions, index, key_schema, schema

INVALID = (400, "ValidationException")
UNITS = {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4}


async def refused(alternator: Client, **body: Any) -> str:
    """The message of the ValidationException that CreateTable gives for `body`."""
    request = {"TableName": alternator.name(), **schema("id:S"), **body}
    wanted = {key: value for key, value in request.items() if value is not None}
    status, kind, message = (await alternator.call("CreateTable", wanted)).error
    assert (status, kind) == INVALID
    return message


async def test_a_table_is_active_at_once_and_echoed_without_arn(alternator: Client) -> None:
    request = {"TableName": alternator.name(), **schema("id:S"), "TableClass": "STANDARD"}
    answer = (await alternator.call("CreateTable", request)).body["TableDescription"]
    assert answer["TableStatus"] == "ACTIVE"
    assert answer["TableClass"] == "STANDARD"
    assert "TableArn" not in answer
    assert "ItemCount" not in answer
    assert {"CreationDateTime", "TableId"} <= answer.keys()


async def test_a_table_cannot_be_made_twice(alternator: Client) -> None:
    table = await alternator.table()
    answer = await alternator.call("CreateTable", {"TableName": table, **schema("id:S")})
    assert answer.error == (400, "ResourceInUseException", f"Table {table} already exists")


@pytest.mark.parametrize("name", ["ab", "x" * 223])
async def test_a_name_has_a_length(alternator: Client, name: str) -> None:
    message = await refused(alternator, TableName=name)
    assert message.startswith("TableName must be at least 3 characters long and at most ")
    assert message.endswith(" characters long")


async def test_a_name_has_at_most_192_characters(alternator: Client) -> None:
    await alternator.skip_if_old()
    assert "at most 192 characters" in await refused(alternator, TableName="x" * 193)


async def test_a_name_has_legal_characters(alternator: Client) -> None:
    expected = "TableName must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    assert await refused(alternator, TableName="no spaces") == expected


async def test_internal_names_are_reserved(alternator: Client) -> None:
    message = await refused(alternator, TableName=".scylla.alternator.x")
    assert message == "Prefix .scylla.alternator. is reserved for accessing internal tables"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"ProvisionedThroughput": UNITS},
            "When BillingMode=PAY_PER_REQUEST, ProvisionedThroughput cannot be specified.",
        ),
        (
            {"BillingMode": None},
            "When BillingMode=PROVISIONED, ProvisionedThroughput must be specified.",
        ),
        (
            {"BillingMode": "PROVISIONED"},
            "When BillingMode=PROVISIONED, ProvisionedThroughput must be specified.",
        ),
        (
            {"BillingMode": "FREE"},
            "Unknown BillingMode={}. Must be PAY_PER_REQUEST or PROVISIONED.",
        ),
    ],
)
async def test_billing(alternator: Client, body: Item, message: str) -> None:
    assert await refused(alternator, **body) == message


@pytest.mark.parametrize(
    ("units", "missing"),
    [({"WriteCapacityUnits": 1}, "read"), ({"ReadCapacityUnits": 1}, "write")],
)
async def test_both_units_are_needed(alternator: Client, units: Item, missing: str) -> None:
    await alternator.skip_if_old()
    message = await refused(alternator, BillingMode="PROVISIONED", ProvisionedThroughput=units)
    assert message == (
        f"provisionedThroughput.{missing}CapacityUnits is missing, when BillingMode=PROVISIONED, "
        "ProvisionedThroughput must be specified."
    )


RANGE_FIRST = [{"AttributeName": "id", "KeyType": "RANGE"}]
TWO_HASHES = [{"AttributeName": name, "KeyType": "HASH"} for name in ("id", "at")]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"KeySchema": []}, "KeySchema must list exactly one or two key columns"),
        (
            {"KeySchema": key_schema("a:S b:S c:S")},
            "KeySchema must list exactly one or two key columns",
        ),
        ({"KeySchema": RANGE_FIRST}, "First key in KeySchema must be a HASH key"),
        ({"KeySchema": TWO_HASHES}, "Second key in KeySchema must be a RANGE key"),
        (
            {"KeySchema": key_schema("other:S")},
            "KeySchema key 'other' missing in AttributeDefinitions",
        ),
        (
            {"AttributeDefinitions": definitions("id:BOOL")},
            "Invalid key type 'BOOL', can only be S, B or N.",
        ),
        (
            {"AttributeDefinitions": definitions("id:S id:S")},
            "Duplicate AttributeName=id in AttributeDefinitions",
        ),
        (
            {
                "KeySchema": [{"AttributeName": ":attrs", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": ":attrs", "AttributeType": "S"}],
            },
            "Column name ':attrs' is currently reserved. FIXME.",
        ),
    ],
)
async def test_keys(alternator: Client, body: Item, message: str) -> None:
    if "AttributeDefinitions" not in body:
        body = body | {"AttributeDefinitions": definitions("id:S at:S")}
    assert await refused(alternator, **body) == message


async def test_key_names_have_at_most_255_bytes(alternator: Client) -> None:
    await alternator.skip_if_old()
    message = await refused(alternator, **schema(f"{'x' * 256}:S"))
    assert message.endswith("Attribute name is too large, must be less than 256 bytes")


async def test_spurious_definitions_are_refused(alternator: Client) -> None:
    await alternator.skip_if_old()
    message = await refused(alternator, AttributeDefinitions=definitions("id:S rest:S"))
    assert message.startswith(
        "AttributeDefinitions defines spurious attributes not used by any KeySchema: {"
    )
    assert "rest" in message


@pytest.mark.parametrize(
    ("keys", "local", "message"),
    [
        (
            "id:S",
            "id:S more:S",
            "LocalSecondaryIndex requires that the base table have a range key",
        ),
        (
            "id:S at:S",
            "more:S at:S",
            "LocalSecondaryIndex hash key must match the base table hash key",
        ),
        ("id:S at:S", "id:S", "LocalSecondaryIndex must specify a sort key"),
    ],
)
async def test_local_indexes(alternator: Client, keys: str, local: str, message: str) -> None:
    indexes = {"LocalSecondaryIndexes": [index("local", local)]}
    body = schema(keys) | {"AttributeDefinitions": definitions("id:S at:S more:S")} | indexes
    assert await refused(alternator, **body) == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ix", "IndexName must be at least 3 characters long"),
        ("in dex", "IndexName 'in dex' must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
    ],
)
async def test_index_names(alternator: Client, name: str, message: str) -> None:
    assert await refused(alternator, GlobalSecondaryIndexes=[index(name, "id:S")]) == message


@pytest.mark.parametrize(("kind", "most"), [("Global", 221), ("Local", 220)])
async def test_index_and_table_names_together(alternator: Client, kind: str, most: int) -> None:
    table, name = "t" * 180, "i" * 42
    body = schema("id:S at:S") | {f"{kind}SecondaryIndexes": [index(name, "id:S at:S")]}
    message = await refused(alternator, TableName=table, **body)
    assert message == (
        f"The total length of TableName ('{table}') and IndexName ('{name}') "
        f"cannot exceed {most} characters"
    )


async def test_an_index_name_is_used_once(alternator: Client) -> None:
    twice = [index("twice", "id:S"), index("twice", "id:S")]
    assert await refused(alternator, GlobalSecondaryIndexes=twice) == (
        "Duplicate IndexName 'twice', "
    )


async def test_composite_index_keys_are_refused(alternator: Client) -> None:
    body = {
        "AttributeDefinitions": definitions("id:S a:S b:S"),
        "GlobalSecondaryIndexes": [index("composite", "id:S a:S b:S")],
    }
    message = await refused(alternator, **body)
    assert message == "KeySchema must list exactly one or two key columns"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"Enabled": True},
            "SSESpecification: configuring encryption-at-rest is not yet supported.",
        ),
        ({}, "SSESpecification needs boolean Enabled"),
    ],
)
async def test_encryption(alternator: Client, asked: Item, message: str) -> None:
    assert await refused(alternator, SSESpecification=asked) == message


async def test_stream_specification_needs_a_boolean(alternator: Client) -> None:
    message = await refused(alternator, StreamSpecification={})
    assert message == "StreamSpecification needs boolean StreamEnabled"
