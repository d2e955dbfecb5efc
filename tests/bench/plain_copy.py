"""The yardstick: the copy one writes with aioboto3 in an hour.

python -m tests.bench.plain_copy --source http://127.0.0.1:8000 --target http://127.0.0.1:8001

Prints {"items", "seconds", "cpu_seconds"} of the copy alone, imports not counted.
"""

import argparse
import asyncio
import json
import time
from typing import Any

import aioboto3
from botocore.config import Config

QUEUED_BATCHES = 64


class PlainCopy:
    """Copies `table` by `segments` scanners and `writers` writers with a bounded queue between."""

    def __init__(self, source: Any, target: Any, table: str, batch: int) -> None:
        self._source = source
        self._target = target
        self._table = table
        self._batch = batch
        self._queue: asyncio.Queue[list[dict[str, Any]]] = asyncio.Queue(QUEUED_BATCHES)
        self._written = 0

    async def run(self, segments: int, writers: int) -> int:
        """Copy all of it; returns the number of items written."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._write()) for _ in range(writers)]
            async with asyncio.TaskGroup() as scanners:
                for segment in range(segments):
                    scanners.create_task(self._scan(segment, segments))
            await self._queue.join()
            for task in tasks:
                task.cancel()
        return self._written

    async def _scan(self, segment: int, total: int) -> None:
        start: dict[str, Any] = {}
        while True:
            page = await self._source.scan(
                TableName=self._table, Segment=segment, TotalSegments=total, **start
            )
            items = page["Items"]
            for at in range(0, len(items), self._batch):
                await self._queue.put(items[at : at + self._batch])
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    async def _write(self) -> None:
        while True:
            items = await self._queue.get()
            requests = {self._table: [{"PutRequest": {"Item": item}} for item in items]}
            while requests:
                answer = await self._target.batch_write_item(RequestItems=requests)
                requests = answer["UnprocessedItems"]
            self._written += len(items)
            self._queue.task_done()


async def main(options: argparse.Namespace) -> dict[str, float]:
    """Copy as the command line says; returns items, seconds, and CPU seconds of user and system."""
    session = aioboto3.Session(
        aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    config = Config(max_pool_connections=options.writers)
    common = {"config": config, "verify": options.ca_bundle}
    wall, cpu = time.perf_counter(), time.process_time()
    async with (
        session.client("dynamodb", endpoint_url=options.source, **common) as source,
        session.client("dynamodb", endpoint_url=options.target, **common) as target,
    ):
        copy = PlainCopy(source, target, options.table, options.batch)
        items = await copy.run(options.segments, options.writers)
    return {
        "items": items,
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
    }


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="copy a table with plain aioboto3")
    parser.add_argument("--source", required=True, metavar="URL")
    parser.add_argument("--target", required=True, metavar="URL")
    parser.add_argument("--table", default="Example")
    parser.add_argument("--batch", type=int, default=25, help="items a batch")
    parser.add_argument("--segments", type=int, default=4)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--ca-bundle", metavar="PEM")
    return parser.parse_args()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(parse()))))
