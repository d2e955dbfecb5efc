"""A follower in the test's process, from a streams server to a stand-in for Alternator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from alternator_migrate.changes import StreamStanding
from alternator_migrate.description import KeyElement, TableSpec
from alternator_migrate.dialing import Transport
from alternator_migrate.follow import Applier
from alternator_migrate.following import Follower, Rules
from alternator_migrate.lane import Lane, open_lane
from alternator_migrate.model import Limits
from alternator_migrate.nodes import Nodes
from alternator_migrate.pacing import Pace, Retry
from alternator_migrate.rejects import RejectsFile
from alternator_migrate.sources.streams import StreamSource
from alternator_migrate.targets.dynamodb import DynamoDBTarget
from tests.standin import StandIn
from tests.streams.reading import streams_lane

TABLE = "Example"
SPEC = TableSpec(
    TABLE, (KeyElement("pk", "HASH"), KeyElement("sk", "RANGE")), {"pk": "S", "sk": "N"}
)
BUDGET = 30.0


@dataclass(frozen=True)
class Served:
    """A stream that is there, as `Stream` wants it."""

    lane: Lane
    arn: str
    retry: Retry

    async def find(self) -> str | None:
        return self.arn

    async def enable(self) -> tuple[str, bool]:
        return self.arn, False

    async def ready(self, arn: str) -> None:
        pass

    def open(self, arn: str) -> StreamSource:
        return StreamSource(self.lane, arn, SPEC, self.retry)

    async def disable(self, _: str) -> bool:
        return False


@asynccontextmanager
async def pursuit(
    streams_url: str,
    arn: str,
    target: StandIn,
    folder: Path,
    *,
    batch: int = 100,
    standing: StreamStanding | None = None,
    caught_up_for: float = 0.5,
    spool_bytes: int = 10_000_000,
    snapshot: bool = False,
    whole: bool = True,
) -> AsyncIterator[Follower]:
    """A follower that ends when the target has caught up; nodes are watched meanwhile."""
    retry = Retry(BUDGET, first_wait=0.005, longest_wait=0.1)
    nodes = Nodes((target.url,), active_seconds=0.1)
    async with (
        streams_lane(streams_url) as streams,
        open_lane(nodes, Transport(), region="us-east-1") as lane,
        watched(lane),
    ):
        writer = DynamoDBTarget(
            lane, TABLE, SPEC.key_names, retry, Pace(), limits=Limits(batch), ask_capacity=False
        )
        applier = Applier(writer, RejectsFile(folder, SPEC.key_names, 0), 32)
        spool = folder / "spool_m_1"
        rules = Rules(snapshot, spool, spool_bytes, 5.0, caught_up_for, True, whole=whole)
        yield Follower(Served(streams, arn, retry), applier, retry, rules, standing)


@asynccontextmanager
async def watched(lane: Lane) -> AsyncIterator[None]:
    """Keep the list of nodes up to date while the block lasts."""
    await lane.nodes.refresh(lane.ask)
    watch = asyncio.create_task(lane.nodes.watch(lane.ask))
    try:
        yield
    finally:
        watch.cancel()
