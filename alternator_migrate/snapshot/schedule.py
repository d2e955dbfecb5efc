"""Which segment is read next: spread over the whole range, and away from what throttles.

DynamoDB keeps a table in partitions by ranges of its keys' hash, each with a limit of its own
(3,000 read units a second, says its page "Best practices for designing and using partition keys
effectively"), and Alternator in ranges of tokens; segment i of N is the range [i/N, (i+1)/N). So
what is read at once is spread over the whole: the range is cut into stretches, of which the one
with the fewest segments under way comes next, and among equals they come in the order of
reversed bits (0, 1/2, 1/4, 3/4, ...), after a resume over the segments that are left.

Where a request is throttled, its segment gives its place away and comes back after a wait with
jitter; from then on the requests of its stretch keep a distance from each other: a pace found as
TCP finds its own, nine tenths of what a token bucket gave between two refusals, growing while
nothing is refused, and gone when nothing was anywhere for a while. A partition keeps what it does
not give meanwhile (DynamoDB up to 300 seconds of it, says its page "Burst and adaptive capacity";
here no more than a second is relied on), so that such a pace loses nothing. While a stretch has to
keep to one, no further segment of it is begun.
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
from alternator_migrate.core.throttling import growth

_HOT_SECONDS: Final = 0.5
_REST: Final = 0.3
_LONGEST_REST: Final = 10.0
_JITTER: Final = (0.5, 1.5)
_CUT: Final = 0.9
_SLOW_SECONDS: Final = 1.5
_LIFT: Final = 2.0
# Before the first refusal a bucket gives what it had kept besides.
_AT_FIRST: Final = 0.6
# What gives fewer pages a second is no partition of its own that is read as fast as it may be.
_LEAST_PACE: Final = 2.0
# Refusals of requests that were under way at the same time are one sign.
_SAME_SECONDS: Final = 0.7
_QUIET_SECONDS: Final = 0.8
_RECENT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Pace:
    """The distance that requests of a stretch keep, once one of them was throttled; in pages a
    second: what it gave, and the `rate` at `cut_at`."""

    given: float
    rate: float
    cut_at: float

    def now(self, at: float) -> float:
        """The rate by now."""
        return self.rate * growth(at - self.cut_at, _SLOW_SECONDS)


@dataclass(slots=True)
class _Stretch:
    """A part of the range: the segments in it that wait, and how many are under way.

    `turn` orders equals; `served` counts the pages answered since `since`, when a request was last
    throttled; `rest` is how long to wait after the next time.
    """

    turn: int
    since: float
    waiting: deque[Segment] = field(default_factory=deque)
    begun: int = 0
    hot_until: float = 0.0
    pace: _Pace | None = None
    rest: float = _REST
    served: float = 0.0
    refused_at: float = float("-inf")
    next_at: float = 0.0

    def answered(self, now: float) -> None:
        """A page was answered. Where there is no pace, the last pages are what counts."""
        self.served += 1
        is_known = self.refused_at > float("-inf")
        if is_known and not self.pace and now - self.since > _RECENT_SECONDS:
            self.served /= 2
            self.since = (now + self.since) / 2

    def refused(self, now: float) -> None:
        """A request was throttled."""
        if now - self.refused_at < _SAME_SECONDS:
            return
        if self.served:
            self.rest = _REST
            given = self.served / max(now - self.since, 0.1)
            if self.refused_at == float("-inf"):
                given *= _AT_FIRST
            self._keep_to(given, _CUT * given, now)
        else:
            self.rest = min(2 * self.rest, _LONGEST_REST)
            if self.pace:
                self._keep_to(self.pace.rate, self.pace.rate / 2, now)
        self.served, self.since, self.refused_at = 0.0, now, now

    def wait(self, now: float) -> float:
        """Seconds that the next request has to wait."""
        if self.pace and self.pace.now(now) > _LIFT * self.pace.given:
            self.pace = None
        at = max(self.next_at, now)
        if self.pace:
            self.next_at = at + 1 / self.pace.now(now)
        if at > now:
            self.hot_until = max(self.hot_until, at + _HOT_SECONDS)
        return at - now

    def inherit(self, pace: _Pace, now: float) -> None:
        """A stretch beside this one is read, and leaves over what it was given."""
        if self.pace:
            given = self.pace.given + pace.given
            self.pace = _Pace(given, given, now)
            self.served, self.since = 0.0, now

    def _keep_to(self, given: float, rate: float, now: float) -> None:
        self.pace = _Pace(given, rate, now) if given > _LEAST_PACE else None


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
        now = self._refused_at = clock()
        for segment in by_reversed_bits(sorted(segments, key=lambda each: each.index)):
            number = self._number(segment)
            stretch = self._stretches.setdefault(number, _Stretch(turns[number], now))
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
        chosen.begun += 1
        self.waiting -= 1
        return chosen.waiting.popleft()

    def pause(self) -> float | None:
        """Seconds until a segment may be begun that may not now; None where none waits."""
        ends = [each.hot_until for each in self._stretches.values() if each.waiting]
        return max(min(ends) - self._clock(), 0.01) if ends else None

    def wait(self, segment: Segment) -> float:
        """Seconds that the next request of a segment has to wait, which it will be sent after."""
        stretch, now = self._of(segment), self._clock()
        if now - self._refused_at > _QUIET_SECONDS:
            stretch.pace = None
        return stretch.wait(now)

    def served(self, segment: Segment) -> None:
        """A page of a segment was answered."""
        self._of(segment).answered(self._clock())

    def throttled(self, segment: Segment, *, wide: bool = False) -> float:
        """A request of a segment was throttled: the seconds that it is to rest. Where it is the
        whole table that gives no more (`wide`), no stretch keeps to a pace of its own."""
        stretch, now = self._of(segment), self._clock()
        self._refused_at = now
        stretch.refused(now)
        if wide:
            for each in self._stretches.values():
                each.pace = None
        rest = stretch.rest * self._chance(*_JITTER)
        stretch.next_at = max(stretch.next_at, now + rest)
        return stretch.wait(now)

    def done(self, segment: Segment) -> None:
        """A segment is under way no more. What a stretch that is read was given may be its
        neighbours', until they are refused it."""
        number, now = self._number(segment), self._clock()
        stretch = self._stretches[number]
        stretch.begun -= 1
        if not stretch.begun and not stretch.waiting and stretch.pace:
            for beside in (number - 1, number + 1):
                if beside in self._stretches:
                    self._stretches[beside].inherit(stretch.pace, now)

    def _of(self, segment: Segment) -> _Stretch:
        return self._stretches[self._number(segment)]

    def _number(self, segment: Segment) -> int:
        return segment.index * self._count // segment.total
