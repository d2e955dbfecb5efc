"""A table in partitions with limits of their own, to be read on a loop of virtual time."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from alternator_migrate.core.errors import Throttled
from alternator_migrate.core.model import Page, Position, Segment
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.retry import Retry, Turn
from tests.support.virtual_time import now

RATE = 23.4
DELAY = 0.02


@dataclass(slots=True)
class Bucket:
    """Tokens, `rate` more a second, at most a second's; full at first."""

    rate: float
    filled: float = 0.0
    tokens: float = -1.0

    def take(self) -> bool:
        """Take one, where there is anything left."""
        if self.tokens < 0 and not self.filled:
            self.tokens = self.rate
        elapsed, self.filled = now() - self.filled, now()
        self.tokens = min(self.tokens + self.rate * elapsed, self.rate)
        if self.tokens <= 0:
            return False
        self.tokens -= 1
        return True


@dataclass(slots=True)
class PartitionedTable:
    """A source of `pages_of` pages a segment; `rates` are those of its equal partitions (none: no
    limit), `whole` that of the table; an answer takes `delay` seconds."""

    pages_of: Sequence[int]
    rates: Sequence[float] = ()
    whole: Bucket | None = None
    delay: float = DELAY
    served: int = 0
    refused: int = 0
    log: list[tuple[float, int]] = field(default_factory=list)
    reading: int = 0
    most: int = 0
    pace: Pace = field(default_factory=lambda: Pace(clock=now))
    retry: Retry = field(default_factory=lambda: Retry(300))
    buckets: list[Bucket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.buckets = [Bucket(rate) for rate in self.rates]

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a segment."""
        start = int(position) if position else 0
        for number in range(start, self.pages_of[segment.index]):
            await self.retry.resting(turn, self._answer, segment, turn)
            is_last = number + 1 == self.pages_of[segment.index]
            yield Page([], 100, None if is_last else b"%d" % (number + 1), 1, 1)

    async def _answer(self, _: str, segment: Segment, turn: Turn | None) -> None:
        await self.pace.take(1)
        place = segment.index / segment.total
        self.reading += 1
        self.most = max(self.most, self.reading)
        try:
            await asyncio.sleep(self.delay)
        finally:
            self.reading -= 1
        self.log.append((now(), segment.index))
        if not self._may(place):
            self.refused += 1
            failure = Throttled("too fast")
            failure.scope = self.pace.slow_down(turn)
            raise failure
        self.served += 1
        self.pace.settle(1, 1)

    def _may(self, place: float) -> bool:
        if self.whole and not self.whole.take():
            return False
        return not self.buckets or self.buckets[int(place * len(self.buckets))].take()

    @property
    def refused_share(self) -> float:
        """The share of refused requests."""
        return self.refused / (self.served + self.refused)
