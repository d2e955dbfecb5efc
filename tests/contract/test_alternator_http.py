"""The HTTP face: paths, headers, error bodies, compression, sizes."""

import gzip
import json
import zlib
from typing import Any

import pytest

from tests.contract.conftest import Client, text_items
from tests.standin.operations import OPERATIONS

JSON = "application/x-amz-json-1.0"


async def test_errors_have_prefix_and_lower_case_message(alternator: Client) -> None:
    answer = await alternator.call("DescribeTable", {"TableName": "nope"})
    assert json.loads(answer.raw) == {
        "__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
        "message": "Requested resource not found: Table: nope not found",
    }
    assert answer.status == 400
    assert answer.headers["Content-Type"] == JSON


@pytest.mark.parametrize("operation", ["DescribeTable", "ListTables"])
async def test_no_crc_and_no_request_id(alternator: Client, operation: str) -> None:
    answer = await alternator.call(operation, {"TableName": "nope"} if "D" in operation else {})
    assert not {"x-amz-crc32", "x-amzn-requestid"} & {name.lower() for name in answer.headers}
    assert answer.headers["Content-Type"] == JSON


async def test_the_target_prefix_is_not_looked_at(alternator: Client) -> None:
    answer = await alternator.call("", headers={"X-Amz-Target": "Whatever.ListTables"})
    assert "TableNames" in answer.body


@pytest.mark.parametrize(
    "operation",
    [
        "DescribeLimits",
        "TransactWriteItems",
        "UpdateContinuousBackups",
        "GetResourcePolicy",
        "ExecuteStatement",
        "ListBackups",
        "",
    ],
)
async def test_unknown_operations(alternator: Client, operation: str) -> None:
    answer = await alternator.call(operation)
    expected = (400, "UnknownOperationException", f"Unsupported operation {operation}")
    assert answer.error == expected


async def test_there_are_24_operations(alternator: Client) -> None:
    assert len(OPERATIONS) == 24
    for name in OPERATIONS:
        answer = await alternator.call(name, {"TableName": "nope"})
        assert b"UnknownOperationException" not in answer.raw


async def test_health(alternator: Client) -> None:
    answer = await alternator.get("/")
    assert (answer.status, answer.raw.decode()) == (
        200,
        f"healthy: {alternator.url.partition('//')[2]}",
    )


async def test_local_nodes_are_bare_addresses(alternator: Client) -> None:
    answer = await alternator.get("/localnodes")
    assert all(":" not in ip or "[" not in ip for ip in answer.body)
    assert len(answer.body) >= 1


@pytest.mark.parametrize("query", ["?dc=nowhere", "?rack=nowhere", "?dc=nowhere&rack=rack1"])
async def test_local_nodes_of_an_unknown_place_are_none(alternator: Client, query: str) -> None:
    await alternator.skip_if_old()
    assert (await alternator.get(f"/localnodes{query}")).body == []


async def test_other_paths_are_404(alternator: Client) -> None:
    assert (await alternator.get("/nowhere")).status == 404


async def test_describe_endpoints_gives_the_host_back(alternator: Client) -> None:
    body = (await alternator.call("DescribeEndpoints")).body
    assert body["Endpoints"][0]["Address"] == alternator.url.partition("//")[2]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a"', ("Parsing JSON failed: ",) * 2),
        (
            b"[]",
            (
                "Request content must be an object",
                "JSON error: condition not met: IsObject()",
            ),
        ),
    ],
)
async def test_bad_json_is_a_validation_error(
    alternator: Client, raw: bytes, message: tuple[str, str]
) -> None:
    status, kind, text = (await alternator.call("ListTables", raw=raw)).error
    assert (status, kind) == (400, "ValidationException")
    assert text.startswith(alternator.either(*message))


