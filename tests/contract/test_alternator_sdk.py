"""A stock SDK, unchanged, against the stand-in and any real server."""

from typing import Any

import aioboto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.contract.conftest import Client, schema
from tests.standin import StandIn


def options(url: str, **config: Any) -> dict[str, Any]:
    """What a client or resource of aioboto3 is opened with."""
    return {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "aws_access_key_id": "role",
        "aws_secret_access_key": "secret",
        "config": Config(**config),
    }


async def test_waiter_and_paginator(alternator: Client) -> None:
    name = alternator.name()
    async with aioboto3.Session().client("dynamodb", **options(alternator.url)) as client:
        await client.create_table(TableName=name, **schema("id:S"))
        await client.get_waiter("table_exists").wait(TableName=name)
        for n in range(5):
            await client.put_item(TableName=name, Item={"id": {"S": str(n)}})
        found = [
            item["id"]["S"]
            async for page in client.get_paginator("scan").paginate(TableName=name, Limit=2)
            for item in page["Items"]
        ]
        assert sorted(found) == list("01234")
        await client.delete_table(TableName=name)
        await client.get_waiter("table_not_exists").wait(TableName=name)


async def test_batch_writer(alternator: Client) -> None:
    name = await alternator.table()
    async with aioboto3.Session().resource("dynamodb", **options(alternator.url)) as resource:
        table = await resource.Table(name)
        async with table.batch_writer() as writer:
            for n in range(60):
                await writer.put_item(Item={"id": str(n), "number": n, "set": {"a", "b"}})
        assert (await table.get_item(Key={"id": "7"}))["Item"]["number"] == 7
        assert (await table.scan(Select="COUNT"))["Count"] == 60


async def test_errors_have_their_codes(alternator: Client) -> None:
    async with aioboto3.Session().client("dynamodb", **options(alternator.url)) as client:
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            await client.describe_table(TableName="nope")
        with pytest.raises(ClientError) as caught:
            await client.describe_limits()
        assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


@pytest.mark.stand_in
@pytest.mark.parametrize("secret", ["secret", "other"])
async def test_its_signature_is_checked(secret: str) -> None:
    async with (
        StandIn(auth={"role": secret}) as server,
        aioboto3.Session().client("dynamodb", **options(server.url)) as client,
    ):
        if secret == "secret":
            assert (await client.list_tables())["TableNames"] == []
            return
        with pytest.raises(ClientError, match="wrong signature"):
            await client.list_tables()


@pytest.mark.stand_in
@pytest.mark.parametrize(("mode", "attempts"), [("legacy", 1), ("standard", 3)])
async def test_overload_is_retried_in_standard_mode_only(mode: str, attempts: int) -> None:
    retries = {"mode": mode, "max_attempts": 4}
    async with StandIn() as server:
        server.faults.next("ListTables", "overload", times=2)
        opened = options(server.url, retries=retries)
        async with aioboto3.Session().client("dynamodb", **opened) as client:
            if mode == "standard":
                await client.list_tables()
            else:
                with pytest.raises(ClientError, match="RequestLimitExceeded"):
                    await client.list_tables()
        assert server.requests["ListTables"] == attempts
