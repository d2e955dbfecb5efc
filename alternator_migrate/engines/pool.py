"""The contract of a place where slices run."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from alternator_migrate.core.progress import WorkerProgress
from alternator_migrate.core.work import LiveStats, Slice, SliceResult


class Pool(Protocol):
    """Workers that do slices of one job."""

    @property
    def longest(self) -> float:
        """The longest time of a slice, in seconds."""
        ...

    def at_work(self) -> AbstractAsyncContextManager[None]:
        """Slices may be sent while the block lasts; at its end none is under way. A failure of
        what goes on beside them is raised, in an exception group."""
        ...

    async def vacant(self, busy: int) -> int:
        """The number of slices that may be sent while `busy` are under way; waits for a worker, so
        long as that makes sense, where there is none. Raises `MigrateError`."""
        ...

    async def do(self, piece: Slice[Any]) -> SliceResult[Any]:
        """Have a slice done. Raises `WorkerLost`, or `MigrateError` where all workers are."""
        ...

    def live_stats(self) -> LiveStats:
        """The figures of the slices under way."""
        ...

    def recall(self) -> None:
        """The slices under way are to end soon, where they can be told; others will follow."""
        ...

    def workers(self) -> Sequence[WorkerProgress]:
        """The workers that are known."""
        ...

    async def lateness(self, *, goes_on: bool) -> float:
        """See `Engine.lateness`."""
        ...

    def hurry(self) -> None:
        """No slice will ever follow those under way, and these are to end within seconds."""
        ...
