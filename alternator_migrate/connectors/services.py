"""Both sides, open: for one table, or for all tables of a run."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

from alternator_migrate.config import Settings
from alternator_migrate.connectors.service import Service, open_service
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.model import Concurrency
from alternator_migrate.core.shares import SharedCaps
from alternator_migrate.dynamodb.http_client import HttpClient


@dataclass(frozen=True, slots=True)
class Services:
    """Both services, open, for one table or many; `streams` leads to the source's streams where
    changes are to be followed. Where tables have `shared` caps, those of `settings` are for all of
    them together, beside which each has its own."""

    settings: Settings
    concurrency: Concurrency
    source: Service
    target: Service
    streams: HttpClient | None = None
    shared: SharedCaps | None = None

    def of(self, settings: Settings) -> "Services":
        """The same connections, for the tables of other settings."""
        source = replace(self.source, table=self.source.table.sibling(settings.source.table))
        target = replace(self.target, table=self.target.table.sibling(settings.target.table))
        return replace(self, source=source, target=target)


@asynccontextmanager
async def open_services(
    settings: Settings, *, shared: SharedCaps | None = None, follows: bool = False
) -> AsyncIterator[Services]:
    """Connect to both sides. Raises `UsageError` where that fails."""
    concurrency = concurrency_of(settings)
    async with AsyncExitStack() as stack:
        with refusing_to_begin():
            source, target = await open_both(stack, settings, concurrency)
            streams = await stack.enter_async_context(source.streams()) if follows else None
        yield Services(settings, concurrency, source, target, streams, shared)


@contextmanager
def refusing_to_begin() -> Iterator[None]:
    """Whatever fails in here keeps a run from beginning: a `UsageError`."""
    try:
        yield
    except UsageError:
        raise
    except MigrateError as error:
        raise UsageError(error.args[0], error.hint) from error


async def open_both(
    stack: AsyncExitStack, settings: Settings, concurrency: Concurrency
) -> tuple[Service, Service]:
    """Open source and target, to be closed with the stack. Raises `MigrateError`."""
    patience = settings.retry_budget_seconds
    source = await stack.enter_async_context(
        open_service("source", settings.source, concurrency.readers, patience)
    )
    target = await stack.enter_async_context(
        open_service("target", settings.target, concurrency.writers, patience)
    )
    return source, target


def concurrency_of(settings: Settings) -> Concurrency:
    """The number of segments read and of batches written at once that the settings allow."""
    concurrency = Concurrency()
    if settings.source.max_map_tasks:
        concurrency = replace(concurrency, readers=settings.source.max_map_tasks)
    options = settings.target.alternator
    if options and options.max_connections:
        concurrency = replace(concurrency, writers=options.max_connections)
    options = settings.source.alternator
    if options and options.max_connections:
        concurrency = replace(
            concurrency, readers=min(concurrency.readers, options.max_connections)
        )
    return concurrency