KEYS = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("Scan", {"Limit": "x"}),
        ("Scan", {"ExclusiveStartKey": 5}),
        ("Scan", {"Segment": "a", "TotalSegments": 2}),
        ("CreateTable", {"AttributeDefinitions": [], "KeySchema": [{"KeyType": "HASH"}]}),
        ("CreateTable", {"AttributeDefinitions": [3], **KEYS}),
        ("BatchGetItem", {"RequestItems": {"TABLE": {}}}),
        ("ListTables", {"Limit": "a"}),
    ],
)
async def test_an_unexpected_shape_is_told(
    alternator: Client, operation: str, body: dict[str, Any]
) -> None:
    table = alternator.name() if operation == "CreateTable" else await alternator.table()
    raw = json.dumps({"TableName": table, **body}).replace("TABLE", table).encode()
    status, kind, text = (await alternator.call(operation, raw=raw)).error
    if alternator.server == "real":  # its words depend on what it looks at first
        assert (status, kind) in {(400, "ValidationException"), (500, "InternalServerError")}
        return
    assert (status, kind) == (400, "ValidationException")
    current, old = "JSON assert failed on condition ", "JSON error: condition not met: "
    assert text.startswith(alternator.either(current, old))


@pytest.mark.parametrize(("levels", "accepted"), [(32, True), (39, False)])
async def test_nesting_is_limited(alternator: Client, levels: int, accepted: bool) -> None:
    table = await alternator.table()
    value = {"S": "end"}
    for _ in range(levels - 1):
        value = {"L": [value]}  # type: ignore[dict-item]
    answer = await alternator.write(table, {"id": {"S": "deep"}, "value": value})
    if accepted:
        assert (await alternator.get_item(table, id={"S": "deep"}))["value"] == value
    else:
        assert answer.error == (400, "ValidationException", "Max nested level reached: 78")


TWO_MEMBERS = gzip.compress(b'{"Lim', mtime=0) + gzip.compress(b'it": 1}', mtime=0)


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("gzip", gzip.compress(b'{"Limit": 1}', mtime=0)),
        ("gzip", TWO_MEMBERS),
        ("deflate", zlib.compress(b'{"Limit": 1}')),
    ],
)
async def test_compressed_requests(alternator: Client, encoding: str, raw: bytes) -> None:
    await alternator.skip_if_old()
    headers = {"Content-Encoding": encoding}
    assert "TableNames" in (await alternator.call("ListTables", raw=raw, headers=headers)).body


@pytest.mark.parametrize(
    ("encoding", "raw", "message"),
    [
        ("br", b"{}", "Unsupported Content-Encoding"),
        ("gzip", b"{}", "Error during gzip decompression of request body"),
        ("gzip", gzip.compress(b"{}" * 50, mtime=0)[:-9], "Truncated gzip in request body"),
    ],
)
async def test_broken_compression_is_a_500(
    alternator: Client, encoding: str, raw: bytes, message: str
) -> None:
    await alternator.skip_if_old()
    answer = await alternator.call("ListTables", raw=raw, headers={"Content-Encoding": encoding})
    assert answer.error == (500, "InternalServerError", message)


@pytest.mark.parametrize(("size", "encoding"), [(100, None), (5000, "gzip")])
async def test_answers_are_compressed_from_4096_bytes(
    alternator: Client, size: int, encoding: str | None
) -> None:
    await alternator.skip_if_old()
    table = await alternator.table()
    await alternator.put(table, *text_items(1, size))
    headers = {"Accept-Encoding": "gzip"}
    answer = await alternator.call("Scan", {"TableName": table}, headers=headers)
    assert answer.headers.get("Content-Encoding") == encoding
    raw = gzip.decompress(answer.raw) if encoding else answer.raw
    assert json.loads(raw)["Items"] == text_items(1, size)


async def test_nothing_is_compressed_unasked(alternator: Client) -> None:
    table = await alternator.table()
    await alternator.put(table, *text_items(1, 5000))
    answer = await alternator.call("Scan", {"TableName": table})
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(("count", "chunked"), [(255, False), (256, True)])
async def test_many_items_are_chunked(alternator: Client, count: int, chunked: bool) -> None:
    """Old versions look at bytes alone."""
    table = await alternator.table()
    await alternator.put(table, *text_items(count))
    answer = await alternator.call("Scan", {"TableName": table})
    assert answer.body["Count"] == count
    whole = "Content-Length" in answer.headers
    assert whole in alternator.either(current=not chunked, old=True)


async def test_big_items_are_chunked(alternator: Client) -> None:
    table = await alternator.table()
    await alternator.put(table, *text_items(1, 100_000))
    answer = await alternator.call("Scan", {"TableName": table})
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.body["Items"] == text_items(1, 100_000)
