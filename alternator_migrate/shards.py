"""The ledger of a stream: which shards may be read, where it is safe to resume, how far behind.

A shard is begun when its parent is wholly dealt with, so that the changes of one key, which move
from parent to child, are dealt with in their order. A shard's position moves when a page of it
has been dealt with, never before.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alternator_migrate.changes import ChangeCounts
from alternator_migrate.model import ChangePage, Shard

_CHILDLESS_SECONDS: Final = 30.0


@dataclass(slots=True)
class _Reading:
    """One shard. Of its changes the target has all up to `fresh` (epoch seconds, None while that
    is unknown); the tip was last seen at `tip`, the newest change is of `newest`. `pending`
    changes, read at `read_at`, are not dealt with."""

    shard: Shard
    position: str | None = None
    begun: bool = False
    ended: bool = False
    fresh: float | None = None
    tip: float = -math.inf
    newest: float = -math.inf
    read_at: float = -math.inf
    pending: int = 0


class ShardLedger:
    """The shards of one stream, going on from `positions` and `ended`. `clock` gives epoch
    seconds."""

    def __init__(
        self,
        positions: Mapping[str, str | None],
        ended: Iterable[str] = (),
        counts: ChangeCounts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.counts = counts or ChangeCounts()
        self._clock = clock
        self._known = {
            name: _Reading(Shard(name), position) for name, position in positions.items()
        }
        self._known |= {name: _Reading(Shard(name), ended=True) for name in ended}
        self._listed_at = -math.inf

    @property
    def positions(self) -> dict[str, str | None]:
        """The sequence number to go on after, of each shard that is not done."""
        return {name: each.position for name, each in self._known.items() if not each.ended}

    @property
    def ended(self) -> frozenset[str]:
        """Shards wholly dealt with that the stream still lists."""
        return frozenset(name for name, each in self._known.items() if each.ended)

    @property
    def open(self) -> int:
        """How many shards are being read."""
        return sum(each.begun and not each.ended for each in self._known.values())

    @property
    def pending(self) -> int:
        """Changes read and not dealt with."""
        return sum(each.pending for each in self._known.values())

    @property
    def expects_children(self) -> bool:
        """Whether a shard has just ended of which no child is known yet."""
        parents = {each.shard.parent for each in self._known.values()}
        recent = self._clock() - _CHILDLESS_SECONDS
        return any(
            each.ended and each.tip > recent and name not in parents
            for name, each in self._known.items()
        )

    def position(self, shard: str) -> str | None:
        """The sequence number to go on after; None at the shard's beginning."""
        return self._known[shard].position

    def listed(self, shards: Sequence[Shard]) -> None:
        """Take the stream's own list into account; done shards that it lacks are forgotten."""
        self._listed_at = self._clock()
        for shard in shards:
            reading = self._known.setdefault(shard.id, _Reading(shard))
            reading.shard = shard
        names = {shard.id for shard in shards}
        for name in [n for n, each in self._known.items() if each.ended and n not in names]:
            del self._known[name]

    def begin(self) -> list[str]:
        """The shards that may be read from now on, each told once."""
        left = [each.shard.generation for each in self._known.values() if not each.ended]
        oldest = min(left, default=0)
        found = []
        for name, each in self._known.items():
            parent = self._known.get(each.shard.parent or "")
            waits = parent is not None and not parent.ended
            if each.ended or each.begun or waits or each.shard.generation > oldest:
                continue
            each.begun = True
            if parent is not None and each.fresh is None:
                each.fresh = parent.fresh
            found.append(name)
        return found

    def start(self) -> None:
        """Reading begins, perhaps again: every shard that has not ended may be begun."""
        for each in self._known.values():
            each.begun, each.pending, each.tip = False, 0, -math.inf

    def arrived(self, shard: str, page: ChangePage) -> None:
        """A page was read and is to be dealt with."""
        reading = self._known[shard]
        reading.pending, reading.read_at = len(page.changes), self._clock()

    def settled(self, shard: str, page: ChangePage, counts: ChangeCounts) -> None:
        """A page was dealt with durably, or will be before the positions are saved."""
        reading = self._known[shard]
        reading.pending = 0
        reading.position, reading.ended = page.position, page.ended
        if page.changes:
            reading.newest = page.changes[-1].created
            reading.fresh = max(reading.newest, reading.fresh or -math.inf)
        if page.at_tip or page.ended:
            reading.fresh = reading.tip = reading.read_at
        self.counts = self.counts.plus(counts)

    def lag(self) -> float | None:
        """By how many seconds the target may be behind; None while that cannot be told.

        Of a shard at its tip: the time since that was seen; of another: the age of its newest
        change that was dealt with. That of the stream is the largest of these.
        """
        if self._listed_at == -math.inf:
            return None
        now = self._clock()
        fresh = [each.fresh for each in self._known.values() if each.begun and not each.ended]
        if not fresh:
            return now - self._listed_at
        known = [each for each in fresh if each is not None]
        return max(0.0, now - min(known)) if len(known) == len(fresh) else None

    def current_since(self, moment: float) -> bool:
        """Whether since then the list of shards was read, and every shard to its tip or to a
        change made since then."""
        return self._listed_at >= moment and all(
            each.begun and max(each.tip, each.newest) >= moment
            for each in self._known.values()
            if not each.ended
        )


class Cutover:
    """Tells whether the target has caught up: the lag was at most `max_lag` seconds for `seconds`
    on end, no request waited to be repeated, and every shard was read to its tip meanwhile."""

    def __init__(self, max_lag: float, seconds: float) -> None:
        self._max_lag, self._seconds = max_lag, seconds
        self._since: float | None = None

    def reached(self, shards: ShardLedger, now: float, *, repeating: bool) -> bool:
        """Take a look at `now` (epoch seconds); True while the rule holds."""
        lag = shards.lag()
        if repeating or lag is None or lag > self._max_lag:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now - self._since >= self._seconds and shards.current_since(
            max(self._since, now - max(self._seconds, 1.0))
        )
