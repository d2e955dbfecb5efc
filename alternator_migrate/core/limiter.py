"""A limit of requests at once: as many as the other side can take without queueing them.

Alternator does not throttle, it slows down. The rule is that of BBR (Cardwell et al., "BBR:
Congestion-Based Congestion Control", 2016) with requests for packets: a server holds
`throughput x latency` of them when it is just busy, so the limit is a gain times the highest
throughput of the last rounds times the lowest latency of the last minute. More than that
would only wait inside the server. When another client loads it, throughput falls and the limit
with it, within seconds; once a minute the latency is measured afresh at the lowest limit.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from alternator_migrate.core.progress import Reason

log = logging.getLogger(__name__)
# Twelve rounds of 0.25 s: a throughput that no longer holds is forgotten after three seconds.
_ROUND_SECONDS: Final = 0.25
# As in BBR: the start doubles until three rounds in turn bring no growth worth the name.
_GAIN: Final = 1.5
_STARTUP_GAIN: Final = 2.0
_GROWTH: Final = 1.2
_FLAT_ROUNDS: Final = 3
_THROUGHPUT_ROUNDS: Final = 12
_LATENCY_SECONDS: Final = 60.0
_PROBE_ROUNDS: Final = 2
_MOST_REFUSED: Final = 0.05
# A client's 99th percentile is to be near the bound soon, and not to swing about it.
_LAST_ANSWERS: Final = 60
_PERCENTILE: Final = 0.95
_STEP_DOWN: Final = 0.7
_STEP_UP: Final = 1.08
_TOLD_SECONDS: Final = 5.0


class Limiter:
    """Lets up to `limit` holders in at once, in the order of asking, and finds the limit by what it
    sees of them.

    `limit` stays between `lowest` and `highest`, and begins with `start` (None: the lowest). Use
    `async with limiter.slot():` around one request; one that fails is not counted. While of the
    last requests more than one in twenty took over `longest` seconds the limit comes down, as far
    as one; then it returns step by step.
    """

    def __init__(
        self,
        highest: int,
        lowest: int = 4,
        clock: Callable[[], float] = time.monotonic,
        start: int | None = None,
        longest: float | None = None,
    ) -> None:
        self.lowest, self.highest = min(lowest, highest), highest
        self.limit = min(start or self.lowest, highest)
        self._longest, self._ceiling = longest, float(highest)
        self._took: deque[float] = deque(maxlen=_LAST_ANSWERS)
        self._slow_at = -math.inf
        self.clock = clock
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._round = clock()
        self._done = 0
        self._latency = 0.0
        self._saturated = False
        self._refused = 0
        self._throughputs: deque[float] = deque(maxlen=_THROUGHPUT_ROUNDS)
        self._shortest = math.inf
        self._shortest_at = clock()
        self._probing = 0
        self._starting = True
        self._flat = 0

    def allow(self, highest: int) -> None:
        """Let `highest` be the bound from now on."""
        self.lowest, self.highest = min(self.lowest, highest), highest
        self._set(self.limit)

    def slot(self) -> "_Slot":
        """A place for one write: entered when one is free."""
        return _Slot(self)

    async def enter(self, *, first: bool = False) -> None:
        """Wait for a free place and take it: after all who wait already, or `first` of all."""
        if self._inside < self.limit and not self._waiting:
            self._inside += 1
            return
        self._saturated = True
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if first:
            self._waiting.appendleft(place)
        else:
            self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._inside -= 1
            self._wake()
            raise

    def reason(self, side: str) -> Reason | None:
        """Why fewer requests to `side` are sent than it could take; None if there is no reason."""
        if self._longest is None or self.clock() - self._slow_at > _TOLD_SECONDS:
            return None
        return Reason("slow", f"{side} answers slower than in {self._longest * 1000:g} ms")

    def refused(self) -> None:
        """A request was throttled: where many are, the limit is no larger than it must be."""
        self._refused += 1

    def want(self) -> None:
        """More would be done at once, if that were allowed."""
        self._saturated = True

    def leave(self, took: float | None) -> None:
        """Give the place back after a write that took so many seconds; None if it failed."""
        if took is not None:
            self._note(took)
        self._inside -= 1
        self._wake()

    def _wake(self) -> None:
        """Give free places to those who wait the longest."""
        while self._waiting and self._inside < self.limit:
            place = self._waiting.popleft()
            if not place.done():
                self._inside += 1
                place.set_result(None)

    def _note(self, took: float) -> None:
        now = self.clock()
        self._done += 1
        self._latency += took
        if self._longest:
            self._took.append(took)
        if now - self._round >= _ROUND_SECONDS and self._done >= self.limit:
            self._end_round(now)

    def _end_round(self, now: float) -> None:
        """Take one round's throughput and latency into account, and set the limit anew."""
        throughput = self._done / (now - self._round)
        latency = self._latency / self._done
        if self._probing == 1:
            self._shortest, self._shortest_at = latency, now
            self._starting, self._flat = True, 0
            self._throughputs.clear()
        elif latency < self._shortest:
            self._shortest, self._shortest_at = latency, now
        self._probing = max(self._probing - 1, 0)
        if self._refused:
            self._starting = False
            self._throughputs.append(throughput)
            many = self._refused > _MOST_REFUSED * self._done
            bound = self.limit if many else self.highest
            self._set(min(_GAIN * max(self._throughputs) * self._shortest, bound))
        elif self._saturated and not self._probing:
            self._throughputs.append(throughput)
            self._grow_or_settle()
        if now - self._shortest_at > _LATENCY_SECONDS and not self._probing:
            self._probing = _PROBE_ROUNDS
            self._set(self.lowest)
        if self._longest and self._took:
            self._protect(self._longest, now)
        self._round, self._done, self._latency, self._saturated = now, 0, 0.0, False
        self._refused = 0
        self._wake()

    def _grow_or_settle(self) -> None:
        best = max(self._throughputs)
        if self._starting:
            grew = len(self._throughputs) < 2 or best > _GROWTH * sorted(self._throughputs)[-2]
            self._flat = 0 if grew else self._flat + 1
            self._starting = self._flat < _FLAT_ROUNDS
        gain = _STARTUP_GAIN if self._starting else _GAIN
        self._set(gain * best * self._shortest)

    def _protect(self, longest: float, now: float) -> None:
        """Keep the 95th percentile of the last answers at `longest` seconds."""
        answers = sorted(self._took)
        if answers[int(_PERCENTILE * (len(answers) - 1))] > longest:
            self._ceiling = max(min(self._ceiling, self.limit) * _STEP_DOWN, 1.0)
            self._slow_at = now
            self._took.clear()
        else:
            self._ceiling = min(self._ceiling * _STEP_UP, float(self.highest))
        self._set(self.limit)

    def _set(self, limit: float) -> None:
        before, self.limit = self.limit, max(self.lowest, min(self.highest, math.ceil(limit)))
        if self._longest:
            self.limit = min(self.limit, max(int(self._ceiling), 1))
        if self.limit != before:
            log.debug("limiter: %d at once, was %d", self.limit, before)


class _Slot:
    """One place of a limiter, for the time of one write."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._began = 0.0
        self._used = True

    async def __aenter__(self) -> "_Slot":
        await self._limiter.enter()
        self._began = self._limiter.clock()
        return self

    def unused(self) -> None:
        """Nothing was to be done in it after all."""
        self._used = False

    async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
        counts = error is None and self._used
        self._limiter.leave(self._limiter.clock() - self._began if counts else None)
