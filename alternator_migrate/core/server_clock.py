"""The clocks of servers, as their answers tell them."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import chain
from typing import Final

_DATED_SECONDS: Final = 2.0
"""By how much a server's time may be beyond its Date, which has whole seconds, and which some
(ScyllaDB) make anew but once a second."""
_FORGET_SECONDS: Final = 600.0
_REPLACED_SECONDS: Final = 60.0
_SPAN_SECONDS: Final = 1.0
_MOST_NODES: Final = 256
_MOST_CLOCKS: Final = 4
_NO_DATE: Final = (ValueError, OverflowError, TypeError, IndexError, OSError)
"""What the parser raises for words that are no date."""


@dataclass(slots=True)
class _Clock:
    """A clock that differs from this machine's by `low` to `high` seconds, as was heard last at
    `heard` (seconds of a clock that is never set)."""

    low: float
    high: float
    heard: float


class ServerClock:
    """The time by the clocks of all nodes of a service. An answer that was sent for and received
    at known times tells its node's to within a second or two and its way; several narrow that
    down. An answer that contradicts those before is of a clock that was set, or of another server
    behind the same address: both count until one has not been heard of for a minute. Nodes that
    are silent for ten minutes, while others are not, are forgotten. Times are epoch seconds; as
    long as nothing was heard they are this machine's."""

    def __init__(self) -> None:
        self._nodes: dict[str, list[_Clock]] = {}
        self._heard = 0.0
        self._span, self._span_at = (0.0, 0.0), -math.inf

    def at_least(self) -> float:
        """The time that it is now by the clock of every node."""
        return time.time() + self._bounds()[0]

    def at_most(self) -> float:
        """The time that it is not yet, or only just, by the clock of any node."""
        return time.time() + self._bounds()[1]

    def heard(self, node: str, date: str | None, sent: float, received: float) -> None:
        """Take an answer of a node with this Date into account, which was asked for at `sent` and
        was there at `received` by this machine's clock."""
        found = bounds(date, sent, received)
        if found is None:
            return
        low, high = found
        now = self._heard = time.monotonic()
        clocks = self._nodes.get(node)
        if clocks is None:
            clocks = self._new(node)
        for each in reversed(clocks):
            if low <= each.high and high >= each.low:
                if low > each.low or high < each.high:
                    each.low, each.high = max(low, each.low), min(high, each.high)
                    self._span_at = -math.inf
                each.heard = now
                return
        clocks.append(_Clock(low, high, now))
        del clocks[:-_MOST_CLOCKS]
        self._span_at = -math.inf

    def _new(self, node: str) -> list[_Clock]:
        if len(self._nodes) >= _MOST_NODES:
            del self._nodes[min(self._nodes, key=lambda name: _last(self._nodes[name]))]
        return self._nodes.setdefault(node, [])

    def _bounds(self) -> tuple[float, float]:
        """The least and the most by which any clock is ahead, looked at again when one is known
        better, and once a second, for some are forgotten."""
        now = time.monotonic()
        if not 0 <= now - self._span_at < _SPAN_SECONDS:
            clocks = [*self._clocks()]
            low = min((each.low for each in clocks), default=0.0)
            self._span = low, max((each.high for each in clocks), default=0.0)
            self._span_at = now
        return self._span

    def _clocks(self) -> Iterator[_Clock]:
        oldest = self._heard - _FORGET_SECONDS
        for node in [name for name, clocks in self._nodes.items() if _last(clocks) < oldest]:
            del self._nodes[node]
        for clocks in self._nodes.values():
            if len(clocks) > 1:
                known_at = _last(clocks) - _REPLACED_SECONDS
                clocks[:] = [each for each in clocks if each.heard >= known_at]
        return chain.from_iterable(self._nodes.values())


def bounds(date: str | None, sent: float, received: float) -> tuple[float, float] | None:
    """The least and the most by which a server's clock may be ahead of this machine's (seconds,
    negative where it is behind), by the Date of an answer that was asked for at `sent` and there at
    `received`; None without one."""
    second = _second(date) if date else None
    return None if second is None else (second - received, second + _DATED_SECONDS - sent)


def _last(clocks: list[_Clock]) -> float:
    return max(each.heard for each in clocks)


@lru_cache(maxsize=64)
def _second(date: str) -> float | None:
    try:
        found = parsedate_to_datetime(date)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except _NO_DATE:
        return None
