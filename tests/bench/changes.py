"""The canned stream: an empty table whose changes are computed once and served for ever."""

import json
import random
import time
from typing import Any

from tests.bench.http1 import ApiError, field, head, json_response
from tests.bench.source import UUID_ITEM_BYTES, Source, make_item

ARN = "arn:aws:dynamodb:ddblocal:000000000000:table/Example/stream/2026-01-02T03:04:05.678"
PAGE = 1000


class Changes(Source):
    """A table `Example` without items and with a stream of `changes` changes in `shards` open
    shards, each a put of an item of six UUIDs; keys are distinct within a page of a thousand."""

    def __init__(self, changes: int, shards: int) -> None:
        super().__init__(0)
        self._shares = [changes // shards + (n < changes % shards) for n in range(shards)]
        drawn = random.Random(3)
        self._records = [_record(drawn, number) for number in range(PAGE)]
        self._full = _opened(self._records)
        self._operations |= {
            b"DescribeStream": self._describe_stream,
            b"GetShardIterator": lambda request: {
                "ShardIterator": f"{field(request, 'ShardId')}|0"
            },
        }

    def answer(self, method: bytes, path: bytes, operation: bytes, body: bytes) -> list[bytes]:
        if operation == b"GetRecords":
            return self._get_records(json.loads(body))
        return super().answer(method, path, operation, body)

    def _describe_table(self, request: dict[str, Any]) -> dict[str, Any]:
        table: dict[str, Any] = super()._describe_table(request)["Table"]
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        return {"Table": table | {"LatestStreamArn": ARN, "StreamSpecification": stream}}

    def _describe_stream(self, request: dict[str, Any]) -> dict[str, Any]:
        if field(request, "StreamArn") != ARN:
            raise ApiError("ResourceNotFoundException", "no such stream")
        shards = [{"ShardId": str(number)} for number in range(len(self._shares))]
        return {"StreamDescription": {"StreamStatus": "ENABLED", "Shards": shards}}

    def _get_records(self, request: dict[str, Any]) -> list[bytes]:
        shard, _, served = field(request, "ShardIterator").partition("|")
        left = self._shares[int(shard)] - int(served)
        count = min(left, PAGE, request.get("Limit", PAGE))
        if not count:
            return json_response({"Records": [], "NextShardIterator": f"{shard}|{served}"})
        opened = self._full if count == PAGE else _opened(self._records[:count])
        tail = b',"NextShardIterator":"%b|%d"}' % (shard.encode(), int(served) + count)
        return [head(200, len(opened) + len(tail)), opened, tail]


def _opened(records: list[bytes]) -> bytes:
    return b'{"Records":[%b]' % b",".join(records)


def _record(drawn: random.Random, number: int) -> bytes:
    image = make_item(drawn, UUID_ITEM_BYTES)
    key = json.dumps({"id": json.loads(image)["id"]}).encode()
    return (
        b'{"eventID":"%032d","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb",'
        b'"awsRegion":"us-east-1","dynamodb":{"ApproximateCreationDateTime":%d,"Keys":%b,'
        b'"NewImage":%b,"SequenceNumber":"%021d","SizeBytes":258,"StreamViewType":"NEW_IMAGE"}}'
    ) % (number, time.time(), key, image, number + 1)
