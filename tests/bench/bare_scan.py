"""Reads table `Example` in parallel with the product's own client, cuts its pages, keeps nothing.

python -m tests.bench.bare_scan --source http://127.0.0.1:8000 --segments 8

Prints the number of items.
"""

import argparse
import asyncio

import uvloop

from alternator_migrate.core.model import Position
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.http.connect import Transport
from alternator_migrate.dynamodb.http_client import HttpClient, open_http_client
from alternator_migrate.dynamodb.nodes import Nodes
from alternator_migrate.dynamodb.signing import Credentials


async def credentials() -> Credentials:
    """Those of every server of this benchmark."""
    return Credentials("a", "b")


async def scan(http: HttpClient, segment: int, total: int) -> int:
    """The number of items in one segment."""
    request = {"TableName": "Example", "Segment": segment, "TotalSegments": total}
    position: Position | None = None
    items = 0
    while True:
        answer = await http.call("Scan", wire.scan_body(request, position))
        page, _ = wire.read_page(answer, filtered_are_skipped=False)
        items += page.read
        if page.position is None:
            return items
        position = page.position


async def main(url: str, segments: int) -> int:
    """The number of items in the table."""
    async with open_http_client(
        Nodes((url,)), Transport(), region="us-east-1", credentials=credentials
    ) as http:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(scan(http, at, segments)) for at in range(segments)]
        return sum(task.result() for task in tasks)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="scan table Example")
    parser.add_argument("--source", required=True, metavar="URL")
    parser.add_argument("--segments", type=int, required=True)
    arguments = parser.parse_args()
    print(uvloop.run(main(arguments.source, arguments.segments)))
