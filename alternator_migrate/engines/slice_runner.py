"""Runs one slice within its time, on any worker."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.stopping import stopped_by
from alternator_migrate.core.work import SliceResult, SliceRun

OUR_LOGGER: Final = "alternator_migrate"
GRACE_SECONDS: Final = 3.0
"""Seconds for the pages under way when a slice is to hurry: less than the run itself has, so that
its result comes in time."""


async def work_off(
    run: SliceRun[Any, Any], seconds: float, hurry: asyncio.Event
) -> SliceResult[Any]:
    """Do a slice for `seconds`, and the pages that are then under way; when `hurry` is set, those
    only, and within the grace.

    A `MigrateError` is in the result; others are raised.
    """
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        timing = group.create_task(_set_within(seconds, hurry, stop))
        error = await stopped_by(hurry, run.work(stop), lambda: GRACE_SECONDS)
        timing.cancel()
    return replace(run.result(), error=error if isinstance(error, MigrateError) else None)


async def _set_within(seconds: float, either: asyncio.Event, stop: asyncio.Event) -> None:
    """Set `stop` after `seconds`, or with `either`."""
    with suppress(TimeoutError):
        await asyncio.wait_for(either.wait(), seconds)
    stop.set()
