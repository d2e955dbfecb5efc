"""The ledger of a stream: which shards may be read, where it is safe to resume, how far behind.

A shard is begun when its parent is wholly handled, so that the changes of one key, which move
from parent to child, are handled in their order. A shard's position moves when a page of it
has been handled, never before.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.errors import AccountingBroken
from alternator_migrate.core.model import KEPT_SECONDS, ChangePage, Shard

# Children are listed soon after their parent has ended; those of a disabled stream never have any.
_CHILDLESS_SECONDS: Final = 30.0


@dataclass(slots=True)
class OpenShard:
    """One shard, with the `position` (a sequence number) to go on after, None at its beginning. Of
    its changes all made up to `watermark` (epoch seconds, None while that is unknown) are handled,
    as seen at its tip up to `tip`; the newest one is of `newest`. `pending` changes, read at
    `read_at`, are not handled. Lists have lacked it since `gone_at`. Where this run has `placed`
    the stream (epoch seconds), following begins with the oldest changes that are left. One that an
    earlier list had, of this run's beginning or of a run before, may have been there before
    following `began` (epoch seconds). It was `listed` since, and is `closed` where a child was."""

    shard: Shard
    position: str | None = None
    begun: bool = False
    ended: bool = False
    watermark: float | None = None
    tip: float = -math.inf
    newest: float = -math.inf
    read_at: float = -math.inf
    pending: int = 0
    gone_at: float | None = None
    placed: float | None = None
    began: float | None = None
    listed: bool = False
    closed: bool = False

    @property
    def parent(self) -> str | None:
        """The shard before it, as the stream lists it."""
        return self.shard.parent

    @property
    def unneeded(self) -> float | None:
        """The time (epoch seconds) up to which no change is needed; None while unknown.

        Beyond those handled: of a shard that following begins with, what is gone before it is
        first read.
        """
        untouched = self.watermark is None and self.position is None
        return self.placed if untouched else self.watermark

    @property
    def may_be_dropped(self) -> bool:
        """Whether the stream may have dropped it, as it does a day after it was closed. Not one
        that came later than following began, nor one of which newer changes are handled: if either
        were closed for a day, following would be a day behind. One that was listed only just is
        dropped with its child still listed."""
        if self.began is None or (self.watermark is not None and self.watermark > self.began):
            return False
        return self.closed or not self.listed


class ShardLedger:
    """The shards of one stream, going on from `positions` and `ended`, when all changes made up to
    `watermark` (epoch seconds) were handled. The stream shows a change up to `delay` seconds after
    it is made. `clock` gives the time that it is at least by the clocks of those who date the
    changes, `latest` what it is at most (epoch seconds). `placed` is when this run has placed it,
    if it has; following `began` then, or in a run before."""

    def __init__(
        self,
        positions: Mapping[str, str | None],
        ended: Iterable[str] = (),
        counts: ChangeCounts | None = None,
        watermark: float | None = None,
        delay: float = 0.0,
        clock: Callable[[], float] = time.time,
        placed: float | None = None,
        latest: Callable[[], float] | None = None,
        began: float | None = None,
    ) -> None:
        self.counts, self.latest = counts or ChangeCounts(), latest or clock
        self.clock, self._delay, self._placed = clock, delay, placed
        self._watermark = watermark
        self._known = {
            name: OpenShard(Shard(name), position, watermark=watermark, placed=placed, began=began)
            for name, position in positions.items()
        }
        self._known |= {name: OpenShard(Shard(name), ended=True) for name in ended}
        self._listed_at = self._list_seen = -math.inf

    @property
    def positions(self) -> dict[str, str | None]:
        """The sequence number to go on after, of each shard that is not done."""
        return {name: each.position for name, each in self._known.items() if not each.ended}

    @property
    def ended(self) -> frozenset[str]:
        """Shards wholly handled that the stream may still list."""
        return frozenset(name for name, each in self._known.items() if each.ended)

    @property
    def open(self) -> int:
        """The number of shards that are being read."""
        return sum(each.begun and not each.ended for each in self._known.values())

    @property
    def pending(self) -> int:
        """Changes read and not handled."""
        return sum(each.pending for each in self._known.values())

    @property
    def expects_children(self) -> bool:
        """Whether a shard has just ended of which no child is known yet."""
        parents = {each.shard.parent for each in self._known.values()}
        recent = self.clock() - _CHILDLESS_SECONDS
        return any(
            each.ended and each.tip > recent and name not in parents
            for name, each in self._known.items()
        )

    def shard(self, name: str) -> OpenShard:
        """How a shard stands, which is to be looked at only."""
        return self._known[name]

    def listed(self, shards: Sequence[Shard], asked: float = math.inf) -> None:
        """Take the stream's own list into account, `asked` for then by the clock. Done shards that
        lists have lacked for a day are forgotten; a single list may be cut short, where a shard
        expired while it was read."""
        now = self.clock()
        self._listed_at, self._list_seen = min(asked, now), now
        for shard in shards:
            fresh = OpenShard(shard, watermark=self._watermark, placed=self._placed)
            reading = self._known.setdefault(shard.id, fresh)
            reading.shard, reading.gone_at, reading.listed = shard, None, True
        for shard in shards:
            if parent := self._known.get(shard.parent or ""):
                parent.closed = True
        names = {shard.id for shard in shards}
        for name in [n for n, each in self._known.items() if each.ended and n not in names]:
            gone_at = self._known[name].gone_at
            if gone_at is None:
                self._known[name].gone_at = now
            elif now - gone_at > KEPT_SECONDS:
                del self._known[name]

    def begin(self) -> list[str]:
        """The shards that may be read from now on, each told once."""
        found = []
        for each in self._next():
            each.begun = True
            found.append(each.shard.id)
        return found

    def _next(self) -> list[OpenShard]:
        """The shards that are to be begun, with what is known by their parents: these are wholly
        handled, and so are all older generations."""
        left = [each.shard.generation for each in self._known.values() if not each.ended]
        oldest = min(left, default=0)
        found = []
        for each in self._known.values():
            parent = self._known.get(each.shard.parent or "")
            waits = parent is not None and not parent.ended
            if each.ended or each.begun or waits or each.shard.generation > oldest:
                continue
            if parent is not None and parent.watermark is not None:
                each.watermark = max(parent.watermark, each.watermark or -math.inf)
            found.append(each)
        return found

    def start(self) -> None:
        """Reading begins, perhaps again: every shard that has not ended may be begun."""
        self._watermark = self.watermark()
        self._listed_at = self._list_seen = -math.inf
        for each in self._known.values():
            each.begun, each.pending, each.tip = False, 0, -math.inf

    def arrived(self, shard: str, page: ChangePage) -> None:
        """A page was read and is to be handled."""
        reading = self._known[shard]
        now = self.clock()
        reading.pending, reading.read_at = len(page.changes), min(page.asked, now)
        if page.ended:
            reading.read_at = now

    def settled(self, shard: str, page: ChangePage, counts: ChangeCounts) -> None:
        """A page was handled durably, or will be before the positions are saved."""
        reading = self._known[shard]
        reading.pending = 0
        reading.position, reading.ended = page.position, page.ended
        if page.changes and page.changes[-1].created:
            reading.newest = page.changes[-1].created
            reading.watermark = max(reading.newest, reading.watermark or -math.inf)
        if page.ended:  # its children may hold changes made long before this was seen
            reading.tip = reading.read_at
        elif page.at_tip:
            reading.tip = reading.read_at - self._delay
            reading.watermark = max(reading.tip, reading.watermark or -math.inf)
        self.counts += counts

    def watermark(self) -> float | None:
        """The time (epoch seconds) up to which all changes are handled; None while that cannot be
        told.

        Of a shard at its tip: when that was seen, less the delay of the stream; of another: when
        its newest change was made that is handled; of one that is to be begun: the same of its
        parent. The earliest of these.
        """
        if self._listed_at == -math.inf:
            return self._watermark
        open_shards = self._being_read() + self._next()
        if not open_shards:
            return self._listed_at - self._delay
        known = [each.watermark for each in open_shards if each.watermark is not None]
        return min(known) if len(known) == len(open_shards) else None

    def check(self) -> None:
        """Raise `AccountingBroken` unless every change is accounted for."""
        counts = self.counts
        if not counts.accounted:
            raise AccountingBroken(
                f"{counts.read} changes were read, but {counts.applied} applied + "
                f"{counts.superseded} superseded + {counts.dropped} dropped + "
                f"{counts.rejected} rejected is not that many"
            )

    def lag(self, *, least: bool = False) -> float | None:
        """The seconds by which the target may be behind; None while that cannot be told. Where the
        clocks of the source's nodes differ, the `least` that it may be, or the most."""
        watermark = self.watermark()
        if watermark is None:
            return None
        now = self.clock()
        most = now if least else self.latest()
        if self._listed_at > -math.inf and (found := self._being_read()):
            return max(0.0, *(_lag_of(each, watermark, now, most) for each in found))
        return max(0.0, now - watermark)

    def _being_read(self) -> list[OpenShard]:
        return [each for each in self._known.values() if each.begun and not each.ended]

    def current_since(self, moment: float, *, by_arrival: bool = False) -> bool:
        """Whether the list of shards was asked for since then (`by_arrival`: was there, however
        long it had taken), and every shard was read to its tip or to a change made since then; not
        while the children of a shard are to be listed."""
        listed = self._list_seen if by_arrival else self._listed_at
        return (
            listed >= moment
            and not self.expects_children
            and all(
                each.begun and max(each.tip, each.newest) >= moment
                for each in self._known.values()
                if not each.ended
            )
        )


def _lag_of(each: OpenShard, watermark: float, least: float, most: float) -> float:
    """The lag of a shard, when it is `least` to `most`: since it was seen at its tip, which is told
    by the first, or since its newest change was made, by whatever clock, whichever is less."""
    known = watermark if each.watermark is None else each.watermark
    return min(least - (each.tip if known == each.newest else known), most - each.newest)


def caught_up_text(*, ends: bool) -> str:
    """The message when the target has caught up, while writers may be at it still; following `ends`
    then, or goes on."""
    if ends:
        what = (
            "what is written to the source from now on may not be followed; switch only if the "
            "writers were stopped before, and compare with `validate`"
        )
    else:
        what = (
            "before you switch, stop the writers, end this run, let `run --until-caught-up` write "
            "what is left, and compare with `validate`"
        )
    return f"the target has caught up with the source: {what}"
