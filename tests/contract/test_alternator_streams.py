"""Alternator Streams: many shards, a delay, and records that are not quite DynamoDB's."""

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.contract.conftest import SERVERS, Client, Item, client_of
from tests.contract.streams import changes, kinds, streams_of, write

INVALID = (400, "ValidationException")
MISSING = (400, "ResourceNotFoundException")


@pytest.fixture(params=SERVERS)
async def quick(
    request: pytest.FixtureRequest, session: aiohttp.ClientSession
) -> AsyncIterator[Client]:
    """A client of each server, of which a stand-in shows changes at once."""
    async with client_of(request.param, session, stream_delay=0, stream_shards=12) as client:
        yield client


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
            of_key
            for records in found.values()
            if (of_key := [r for r in records if r["dynamodb"]["Keys"] == {"id": {"S": key}}])
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
        assert changes(answer["Records"]) == changes(rest)
        again = (await streams.call("GetRecords", ShardIterator=iterator)).body
        assert changes(again["Records"]) == changes(rest)
        assert again["NextShardIterator"] == answer["NextShardIterator"]
        after = await streams.call("GetRecords", ShardIterator=answer["NextShardIterator"])
        assert after.body["Records"] == []


async def test_what_is_refused(quick: Client) -> None:
    streams = await streams_of(quick)
    arn, [first, *_] = await streams.arn(), await streams.shards()
    shard = {"StreamArn": arn, "ShardId": first["ShardId"]}
    unknown = arn[:-4] + ("0000" if not arn.endswith("0000") else "1111")
    refusals: list[tuple[str, Item, Any]] = [
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
    ]
    for operation, body, error in refusals:
        assert (await streams.call(operation, **body)).error == error


async def test_more_than_a_thousand_records_are_refused(quick: Client) -> None:
    await quick.skip_if_old()
    streams = await streams_of(quick)
    iterator = await streams.iterator((await streams.shards())[0]["ShardId"])
    answer = await streams.call("GetRecords", ShardIterator=iterator, Limit=1001)
    assert answer.error == (*INVALID, "Limit must be less than or equal to 1000")
