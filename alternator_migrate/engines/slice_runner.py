"""What a worker does, wherever it runs: one slice within its time."""

import asyncio
from dataclasses import replace
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError, first_of
from alternator_migrate.core.work import SliceResult, SliceRun

GRACE_SECONDS: Final = 3.0
"""How long the pages under way may take when a slice is to hurry."""


async def work_off(
    shift: SliceRun[Any, Any], seconds: float, hurry: asyncio.Event
) -> SliceResult[Any]:
    """Do a slice for `seconds`, and the pages that are then under way; when `hurry` is set, those
    only, and within the grace.

    An error of the house is in the report; others are raised.
    """
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        working = group.create_task(_error_of(shift, stop))
        hurrying = group.create_task(hurry.wait())
        either: set[asyncio.Task[object]] = {working, hurrying}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({working}, timeout=GRACE_SECONDS)
        working.cancel()
        hurrying.cancel()
    error = None if working.cancelled() else working.result()
    return replace(shift.result(), error=error)


async def _error_of(shift: SliceRun[Any, Any], stop: asyncio.Event) -> MigrateError | None:
    try:
        await shift.work(stop)
    except (MigrateError, BaseExceptionGroup) as failure:
        return first_of(failure)
    return None
