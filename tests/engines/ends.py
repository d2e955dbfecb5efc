"""What the tests of engines copy, and how slowly."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.servers.patience import stretched
from tests.standin import StandIn
from tests.support.jobs import Job, job, standin_side

TABLE = "Example"
ITEMS = [{"pk": {"S": f"item {n}"}, "n": {"N": str(n)}} for n in range(600)]

Options = Callable[[str], tuple[str, ...]]


def between(source: StandIn, target: StandIn, segments: int = 8, **more: Any) -> Job:
    """A copy of all items by so many segments, in batches of ten."""
    ends = (
        standin_side(source, TABLE, scanSegments=segments),
        standin_side(target, TABLE, maxItemsPerBatch=10),
    )
    return job(*ends, **more)


def slow_down(target: StandIn, seconds: float) -> None:
    """Let each batch take so long."""
    target.faults.rate("BatchWriteItem", "slow", 1.0, seconds)


async def batches(target: StandIn, count: int) -> None:
    """Return when the target has heard of so many batches."""
    async with asyncio.timeout(stretched(60)):
        while target.requests["BatchWriteItem"] < count:  # noqa: ASYNC110 # another process's doing
            await asyncio.sleep(0.005)
