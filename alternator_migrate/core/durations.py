"""Durations: how long requests and segments took, in constant memory."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate, zip_longest
from typing import Final

_LEAST: Final = 0.0001
_STEPS: Final = 4
_LAST: Final = 31 * _STEPS
_BOUNDS: Final = [_LEAST * 2 ** (index / _STEPS) for index in range(_LAST)]
"""Four buckets a doubling, from 0.1 ms to some 60 hours: percentiles are right within 9 %."""


@dataclass(frozen=True, slots=True)
class Durations:
    """Counts of durations by bucket, empty ones at the end left out, and their sum in seconds."""

    counts: tuple[int, ...] = ()
    seconds: float = 0.0

    def __add__(self, other: "Durations") -> "Durations":
        pairs = zip_longest(self.counts, other.counts, fillvalue=0)
        return Durations(tuple(a + b for a, b in pairs), self.seconds + other.seconds)

    def __sub__(self, earlier: "Durations") -> "Durations":
        """What came since `earlier`, which is of the same series."""
        pairs = zip_longest(self.counts, earlier.counts, fillvalue=0)
        counts = tuple(max(a - b, 0) for a, b in pairs)
        return Durations(counts, max(self.seconds - earlier.seconds, 0.0))

    @property
    def count(self) -> int:
        """The number of durations."""
        return sum(self.counts)

    def percentile(self, share: float) -> float | None:
        """The duration in seconds that a `share` (0 to 1) of all does not exceed; None without
        any."""
        if not self.count:
            return None
        running = list(accumulate(self.counts))
        index = bisect_left(running, max(share * running[-1], 1))
        return _LEAST * 2 ** ((index - 0.5) / _STEPS) if index else _LEAST

    def at_most(self, seconds: float) -> int:
        """The number of durations of at most so many `seconds`, as exact as the buckets are."""
        return sum(self.counts[: bisect_left(_BOUNDS, seconds) + 1])


class Stopwatch:
    """Collects durations; `durations` has them by now."""

    __slots__ = ("_counts", "_seconds")

    def __init__(self) -> None:
        self._counts = [0] * (_LAST + 1)
        self._seconds = 0.0

    def note(self, seconds: float) -> None:
        """Something took so many seconds."""
        self._counts[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds += seconds

    @property
    def durations(self) -> Durations:
        """All by now."""
        used = max((index + 1 for index, count in enumerate(self._counts) if count), default=0)
        return Durations(tuple(self._counts[:used]), self._seconds)
