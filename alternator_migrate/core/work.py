"""Work as engines do it: slices of segments, what a worker reports, and the engines' port."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

from alternator_migrate.core.bottleneck import Pressure
from alternator_migrate.core.calls import CallFigures
from alternator_migrate.core.counts import Counts, Sum
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.model import Position, Segment
from alternator_migrate.core.pace import Waits, reasons
from alternator_migrate.core.progress import Reason, WorkerProgress, joined
from alternator_migrate.core.requests import SideRequests
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.segments import WorkerSegments
from alternator_migrate.core.state import CopyState
from alternator_migrate.core.steering import NO_CAPS, Caps

P = TypeVar("P")
K = TypeVar("K")
P_co = TypeVar("P_co", covariant=True)
K_co = TypeVar("K_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Slice(Generic[P]):
    """Some segments for a bounded time: what a worker is sent.

    `places` maps the index of each segment, of `total`, to where to go on in it. Reading ends
    after `seconds`. `params` is what else its work has to know, and `share` the part of the run's
    limits (rates, connections) that this slice may use; `asked` are limits besides those of the
    configuration.
    """

    total: int
    places: Mapping[int, Position | None]
    seconds: float
    params: P
    share: float = 1.0
    asked: Caps = NO_CAPS

    @property
    def segments(self) -> list[Segment]:
        """The slice's segments."""
        return [Segment(index, self.total) for index in self.places]

    @property
    def positions(self) -> Mapping[int, Position]:
        """The positions in the segments that were begun."""
        return {index: place for index, place in self.places.items() if place is not None}


@dataclass(frozen=True, slots=True)
class LiveStats(Sum):
    """Figures of slices under way. They are shown, and count for nothing."""

    items: Counts = field(default_factory=Counts)
    bytes_read: int = 0
    batches: int = 0
    backlog: int = 0
    retries: int = 0
    throttled: int = 0
    reasons: tuple[Reason, ...] = ()
    requests: SideRequests = field(default_factory=SideRequests)
    segments: WorkerSegments = field(default_factory=WorkerSegments)
    pressure: Pressure = field(default_factory=Pressure)
    calls: CallFigures = field(default_factory=CallFigures)

    def __add__(self, other: "LiveStats") -> "LiveStats":
        return replace(Sum.__add__(self, other), reasons=joined((*self.reasons, *other.reasons)))


@dataclass(frozen=True, slots=True)
class SliceResult(Generic[K]):
    """The result of a slice.

    `state` says how far its segments are settled, and counts only what this slice added;
    `kept` is what its work found on the way (rejected items, ...), None where it did not begin;
    `times` are the seconds that its segments took, `throttling` those that were throttled at its
    end; `error` is what ended it early.
    """

    state: CopyState
    kept: K | None = None
    retries: int = 0
    throttled: int = 0
    reasons: tuple[Reason, ...] = ()
    requests: SideRequests = field(default_factory=SideRequests)
    times: Mapping[int, float] = field(default_factory=dict)
    throttling: tuple[int, ...] = ()
    pressure: Pressure = field(default_factory=Pressure)
    calls: CallFigures = field(default_factory=CallFigures)
    error: MigrateError | None = None


def nothing_done(piece: Slice[Any], error: MigrateError | None = None) -> SliceResult[Any]:
    """The report of a slice that did not begin, for an `error` or not, in a run that has begun."""
    if isinstance(error, UsageError):
        error = MigrateError(f"a worker cannot begin: {error.args[0]}", error.hint)
    return SliceResult(CopyState(positions=piece.positions), error=error)


class Work(Protocol[P_co, K]):
    """Something to do over segments, and the account of it; an engine gets it done."""

    @property
    def params(self) -> P_co:
        """The parameters of a slice that is sent now."""
        ...

    def position(self, segment: int) -> Position | None:
        """The position in a segment; None at its beginning."""
        ...

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        """Do it in this event loop; once `stop` is set, the pages under way only. Raises an
        exception group."""
        ...

    def take(self, result: SliceResult[K]) -> None:
        """Take into the account what a worker did. Raises `MigrateError`."""
        ...


