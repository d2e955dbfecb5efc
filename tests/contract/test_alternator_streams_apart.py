"""Alternator Streams where only the stand-in can be made to: time, rings, versions, trimming."""

import itertools
from typing import Any

import pytest

from tests.contract.conftest import Client, Item, puts, text_items
from tests.contract.streams import Streams, kinds, specification, streams_of, write
from tests.standin import StandIn

pytestmark = pytest.mark.stand_in
INVALID = (400, "ValidationException")
MISSING = (400, "ResourceNotFoundException")
NOW = 1_800_000_000


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


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["INSERT", "INSERT", "INSERT", "MODIFY", "REMOVE", "REMOVE"]),
        ({"exact_events": True}, ["INSERT", "MODIFY", "MODIFY", "REMOVE"]),
        ({"old": True}, [*["REMOVE", "MODIFY"] * 3, "MODIFY", "REMOVE", "REMOVE"]),
    ],
)
async def test_what_writes_become(session: Any, settings: Item, expected: list[str]) -> None:
    async with StandIn(stream_delay=0, stream_shards=8, **settings) as server:
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


@pytest.mark.parametrize("old", [False, True])
async def test_deletions_by_ttl_are_marked(session: Any, old: bool) -> None:
    stamps = itertools.count((NOW - 10) * 1_000_000)
    async with StandIn(
        stream_delay=0, clock=lambda: NOW, write_clock=lambda: next(stamps), old=old
    ) as server:
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


async def test_a_batch_under_lwt_is_not_parted(session: Any) -> None:
    async with StandIn(
        stream_delay=0, stream_shards=8, write_isolation="always", max_batch=100
    ) as server:
        client = Client(session, server.url)
        streams = await streams_of(client, keys="id:S at:N")
        items = [{"id": {"S": "a"}, "at": {"N": str(number)}} for number in range(20)]
        await client.call("BatchWriteItem", puts(streams.table, *items))
        [(shard, records)] = (await streams.read()).items()
        assert len({record["dynamodb"]["SequenceNumber"] for record in records}) == 1
        iterator = await streams.iterator(shard)
        answer = await streams.call("GetRecords", ShardIterator=iterator, Limit=5)
        assert len(answer.body["Records"]) == 20


async def test_an_old_stream_is_gone_when_disabled(session: Any) -> None:
    for old in (False, True):
        async with StandIn(stream_delay=0, stream_shards=8, old=old) as server:
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
            answer = (await streams.call("GetRecords", ShardIterator=iterator)).body
            assert answer == {"Records": []}
            on = {"TableName": streams.table, **specification()}
            assert (await client.call("UpdateTable", on)).status == 200
            assert await streams.arn() != arn
            assert await streams.read() == {}


@pytest.mark.parametrize("refused", [False, True])
async def test_trimmed_changes(session: Any, refused: bool) -> None:
    async with StandIn(stream_delay=0, stream_shards=8, trimmed_refused=refused) as server:
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
