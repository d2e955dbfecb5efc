"""Runs one slice within its time, on any worker."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.stopping import stopped_by
from alternator_migrate.core.work import SliceResult, SliceRun

OUR_LOGGER: Final = "alternator_migrate"
_LOOK_SECONDS: Final = 1.0
_WORTH: Final = 8.0
"""A slice lasts so many times as long as what is lost on its beginning."""
GRACE_SECONDS: Final = 3.0
"""Seconds for the pages under way when a slice is to hurry: less than the run itself has, so that
its result comes in time."""


async def work_off(
    run: SliceRun[Any, Any], seconds: float, hurry: asyncio.Event
) -> SliceResult[Any]:
    """Do a slice for `seconds`, and the pages that are then under way; when `hurry` is set, those
    only, and within the grace. It lasts longer where finding the places to go on from has taken
    much of its time.

    A `MigrateError` is in the result; others are raised.
    """
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        timing = group.create_task(_time(run, seconds, hurry, stop))
        error = await stopped_by(hurry, run.work(stop), lambda: GRACE_SECONDS)
        timing.cancel()
    return replace(run.result(), error=error if isinstance(error, MigrateError) else None)


async def _time(
    run: SliceRun[Any, Any], seconds: float, hurry: asyncio.Event, stop: asyncio.Event
) -> None:
    """Set `stop` when the time of a slice is over, or with `hurry`."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while (left := max(seconds, _WORTH * run.sought()) - (clock() - began)) > 0:
        with suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), min(left, _LOOK_SECONDS))
        if hurry.is_set():
            break
    stop.set()
