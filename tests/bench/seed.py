"""Makes table `Example` on a DynamoDB-like server and fills it.

python -m tests.bench.seed --endpoint http://127.0.0.1:8000 --items 200000
"""

import argparse
import asyncio
import json
import random
from collections.abc import Iterator
from typing import Any

import aiohttp

from tests.bench.source import UUID_ITEM_BYTES, make_item

BATCH = 25
WRITERS = 8
HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    # A signature that nobody checks; DynamoDB Local takes the account and region from it.
    "Authorization": "AWS4-HMAC-SHA256 Credential=a/20250101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0",
}
TABLE = {
    "TableName": "Example",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


async def call(session: aiohttp.ClientSession, operation: str, body: bytes) -> dict[str, Any]:
    """One request; raises RuntimeError with the server's words unless it succeeds."""
    headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
    async with session.post("/", data=body, headers=headers) as response:
        answer: dict[str, Any] = await response.json(content_type=None)
        if response.status != 200:
            raise RuntimeError(f"{operation}: {answer}")
        return answer


def batches(items: int) -> Iterator[bytes]:
    """BatchWriteItem bodies of distinct items, the same at every call."""
    drawn = random.Random(2)
    for start in range(0, items, BATCH):
        count = min(BATCH, items - start)
        puts = (
            b'{"PutRequest":{"Item":%b}}' % make_item(drawn, UUID_ITEM_BYTES) for _ in range(count)
        )
        yield b'{"RequestItems":{"Example":[%b]}}' % b",".join(puts)


async def write(session: aiohttp.ClientSession, bodies: Iterator[bytes]) -> None:
    """Write what `bodies`, shared with other writers, still has; every batch wholly."""
    for body in bodies:
        answer = await call(session, "BatchWriteItem", body)
        if answer["UnprocessedItems"]:
            raise RuntimeError("the server left items unprocessed")


async def main(endpoint: str, items: int) -> None:
    """Create the table and put `items` items."""
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(endpoint, headers=HEADERS, timeout=timeout) as session:
        await call(session, "CreateTable", json.dumps(TABLE).encode())
        bodies = batches(items)
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(write(session, bodies))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="make and fill table Example")
    parser.add_argument("--endpoint", required=True, metavar="URL")
    parser.add_argument("--items", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.endpoint, arguments.items))
