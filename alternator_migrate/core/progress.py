"""Progress: one snapshot of a run, from which every output is made."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from alternator_migrate.core.calls import CallFigures
from alternator_migrate.core.counts import ChangeCounts, Counts, Sum, ValidationCounts
from alternator_migrate.core.model import Role
from alternator_migrate.core.requests import RequestFigures, SideFigures
from alternator_migrate.core.segments import SegmentFigures
from alternator_migrate.core.state import Status

ReasonKind: TypeAlias = Literal["cap", "throttled", "slow", "retry", "user", "file", "judge"]
"""A cap of the user's; a side that throttles; a target that is protected because it is slow;
requests that are repeated; a pause by the user, by a throttle file, by a command or a URL."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason why a run is slower than it could be, or, if it `pauses`, does nothing; `text` is
    for a person, `since` in epoch seconds, 0 where it is not known."""

    kind: ReasonKind
    text: str
    pauses: bool = False
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Outage:
    """Requests that have failed `since` then and are given up at `until` (both epoch seconds);
    `words` are the server's last."""

    since: float
    until: float
    words: str


@dataclass(frozen=True, slots=True)
class WorkerProgress:
    """A worker: its name (a process id, an address), whether it has a slice under way, and the
    items and segments of that slice by now."""

    name: str
    busy: bool = False
    items: int = 0
    segments: int = 0


@dataclass(frozen=True, slots=True)
class FollowProgress:
    """One snapshot of how changes are followed.

    `waiting` changes were read and are not applied, those in the spool included; `lag` is in
    seconds, None while it cannot be told; `caught_up` says that the rule for it holds;
    `spool_bytes` is what changes take on disk.
    """

    counts: ChangeCounts
    waiting: int = 0
    lag: float | None = None
    shards: int = 0
    caught_up: bool = False
    spool_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Done(Sum):
    """What is done of a table, in items handled, bytes read and segments."""

    items: int = 0
    size: int = 0
    segments: int = 0


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
class RatesNow:
    """What is done in a second, over the last half minute, and the seconds that are left at that
    speed (None while they cannot be told)."""

    items: float = 0.0
    size: float = 0.0
    changes: float = 0.0
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """One snapshot of a table's migration; every output reads this and nothing else.

    `state` is what is going on ("copying", "building index by-city", ...), which is the first of
    the numbers of `step` among so many steps as the second (0: not known); `reasons` say why it is
    slower than it could be, `limit` what decides its speed, or "", `calls` what is known of those
    of a transform. `status` is RUNNING until the
    table has come to its end, and `error` why it failed, or "". `expected` is the server's own,
    stale, item count; `speed` is in items a second, of what this run has copied or compared, `now`
    the same of late. In the phase "Validate" `examined` and `expected` count the items of both
    sides; `validated` is None where nothing was validated. `requests` are those that both services
    got of this run. `before` is what was done when this run began.
    Of the total of many tables, `standing` says how many of them stand how. `is_export` says that
    the target is no table, but an export. Where it `is_doubted`, the target may have items that no
    copy and no change of the migration deletes, or lack changes that none brings: only a validation
    tells.
    """

    source: str
    target: str
    state: str = "starting"
    step: tuple[int, int] = (0, 0)
    phase: Literal["Copy", "Validate"] = "Copy"
    segments_total: int = 0
    segments_done: int = 0
    items: Counts = field(default_factory=Counts)
    expected: int = 0
    bytes_read: int = 0
    before: Done = field(default_factory=Done)
    batches: int = 0
    backlog: int = 0
    retries: int = 0
    throttled: int = 0
    reasons: tuple[Reason, ...] = ()
    limit: str = ""
    calls: CallFigures = field(default_factory=CallFigures)
    speed: float = 0.0
    now: RatesNow = field(default_factory=RatesNow)
    examined: int = 0
    validated: ValidationCounts | None = None
    changes: FollowProgress | None = None
    segments: SegmentFigures = field(default_factory=SegmentFigures)
    sides: tuple[tuple[Role, SideFigures], ...] = ()
    outages: tuple[Outage, ...] = ()
    engine: str = ""
    workers: tuple[WorkerProgress, ...] = ()
    status: Status = Status.RUNNING
    error: str = ""
    standing: str = ""
    is_export: bool = False
    is_doubted: bool = False

    @property
    def is_at_work(self) -> bool:
        """Whether a table of many has its turn, and has not come to its end; where all are held
        back, whether it has begun."""
        if self.is_held:
            return bool(self.items.read or self.examined)
        return self.status == Status.RUNNING and self.state not in ("starting", "waiting")

    @property
    def is_held(self) -> bool:
        """Whether it is held back, or soon will be."""
        return self.state in ("pausing", "paused")

    @property
    def paced(self) -> str:
        """Why it is slower than it could be, or ""."""
        return ", ".join(reason.text for reason in self.reasons)

    @property
    def handled(self) -> int:
        """Items that are done with, in the way of the phase."""
        if self.phase == "Validate":
            return self.examined
        return self.items.handled

    @property
    def done(self) -> Done:
        """What is done by now, in earlier runs and this one."""
        return Done(self.handled, self.bytes_read, self.segments_done)

    @property
    def was_done(self) -> bool:
        """Whether an earlier run came to its end, which is told by its savepoint."""
        return self.status.is_final and self.state == self.status

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
        return self._share(self.handled, self.segments_done)

    @property
    def gained(self) -> float:
        """The share that this run has done."""
        return self.fraction - self._share(self.before.items, self.before.segments)

    def _share(self, items: int, segments: int) -> float:
        if self.expected and max(self.items.read, self.examined) <= self.expected:
            return items / self.expected
        return segments / self.segments_total if self.segments_total else 0.0


