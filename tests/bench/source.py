"""The canned source: a table whose pages are computed once and served for ever."""

import json
import random
import uuid
import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from tests.bench.http1 import ApiError, Operation, field, head, json_response
from tests.bench.orders import ORDER_BYTES, make_order

PAGE_BYTES = 1 << 20  # DynamoDB ends a page at 1 MB of items, in its own measure
UUID_ATTRIBUTES = ("id", "col1", "col2", "col3", "col4", "col5")
SMALL = 100  # items of each small table
UUID_ITEM_BYTES = sum(len(name) + 36 for name in UUID_ATTRIBUTES)
REQUEST_ID = b"x-amzn-RequestId: " + b"A" * 52 + b"\r\n"
ACTIVE_TABLE = {
    "TableStatus": "ACTIVE",
    "CreationDateTime": 1.7e9,
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "ProvisionedThroughput": {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": 0,
        "WriteCapacityUnits": 0,
    },
    "TableId": "00000000-0000-4000-8000-000000000000",
}


class Source:
    """A table `Example` of `items` items of `item_bytes` bytes in DynamoDB's measure, or of
    `orders`, and `small` tables `small-0000`, ... of a hundred.

    Items are spread evenly over as many segments as a Scan asks for; LastEvaluatedKey carries the
    number of items of the segment served so far, so nothing is remembered between requests.
    Ids are distinct within a page. With `crc`, responses carry x-amz-crc32 as DynamoDB's do.
    """

    def __init__(
        self,
        items: int,
        item_bytes: int = UUID_ITEM_BYTES,
        crc: bool = True,
        small: int = 0,
        orders: bool = False,
    ) -> None:
        self._tables = {"Example": items, **{f"small-{n:04}": SMALL for n in range(small)}}
        self._item_bytes = ORDER_BYTES if orders else item_bytes
        self._crc = crc
        self._page_items = max(1, PAGE_BYTES // self._item_bytes)
        self._cut = cache(self._cut_page)
        make, drawn = maker(item_bytes, orders=orders), random.Random(1)
        self._page = [make(drawn) for _ in range(self._page_items)]
        self._operations: dict[bytes, Operation] = {
            b"DescribeTable": self._describe_table,
            b"DescribeTimeToLive": lambda _: {
                "TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}
            },
            b"ListTagsOfResource": lambda _: {"Tags": []},
            b"ListTables": lambda _: {"TableNames": [*self._tables]},
        }

    def answer(self, method: bytes, path: bytes, operation: bytes, body: bytes) -> list[bytes]:
        if operation == b"Scan":
            return self._scan(json.loads(body))
        if operation not in self._operations:
            raise ApiError("UnknownOperationException", f"{method!r} {path!r} {operation!r}")
        return json_response(self._operations[operation](json.loads(body)), extra=REQUEST_ID)

    def _describe_table(self, request: dict[str, Any]) -> dict[str, Any]:
        name = field(request, "TableName")
        items = self._count(name)
        counts = {"ItemCount": items, "TableSizeBytes": items * self._item_bytes}
        arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}"
        return {"Table": {"TableName": name, "TableArn": arn, **counts, **ACTIVE_TABLE}}

    def _count(self, table: str) -> int:
        if table not in self._tables:
            raise ApiError("ResourceNotFoundException", f"Requested resource not found: {table}")
        return self._tables[table]

    def _scan(self, request: dict[str, Any]) -> list[bytes]:
        segment, total = request.get("Segment", 0), request.get("TotalSegments", 1)
        whole = self._count(request["TableName"])
        share = whole // total + (segment < whole % total)
        served = position_of(request.get("ExclusiveStartKey"))
        limit = request.get("Limit", self._page_items)
        count = max(0, min(share - served, self._page_items, limit))
        items, crc = self._cut(count)
        tail = tail_of(served + count if served + count < share else None)
        extra = REQUEST_ID
        if self._crc:
            extra += b"x-amz-crc32: %d\r\n" % zlib.crc32(tail, crc)
        return [head(200, len(items) + len(tail), extra), items, tail]

    def _cut_page(self, count: int) -> tuple[bytes, int]:
        """A Scan response of the first `count` items without its end, and the CRC-32 of that."""
        items = b",".join(self._page[:count])
        opened = b'{"Count":%d,"ScannedCount":%d,"Items":[%s]' % (count, count, items)
        return opened, zlib.crc32(opened)


def maker(
    item_bytes: int = UUID_ITEM_BYTES, *, orders: bool = False
) -> Callable[[random.Random], bytes]:
    """What draws an item of `item_bytes`, or an order, as DynamoDB JSON."""
    return make_order if orders else partial(make_item, item_bytes=item_bytes)


def make_item(drawn: random.Random, item_bytes: int) -> bytes:
    """One item as DynamoDB JSON: six UUID strings, filled up to `item_bytes` if that is more."""
    item = {
        name: {"S": str(uuid.UUID(int=drawn.getrandbits(128), version=4))}
        for name in UUID_ATTRIBUTES
    }
    missing = item_bytes - UUID_ITEM_BYTES - len("data")
    if missing > 0:
        item["data"] = {"S": "x" * missing}
    return json.dumps(item, separators=(",", ":")).encode()


def position_of(start: dict[str, Any] | None) -> int:
    """How many items of the segment an ExclusiveStartKey of this source says are served."""
    if start is None:
        return 0
    return int(start["id"]["S"].rpartition("-")[2])


def tail_of(served: int | None) -> bytes:
    """The end of a Scan response; None for the last page of a segment."""
    if served is None:
        return b"}"
    return b',"LastEvaluatedKey":{"id":{"S":"00000000-0000-4000-8000-%012d"}}}' % served
