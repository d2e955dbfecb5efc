"""Work as engines do it: slices of segments, what a worker reports, and the engines' port."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from alternator_migrate.core.counts import Counts, Sum
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.model import Position, Segment
from alternator_migrate.core.state import CopyState


@dataclass(frozen=True, slots=True)
class Slice:
    """Some segments for a bounded time: what a worker is sent.

    `places` maps the index of each segment, of `total`, to where to go on in it. Reading ends
    after `seconds`. `share` is the part of the run's limits (rates, connections) that this slice
    may use, and `errand` what else its work has to know.
    """

    total: int
    places: Mapping[int, Position | None]
    seconds: float
    share: float = 1.0
    params: object = None

    @property
    def segments(self) -> list[Segment]:
        """The slice's segments."""
        return [Segment(index, self.total) for index in self.places]

    @property
    def positions(self) -> Mapping[int, Position]:
        """Where to go on in the segments that were begun."""
        return {index: place for index, place in self.places.items() if place is not None}


@dataclass(frozen=True, slots=True)
class LiveStats(Sum):
    """What slices under way have done so far. It is shown, and counts for nothing."""

    segments_done: int = 0
    items: Counts = field(default_factory=Counts)
    bytes_read: int = 0
    batches: int = 0
    backlog: int = 0
    retries: int = 0
    throttled: int = 0
    paced: str = ""

    def __add__(self, other: "LiveStats") -> "LiveStats":
        reasons = dict.fromkeys((*self.paced.split(", "), *other.paced.split(", ")))
        return replace(Sum.__add__(self, other), paced=", ".join(filter(None, reasons)))


@dataclass(frozen=True, slots=True)
class SliceResult:
    """What became of a slice.

    `standing` says how far its segments are settled, and counts only what this slice added;
    `kept` is what its work found on the way (rejected items, ...); `error` what ended it early.
    """

    state: CopyState
    kept: object = None
    retries: int = 0
    throttled: int = 0
    paced: str = ""
    error: MigrateError | None = None


def nothing_done(piece: Slice, error: MigrateError) -> SliceResult:
    """The report of a slice that could not begin, in a run that has begun."""
    if isinstance(error, UsageError):
        error = MigrateError(f"a worker cannot begin: {error.args[0]}", error.hint)
    return SliceResult(CopyState(positions=piece.positions), error=error)


class Work(Protocol):
    """Something to do over segments, and the account of it; an engine gets it done."""

    @property
    def params(self) -> object:
        """What a slice that is sent now has to know."""
        ...

    def position(self, segment: int) -> Position | None:
        """Where to go on in a segment."""
        ...

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        """Do it in this event loop; once `stop` is set, the pages under way only. Raises an
        exception group."""
        ...

    def take(self, report: SliceResult) -> None:
        """Take into the account what a worker did. Raises `MigrateError`."""
        ...


class SliceRun(Protocol):
    """One slice under way on a worker."""

    async def work(self, stop: asyncio.Event) -> None:
        """Do the slice to its end; once `stop` is set, the pages under way only. Raises an
        exception group."""
        ...

    def live_stats(self) -> LiveStats:
        """What is done by now."""
        ...

    def report(self) -> SliceResult:
        """What is settled by now, also after a failure or a cancellation."""
        ...


class WorkerSession(Protocol):
    """What a worker has open for a job: one slice at a time is done on it."""

    def begin(self, piece: Slice) -> SliceRun:
        """Take up a slice."""
        ...


class Job(Protocol):
    """What workers of a run need to know. It can be pickled, and its repr tells no secret."""

    @property
    def key(self) -> str:
        """What tells this run's job from all others."""
        ...

    def check(self) -> None:
        """Raise `MigrateError` where this machine lacks what the job names."""
        ...

    def open(self) -> AbstractAsyncContextManager[WorkerSession]:
        """Connect to both sides. Raises `MigrateError`."""
        ...


class Engine(Protocol):
    """Gets work done, on one core or many."""

    async def run(self, work: Work, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        """Do `work` over `segments`; once `stop` is set, what is under way only.

        Returns when no worker does anything any more. Raises an exception (group) of the house.
        """
        ...

    def live_stats(self) -> LiveStats:
        """What workers have done that `work` does not know yet, and the retries of all."""
        ...
