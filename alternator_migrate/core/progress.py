"""Progress: one snapshot of a run, from which every output is made."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from alternator_migrate.core.counts import ChangeCounts, Counts, ValidationCounts
from alternator_migrate.core.state import Status


@dataclass(frozen=True, slots=True)
class FollowProgress:
    """One snapshot of how changes are followed.

    `waiting` changes were read and are not applied, those in the spool included; `lag` is in
    seconds, None while it cannot be told; `caught_up` says that the rule for it holds.
    """

    counts: ChangeCounts
    waiting: int = 0
    lag: float | None = None
    shards: int = 0
    caught_up: bool = False


class Meter:
    """The speed of a piece of work in this run, from its beginning to its end or until now.
    `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._ended = 0.0
        self._first = 0

    def begin(self, done: int) -> None:
        """The work begins, of which so many items are `done` already."""
        self._began, self._first = self._clock(), done

    def end(self) -> None:
        """The work is over."""
        self._ended = self._clock()

    def speed(self, done: int) -> float:
        """Items a second, when so many are `done` now; 0 before the beginning."""
        seconds = (self._ended or self._clock()) - self._began
        return (done - self._first) / seconds if self._began and seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """One snapshot of a table's migration; every output reads this and nothing else.

    `state` is what is going on ("copying", "building index by-city", ...), `paced` why it is
    slower than it could be, or "". `expected` is the server's own, stale, item count; `speed` is
    in items a second, of what this run has copied or compared. In the phase "Validate" `examined`
    and `expected` count the items of both sides; `validated` is None where nothing was validated.
    `status` is RUNNING until the table has come to its end, and `error` why it failed, or "".
    """

    source: str
    target: str
    state: str = "starting"
    phase: Literal["Copy", "Validate"] = "Copy"
    segments_total: int = 0
    segments_done: int = 0
    items: Counts = field(default_factory=Counts)
    expected: int = 0
    bytes_read: int = 0
    batches: int = 0
    backlog: int = 0
    retries: int = 0
    throttled: int = 0
    paced: str = ""
    speed: float = 0.0
    examined: int = 0
    validated: ValidationCounts | None = None
    changes: FollowProgress | None = None
    status: Status = Status.RUNNING
    error: str = ""

    @property
    def handled(self) -> int:
        """Items that are done with, in the way of the phase."""
        if self.phase == "Validate":
            return self.examined
        return self.items.handled

    @property
    def rejected(self) -> int:
        """Items and changes that the target refused."""
        return self.items.rejected + (self.changes.counts.rejected if self.changes else 0)

    @property
    def fraction(self) -> float:
        """The share that is done, 0 to 1: by items, or by segments where the expected count is
        absent or already passed; 1 where only changes are followed."""
        whole = self.segments_done == self.segments_total
        if whole and (self.segments_total or self.changes):
            return 1.0
        if self.expected and max(self.items.read, self.examined) <= self.expected:
            return self.handled / self.expected
        return self.segments_done / self.segments_total if self.segments_total else 0.0
