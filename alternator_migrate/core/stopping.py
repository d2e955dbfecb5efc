"""Stopping: work that is asked to end has a grace to do so, and is cancelled after it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from alternator_migrate.core.errors import MigrateError, first_of

T = TypeVar("T")


async def stopped_by(
    stop: asyncio.Event, work: Coroutine[Any, Any, T], grace: float
) -> T | MigrateError | None:
    """The result of `work`, or the first `MigrateError` that it raised.

    Once `stop` is set, which `work` may know of, it has `grace` seconds left; None where it had to
    be cancelled then. Raises any other exception.
    """
    async with asyncio.TaskGroup() as group:
        stopping = group.create_task(stop.wait())
        working = group.create_task(_error_as_value(work))
        await asyncio.wait({stopping, working}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait({working}, timeout=grace)
        working.cancel()
        stopping.cancel()
    return None if working.cancelled() else working.result()


async def _error_as_value(work: Coroutine[Any, Any, T]) -> T | MigrateError:
    try:
        return await work
    except (MigrateError, BaseExceptionGroup) as failure:
        return first_of(failure)
