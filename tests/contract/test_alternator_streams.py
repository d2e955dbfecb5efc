"""Alternator Streams: many shards, a delay, and records that are not quite DynamoDB's."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.contract.conftest import REAL, Client, Item, puts, text_items
from tests.standin import StandIn

INVALID = (400, "ValidationException")
MISSING = (400, "ResourceNotFoundException")
VISIBLE_SECONDS = 30
NOW = 1_800_000_000


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


@pytest.fixture(params=["stand-in", "real"] if REAL else ["stand-in"])
async def quick(
    request: pytest.FixtureRequest, session: aiohttp.ClientSession
) -> AsyncIterator[Client]:
    """A client of a stand-in that shows changes at once, and of the real server."""
    if request.param == "stand-in":
        async with StandIn(stream_delay=0, stream_shards=128) as server:
            yield Client(session, server.url)
        return
    client = Client(session, str(REAL).rstrip("/"))
    yield client
    await client.clean()


async def test_the_arn_is_long_enough_for_the_sdk(alternator: Client) -> None:
    streams = await streams_of(alternator)
    arn = await streams.arn()
    assert len(arn) >= 37
    assert arn.startswith("S") or "/stream/" in arn
    described = (await streams.call("DescribeStream", StreamArn=arn)).body["StreamDescription"]
    assert described["StreamArn"] == arn
    assert described["StreamViewType"] == "NEW_IMAGE"
    assert described["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert not described.keys() & {"CreationRequestDateTime", "StreamLabel"}


async def test_shards_are_listed_in_pages(quick: Client) -> None:
    streams = await streams_of(quick)
    shards = await streams.shards(Limit=3)
    assert shards == await streams.shards()
    ids = [shard["ShardId"] for shard in shards]
    assert len(set(ids)) == len(ids) > 3
    assert all(len(name) <= 65 and name.startswith("H") for name in ids)
    assert all("EndingSequenceNumber" not in shard["SequenceNumberRange"] for shard in shards)


async def test_a_key_stays_in_its_shard_and_its_order(quick: Client) -> None:
    streams = await streams_of(quick)
    for key in "ab":
        for value in "12":
            await quick.call("PutItem", write(streams.table, key, value))
        await quick.call("DeleteItem", {"TableName": streams.table, "Key": {"id": {"S": key}}})
    found = await streams.until(6)
    for key in "ab":
        [mine] = [
            records
            for records in found.values()
            if records[0]["dynamodb"]["Keys"] == {"id": {"S": key}}
        ]
        assert [seen for seen in kinds(mine) if seen[1]] == [
            (name, value) for name, value in kinds(mine) if value in {"1", "2"}
        ]
        assert kinds(mine)[-1] == ("REMOVE", None)
        numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in mine]
        assert numbers == sorted(numbers)


async def test_what_a_record_has(quick: Client) -> None:
    streams = await streams_of(quick)
    await quick.call("PutItem", write(streams.table, "a", "1"))
    [records] = (await streams.until(1)).values()
    record = records[-1]
    assert record["eventSource"] == "scylladb:alternator"
    data = record["dynamodb"]
    assert data["NewImage"] == {"id": {"S": "a"}, "value": {"S": "1"}}
    assert data["StreamViewType"] == "NEW_IMAGE"
    assert abs(data["ApproximateCreationDateTime"] - time.time()) < 60
    assert "SizeBytes" not in data


async def test_an_empty_read_repeats_its_iterator(quick: Client) -> None:
    streams = await streams_of(quick)
    for shard in (await streams.shards())[:3]:
        iterator = await streams.iterator(shard["ShardId"])
        answer = (await streams.call("GetRecords", ShardIterator=iterator)).body
        assert answer == {"Records": [], "NextShardIterator": iterator}


async def test_reading_goes_on_after_a_sequence_number(quick: Client) -> None:
    streams = await streams_of(quick)
    for value in "123":
        await quick.call("PutItem", write(streams.table, "a", value))
    [(shard, records)] = (await streams.until(3)).items()
    number = records[0]["dynamodb"]["SequenceNumber"]
    for kind, rest in (("AT_SEQUENCE_NUMBER", records), ("AFTER_SEQUENCE_NUMBER", records[1:])):
        iterator = await streams.iterator(shard, kind, SequenceNumber=number)
        answer = (await streams.call("GetRecords", ShardIterator=iterator)).body
        assert answer["Records"] == rest
        again = (await streams.call("GetRecords", ShardIterator=iterator)).body
        assert again == answer
        after = await streams.call("GetRecords", ShardIterator=answer["NextShardIterator"])
        assert after.body["Records"] == []


async def test_what_is_refused(quick: Client) -> None:
    streams = await streams_of(quick)
    arn, [first, *_] = await streams.arn(), await streams.shards()
    shard = {"StreamArn": arn, "ShardId": first["ShardId"]}
    unknown = arn[:-4] + ("0000" if not arn.endswith("0000") else "1111")
    for operation, body, error in [
        ("DescribeStream", {"StreamArn": unknown}, (*MISSING, "Invalid StreamArn")),
        ("DescribeStream", {"StreamArn": arn, "Limit": 0}, (*INVALID, "Limit must be 1 or more")),
        (
            "GetShardIterator",
            {**shard, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER"},
            (*INVALID, 'Missing required parameter "SequenceNumber"'),
        ),
        (
            "GetShardIterator",
            {**shard, "ShardIteratorType": "TRIM_HORIZON", "SequenceNumber": "1"},
            (*INVALID, "Iterator of this type should not have sequence number"),
        ),
        (
            "GetShardIterator",
            {"StreamArn": arn, "ShardId": "none", "ShardIteratorType": "LATEST"},
            (*MISSING, "Invalid ShardId"),
        ),
    ]:
        assert (await streams.call(operation, **body)).error == error


async def test_more_than_a_thousand_records_are_refused(quick: Client) -> None:
    await quick.skip_if_old()
    streams = await streams_of(quick)
    iterator = await streams.iterator((await streams.shards())[0]["ShardId"])
    answer = await streams.call("GetRecords", ShardIterator=iterator, Limit=1001)
    assert answer.error == (*INVALID, "Limit must be less than or equal to 1000")


@pytest.mark.stand_in
async def test_changes_are_shown_after_a_delay(session: Any) -> None:
    clock = [float(NOW)]
    async with StandIn(clock=lambda: clock[0], write_clock=lambda: int(clock[0] * 1e6)) as server:
        client = Client(session, server.url)
        streams = await streams_of(client)
        await client.call("PutItem", write(streams.table, "a", "1"))
        clock[0] += 9.9
        assert await streams.read() == {}
        clock[0] += 0.2
        assert [len(records) for records in (await streams.read()).values()] == [1]
        clock[0] += 24 * 3600
        assert await streams.read() == {}, "a day later they are gone without a word"


@pytest.mark.stand_in
async def test_a_new_generation_closes_all_shards(session: Any) -> None:
    async with StandIn(stream_delay=0, stream_shards=4) as server:
        client = Client(session, server.url)
        streams = await streams_of(client)
        await client.put(streams.table, *text_items(50))
        old = await streams.shards()
        server.new_generation(6)
        await client.put(streams.table, *text_items(50))
        shards = await streams.shards()
        assert [shard["ShardId"] for shard in shards[:4]] == [shard["ShardId"] for shard in old]
        assert all("EndingSequenceNumber" in shard["SequenceNumberRange"] for shard in shards[:4])
        parents = {shard["ParentShardId"] for shard in shards[4:]}
        assert parents <= {shard["ShardId"] for shard in old}
        found = await streams.read()
        assert sum(len(found.get(shard["ShardId"], [])) for shard in shards[:4]) == 50
        assert sum(len(found.get(shard["ShardId"], [])) for shard in shards[4:]) == 50
        iterator = await streams.iterator(old[0]["ShardId"], "LATEST")
        assert (await streams.call("GetRecords", ShardIterator=iterator)).body == {"Records": []}


@pytest.mark.stand_in
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["INSERT", "INSERT", "INSERT", "MODIFY", "REMOVE", "REMOVE"]),
        ({"exact_events": True}, ["INSERT", "MODIFY", "MODIFY", "REMOVE"]),
        ({"old": True}, [*["REMOVE", "MODIFY"] * 3, "MODIFY", "REMOVE", "REMOVE"]),
    ],
)
async def test_what_writes_become(session: Any, settings: Item, expected: list[str]) -> None:
    async with StandIn(stream_delay=0, **settings) as server:
        client = Client(session, server.url)
        streams = await streams_of(client, **specification("NEW_AND_OLD_IMAGES"))
        key = {"TableName": streams.table, "Key": {"id": {"S": "a"}}}
        for value in "122":
            await client.call("PutItem", write(streams.table, "a", value))
        values = {"ExpressionAttributeValues": {":v": {"S": "3"}}}
        await client.call("UpdateItem", {**key, "UpdateExpression": "SET more = :v", **values})
        await client.call("DeleteItem", key)
        await client.call("DeleteItem", key)
        [records] = (await streams.read()).values()
        assert [record["eventName"] for record in records] == expected
        assert all(record["dynamodb"]["Keys"] == key["Key"] for record in records)
        removed = [record["dynamodb"] for record in records if record["eventName"] == "REMOVE"]
        assert not any("NewImage" in data for data in removed)


@pytest.mark.stand_in
@pytest.mark.parametrize("old", [False, True])
async def test_deletions_by_ttl_are_marked(session: Any, old: bool) -> None:
    async with StandIn(stream_delay=0, clock=lambda: NOW, old=old) as server:
        client = Client(session, server.url)
        streams = await streams_of(client)
        await client.put(streams.table, {"id": {"S": "x"}, "expires": {"N": str(NOW - 60)}})
        wanted = {"Enabled": True, "AttributeName": "expires"}
        body = {"TableName": streams.table, "TimeToLiveSpecification": wanted}
        await client.call("UpdateTimeToLive", body)
        assert server.expire() == 1
        [records] = (await streams.read()).values()
        author = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
        assert records[-1]["eventName"] == "REMOVE"
        assert records[-1].get("userIdentity") == (None if old else author)


@pytest.mark.stand_in
async def test_a_batch_under_lwt_is_not_parted(session: Any) -> None:
    async with StandIn(stream_delay=0, write_isolation="always", max_batch=100) as server:
        client = Client(session, server.url)
        streams = await streams_of(client, keys="id:S at:N")
        items = [{"id": {"S": "a"}, "at": {"N": str(number)}} for number in range(20)]
        await client.call("BatchWriteItem", puts(streams.table, *items))
        [(shard, records)] = (await streams.read()).items()
        assert len({record["dynamodb"]["SequenceNumber"] for record in records}) == 1
        iterator = await streams.iterator(shard)
        answer = await streams.call("GetRecords", ShardIterator=iterator, Limit=5)
        assert len(answer.body["Records"]) == 20


@pytest.mark.stand_in
async def test_an_old_stream_is_gone_when_disabled(session: Any) -> None:
    for old in (False, True):
        async with StandIn(stream_delay=0, old=old) as server:
            client = Client(session, server.url)
            streams = await streams_of(client)
            await client.call("PutItem", write(streams.table, "a", "1"))
            arn, iterators = (
                await streams.arn(),
                [await streams.iterator(shard) for shard in await streams.read()],
            )
            off = {"TableName": streams.table, "StreamSpecification": {"StreamEnabled": False}}
            assert (await client.call("UpdateTable", off)).status == 200
            shown = await client.call("DescribeTable", {"TableName": streams.table})
            described = await streams.call("DescribeStream", StreamArn=arn)
            if old:
                assert "LatestStreamArn" not in shown.body["Table"]
                assert described.error == (*MISSING, "Invalid StreamArn")
                continue
            setting = {"StreamEnabled": False, "StreamViewType": "NEW_IMAGE"}
            assert shown.body["Table"]["StreamSpecification"] == setting
            assert described.body["StreamDescription"]["StreamStatus"] == "DISABLED"
            answer = (await streams.call("GetRecords", ShardIterator=iterators[0])).body
            assert kinds(answer["Records"])[-1][1] == "1"
            iterator = answer["NextShardIterator"]
            assert (await streams.call("GetRecords", ShardIterator=iterator)).body == {
                "Records": []
            }
            on = {"TableName": streams.table, **specification()}
            assert (await client.call("UpdateTable", on)).status == 200
            assert await streams.arn() != arn
            assert await streams.read() == {}


@pytest.mark.stand_in
@pytest.mark.parametrize("refused", [False, True])
async def test_trimmed_changes(session: Any, refused: bool) -> None:
    async with StandIn(stream_delay=0, trimmed_refused=refused) as server:
        client = Client(session, server.url)
        streams = await streams_of(client)
        for value in "12":
            await client.call("PutItem", write(streams.table, "a", value))
        [(shard, records)] = (await streams.read()).items()
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        iterator = await streams.iterator(shard, "AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[0])
        server.trim(streams.table)
        await client.call("PutItem", write(streams.table, "a", "3"))
        answer = await streams.call("GetRecords", ShardIterator=iterator)
        if refused:
            assert answer.error[1] == "TrimmedDataAccessException"
        else:
            assert [value for _, value in kinds(answer.body["Records"])] == ["3"]
        iterator = await streams.iterator(shard, "AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[1])
        answer = await streams.call("GetRecords", ShardIterator=iterator)
        assert [value for _, value in kinds(answer.body["Records"])] == ["3"]


@pytest.mark.stand_in
async def test_streams_that_cannot_be_enabled(session: Any) -> None:
    async with StandIn(streams=False) as server:
        client = Client(session, server.url)
        on = {"TableName": await client.table(), **specification()}
        words = "StreamSpecification: alternator streams feature not enabled in cluster."
        assert (await client.call("UpdateTable", on)).error == (*INVALID, words)
    async with StandIn(enabling_polls=2) as server:
        streams = await streams_of(Client(session, server.url))
        statuses = []
        for _ in range(3):
            answer = await streams.call("DescribeStream", StreamArn=await streams.arn())
            statuses.append(answer.body["StreamDescription"]["StreamStatus"])
        assert statuses == ["ENABLING", "ENABLED", "ENABLED"]


@pytest.mark.stand_in
async def test_streams_are_listed_in_pages(session: Any) -> None:
    async with StandIn() as server:
        client = Client(session, server.url)
        tables = {(await streams_of(client)).table for _ in range(5)}
        await client.table()
        streams = Streams(client, "any")
        found: list[str] = []
        start: Item = {}
        while len(found) < 5:
            answer = (await streams.call("ListStreams", Limit=2, **start)).body
            found += [one["TableName"] for one in answer["Streams"]]
            start = {"ExclusiveStartStreamArn": answer["LastEvaluatedStreamArn"]}
        assert set(found) == tables
        assert (await streams.call("ListStreams", **start)).body == {"Streams": []}
        one = (await streams.call("ListStreams", TableName=found[0])).body["Streams"]
        assert [stream["TableName"] for stream in one] == [found[0]]
