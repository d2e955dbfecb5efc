"""Both sides, open: for one table, or for all tables of a run."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, replace

from alternator_migrate.config import Settings
from alternator_migrate.connectors.s3_export import Export, ExportSide, open_export
from alternator_migrate.connectors.service import Service, open_service
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.model import Concurrency, Role
from alternator_migrate.core.requests import SideFigures
from alternator_migrate.core.shares import SharedCaps
from alternator_migrate.dynamodb.http_client import HttpClient


@dataclass(frozen=True, slots=True)
class Services:
    """Both services, open, for one table or many (`source` is None where each table is read from
    exports of its own); `streams` leads to the source's streams where
    changes are to be followed. Where tables have `shared` caps, those of `settings` are for all of
    them together, beside which each has its own."""

    settings: Settings
    concurrency: Concurrency
    source: Service | ExportSide | None
    target: Service
    streams: HttpClient | None = None
    shared: SharedCaps | None = None

    def of(self, settings: Settings) -> "Services":
        """The same connections, for the tables of other settings."""
        source = self.source
        if isinstance(source, Service):
            source = replace(source, table=source.table.sibling(settings.source.table))
        target = replace(self.target, table=self.target.table.sibling(settings.target.table))
        return replace(self, source=source, target=target)

    @property
    def live(self) -> Service | None:
        """The source where it is tables, not exports."""
        return self.source if isinstance(self.source, Service) else None

    def figures(self) -> dict[Role, SideFigures]:
        """Both sides as they are seen from here by now."""
        found: dict[Role, SideFigures] = {"target": self.target.figures}
        if self.source:
            found["source"] = self.source.figures
        if self.streams and self.source:
            found["source"] += SideFigures(self.streams.requests.figures)
        return found

    async def open_source(self, settings: Settings, stack: AsyncExitStack) -> Service | ExportSide:
        """The source of one table, with its own `settings`; what is opened for it is closed with
        the stack. Raises `MigrateError`."""
        if self.source is not None:
            return self.source
        return await stack.enter_async_context(_open_source(settings, self.concurrency))


@asynccontextmanager
async def open_services(
    settings: Settings, *, shared: SharedCaps | None = None, follows: bool = False
) -> AsyncIterator[Services]:
    """Connect to both sides; where tables have `shared` caps and are exports, to the target only.
    Raises `UsageError` where that fails."""
    concurrency = concurrency_of(settings)
    async with AsyncExitStack() as stack:
        with refusing_to_begin():
            source = streams = None
            if shared is None or settings.source.s3_export is None:
                source = await stack.enter_async_context(_open_source(settings, concurrency))
            target = await stack.enter_async_context(_open_target(settings, concurrency))
            if follows and isinstance(source, Service):
                streams = await stack.enter_async_context(source.streams())
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
    stack: AsyncExitStack,
    settings: Settings,
    concurrency: Concurrency,
    exports: Sequence[Export],
) -> tuple[Service | ExportSide, Service]:
    """Open source and target, whose `exports` are known, to be closed with the stack. Raises
    `MigrateError`."""
    source = await stack.enter_async_context(_open_source(settings, concurrency, exports))
    return source, await stack.enter_async_context(_open_target(settings, concurrency))


def _open_source(
    settings: Settings, concurrency: Concurrency, known: Sequence[Export] | None = None
) -> AbstractAsyncContextManager[Service | ExportSide]:
    """Connect to the source, a table or exports."""
    source, patience = settings.source, settings.retry_budget_seconds
    if source.s3_export:
        return open_export(source, source.s3_export, concurrency.readers, patience, known)
    if source.export and known:
        given = source.export.reading(tuple(export.name for export in known))
        reading = source.bucket_side, given, concurrency.readers, patience, known
        return open_export(*reading, section="source.export")
    return open_service("source", source, concurrency.readers, patience)


def _open_target(
    settings: Settings, concurrency: Concurrency
) -> AbstractAsyncContextManager[Service]:
    """Connect to the target, a table. Raises `UsageError` for an export."""
    if settings.target.s3_export:
        words = "the target is an export to S3, which only `run` writes, of one table at a time"
        raise UsageError(words, "Look at what it would copy with a table as target.")
    patience = settings.retry_budget_seconds
    return open_service("target", settings.target, concurrency.writers, patience)


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
