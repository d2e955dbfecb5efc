"""The canned servers tell the truth: totals, counts and checksums."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from tests.bench.http1 import Connection
from tests.bench.orders import make_order
from tests.bench.sink import Sink
from tests.bench.source import Source

ITEMS = 10_007


def ask(app: Source | Sink, operation: str, **request: Any) -> tuple[bytes, dict[str, Any]]:
    """The head and the decoded body of an answer."""
    answer = b"".join(app.answer(b"POST", b"/", operation.encode(), json.dumps(request).encode()))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head
    if b"x-amz-crc32" in head:
        assert b"x-amz-crc32: %d\r\n" % zlib.crc32(body) in head
    return head, json.loads(body)


def scan(source: Source, segment: int, total: int, **more: Any) -> list[list[str]]:
    """The ids of a segment, page by page."""
    pages: list[list[str]] = []
    start: dict[str, Any] = {}
    while True:
        request = {"TableName": "Example", "Segment": segment, "TotalSegments": total}
        _, page = ask(source, "Scan", **request, **more, **start)
        assert page["Count"] == page["ScannedCount"] == len(page["Items"])
        pages.append([item["id"]["S"] for item in page["Items"]])
        if "LastEvaluatedKey" not in page:
            return pages
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


@pytest.mark.parametrize("total", [1, 2, 3, 8, 64])
def test_source_serves_exactly_its_items(total: int) -> None:
    source = Source(ITEMS)
    pages = [page for segment in range(total) for page in scan(source, segment, total)]
    assert sum(map(len, pages)) == ITEMS
    assert all(len(set(page)) == len(page) for page in pages)


def test_source_keeps_to_a_limit() -> None:
    assert [len(page) for page in scan(Source(10), 0, 1, Limit=4)] == [4, 4, 2]


def test_source_serves_more_segments_than_items() -> None:
    assert [len(scan(Source(2), segment, 4)[0]) for segment in range(4)] == [1, 1, 0, 0]


def test_source_serves_large_items() -> None:
    source = Source(5, item_bytes=400_000)
    assert [len(page) for page in scan(source, 0, 1)] == [2, 2, 1]
    _, page = ask(source, "Scan", TableName="Example")
    for item in page["Items"]:
        assert sum(len(name) + len(value["S"]) for name, value in item.items()) == 400_000


def test_orders_are_lines_of_an_export_as_they_are_said_to_be() -> None:
    _, page = ask(Source(5_000, orders=True), "Scan", TableName="Example")
    assert len(page["Items"]) == 5_000
    drawn = Random(1)
    lines = [b'{"Item":%b}\n' % make_order(drawn) for _ in range(5_000)]
    assert [json.loads(line)["Item"] for line in lines] == page["Items"]
    text = b"".join(lines)
    assert round(len(text) / len(lines)) == 286
    assert 4.7 < len(text) / len(gzip.compress(text, 6)) < 5.1


def test_checksum_is_sent_unless_declined() -> None:
    for source, sent in ((Source(9), True), (Source(9, crc=False), False)):
        head, _ = ask(source, "Scan", TableName="Example", Limit=5)
        assert (b"x-amz-crc32" in head) is sent


def test_source_describes_its_table() -> None:
    _, answer = ask(Source(ITEMS), "DescribeTable", TableName="Example")
    assert answer["Table"]["ItemCount"] == ITEMS
    assert answer["Table"]["TableArn"].startswith("arn:aws:dynamodb:")


def test_sink_has_a_table_once_created() -> None:
    sink, received = Sink(), Received()
    connection = Connection(sink)
    connection.connection_made(received)
    keys: dict[str, list[str]] = {"KeySchema": [], "AttributeDefinitions": []}
    connection.data_received(request("DescribeTable", {"TableName": "Copy"}))
    assert b"ResourceNotFoundException" in received.take()
    connection.data_received(request("CreateTable", {"TableName": "Copy", **keys}))
    connection.data_received(request("DescribeTable", {"TableName": "Copy"}))
    assert b"arn:scylla:" in received.take()


@pytest.mark.parametrize("step", [1, 7, 1_000, 1_000_000])
@pytest.mark.parametrize("verify", [False, True])
def test_sink_counts_however_the_bytes_arrive(step: int, verify: bool) -> None:
    sink, received = Sink(verify=verify), Received()
    connection = Connection(sink)
    connection.connection_made(received)
    put = {"PutRequest": {"Item": {"id": {"S": "x"}}}}
    bodies = [{"RequestItems": {"Copy": [put] * count}} for count in (25, 1, 100)]
    stream = b"".join(request("BatchWriteItem", body) for body in bodies)
    for at in range(0, len(stream), step):
        connection.data_received(stream[at : at + step])
    assert received.take().count(b'{"UnprocessedItems":{}}') == 3
    connection.data_received(b"GET /stats HTTP/1.1\r\nHost: x\r\n\r\n")
    counts = json.loads(received.take().partition(b"\r\n\r\n")[2])
    size = sum(len(json.dumps(body)) for body in bodies)
    assert counts == {"requests": 3, "items": 126, "bytes": size}


def test_only_alternator_tells_its_nodes() -> None:
    for dialect, status in (("alternator", b" 200 "), ("dynamodb", b" 404 ")):
        assert status in Sink(dialect).answer(b"GET", b"/localnodes", b"", b"")[0]


def request(operation: str, value: dict[str, Any]) -> bytes:
    """A request as it goes over the wire."""
    body = json.dumps(value).encode()
    lines = ("POST / HTTP/1.1", f"x-amz-target: X.{operation}", f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Received(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self._written += b"".join(list_of_data)

    def take(self) -> bytes:
        """All that was written since the last call."""
        taken = bytes(self._written)
        self._written.clear()
        return taken
