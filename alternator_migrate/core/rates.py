"""Rates: what only a series of snapshots tells."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from alternator_migrate.core.progress import Progress, RatesNow

_WINDOW_SECONDS: Final = 30.0
_APART_SECONDS: Final = 0.2


class _Seen(NamedTuple):
    """What one snapshot told, and when."""

    at: float
    items: int
    size: int
    gained: float
    changes: int
    left: float


@dataclass(slots=True)
class Rates:
    """Speed over the last 30 seconds of snapshots of one phase, and the time left at that speed,
    which is not known of what comes after the copy: indexes, or changes."""

    _seen: deque[_Seen] = field(default_factory=deque)
    _phase: str = ""
    _is_after: bool = False

    def note(self, progress: Progress, now: float) -> None:
        """Take a snapshot into account; `now` is a monotonic clock in seconds."""
        seen = self._seen
        if progress.phase != self._phase:  # which counts anew
            self._phase = progress.phase
            seen.clear()
        is_done, whole = progress.state == "done", progress.fraction
        self._is_after = whole == 1 and not is_done
        if len(seen) > 1 and now - seen[-2].at < _APART_SECONDS:
            seen.pop()
        changes, before = progress.changes.counts.read if progress.changes else 0, progress.before
        items, size = progress.handled - before.items, progress.bytes_read - before.size
        seen.append(
            _Seen(now, items, size, progress.gained, changes, 0.0 if is_done else 1 - whole)
        )
        while len(seen) > 2 and now - seen[0].at > _WINDOW_SECONDS:
            seen.popleft()

    def after(self, progress: Progress, now: float) -> RatesNow:
        """The rates after one snapshot more: none while it is held back."""
        self.note(progress, now)
        return RatesNow() if any(reason.pauses for reason in progress.reasons) else self.now

    @property
    def now(self) -> RatesNow:
        """The rates by now."""
        first, last = (self._seen[0], self._seen[-1]) if self._seen else (None, None)
        if first is None or last is None or last.at == first.at:
            return RatesNow()
        seconds = last.at - first.at
        speed = (last.gained - first.gained) / seconds
        return RatesNow(
            max(last.items - first.items, 0) / seconds,
            max(last.size - first.size, 0) / seconds,
            max(last.changes - first.changes, 0) / seconds,
            last.left / speed if speed > 0 and not self._is_after else None,
        )


class Observer:
    """Adds the rates to snapshots of tables, and tells those of their total; `clock` is in
    seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rates: dict[tuple[str, str], Rates] = {}
        self._total = Rates()
        self._first: dict[str, tuple[float, int]] = {}

    def observed(self, tables: Iterable[Progress]) -> tuple[Progress, ...]:
        """The same, with what is done in a second of late."""
        return tuple(replace(table, now=self._now(table)) for table in tables)

    def now(self, total: Progress) -> RatesNow:
        """What is done in a second of late, in all."""
        return self._total.after(total, self._clock())

    def average(self, total: Progress) -> float:
        """Items a second since the first look at a total, which has no beginning of its own."""
        now, done = self._clock(), total.handled - total.before.items
        began, first = self._first.setdefault(total.phase, (now, done))
        return max(done - first, 0) / (now - began) if now > began else 0.0

    def _now(self, table: Progress) -> RatesNow:
        rates = self._rates.setdefault((table.source, table.target), Rates())
        return rates.after(table, self._clock())
