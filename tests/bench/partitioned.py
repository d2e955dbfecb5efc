"""Canned tables in partitions, each with a limit of its own: a source to be scanned, and a sink.

A limit is a bucket that holds what a second gives, from which a request takes when it comes: a page
is taken while there is anything left, an item while there is a whole one. The counts of `GET
/stats` tell what was served and refused, and how long the fastest client would have needed.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from tests.bench.http1 import error_response, head, json_response
from tests.bench.sink import NOTHING_UNPROCESSED, Sink
from tests.bench.source import Source, position_of, tail_of

TOO_FAST = (
    "ProvisionedThroughputExceededException",
    "The level of configured provisioned throughput for the table was exceeded.",
)


@dataclass(slots=True)
class Bucket:
    """Tokens: `rate` more a second, and no more than a second's; full at first. The rate doubles
    every `doubles` seconds from the first request on, unless that is 0."""

    rate: float
    doubles: float = 0.0
    began: float = 0.0
    filled: float = 0.0
    tokens: float = 0.0
    taken: float = 0.0

    def take(self, count: float, least: float = 0.0) -> bool:
        """Take `count`, where more than `least` are there."""
        self._fill(time.monotonic())
        if self.tokens <= least:
            return False
        self.tokens -= count
        self.taken += count
        return True

    def given(self, until: float) -> float:
        """What a client could have taken from the first request until a moment of the clock."""
        seconds = until - self.began
        if not self.doubles:
            return self.rate * (seconds + 1)
        whole, rest = divmod(seconds, self.doubles)
        steps = self.doubles * (2**whole - 1) + rest * 2**whole
        return self.rate * (steps + 1)

    def _fill(self, now: float) -> None:
        if not self.began:
            self.began = self.filled = now
            self.tokens = self.rate
        rate = self.rate
        if self.doubles:
            rate *= 2 ** int((now - self.began) / self.doubles)
        self.tokens = min(self.tokens + rate * (now - self.filled), rate)
        self.filled = now


@dataclass(frozen=True, slots=True)
class Layout:
    """`items` in equal ranges of the hash, spread by `weights`."""

    items: int
    weights: Sequence[float]
    ends: list[float] = field(default_factory=list)

    def before(self, place: float) -> int:
        """The number of items before a place in [0, 1] of the hash."""
        count = len(self.weights)
        whole = min(int(place * count), count - 1)
        sums = [0.0, *accumulate(self.weights)]
        share = sums[whole] + self.weights[whole] * (place * count - whole)
        return round(self.items * share / sums[-1])

    def partition(self, number: int) -> int:
        """The partition of an item by its number."""
        if not self.ends:
            sums = [*accumulate(self.weights)]
            self.ends.extend(self.items * each / sums[-1] for each in sums)
        low, high = 0, len(self.ends) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if number < self.ends[middle] else (middle + 1, high)
        return low


def least_seconds(buckets: Sequence[Bucket]) -> float:
    """How long the fastest client needs for what was taken of all of them."""
    return max((each.taken / each.rate - 1 for each in buckets), default=0.0)


class PartitionedSource(Source):
    """A table whose pages hold `page_items` items and cost one token of their partition, and of
    the `whole` table where that has a limit. It says that it has `described` bytes."""

    def __init__(
        self,
        layout: Layout,
        page_items: int,
        buckets: Sequence[Bucket],
        whole: Bucket | None = None,
        described: int | None = None,
    ) -> None:
        super().__init__(layout.items)
        self._page_items, self._layout = page_items, layout
        self._buckets, self._whole = buckets, whole
        self._described = described
        self._served = self._refused = 0
        self._began = self._ended = 0.0

    def answer(self, method: bytes, path: bytes, operation: bytes, body: bytes) -> list[bytes]:
        if path == b"/stats":
            return json_response(self._stats())
        return super().answer(method, path, operation, body)

    def _stats(self) -> dict[str, float]:
        given = self._whole.given(self._ended) if self._whole else 0.0
        return {
            "served": self._served,
            "refused": self._refused,
            "seconds": self._ended - self._began,
            "least_seconds": least_seconds(self._buckets),
            "given": given,
        }

    def _describe_table(self, request: dict[str, Any]) -> dict[str, Any]:
        told = super()._describe_table(request)
        if self._described is not None:
            told["Table"]["TableSizeBytes"] = self._described
        return told

    def _scan(self, request: dict[str, Any]) -> list[bytes]:
        segment, total = request.get("Segment", 0), request.get("TotalSegments", 1)
        first, end = (self._layout.before((segment + side) / total) for side in (0, 1))
        served = position_of(request.get("ExclusiveStartKey"))
        start = min(first + served, self._layout.items - 1)
        self._began = self._began or time.monotonic()
        bucket = self._buckets[self._layout.partition(start)] if self._buckets else None
        if not self._may(bucket):
            self._refused += 1
            return error_response(*TOO_FAST)
        self._served += 1
        self._ended = time.monotonic()
        count = max(0, min(end - first - served, self._page_items))
        items = b",".join(
            b'{"id":{"S":"%08d"},"text":{"S":"%032d"}}' % (number, served)
            for number in range(first + served, first + served + count)
        )
        tail = tail_of(served + count if first + served + count < end else None)
        opened = b'{"Count":%d,"ScannedCount":%d,"Items":[%s]' % (count, count, items)
        return [head(200, len(opened) + len(tail)), opened, tail]

    def _may(self, bucket: Bucket | None) -> bool:
        if self._whole and not self._whole.take(1):
            return False
        return bucket is None or bucket.take(1)


class PartitionedSink(Sink):
    """A DynamoDB table whose items, by the number that is their id, lie in equal partitions; an
    item costs a token."""

    def __init__(self, layout: Layout, buckets: Sequence[Bucket]) -> None:
        super().__init__("dynamodb")
        self._layout, self._buckets = layout, buckets
        self._refused = 0
        self._began = self._ended = 0.0

    def answer(self, method: bytes, path: bytes, operation: bytes, body: bytes) -> list[bytes]:
        if path == b"/stats":
            return json_response(self._partition_stats())
        if operation == b"BatchWriteItem":
            return self._batch(json.loads(body))
        return super().answer(method, path, operation, body)

    def _partition_stats(self) -> dict[str, float]:
        return {
            "items": self._items,
            "served": self._requests - self._refused,
            "refused": self._refused,
            "seconds": self._ended - self._began,
            "least_seconds": least_seconds(self._buckets),
        }

    def _batch(self, request: dict[str, Any]) -> list[bytes]:
        self._ended = time.monotonic()
        self._began = self._began or self._ended
        [(table, puts)] = request["RequestItems"].items()
        back = [put for put in puts if not self._takes(put)]
        self._requests += 1
        self._items += len(puts) - len(back)
        self._refused += len(back) == len(puts)
        if len(back) == len(puts):
            return error_response(*TOO_FAST)
        if back:
            return json_response({"UnprocessedItems": {table: back}})
        return [head(200, len(NOTHING_UNPROCESSED)) + NOTHING_UNPROCESSED]

    def _takes(self, put: dict[str, Any]) -> bool:
        number = int(put["PutRequest"]["Item"]["id"]["S"])
        return self._buckets[self._layout.partition(number)].take(1, least=0.999)
