"""Requests to a service: how many by operation and outcome, how long they took, why they failed."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from alternator_migrate.core.counts import Sum
from alternator_migrate.core.durations import Durations, Stopwatch
from alternator_migrate.core.errors import Retryable, Throttled
from alternator_migrate.core.model import Role
from alternator_migrate.core.outage import kind_of

_KINDS: Final = 20
_WORDS: Final = 300
NodeState: TypeAlias = Literal["in use", "not answering", "spare"]


@dataclass(frozen=True, slots=True)
class OperationFigures(Sum):
    """Requests of one operation: `answered` ones, of which `partly` were answered but not wholly
    done, `throttled` and otherwise `failed` ones; the answered took `units` of capacity, and their
    `latency`."""

    answered: int = 0
    partly: int = 0
    throttled: int = 0
    failed: int = 0
    units: float = 0.0
    latency: Durations = field(default_factory=Durations)

    def __sub__(self, earlier: "OperationFigures") -> "OperationFigures":
        return OperationFigures(
            self.answered - earlier.answered,
            self.partly - earlier.partly,
            self.throttled - earlier.throttled,
            self.failed - earlier.failed,
            self.units - earlier.units,
            self.latency - earlier.latency,
        )


@dataclass(frozen=True, slots=True)
class RetryCause:
    """A kind of failure for which requests were repeated: how often, the server's last words, and
    when it came first and last (epoch seconds)."""

    kind: str
    throttled: bool
    count: int
    words: str
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class RequestFigures:
    """The requests to one service: figures by operation, causes of retries by kind."""

    operations: tuple[tuple[str, OperationFigures], ...] = ()
    causes: tuple[RetryCause, ...] = ()

    def __add__(self, other: "RequestFigures") -> "RequestFigures":
        operations = dict(self.operations)
        for name, figures in other.operations:
            operations[name] = operations.get(name, OperationFigures()) + figures
        return RequestFigures(tuple(operations.items()), _joined(self.causes + other.causes))

    def __sub__(self, earlier: "RequestFigures") -> "RequestFigures":
        """What came since `earlier`, which is of the same service."""
        before = dict(earlier.operations)
        counted = {cause.kind: cause.count for cause in earlier.causes}
        since = [
            replace(cause, count=cause.count - counted.get(cause.kind, 0)) for cause in self.causes
        ]
        return RequestFigures(
            tuple(
                (name, figures - before.get(name, OperationFigures()))
                for name, figures in self.operations
            ),
            tuple(cause for cause in since if cause.count > 0),
        )

    @property
    def latency(self) -> Durations:
        """The latency of all answered requests."""
        return sum((figures.latency for _, figures in self.operations), Durations())


class Requests:
    """Collects the figures of the requests to one service; `clock` is in epoch seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._operations: dict[str, _Operation] = {}
        self._causes: dict[str, RetryCause] = {}

    def answered(self, operation: str, seconds: float, units: float = 0.0) -> None:
        """A request was answered, after so many seconds, and took so many units of capacity."""
        found = self._operations.get(operation) or self._operation(operation)
        found.answered += 1
        found.units += units
        found.latency.note(seconds)

    def partly(self, operation: str) -> None:
        """Of a request that was answered, the server did part only: it throttles."""
        self._operation(operation).partly += 1
        self._note(f"{operation}: part of the items came back", "", is_throttled=True)

    def failed(self, operation: str, failure: Retryable) -> None:
        """A request failed, and may be repeated."""
        found, is_throttled = self._operation(operation), isinstance(failure, Throttled)
        if is_throttled:
            found.throttled += 1
        else:
            found.failed += 1
        self._note(kind_of(failure), str(failure.args[0])[:_WORDS], is_throttled=is_throttled)

    @property
    def figures(self) -> RequestFigures:
        """The figures by now."""
        operations = tuple((name, each.figures) for name, each in self._operations.items())
        return RequestFigures(operations, tuple(self._causes.values()))

    def _note(self, kind: str, words: str, *, is_throttled: bool) -> None:
        """A request is to be repeated for this kind of cause."""
        now, known = self._clock(), self._causes.pop(kind, None)
        count, first = (known.count + 1, known.first) if known else (1, now)
        self._causes[kind] = RetryCause(kind, is_throttled, count, words or kind, first, now)
        if len(self._causes) > _KINDS:
            del self._causes[next(iter(self._causes))]

    def _operation(self, name: str) -> "_Operation":
        found = self._operations.get(name)
        if found is None:
            found = self._operations[name] = _Operation()
        return found


class _Operation:
    """The counts of one operation."""

    __slots__ = ("answered", "failed", "latency", "partly", "throttled", "units")

    def __init__(self) -> None:
        self.answered = self.partly = self.throttled = self.failed = 0
        self.units, self.latency = 0.0, Stopwatch()

    @property
    def figures(self) -> OperationFigures:
        return OperationFigures(
            self.answered,
            self.partly,
            self.throttled,
            self.failed,
            self.units,
            self.latency.durations,
        )


@dataclass(frozen=True, slots=True)
class SideRequests(Sum):
    """The requests to both sides."""

    source: RequestFigures = field(default_factory=RequestFigures)
    target: RequestFigures = field(default_factory=RequestFigures)

    def __sub__(self, earlier: "SideRequests") -> "SideRequests":
        return SideRequests(self.source - earlier.source, self.target - earlier.target)

    def of(self, role: Role) -> RequestFigures:
        """Those of one side."""
        return self.source if role == "source" else self.target


@dataclass(frozen=True, slots=True)
class SideFigures:
    """One service as a run sees it: its requests, its nodes and their state, and the cap of the
    run's pace in units a second (None: no cap)."""

    requests: RequestFigures = field(default_factory=RequestFigures)
    nodes: tuple[tuple[str, NodeState], ...] = ()
    cap: float | None = None

    def __add__(self, other: "SideFigures") -> "SideFigures":
        """The requests of both; what is known of the nodes and the cap by either."""
        return SideFigures(
            self.requests + other.requests,
            tuple({**dict(other.nodes), **dict(self.nodes)}.items()),
            other.cap if self.cap is None else self.cap,
        )


def _joined(causes: Iterable[RetryCause]) -> tuple[RetryCause, ...]:
    """Causes, those of one kind as one; the ones that came last stay, up to the bound."""
    found: dict[str, RetryCause] = {}
    for cause in sorted(causes, key=lambda each: each.last):
        known = found.pop(cause.kind, replace(cause, count=0))
        first = min(cause.first, known.first)
        found[cause.kind] = replace(cause, count=cause.count + known.count, first=first)
    return tuple(found.values())[-_KINDS:]
