"""A cluster that answers as it is told, and nodes on the virtual clock that watch it."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from alternator_migrate.core.errors import Unavailable
from alternator_migrate.dynamodb.nodes import Nodes
from tests.support.virtual_time import now

PORT = 8000
ACTIVE, IDLE = 1.0, 60.0


def url(number: int) -> str:
    """The URL of a node."""
    return f"http://10.0.0.{number}:{PORT}"


class Cluster:
    """Nodes 1 to `size`, which list `addresses`; a dead one refuses, a silent one never answers."""

    def __init__(self, size: int = 3) -> None:
        self.addresses: object = [f"10.0.0.{number}" for number in range(1, size + 1)]
        self.dead: set[str] = set()
        self.silent: set[str] = set()
        self.asked: list[tuple[float, str, str]] = []
        self.answers: dict[str, bytes] = {}

    async def ask(self, node: str, path: str) -> bytes:
        self.asked.append((now(), node, path))
        if node in self.silent:
            await asyncio.Event().wait()
        if node in self.dead:
            raise Unavailable(f"{node} refuses")
        return self.answers.get(node, json.dumps(self.addresses).encode())

    def moments(self, node: str) -> list[float]:
        """When a node was asked, to the hundredth."""
        return [round(at, 2) for at, asked, _ in self.asked if asked == node]


def opened(*contacts: int, **options: str | float) -> Nodes:
    """Nodes on the virtual clock."""
    times = {"active_seconds": ACTIVE, "idle_seconds": IDLE, "clock": now}
    return Nodes([url(number) for number in contacts or (1,)], **{**times, **options})  # type: ignore[arg-type] # keywords of several types


@asynccontextmanager
async def watching(nodes: Nodes, cluster: Cluster) -> AsyncIterator[None]:
    """Keep the list up to date while the block lasts."""
    await nodes.refresh(cluster.ask)
    task = asyncio.create_task(nodes.watch(cluster.ask))
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def busy(nodes: Nodes, seconds: float, every: float = 0.01) -> Counter[str]:
    """Which nodes requests go to for so many seconds."""
    picked: Counter[str] = Counter()
    end = now() + seconds
    while now() < end:
        picked[nodes.pick()] += 1
        await asyncio.sleep(every)
    return picked


def in_rotation(nodes: Nodes) -> set[str]:
    """The nodes in use."""
    return set(nodes.rotation)


def urls(numbers: Sequence[int]) -> set[str]:
    """The URLs of several nodes."""
    return {url(number) for number in numbers}
