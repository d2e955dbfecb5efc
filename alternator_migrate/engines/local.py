"""The engine that does all work in this event loop."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from alternator_migrate.core.model import Segment
from alternator_migrate.core.progress import WorkerProgress
from alternator_migrate.core.segments import WorkerSegments
from alternator_migrate.core.work import LiveStats, Work


class Local:
    """Does work here; its account is up to date at every moment. `text` is for a person. Until
    `late_until`, by `time.monotonic()`, workers of an earlier run may still write."""

    def __init__(self, text: str = "local", late_until: float = 0.0) -> None:
        self.text, self._late_until = text, late_until

    async def run(
        self, work: Work[Any, Any], segments: Sequence[Segment], stop: asyncio.Event
    ) -> None:
        """Do `work` over `segments`; once `stop` is set, the pages under way only."""
        await work.here(segments, stop)

    def live_stats(self) -> LiveStats:
        """Nothing: there are no workers."""
        return LiveStats()

    def workers(self) -> Sequence[WorkerProgress]:
        """None."""
        return ()

    def segments(self) -> WorkerSegments:
        """None."""
        return WorkerSegments()

    async def lateness(self, *, goes_on: bool) -> float:
        """See `Engine.lateness`: there are no workers of this run."""
        return max(self._late_until - time.monotonic(), 0.0) if goes_on else 0.0
