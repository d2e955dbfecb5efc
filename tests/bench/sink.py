"""The canned sink: accepts every batch, counts it, and keeps none of it."""

import json
from typing import Any

from tests.bench.http1 import ApiError, Operation, field, head, json_response
from tests.bench.source import ACTIVE_TABLE

NOTHING_UNPROCESSED = b'{"UnprocessedItems":{}}'
ALL_WRITTEN = head(200, len(NOTHING_UNPROCESSED)) + NOTHING_UNPROCESSED
ARNS = {
    "alternator": "arn:scylla:alternator:alternator_{0}:scylla:table/{0}",
    "dynamodb": "arn:aws:dynamodb:us-east-1:000000000000:table/{0}",
}


class Sink:
    """Tables without content. `GET /stats` tells requests, items and body bytes of BatchWriteItem.

    Items are counted by the word PutRequest; with `verify`, by parsing the body. `dialect` is
    `alternator` or `dynamodb`, which differ in the table ARN and in `GET /localnodes`.
    """

    def __init__(self, dialect: str = "alternator", verify: bool = False) -> None:
        self._dialect = dialect
        self._verify = verify
        self._tables: dict[str, dict[str, Any]] = {}
        self._ttl: dict[str, dict[str, Any]] = {}
        self._requests = self._items = self._bytes = 0
        self._operations: dict[bytes, Operation] = {
            b"CreateTable": self._create_table,
            b"DescribeTable": lambda request: {"Table": self._table(request)},
            b"UpdateTable": lambda request: {"TableDescription": self._table(request)},
            b"DescribeTimeToLive": self._describe_ttl,
            b"UpdateTimeToLive": self._update_ttl,
            b"TagResource": lambda _: {},
            b"ListTagsOfResource": lambda _: {"Tags": []},
            b"ListTables": lambda _: {"TableNames": list(self._tables)},
            b"Scan": lambda _: {"Items": [], "Count": 0, "ScannedCount": 0},
        }

    def answer(self, method: bytes, path: bytes, operation: bytes, body: bytes) -> list[bytes]:
        if operation == b"BatchWriteItem":
            self._requests += 1
            self._items += count_parsed(body) if self._verify else body.count(b'"PutRequest"')
            self._bytes += len(body)
            return [ALL_WRITTEN]
        if method == b"GET":
            return self._get(path)
        if operation not in self._operations:
            raise ApiError("UnknownOperationException", f"{path!r} {operation!r}")
        return json_response(self._operations[operation](json.loads(body)))

    def _get(self, path: bytes) -> list[bytes]:
        if path == b"/stats":
            counts = {"requests": self._requests, "items": self._items, "bytes": self._bytes}
            return json_response(counts)
        if path.startswith(b"/localnodes") and self._dialect == "alternator":
            return json_response(["127.0.0.1"])
        return json_response("not found", 404)

    def _table(self, request: dict[str, Any]) -> dict[str, Any]:
        name = field(request, "TableName")
        if name not in self._tables:
            message = f"Requested resource not found: Table: {name} not found"
            raise ApiError("ResourceNotFoundException", message)
        return self._tables[name]

    def _create_table(self, request: dict[str, Any]) -> dict[str, Any]:
        name = field(request, "TableName")
        arn = ARNS[self._dialect].format(name)
        kept = {key: request[key] for key in ("KeySchema", "AttributeDefinitions")}
        fixed = {"TableName": name, "TableArn": arn, "ItemCount": 0, "TableSizeBytes": 0}
        self._tables[name] = {**ACTIVE_TABLE, **kept, **fixed}
        return {"TableDescription": self._tables[name]}

    def _describe_ttl(self, request: dict[str, Any]) -> dict[str, Any]:
        disabled = {"TimeToLiveStatus": "DISABLED"}
        return {"TimeToLiveDescription": self._ttl.get(field(request, "TableName"), disabled)}

    def _update_ttl(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request["TimeToLiveSpecification"]
        self._ttl[field(request, "TableName")] = {
            "TimeToLiveStatus": "ENABLED" if wanted["Enabled"] else "DISABLED",
            "AttributeName": wanted["AttributeName"],
        }
        return {"TimeToLiveSpecification": wanted}


def count_parsed(body: bytes) -> int:
    """The items of a BatchWriteItem body, which must be nothing but whole PutRequests."""
    tables = json.loads(body)["RequestItems"]
    return sum(
        bool(request["PutRequest"]["Item"]["id"]["S"])
        for requests in tables.values()
        for request in requests
    )
