"""Segments as a picture of the hash range: which are done, running, throttled, and how long they
took."""

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import zip_longest
from typing import Final, NamedTuple

from alternator_migrate.core.counts import Sum
from alternator_migrate.core.durations import Durations, Stopwatch

CELLS: Final = 240
_SLOWEST: Final = 5


class Cell(NamedTuple):
    """Neighbouring segments: how many there are, and of these done, running and throttled."""

    total: int
    done: int = 0
    running: int = 0
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class WorkerSegments(Sum):
    """Segments of slices under way at workers: those that are `done`, those that are `running`, of
    which some are `throttling`."""

    done: tuple[int, ...] = ()
    running: tuple[int, ...] = ()
    throttling: tuple[int, ...] = ()

    def moved(self, places: int) -> "WorkerSegments":
        """The same, numbered from so many places further on."""
        return WorkerSegments(*(tuple(n + places for n in each) for each in self._columns))

    def within(self, segments: range) -> "WorkerSegments":
        """Those of some segments, numbered from the first of these on."""
        columns = (tuple(n for n in each if n in segments) for each in self._columns)
        return WorkerSegments(*columns).moved(-segments.start)

    @property
    def _columns(self) -> tuple[tuple[int, ...], ...]:
        return self.done, self.running, self.throttling


@dataclass(frozen=True, slots=True)
class SegmentFigures:
    """The segments of one table: at most 240 `cells` in the order of the hash range, how long those
    took that this run began and finished, the `fastest` of these, and the slowest (index and
    seconds), those that run still included."""

    cells: tuple[Cell, ...] = ()
    durations: Durations = field(default_factory=Durations)
    fastest: float | None = None
    slowest: tuple[tuple[int, float], ...] = ()

    @property
    def median(self) -> float | None:
        """The median time of a segment, roughly: never below the fastest, nor above the slowest."""
        found = self.durations.percentile(0.5)
        if found is None or self.fastest is None or not self.slowest:
            return found
        return max(self.fastest, min(found, self.slowest[0][1]))

    def __add__(self, other: "SegmentFigures") -> "SegmentFigures":
        """Both together, cell by cell."""
        pairs = zip_longest(self.cells, other.cells, fillvalue=Cell(0))
        fastest = [each for each in (self.fastest, other.fastest) if each is not None]
        return SegmentFigures(
            tuple(Cell(*(x + y for x, y in zip(a, b, strict=True))) for a, b in pairs),
            self.durations + other.durations,
            min(fastest, default=None),
            _slowest((*self.slowest, *other.slowest)),
        )


_NONE: Final = WorkerSegments()


class SegmentClock:
    """Measures for how long each segment is read, and notes which are `throttling`; `clock` is in
    seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running: dict[int, float] = {}
        self._spent: dict[int, float] = {}
        self.throttling: set[int] = set()

    def begins(self, segment: int) -> None:
        """A segment is read, for the first time or once more."""
        self._running.setdefault(segment, self._clock())

    def rests(self, segment: int) -> None:
        """A segment is left for the time being."""
        self.throttling.discard(segment)
        began = self._running.pop(segment, None)
        if began is not None:
            self._spent[segment] = self._spent.get(segment, 0.0) + self._clock() - began

    def ends(self, segment: int) -> None:
        """A segment is done."""
        self.rests(segment)

    def spent_elsewhere(self, times: Mapping[int, float]) -> None:
        """A worker spent so many seconds on each of these segments."""
        for segment, seconds in times.items():
            self._spent[segment] = self._spent.get(segment, 0.0) + seconds

    @property
    def running(self) -> Collection[int]:
        """The segments that are being read."""
        return self._running.keys()

    def times(self) -> Mapping[int, float]:
        """The seconds spent on each segment by now."""
        now = self._clock()
        running = {
            segment: self._spent.get(segment, 0.0) + now - began
            for segment, began in self._running.items()
        }
        return {**self._spent, **running}


class SegmentBoard(SegmentClock):
    """Keeps the picture of the segments `own` of `total`, of which some are `done`. Beside it
    memory is held for the segments that were begun only."""

    def __init__(
        self,
        total: int,
        own: Iterable[int],
        done: Iterable[int] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self._total, self._count = total, min(total, CELLS)
        self._totals, self._done = self._cells(own), self._cells(done)
        self._stopwatch, self._fastest = Stopwatch(), math.inf
        self._slowest: tuple[tuple[int, float], ...] = ()
        self._still: SegmentFigures | None = None

    def begins(self, segment: int) -> None:
        """A segment is read, for the first time or once more."""
        super().begins(segment)
        self._still = None

    def ends(self, segment: int) -> None:
        """A segment is done, here or elsewhere."""
        super().ends(segment)
        self._still = None
        self._done[self._cell(segment)] += 1
        seconds = self._spent.pop(segment, None)
        if seconds is not None:
            self._stopwatch.note(seconds)
            self._fastest = min(self._fastest, seconds)
            self._slowest = _slowest((*self._slowest, (segment, seconds)))

    def figures(self, elsewhere: WorkerSegments = _NONE) -> SegmentFigures:
        """The picture now, with the segments that workers have. While nothing runs it is not drawn
        again."""
        out = {*self._running, *elsewhere.running}
        if out or elsewhere.done or self._still is None:
            figures = self._drawn(out, elsewhere)
            self._still = None if out or elsewhere.done else figures
            return figures
        return self._still

    def _drawn(self, out: Iterable[int], elsewhere: WorkerSegments) -> SegmentFigures:
        done = map(sum, zip(self._done, self._cells(elsewhere.done), strict=True))
        throttling = {*self.throttling, *elsewhere.throttling}
        columns = (self._totals, done, self._cells(out), self._cells(throttling))
        return SegmentFigures(
            tuple(Cell(*row) for row in zip(*columns, strict=True)),
            self._stopwatch.durations,
            None if self._fastest == math.inf else self._fastest,
            _slowest((*self._slowest, *self.times().items())),
        )

    def _cells(self, segments: Iterable[int]) -> list[int]:
        """The number of these segments in each cell."""
        counts = [0] * self._count
        for segment in segments:
            counts[self._cell(segment)] += 1
        return counts

    def _cell(self, segment: int) -> int:
        return segment * self._count // self._total


def _slowest(times: Iterable[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    return tuple(nlargest(_SLOWEST, times, key=lambda each: each[1]))
