"""Failures on demand: scripted ones first, random ones by rate, from one seeded generator."""

import random
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

KINDS = {
    "error_500": "500 before anything is written",
    "partial_500": "a random part of the writes is done, then the write timeout's 500",
    "overload": "400 RequestLimitExceeded",
    "overload_close": "400 RequestLimitExceeded with the body unread, then the socket closes",
    "slow": "the usual answer after some seconds",
    "slow_500": "after some seconds the timeout's 500, nothing written",
    "reset_before_write": "the connection is reset, nothing done",
    "reset_after_write": "the connection is reset, everything done",
    "truncated": "200, chunked, and the connection closes half way through the body",
    "schema_500": "CreateTable, UpdateTable: all is done, the answer is the schema agreement's 500",
    "empty_page": "Scan or Query: no items, but a LastEvaluatedKey",
}


class Fault(NamedTuple):
    """What goes wrong with one request; `seconds` is for the slow ones."""

    kind: str
    seconds: float = 0.0


@dataclass
class Faults:
    """What is to go wrong. All of it may be changed while the server runs.

    latency: seconds added before every answer.
    seed: of the generator behind rates and random parts.
    """

    latency: float = 0.0
    seed: int = 0
    chance: random.Random = field(init=False, repr=False)
    _next: dict[str, deque[Fault]] = field(
        init=False, repr=False, default_factory=lambda: defaultdict(deque)
    )
    _rates: dict[str, dict[Fault, float]] = field(
        init=False, repr=False, default_factory=lambda: defaultdict(dict)
    )

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def next(self, operation: str, kind: str, times: int = 1, seconds: float = 0.0) -> None:
        """The next `times` requests of `operation` ("*": of any) fail as `kind` (see KINDS).

        A kind that means nothing to an operation, such as empty_page to ListTables, is used up
        without effect.
        """
        self._next[operation].extend([_fault(kind, seconds)] * times)

    def rate(self, operation: str, kind: str, probability: float, seconds: float = 0.0) -> None:
        """Each request of `operation` ("*": of any) fails as `kind` with this probability."""
        self._rates[operation][_fault(kind, seconds)] = probability

    def clear(self) -> None:
        """Nothing goes wrong from here on."""
        self._next.clear()
        self._rates.clear()
        self.latency = 0.0

    def pick(self, operation: str) -> Fault | None:
        """What is to happen to this request; a scripted fault is used up by it."""
        for name in (operation, "*"):
            if self._next.get(name):
                return self._next[name].popleft()
        for name in (operation, "*"):
            for fault, probability in self._rates.get(name, {}).items():
                if self.chance.random() < probability:
                    return fault
        return None


def _fault(kind: str, seconds: float) -> Fault:
    if kind not in KINDS:
        raise ValueError(f"no fault {kind!r}; there are: {', '.join(KINDS)}")
    return Fault(kind, seconds)