class SliceWork(Protocol[K_co]):
    """Work over the segments of one slice on a worker, with an account of its own."""

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        """Do it; see `Work.here`."""
        ...

    def state(self) -> CopyState:
        """The settled part of the segments by now."""
        ...

    def kept(self) -> K_co:
        """The rejects or differences found by now."""
        ...

    def live_stats(self) -> LiveStats:
        """The figures by now, without the requests and the reasons of the pace."""
        ...

    def times(self) -> Mapping[int, float]:
        """The seconds that each segment took by now."""
        ...


class SliceRun(Generic[P, K]):
    """One slice under way on a worker. Of the worker's retries and `requests()` those count that
    come with it. `sought()` are the seconds that were lost, by now, on finding the places that its
    segments are gone on from."""

    def __init__(
        self,
        piece: Slice[P],
        work: SliceWork[K],
        retry: Retry,
        waits: Iterable[tuple[str, Waits]],
        requests: Callable[[], SideRequests] = SideRequests,
        sought: Callable[[], float] = float,
    ) -> None:
        self._piece, self._work, self.sought = piece, work, sought
        self._retry, self._before = retry, (retry.retries, retry.throttled)
        self._waits = tuple(waits)
        self._requests, self._requests_before = requests, requests()

    async def work(self, stop: asyncio.Event) -> None:
        """Do the slice to its end; once `stop` is set, the pages under way only. Raises an
        exception group."""
        await self._work.here(self._piece.segments, stop)

    def live_stats(self) -> LiveStats:
        """The figures by now."""
        retries, throttled = self._before
        return replace(
            self._work.live_stats(),
            retries=self._retry.retries - retries,
            throttled=self._retry.throttled - throttled,
            reasons=reasons(self._waits, self._retry),
            requests=self._requests() - self._requests_before,
        )

    def result(self) -> SliceResult[K]:
        """The settled part by now, also after a failure or a cancellation."""
        now = self.live_stats()
        return SliceResult(
            self._work.state(),
            self._work.kept(),
            now.retries,
            now.throttled,
            now.reasons,
            now.requests,
            self._work.times(),
            now.segments.throttling,
            now.pressure,
            now.calls,
        )


class WorkerSession(Protocol):
    """The open connections of a worker for a job; one slice at a time is done on them."""

    def begin(self, piece: Slice[Any]) -> SliceRun[Any, Any]:
        """Take up a slice."""
        ...


class Job(Protocol):
    """The job of a run's workers. It can be pickled, and its repr tells no secret."""

    @property
    def key(self) -> str:
        """The identity of this run's job."""
        ...

    def check(self) -> None:
        """Raise `MigrateError` where this machine lacks what the job names."""
        ...

    def open(self) -> AbstractAsyncContextManager[WorkerSession]:
        """Connect to both sides. Raises `MigrateError`."""
        ...


class Engine(Protocol):
    """Gets work done, on one core or many; `text` tells a person where."""

    text: str

    async def run(
        self, work: Work[Any, Any], segments: Sequence[Segment], stop: asyncio.Event
    ) -> None:
        """Do `work` over `segments`; once `stop` is set, what is under way only.

        Returns when no worker does anything any more. Raises `MigrateError` or an exception group.
        """
        ...

    def live_stats(self) -> LiveStats:
        """Figures of the workers that `work` does not have yet, and the retries and requests of
        all."""
        ...

    def workers(self) -> Sequence[WorkerProgress]:
        """The workers that are known; none where work is done here."""
        ...

    def segments(self) -> WorkerSegments:
        """The segments that workers have now."""
        ...

    async def lateness(self, *, goes_on: bool) -> float:
        """For how many seconds from now workers that were lost may still write what they had read,
        and, where this run `goes_on` with another, those of that run. Raises `MigrateError`."""
        ...
