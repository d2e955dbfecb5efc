"""A follower in the test's process, from a streams server to a stand-in for Alternator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from alternator_migrate.connectors.rejects_file import RejectsFile
from alternator_migrate.connectors.stream import StreamSource
from alternator_migrate.connectors.writer import DynamoDBTarget
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import Limits
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.state import FollowState
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.http.connect import Transport
from alternator_migrate.dynamodb.http_client import HttpClient, open_http_client
from alternator_migrate.dynamodb.nodes import Nodes
from alternator_migrate.dynamodb.table_schema import KeyElement, TableSpec
from alternator_migrate.follow.applier import Applier
from alternator_migrate.follow.follower import Follower
from alternator_migrate.follow.rules import Rules
from tests.standin import StandIn
from tests.streams.reading import streams_http

TABLE = "Example"
SPEC = TableSpec(
    TABLE, (KeyElement("pk", "HASH"), KeyElement("sk", "RANGE")), {"pk": "S", "sk": "N"}
)
BUDGET = 30.0


@dataclass(frozen=True)
class Served:
    """A stream that is there, as `Stream` wants it; or, if it is `ours`, one that is enabled first
    and may be disabled."""

    client: DynamoDBClient
    arn: str
    ours: bool = False

    async def find(self) -> str | None:
        return None if self.ours else self.arn

    async def enable(self) -> tuple[str, bool]:
        return self.arn, self.ours

    async def ready(self, arn: str, *, enabled_here: bool) -> None:
        pass

    async def check(self, arn: str, *, enabled_here: bool) -> None:
        pass

    def open(self, arn: str) -> StreamSource:
        return StreamSource(self.client, arn, SPEC)

    async def disable(self, _: str) -> bool:
        return self.ours


@asynccontextmanager
async def pursuit(
    streams_url: str,
    arn: str,
    target: StandIn,
    folder: Path,
    *,
    batch: int = 100,
    state: FollowState | None = None,
    caught_up_for: float = 0.5,
    spool_bytes: int = 10_000_000,
    snapshot: bool = False,
    whole: bool = True,
    disable_after: bool = False,
) -> AsyncIterator[Follower]:
    """A follower that ends when the target has caught up; nodes are watched meanwhile."""
    retry = Retry(BUDGET, first_wait=0.005, longest_wait=0.1)
    nodes = Nodes((target.url,), active_seconds=0.1)
    async with (
        streams_http(streams_url) as streams,
        open_http_client(nodes, Transport(), region="us-east-1") as http,
        watched(http),
    ):
        writer = DynamoDBTarget(
            DynamoDBClient(http, retry),
            TABLE,
            SPEC.key_names,
            limits=Limits(batch),
            ask_capacity=False,
        )
        applier = Applier(writer, RejectsFile(folder, SPEC.key_names, 0), Limiter(32))
        spool = folder / "spool_m_1"
        rules = Rules(snapshot, spool, spool_bytes, 5.0, caught_up_for, True, whole=whole)
        rules = replace(rules, disable_after=disable_after)
        stream = Served(DynamoDBClient(streams, retry), arn, disable_after)
        yield Follower(stream, applier, retry, rules, state, Gate())


@asynccontextmanager
async def watched(http: HttpClient) -> AsyncIterator[None]:
    """Keep the list of nodes up to date while the block lasts."""
    await http.nodes.refresh(http.ask)
    watch = asyncio.create_task(http.nodes.watch(http.ask))
    try:
        yield
    finally:
        watch.cancel()
