"""A bare client of the DynamoDB API, independent of the product and of any SDK.

It signs as the role `local`, whose secret is `local`, which few servers for tests verify.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp

Item = dict[str, dict[str, Any]]

REGION = "us-east-1"
ROLE = SECRET = "local"
SIGNED = "host;x-amz-date;x-amz-target"
BATCH = 25
ATTEMPTS = 100
TIMEOUT = aiohttp.ClientTimeout(total=60)
STREAM_OPERATIONS = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}


class RefusedError(Exception):
    """An answer other than 200; `code` is the error type without its namespace, or empty."""

    def __init__(self, operation: str, status: int, code: str, words: str) -> None:
        super().__init__(f"{operation}: {status} {code}: {words}")
        self.status = status
        self.code = code
        self.words = words


class Answer(NamedTuple):
    """A raw answer: HTTP status, headers (names in any case), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def authorization(operation: str, region: str = REGION) -> dict[str, str]:
    """Return the headers of a DynamoDB request for `operation`, with a dummy signature."""
    service = "DynamoDBStreams" if operation in STREAM_OPERATIONS else "DynamoDB"
    scope = f"{ROLE}/20200101/{region}/dynamodb/aws4_request"
    return {
        "X-Amz-Target": f"{service}_20120810.{operation}",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    }


def signed(url: str, operation: str, body: bytes, region: str = REGION) -> dict[str, str]:
    """Return the headers of a DynamoDB request for `operation` with `body`, signed."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = authorization(operation, region) | {"X-Amz-Date": stamp}
    scope = f"{stamp[:8]}/{region}/dynamodb/aws4_request"
    values = urlsplit(url).netloc, stamp, headers["X-Amz-Target"]
    lines = [f"{name}:{value}" for name, value in zip(SIGNED.split(";"), values, strict=True)]
    request = ["POST", "/", "", *lines, "", SIGNED, hashlib.sha256(body).hexdigest()]
    hashed = hashlib.sha256("\n".join(request).encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashed])
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    signer = f"Credential={ROLE}/{scope}, SignedHeaders={SIGNED}, Signature={signature}"
    return headers | {"Authorization": f"AWS4-HMAC-SHA256 {signer}"}


async def exchange(
    url: str, operation: str, body: bytes, *, region: str = REGION, **headers: str
) -> Answer:
    """Send `body` as it is and return what comes back, whatever the status. Follows nothing."""
    async with _session() as session:
        return await _send(session, url, body, signed(url, operation, body, region) | headers)


async def call(
    url: str,
    operation: str,
    body: Mapping[str, Any] | None = None,
    *,
    region: str = REGION,
    **headers: str,
) -> dict[str, Any]:
    """Return the decoded answer to `operation`. Raises `RefusedError` unless the status is 200."""
    raw = json.dumps(body or {}).encode()
    return _decoded(operation, await exchange(url, operation, raw, region=region, **headers))


async def create_table(
    url: str,
    name: str,
    keys: Mapping[str, str] | None = None,
    *,
    region: str = REGION,
    **spec: Any,
) -> dict[str, Any]:
    """Create a table and return its description.

    `keys` is {attribute: type}, the hash key first; {"pk": "S"} by default. `spec` holds further
    fields of CreateTable and may replace those made here. On-demand unless `spec` says otherwise.
    """
    keys = keys or {"pk": "S"}
    roles = zip(keys, ("HASH", "RANGE"), strict=False)
    body = {
        "TableName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": role} for key, role in roles],
        "AttributeDefinitions": [
            {"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()
        ],
    }
    if "ProvisionedThroughput" not in spec:
        body["BillingMode"] = "PAY_PER_REQUEST"
    answer = await call(url, "CreateTable", body | spec, region=region)
    return dict(answer["TableDescription"])


async def fill(url: str, name: str, items: Sequence[Item], *, region: str = REGION) -> None:
    """Put all `items` into table `name`, in order, 25 a request; no two of a request share a key.

    Raises `RefusedError`, or `TimeoutError` when the server keeps returning items unprocessed.
    """
    async with _session() as session:
        for start in range(0, len(items), BATCH):
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + BATCH]]
            await _put_all(session, url, {name: puts}, region)


async def scan_all(url: str, name: str, *, region: str = REGION, **request: Any) -> list[Item]:
    """Return every item of table `name`, page after page; `request` adds fields to each Scan."""
    items: list[Item] = []
    body = {"TableName": name, "ConsistentRead": True, **request}
    async with _session() as session:
        while True:
            answer = await _call(session, url, "Scan", body, region)
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return items
            body["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=TIMEOUT)


async def _put_all(
    session: aiohttp.ClientSession, url: str, requests: dict[str, Any], region: str
) -> None:
    for _ in range(ATTEMPTS):
        body = {"RequestItems": requests}
        answer = await _call(session, url, "BatchWriteItem", body, region)
        requests = answer.get("UnprocessedItems") or {}
        if not requests:
            return
    raise TimeoutError(f"{url} left items unprocessed {ATTEMPTS} times in a row")


async def _call(
    session: aiohttp.ClientSession, url: str, operation: str, body: Any, region: str
) -> dict[str, Any]:
    raw = json.dumps(body).encode()
    return _decoded(operation, await _send(session, url, raw, signed(url, operation, raw, region)))


async def _send(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]
) -> Answer:
    async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
        return Answer(response.status, response.headers, await response.read())


def _decoded(operation: str, answer: Answer) -> dict[str, Any]:
    if answer.status == 200:
        return dict(json.loads(answer.body))
    try:
        error = dict(json.loads(answer.body))
    except ValueError:
        error = {"message": answer.body[:200].decode(errors="replace")}
    code = str(error.get("__type", "")).rpartition("#")[2]
    words = str(error.get("message") or error.get("Message") or "")
    raise RefusedError(operation, answer.status, code, words)