@dataclass(frozen=True, slots=True)
class Message:
    """A line of the log: when (epoch seconds), how severe, and the words."""

    at: float
    level: str
    words: str


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """A setting that may change while a run lasts: its key, its value now, and where that was
    changed, what it was before and since when (epoch seconds)."""

    key: str
    value: str
    before: str = ""
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class RunProgress:
    """One snapshot of a whole run: its tables, and what they have in common.

    `now` are the rates of all tables together, `speed` is in items a second, on average. `began` is
    epoch seconds, `seconds` the time since then, of which it was paused for
    `paused_seconds`; `saved_at` (epoch seconds) is when the savepoint was written. `reasons` hold
    for all tables, as a pause does. `types` has names and values that never change, such as the
    kinds of source and target. `status` is RUNNING until the run is over.
    """

    work: Literal["Migration", "Validation"]
    began: float
    seconds: float
    tables: tuple[Progress, ...] = ()
    status: Status = Status.RUNNING
    error: str = ""
    now: RatesNow = field(default_factory=RatesNow)
    speed: float = 0.0
    reasons: tuple[Reason, ...] = ()
    paused_seconds: float = 0.0
    savepoint: str | None = None
    saved_at: float | None = None
    rejects: str | None = None
    types: tuple[tuple[str, str], ...] = ()
    settings: tuple[SettingInForce, ...] = ()
    messages: tuple[Message, ...] = ()

    @property
    def all_reasons(self) -> tuple[Reason, ...]:
        """The reasons of the run, then those of its tables, each once."""
        of_tables = (reason for table in self.tables for reason in table.reasons)
        return joined((*self.reasons, *of_tables))

    @property
    def is_paused(self) -> bool:
        """Whether a reason keeps it from doing anything."""
        return any(reason.pauses for reason in self.reasons)

    @property
    def state(self) -> str:
        """What is going on: "paused", or what the tables do, the most frequent first."""
        if self.status != Status.RUNNING:
            return str(self.status)
        if self.is_paused:
            return "paused"
        running = [table.state for table in self.tables if table.status == Status.RUNNING]
        states = dict.fromkeys(sorted(running, key=running.count, reverse=True))
        return ", ".join(states) or "starting"

    @property
    def lag(self) -> float | None:
        """The greatest lag of a table, in seconds; None where none can be told."""
        lags = [table.changes.lag for table in self.tables if table.changes]
        return max((lag for lag in lags if lag is not None), default=None)

    @property
    def engine(self) -> str:
        """Where the work is done."""
        return ", ".join(dict.fromkeys(table.engine for table in self.tables if table.engine))

    @property
    def workers(self) -> tuple[WorkerProgress, ...]:
        """The workers, each once."""
        return tuple({each.name: each for table in self.tables for each in table.workers}.values())

    @property
    def sides(self) -> dict[Role, SideFigures]:
        """Source and target as all tables together see them."""
        found: dict[Role, SideFigures] = {}
        for table in self.tables:
            for role, side in table.sides:
                found[role] = found[role] + side if role in found else side
        return found

    @property
    def requests(self) -> RequestFigures:
        """The requests to both sides."""
        return sum((side.requests for side in self.sides.values()), RequestFigures())

    @property
    def can_switch(self) -> bool:
        """Whether clients may be switched to the target now: changes were followed until it had
        caught up, following is over, nothing was refused or differs, and nothing is in doubt."""
        return (
            self.status == Status.COMPLETED
            and bool(self.tables)
            and all(table.changes and table.changes.caught_up for table in self.tables)
            and not self.is_doubted
        )

    @property
    def is_doubted(self) -> bool:
        """Whether a table is in doubt that was not compared."""
        return any(table.is_doubted and not table.validated for table in self.tables)


def joined(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Reasons, each text once, in their order."""
    return tuple({reason.text: reason for reason in reasons}.values())
