"""Stopping: work that is asked to end has a grace to do so, and is cancelled after it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from alternator_migrate.core.errors import MigrateError, first_of, ungrouped

T = TypeVar("T")


async def stopped_by(
    stop: asyncio.Event, work: Coroutine[Any, Any, T], grace: Callable[[], float]
) -> T | MigrateError | None:
    """The result of `work`, or the first `MigrateError` that it raised.

    Once `stop` is set, which `work` may know of, it has `grace()` seconds left; None where it had
    to be cancelled then. Raises any other exception.
    """
    async with asyncio.TaskGroup() as group:
        stopping = group.create_task(stop.wait())
        working = group.create_task(_error_as_value(work))
        await asyncio.wait({stopping, working}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait({working}, timeout=grace())
        working.cancel()
        stopping.cancel()
    return None if working.cancelled() else working.result()


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for so many seconds, or until `stop` is set; whether it is."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()


@asynccontextmanager
async def either(*events: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """An event that is set once one of `events` is, while the block lasts."""
    first = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        passing = [group.create_task(pass_on(event, first)) for event in events]
        yield first
        for each in passing:
            each.cancel()


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """A group of tasks of which the first `MigrateError` is raised itself."""
    with ungrouped():
        async with asyncio.TaskGroup() as group:
            yield group


async def pass_on(first: asyncio.Event, second: asyncio.Event) -> None:
    """Set the second event once the first one is set."""
    await first.wait()
    second.set()


async def _error_as_value(work: Coroutine[Any, Any, T]) -> T | MigrateError:
    try:
        return await work
    except (MigrateError, BaseExceptionGroup) as failure:
        return first_of(failure)
