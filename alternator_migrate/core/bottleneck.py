"""What limits a run: the source, the target, a cap, or this machine."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from alternator_migrate.core.counts import Sum

Limit: TypeAlias = Literal["source", "target", "read_cap", "write_cap", "machine"]
SAMPLE_SECONDS: Final = 0.25
_TEXTS: Final[dict[Limit, str]] = {
    "source": "the source",
    "target": "the target",
    "read_cap": "the cap on reading",
    "write_cap": "the cap on writing",
    "machine": "this machine",
}
# Of the time of one core: what is left goes to waits that are too short to be of use.
_BUSY: Final = 0.9
_RECENT_SECONDS: Final = 15.0
_FEWEST: Final = 4


@dataclass(frozen=True, slots=True)
class Pressure(Sum):
    """How many moments each was what limited the work, and in how many nothing did: what is read
    and what is written kept up with each other."""

    source: int = 0
    target: int = 0
    read_cap: int = 0
    write_cap: int = 0
    machine: int = 0
    nothing: int = 0

    @property
    def limit(self) -> str:
        """What limited most of the time, for a person; "" where it is not known."""
        seen = {limit: getattr(self, limit) for limit in _TEXTS}
        most = max(seen, key=lambda limit: seen[limit])
        return _TEXTS[most] if seen[most] >= _FEWEST and seen[most] > self.nothing else ""


class Sampler:
    """Looks at the work on one event loop, moment by moment; `pressure` counts what is seen.

    `waits()` says why requests to the source and to the target wait now ("cap", "throttled", ...,
    "" where they do not). Clocks are in seconds; `cpu` is the time that this process has computed.
    """

    def __init__(
        self,
        waits: Callable[[], tuple[str, str]],
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self.pressure = Pressure()
        self._waits, self._clock, self._cpu = waits, clock, cpu
        self._at, self._computed = clock(), cpu()

    def look(self, *, is_empty: bool, is_full: bool) -> None:
        """Note a moment: whether writers wait for batches, or readers for room."""
        now, computed = self._clock(), self._cpu()
        elapsed, self._at = now - self._at, now
        busy, self._computed = computed - self._computed, computed
        reading, writing = self._waits()
        limit = _limit_of(reading, writing, is_empty=is_empty, is_full=is_full)
        if elapsed > 0 and busy >= _BUSY * elapsed:
            limit = "machine"
        self.pressure += Pressure(**{limit or "nothing": 1})


def _limit_of(reading: str, writing: str, *, is_empty: bool, is_full: bool) -> Limit | None:
    """What limits: a side that is waited for, by a cap where there is one that holds."""
    if is_full:
        return "write_cap" if writing == "cap" else "target"
    if is_empty:
        return "read_cap" if reading == "cap" else "source"
    if reading == "cap":
        return "read_cap"
    return "write_cap" if writing == "cap" else None


class Recently:
    """The part of a pressure that came within the last seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, Pressure]] = deque()

    def of(self, pressure: Pressure) -> Pressure:
        """What came lately of all that was counted by now."""
        now = self._clock()
        self._seen.append((now, pressure))
        while now - self._seen[0][0] > _RECENT_SECONDS:
            self._seen.popleft()
        _, before = self._seen[0]
        names = Pressure.__slots__
        return Pressure(*(getattr(pressure, each) - getattr(before, each) for each in names))
