"""Which segment is read next: spread over the whole range, and away from what throttles.

DynamoDB keeps a table in partitions by ranges of its keys' hash, each with a limit of its own
(3,000 read units a second, says its page "Best practices for designing and using partition keys
effectively"), and Alternator in ranges of tokens; segment i of N is the range [i/N, (i+1)/N). So
what is read at once is spread over the whole: the range is cut into stretches, of which the one
with the fewest segments under way comes next, and among equals they come in the order of
reversed bits (0, 1/2, 1/4, 3/4, ...), after a resume over the segments that are left.

Where a request is throttled, its segment gives its place away and comes back after a wait with
jitter; from then on the requests of its stretch keep a distance from each other: a pace found as
TCP finds its own, at first three quarters of what was achieved, growing while nothing is refused.
A partition keeps what it does not give meanwhile (DynamoDB up to 300 seconds of it, says its
page "Burst and adaptive capacity"; here no more than a second is relied on), so that such a pace
loses nothing. While a stretch has to keep to one, no further segment of it is begun.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from alternator_migrate.core.capacity import LEAST_STRETCHES
from alternator_migrate.core.model import Segment
from alternator_migrate.core.spread import by_reversed_bits

_HOT_SECONDS: Final = 0.5
_REST: Final = 0.4
_LONGEST_REST: Final = 10.0
_JITTER: Final = (0.5, 1.5)
_CUT: Final = 0.85
_GROWTH: Final = 1.1
_SLOW_SECONDS: Final = 1.5
_FASTEST: Final = 9.0
_LIFT: Final = 2.0
# Refusals of requests that were under way at the same time are one sign.
_SAME_SECONDS: Final = 1.0


@dataclass(slots=True)
class _Pace:
    """The distance that requests of a stretch keep, once one of them was throttled; `rate` is in
    pages a second."""

    rate: float
    achieved: float
    cut_at: float

    def now(self, at: float) -> float:
        """The rate by now."""
        seconds = at - self.cut_at
        slow = min(seconds, _SLOW_SECONDS)
        return self.rate * float(_GROWTH ** (slow + 2 * (2 ** min(seconds - slow, _FASTEST) - 1)))


@dataclass(slots=True)
class _Stretch:
    """A part of the range: the segments in it that wait, and how many are under way.

    `turn` orders equals; `served` counts the pages answered since `since`, when a request was last
    throttled; `rest` is how long to wait after the next time.
    """

    turn: int
    waiting: deque[Segment] = field(default_factory=deque)
    begun: int = 0
    hot_until: float = 0.0
    pace: _Pace | None = None
    rest: float = _REST
    served: int = 0
    since: float = 0.0
    refused_at: float = float("-inf")
    next_at: float = 0.0

    def refused(self, now: float) -> None:
        """A request was throttled."""
        if now - self.refused_at < _SAME_SECONDS:
            return
        if self.served:
            self.rest = _REST
            achieved = self.served / max(now - self.since, 0.1)
            self.pace = _Pace(_CUT * achieved, achieved, now)
        else:
            self.rest = min(2 * self.rest, _LONGEST_REST)
            if self.pace:
                self.pace = _Pace(self.pace.rate / 2, self.pace.rate, now)
        self.served, self.since, self.refused_at = 0, now, now

    def wait(self, now: float) -> float:
        """Seconds that the next request has to wait."""
        if self.pace and self.pace.now(now) > _LIFT * self.pace.achieved:
            self.pace = None
        at = max(self.next_at, now)
        if self.pace:
            self.next_at = at + 1 / self.pace.now(now)
        if at > now:
            self.hot_until = max(self.hot_until, at + _HOT_SECONDS)
        return at - now


class Schedule:
    """The order in which `segments` are read, beginning near the first of them: `begin` gives the
    next one, and is told how those begun fare.

    `stretches` are so many parts of the range, best two a partition.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        stretches: int = LEAST_STRETCHES,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._clock, self._chance = clock, chance
        self._count, self.waiting = stretches, len(segments)
        first = self._number(segments[0]) if segments else 0
        order = [(first + each) % stretches for each in by_reversed_bits(range(stretches))]
        turns = {number: turn for turn, number in enumerate(order)}
        self._stretches: dict[int, _Stretch] = {}
        for segment in by_reversed_bits(sorted(segments, key=lambda each: each.index)):
            number = self._number(segment)
            stretch = self._stretches.setdefault(number, _Stretch(turns[number]))
            stretch.waiting.append(segment)

    def begin(self) -> Segment | None:
        """The next segment, which counts as under way until it is `done`; None while all that
        wait are where a request was throttled, and where there are none."""
        now = self._clock()
        open_ones = [each for each in self._stretches.values() if each.waiting]
        free = [each for each in open_ones if not each.begun or each.hot_until <= now]
        if not free:
            return None
        chosen = min(free, key=lambda each: (each.begun, -len(each.waiting), each.turn))
        chosen.since = chosen.since or now
        chosen.begun += 1
        self.waiting -= 1
        return chosen.waiting.popleft()

    def pause(self) -> float | None:
        """Seconds until a segment may be begun that may not now; None where none waits."""
        ends = [each.hot_until for each in self._stretches.values() if each.waiting]
        return max(min(ends) - self._clock(), 0.01) if ends else None

    def wait(self, segment: Segment) -> float:
        """Seconds that the next request of a segment has to wait, which it will be sent after."""
        return self._of(segment).wait(self._clock())

    def served(self, segment: Segment) -> None:
        """A page of a segment was answered."""
        self._of(segment).served += 1

    def throttled(self, segment: Segment) -> float:
        """A request of a segment was throttled: the seconds that it is to rest."""
        stretch, now = self._of(segment), self._clock()
        stretch.refused(now)
        rest = stretch.rest * self._chance(*_JITTER)
        stretch.next_at = max(stretch.next_at, now + rest)
        return stretch.wait(now)

    def done(self, segment: Segment) -> None:
        """A segment is under way no more. What a stretch that is read leaves over may be its
        neighbours': their paces are found anew."""
        number = self._number(segment)
        stretch = self._stretches[number]
        stretch.begun -= 1
        if not stretch.begun and not stretch.waiting:
            for beside in (number - 1, number + 1):
                if beside in self._stretches:
                    self._stretches[beside].pace = None

    def _of(self, segment: Segment) -> _Stretch:
        return self._stretches[self._number(segment)]

    def _number(self, segment: Segment) -> int:
        return segment.index * self._count // segment.total
