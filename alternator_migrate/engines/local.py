"""The engine that does all work in this event loop."""

import asyncio
from collections.abc import Sequence
from typing import Any

from alternator_migrate.core.model import Segment
from alternator_migrate.core.progress import WorkerProgress
from alternator_migrate.core.segments import WorkerSegments
from alternator_migrate.core.work import LiveStats, Work


class Local:
    """Does work here; its account is up to date at every moment. `text` is for a person."""

    def __init__(self, text: str = "local") -> None:
        self.text = text

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
        """None: with its process all of it has ended."""
        return 0.0
