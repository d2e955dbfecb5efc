"""Raw requests to the streams of one table."""

import asyncio
import re
from typing import Any

import pytest

from tests.contract.conftest import Client, Item, schema

VISIBLE_SECONDS = 60
NO_STREAMS = re.compile("not enabled in cluster|vnodes are forbidden|using tablets")


def specification(view: str = "NEW_IMAGE") -> Item:
    """What enables a stream."""
    return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": view}}


def write(table: str, key: str, value: str) -> Item:
    """A PutItem request."""
    return {"TableName": table, "Item": {"id": {"S": key}, "value": {"S": value}}}


def kinds(records: list[Any]) -> list[tuple[str, Any]]:
    """Each record's eventName and the value in its new image."""
    images = [record["dynamodb"].get("NewImage", {}) for record in records]
    names = [record["eventName"] for record in records]
    return [
        (name, image.get("value", {}).get("S")) for name, image in zip(names, images, strict=True)
    ]


def changes(records: list[Any]) -> list[Any]:
    """Records without their eventID: of the first one of an answer old versions make it up."""
    return [{**record, "eventID": None} for record in records]


class Streams:
    """Raw requests to the streams of one table."""

    def __init__(self, client: Client, table: str) -> None:
        self.client = client
        self.table = table

    async def call(self, operation: str, **body: Any) -> Any:
        """The answer to a request of the streams API."""
        target = {"X-Amz-Target": f"DynamoDBStreams_20120810.{operation}"}
        return await self.client.call(operation, body, headers=target)

    async def arn(self) -> str:
        """The newest stream."""
        described = await self.client.call("DescribeTable", {"TableName": self.table})
        return str(described.body["Table"]["LatestStreamArn"])

    async def shards(self, **more: Any) -> list[Item]:
        """All pages of DescribeStream."""
        found: list[Item] = []
        start: Item = {}
        while True:
            answer = await self.call("DescribeStream", StreamArn=await self.arn(), **more, **start)
            described = answer.body["StreamDescription"]
            found += described["Shards"]
            if "LastEvaluatedShardId" not in described:
                return found
            start = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}

    async def iterator(self, shard: str, kind: str = "TRIM_HORIZON", **more: Any) -> str:
        """GetShardIterator."""
        arn = await self.arn()
        answer = await self.call(
            "GetShardIterator", StreamArn=arn, ShardId=shard, ShardIteratorType=kind, **more
        )
        return str(answer.body["ShardIterator"])

    async def read(self) -> dict[str, list[Any]]:
        """One answer of GetRecords for each open shard, those without records left out."""
        found = {}
        for shard in await self.shards():
            iterator = await self.iterator(shard["ShardId"])
            records = (await self.call("GetRecords", ShardIterator=iterator)).body["Records"]
            if records:
                found[shard["ShardId"]] = records
        return found

    async def until(self, count: int) -> dict[str, list[Any]]:
        """Read until so many records are there, or all of them if they are more; a real server
        shows them after ten seconds."""
        seen = 0
        async with asyncio.timeout(VISIBLE_SECONDS):
            while True:
                found = await self.read()
                before, seen = seen, sum(map(len, found.values()))
                if seen >= count and seen == before:
                    return found
                if seen < count:
                    await asyncio.sleep(1)


async def streams_of(client: Client, keys: str = "id:S", **more: Any) -> Streams:
    """A table with a stream; skips the test on a real server that has none."""
    vnodes = [{"Key": "system:initial_tablets", "Value": "none"}]
    asked = {"TableName": client.name(), **schema(keys), "Tags": vnodes, **specification(), **more}
    answer = await client.call("CreateTable", asked)
    if client.server == "real" and answer.status == 400 and NO_STREAMS.search(answer.error[2]):
        pytest.skip(f"the server has no streams: {answer.error[2]}")
    assert answer.status == 200, answer.raw
    return Streams(client, str(asked["TableName"]))
