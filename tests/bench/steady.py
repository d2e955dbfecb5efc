"""Changes table `Example` at a steady rate, and logs when how many changes were made.

python -m tests.bench.steady --endpoint http://127.0.0.1:8000 --rate 1000 --seconds 20 --log PATH
"""

import argparse
import asyncio
import json
import time
from pathlib import Path

import aiohttp

from tests.bench.seed import BATCH, HEADERS, TABLE, batches, call


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.steady", description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--create", action="store_true", help="make the table, and no changes")
    parser.add_argument("--rate", type=int, default=1000, help="changes a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--log", type=Path)
    return parser.parse_args()


async def work(options: argparse.Namespace) -> None:
    """Make the changes in batches, by the clock."""
    async with aiohttp.ClientSession(options.endpoint, headers=HEADERS) as session:
        if options.create:
            await call(session, "CreateTable", json.dumps(TABLE).encode())
            return
        began, made = time.time(), 0
        with options.log.open("w", buffering=1) as log:
            for body in batches(options.rate * options.seconds):
                await asyncio.sleep(max(0.0, began + made / options.rate - time.time()))
                await call(session, "BatchWriteItem", body)
                made += BATCH
                log.write(f"{time.time():.4f} {made}\n")


if __name__ == "__main__":
    asyncio.run(work(parse()))
