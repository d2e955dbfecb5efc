"""The gate: what holds a run back, since when, and for how long in all."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from alternator_migrate.core.progress import Reason, ReasonKind
from alternator_migrate.core.texts import clock_text, duration

log = logging.getLogger(__name__)
DRAIN_SECONDS: Final = 3.0
"""Seconds in which what has been read is still written, once a run is held back."""


HoldName: TypeAlias = Literal["user", "file", "host file", "command", "url"]
_KINDS: Final[Mapping[HoldName, ReasonKind]] = {
    "user": "user",
    "file": "file",
    "host file": "file",
    "command": "judge",
    "url": "judge",
}


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason to be held back: `why` for a person, `since` in epoch seconds."""

    why: str
    since: float


class Gate:
    """Holds a run back while there is any reason for it; no reason lifts another one.

    `held` is set while there is one, `reading` while there is none and pages may be asked for,
    `writing` while items may be written: until some seconds later, so that what has been read is
    written. `shut` is set while neither may be. `clock` is in seconds, and so is that of the gate,
    which stands while it is held.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.held, self.shut = asyncio.Event(), asyncio.Event()
        self.reading, self.writing = asyncio.Event(), asyncio.Event()
        self.reading.set()
        self.writing.set()
        self._now = clock
        self._holds: dict[HoldName, Hold] = {}
        self._held_since = self._held_before = 0.0
        self._draining: asyncio.TimerHandle | None = None
        self._changed: list[Callable[[], None]] = []

    @property
    def holds(self) -> Mapping[HoldName, Hold]:
        """The reasons that hold now, by their names, oldest first."""
        return dict(self._holds)

    @property
    def is_open(self) -> bool:
        """Whether there is no reason to be held back."""
        return not self._holds

    @property
    def seconds(self) -> float:
        """The time for which the run has been held back, up to now."""
        running = 0.0 if self.is_open else self._now() - self._held_since
        return self._held_before + running

    def clock(self) -> float:
        """A clock in seconds that stands still while the run is held back."""
        return self._now() - self.seconds

    @contextmanager
    def telling(self, react: Callable[[], None]) -> Iterator[None]:
        """Call `react` whenever the gate has moved, while the block lasts."""
        self._changed.append(react)
        try:
            yield
        finally:
            self._changed.remove(react)

    def hold(self, name: HoldName, why: str) -> bool:
        """Hold the run back for the reason `name`; False where it holds already, in which case
        only the words change. Called in the run's event loop."""
        known = self._holds.get(name)
        self._holds[name] = Hold(why, known.since if known else time.time())
        if known is None:
            log.warning("paused: %s", why)
        if len(self._holds) == 1 and not known:
            self._close()
        return known is None

    def release(self, name: HoldName) -> bool:
        """Lift the reason `name`; False where it does not hold. Others stay."""
        gone = self._holds.pop(name, None)
        if gone is None:
            return False
        if self.is_open:
            self._open()
            log.info("going on: no longer paused, after %s in all", duration(self.seconds))
        else:
            log.info("no longer paused %s, but still: %s", gone.why, self.text)
        return True

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reasons as a snapshot of progress has them."""
        return tuple(
            Reason(_KINDS[name], each.why, pauses=True, since=each.since)
            for name, each in self._holds.items()
        )

    def state(self, otherwise: str) -> str:
        """ "pausing" or "paused" while the run is held back, else what it is `otherwise`."""
        if self.is_open:
            return otherwise
        return "paused" if self.shut.is_set() else "pausing"

    @property
    def text(self) -> str:
        """The reasons for a person, with the time of day since when; "" where there is none."""
        return "; ".join(
            f"{each.why} since {clock_text(each.since)}" for each in self._holds.values()
        )

    def _close(self) -> None:
        self._held_since = self._now()
        self.held.set()
        self.reading.clear()
        loop = asyncio.get_running_loop()
        self._draining = loop.call_later(DRAIN_SECONDS, self._shut)
        self._tell()

    def _shut(self) -> None:
        self.writing.clear()
        self.shut.set()
        self._tell()

    def _open(self) -> None:
        self._held_before += self._now() - self._held_since
        if self._draining:
            self._draining.cancel()
        self.held.clear()
        self.shut.clear()
        self.reading.set()
        self.writing.set()
        self._tell()

    def _tell(self) -> None:
        for react in (*self._changed,):
            react()
