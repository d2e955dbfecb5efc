"""Runs a long piece of work beside its display and its savepoint clock, stoppable."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.state import Status
from alternator_migrate.core.stopping import stopped_by, together

Show = Callable[[Callable[[], Progress]], Coroutine[Any, Any, None]]
"""A display: shows snapshots until it is cancelled."""
Save = Callable[[Status], Coroutine[Any, Any, object]]
"""Writes a savepoint with a status. Raises `MigrateError`."""
Work = Callable[[asyncio.Event], Coroutine[Any, Any, bool]]
"""Work that ends early once the event is set; returns whether it got to its end."""
GRACE_SECONDS: Final = 4.0
"""Seconds for the work under way once a run is to stop; slices have less, to report in time."""


class Supervisor:
    """Does work while savepoints are written every `interval` seconds, on demand and when the work
    is held back, and what is `beside` goes on."""

    def __init__(
        self,
        beside: Sequence[Callable[[], Coroutine[Any, Any, None]]],
        interval: float,
        gate: Gate,
    ) -> None:
        self._beside, self._interval = beside, interval
        self._save_now, self._gate = asyncio.Event(), gate
        self._unsaved: MigrateError | None = None

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        self._save_now.set()

    async def run(
        self,
        work: Work,
        save: Save,
        stop: asyncio.Event,
        show: Callable[[], Coroutine[Any, Any, None]],
        ending: Callable[[], Status],
    ) -> Status:
        """Do `work(stop)`, which returns whether it got to its end, beside `show()`; savepoints are
        written by `save`.

        Returns `ending()` when all is done, STOPPED when `stop` ended it early (within a few
        seconds of being set). Raises `MigrateError`; a last savepoint is written whatever the
        ending. Raises `UsageError` before any work is done where no savepoint can be.
        """
        try:
            await save(Status.RUNNING)
        except MigrateError as error:
            raise UsageError(error.args[0], error.hint) from error
        status = Status.FAILED
        try:
            with self._gate.telling(self._save_if_shut):
                finished = await self._run(work, save, stop, show)
            status = ending() if finished else Status.STOPPED
        finally:
            await save(status)
        return status

    async def _run(
        self,
        work: Work,
        save: Save,
        stop: asyncio.Event,
        show: Callable[[], Coroutine[Any, Any, None]],
    ) -> bool:
        async with together() as group:
            beside = [
                group.create_task(show()),
                group.create_task(self._keep_saving(save, stop)),
                *[group.create_task(each()) for each in self._beside],
            ]
            result = await stopped_by(stop, work(stop), self._grace)
            for task in beside:
                task.cancel()
        if self._unsaved:
            raise self._unsaved
        if isinstance(result, MigrateError):
            raise result
        return result or False

    def _grace(self) -> float:
        """Seconds for the work under way: none of it is, where it is held back."""
        return 0.0 if self._gate.shut.is_set() else GRACE_SECONDS

    def _save_if_shut(self) -> None:
        if self._gate.shut.is_set():
            self.save_now()

    async def _keep_saving(self, save: Save, stop: asyncio.Event) -> None:
        """Save by the clock and on demand; a disk that does not take it stops the run."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._save_now.wait(), self._interval)
            self._save_now.clear()
            try:
                await save(Status.RUNNING)
            except MigrateError as error:
                self._unsaved = error
                stop.set()
                return
