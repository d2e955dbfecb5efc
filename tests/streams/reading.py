"""Reading with the port under test: open it on a server, and take what a shard gives."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import msgspec

from alternator_migrate.connectors.stream import StreamSource
from alternator_migrate.core.model import Change, ChangePage
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.http.connect import Transport
from alternator_migrate.dynamodb.http_client import STREAMS_API, HttpClient, open_http_client
from alternator_migrate.dynamodb.nodes import Nodes
from alternator_migrate.dynamodb.signing import Credentials
from alternator_migrate.dynamodb.table_schema import KeyElement, TableSpec
from tests.servers.patience import stretched

SECONDS = 20.0
TABLE = TableSpec("Example", (KeyElement("id", "HASH"),), {"id": "S"})


async def credentials() -> Credentials:
    """A key that no server for tests checks."""
    return Credentials("local", "secret")


@asynccontextmanager
async def streams_http(url: str) -> AsyncIterator[HttpClient]:
    """A client of the streams API of a server."""
    async with open_http_client(
        Nodes((url,)), Transport(), region="us-east-1", credentials=credentials, api=STREAMS_API
    ) as http:
        yield http


@asynccontextmanager
async def reading(
    url: str, arn: str, table: TableSpec = TABLE, retry: Retry | None = None
) -> AsyncIterator[StreamSource]:
    """The port, on the stream `arn` of a server."""
    async with streams_http(url) as http:
        client = DynamoDBClient(http, retry or Retry(5.0, first_wait=0.001))
        yield StreamSource(client, arn, table, absent_seconds=0.3)


def all_needed() -> float | None:
    """Nothing is known to be dealt with."""
    return None


def never() -> bool:
    """A shard that came after following began: it cannot have been dropped."""
    return False


def perhaps() -> bool:
    """A shard that may have been closed a day ago."""
    return True


async def to_tip(
    source: StreamSource,
    shard: str,
    after: str | None = None,
    unneeded: Callable[[], float | None] = all_needed,
    dropped: Callable[[], bool] = never,
) -> list[ChangePage]:
    """The pages of a shard up to the first that is at the tip, or has ended."""
    pages = []
    async with (
        asyncio.timeout(stretched(SECONDS)),
        aclosing(source.changes(shard, after, unneeded, dropped)) as found,
    ):
        async for page in found:
            pages.append(page)
            if page.at_tip:
                break
    return pages


async def to_end(source: StreamSource, shard: str, after: str | None = None) -> list[ChangePage]:
    """All pages of a closed shard."""
    async with (
        asyncio.timeout(stretched(SECONDS)),
        aclosing(source.changes(shard, after, all_needed, never)) as found,
    ):
        return [page async for page in found]


async def everything(source: StreamSource) -> list[Change]:
    """All changes of all shards up to their tips, shard after shard."""
    shards = await source.shards()
    return [change for shard in shards for change in changes(await to_tip(source, shard.id))]


def changes(pages: Sequence[ChangePage]) -> list[Change]:
    """The changes of some pages."""
    return [change for page in pages for change in page.changes]


def sequences(pages: Sequence[ChangePage]) -> list[str]:
    """The sequence numbers of some pages' changes."""
    return [change.sequence for change in changes(pages)]


def image(change: Change) -> object:
    """The decoded new image; None of a removal."""
    return None if change.image is None else msgspec.json.decode(bytes(change.image))
