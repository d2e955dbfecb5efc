"""Raw requests to the streams of one table."""

import asyncio
from typing import Any

from tests.contract.conftest import Client, Item

VISIBLE_SECONDS = 30


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
        """Read until so many records are there; a real server shows them after ten seconds."""
        async with asyncio.timeout(VISIBLE_SECONDS):
            while True:
                found = await self.read()
                if sum(map(len, found.values())) >= count:
                    return found
                await asyncio.sleep(1)


async def streams_of(client: Client, **more: Any) -> Streams:
    """A table with a stream."""
    vnodes = [{"Key": "system:initial_tablets", "Value": "none"}]
    more = {"Tags": vnodes, **specification(), **more}
    return Streams(client, await client.table(**more))
