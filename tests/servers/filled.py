"""A stand-in for Alternator that holds a table."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.servers.client import Item, create_table, fill
from tests.standin import StandIn


@asynccontextmanager
async def filled(table: str, items: Sequence[Item], *, page_bytes: int) -> AsyncIterator[StandIn]:
    """A stand-in with `items` in `table`, which it gives in pages of so many bytes."""
    async with StandIn(page_bytes=page_bytes) as server:
        await create_table(server.url, table)
        await fill(server.url, table, items)
        yield server
