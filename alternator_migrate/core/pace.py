"""Pace: capacity units a second, and slowing down when the other side throttles."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Literal, Protocol, TypeAlias

from alternator_migrate.core.model import Role
from alternator_migrate.core.progress import Reason, joined
from alternator_migrate.core.requests import SideFigures, SideRequests
from alternator_migrate.core.retry import Retry, Turn
from alternator_migrate.core.throttling import growth

log = logging.getLogger(__name__)
Scope: TypeAlias = Literal["", "range", "table"]
"""What a server limits, where that is known: a range of keys, or the whole table."""
_CUT = 0.85
_SHARE = 0.1
_REMEMBERED = 60
_ROUND_SECONDS = 1.0
_SOON_SECONDS = 0.5
_TOLD_SECONDS = 5.0
# A rate that is lower than it could be is raised faster and faster.
_SLOW_SECONDS = 0.5
# The last refusals that count, and how near each other they are in one partition or two.
_LAST = 8
_NEAR = 0.25


class Pace:
    """A token bucket in capacity units per second, that yields to a throttling server.

    `cap` is the allowed rate, None for no limit. When a tenth of the requests is throttled, for
    want of what the whole table may give, the rate falls to 85 % of what was achieved, at most
    once a second unless most is refused still. It grows again (see `growth`) up to the cap, or is
    lifted at twice the achieved rate. It never falls below 85 % of one request a second. Nothing is
    taken while the `valve` is not set.

    Where the server says what it limits, that counts: DynamoDB names in `ThrottlingReasons`
    (API reference, ThrottlingReason) a range of keys, which is no reason to slow down elsewhere,
    or the table. Where it does not say, it is the table if most of the last refusals came at
    once, from ranges that had rested or not been asked before, and far from each other: a
    partition has tokens again when it was left alone.
    """

    def __init__(
        self,
        cap: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        valve: asyncio.Event | None = None,
    ) -> None:
        self.cap = self._allowed = cap
        self._asked: float | None = None
        self._clock, self._valve = clock, valve
        self._rate = cap
        self._tokens = cap or 0.0
        self._filled = clock()
        self._turn, self._refunded = asyncio.Lock(), asyncio.Event()
        self._cut_at = self._refused_at = float("-inf")
        self._lift_at = 0.0
        self._since_cut, self._in_vain = 0.0, 0
        self._spent = 0.0
        self._served = self._refused = 0.0
        self._window = clock()
        self._achieved = 0.0
        self._request = 0.0
        self._last: deque[tuple[float, bool]] = deque(maxlen=_LAST)

    @property
    def throttled(self) -> bool:
        """Whether the server's throttling keeps the rate below what is allowed."""
        return self._rate is not None and self._rate != self.cap

    @property
    def allowed(self) -> float | None:
        """The cap that is allowed, before what is asked for besides."""
        return self._allowed

    @property
    def wait_kind(self) -> str:
        """The kind of reason for which requests wait now, or ""."""
        reason = self.reason("")
        return reason.kind if reason else ""

    def reason(self, side: str) -> Reason | None:
        """Why requests to `side` wait; None if they do not, or all of them do."""
        if self._is_shut:
            return None
        if self.throttled or self._clock() - self._refused_at < _TOLD_SECONDS:
            return Reason("throttled", f"{side} throttles")
        if self.cap is not None and self._turn.locked():
            return Reason("cap", f"{side} capped at {self.cap:g} units/s")
        return None

    def allow(self, cap: float | None) -> None:
        """Let `cap` units a second be the limit from now on; the debt and a cut stay."""
        self._allowed = cap
        self._limit()

    def ask(self, cap: float | None) -> None:
        """Let `cap` be a limit besides the one that is allowed; None lifts it again."""
        self._asked = cap
        self._limit()

    def _limit(self) -> None:
        caps = [cap for cap in (self._allowed, self._asked) if cap is not None]
        cap = min(caps, default=None)
        if cap == self.cap:
            return
        was_throttled, self.cap = self.throttled, cap
        if not was_throttled:
            self._delay()
            self._rate = cap

    async def take(self, units: float) -> None:
        """Return when `units` (an estimate; see `settle`) may be consumed, in order of asking."""
        self._request = units
        if self._rate is not None:
            async with self._turn:
                while (delay := self._delay()) > 0:
                    self._refunded.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(min(delay, _ROUND_SECONDS)):
                            await self._refunded.wait()
                if self._is_shut:
                    await self._opened()
                self._tokens -= units
        elif self._is_shut:
            await self._opened()

    @property
    def _is_shut(self) -> bool:
        return self._valve is not None and not self._valve.is_set()

    async def _opened(self) -> None:
        if self._valve:
            await self._valve.wait()

    def settle(self, taken: float, consumed: float) -> None:
        """A request for which `taken` was taken succeeded and consumed `consumed` units."""
        self._tokens -= consumed - taken
        if consumed < taken:
            self._refunded.set()
        self._spent += consumed
        self._since_cut += consumed
        self._served += 1
        self._forget()
        now = self._clock()
        if now - self._window >= _ROUND_SECONDS:
            self._achieved = self._spent / (now - self._window)
            self._spent, self._window = 0.0, now

    def slow_down(self, turn: Turn | None = None, scope: Scope = "") -> Scope:
        """The server throttled a request, of a `turn` where it concerns one place of the hash
        range, because of what `scope` says; "table" where the rate is cut for it.

        Before anything was achieved there is no rate to cut, and a hot partition that refuses is no
        reason to slow all others: then the waits before the next attempt alone spread the load.
        """
        now = self._refused_at = self._clock()
        if scope == "range":
            return scope
        self._refused += 1
        self._forget()
        few = self._refused < _SHARE * (self._refused + self._served)
        self._in_vain += 1
        if not self._is_wide(turn, scope) or few or not self._may_cut(now):
            return scope
        achieved = min(self._achieved_by(now), self._rate or float("inf"))
        if not (achieved or self._achieved):
            return scope
        self._cut_at, self._since_cut, self._in_vain = now, 0.0, 0
        achieved = max(achieved, self._request)
        if self._rate is None:
            self._tokens, self._filled = 0.0, now
        self._rate = achieved * _CUT
        log.debug("pace: throttled at %.1f units/s, going on at %.1f", achieved, self._rate)
        self._lift_at = 2 * achieved
        return "table"

    def _may_cut(self, now: float) -> bool:
        """Whether the last cut was long enough ago, or hardly helped."""
        seconds = now - self._cut_at
        hardly_helped = self._in_vain >= _LAST and self._in_vain * self._request > self._since_cut
        return seconds >= _ROUND_SECONDS or (hardly_helped and seconds >= _SOON_SECONDS)

    def _achieved_by(self, now: float) -> float:
        """The units a second that were consumed of late."""
        if now - self._cut_at < _ROUND_SECONDS:
            return self._since_cut / (now - self._cut_at)
        running = self._spent / max(now - self._window, 0.1)
        is_stale = now - self._window > 2 * _ROUND_SECONDS
        return running if is_stale else max(self._achieved, running)

    def _is_wide(self, turn: Turn | None, scope: str) -> bool:
        """Whether the last refusals are those of more than some parts of the table."""
        if turn is None or scope == "table":
            return True
        self._last.append((turn.at, turn.is_fresh))
        places = [at for at, fresh in self._last if fresh]
        return 2 * len(places) > len(self._last) and max(places) - min(places) > _NEAR

    def _forget(self) -> None:
        """Let the share of throttled requests be that of the last ones."""
        if self._served + self._refused > _REMEMBERED:
            self._served, self._refused = self._served / 2, self._refused / 2

    def _delay(self) -> float:
        """Seconds until the bucket is out of debt; fills it, and lets the rate recover."""
        now = self._clock()
        elapsed, self._filled = now - self._filled, now
        if self.throttled and self._rate is not None:
            since = now - self._cut_at
            before = max(since - elapsed, 0.0)
            self._rate *= growth(since, _SLOW_SECONDS) / growth(before, _SLOW_SECONDS)
            if self.cap is not None:
                self._rate = min(self._rate, self.cap)
            elif self._rate >= self._lift_at:
                self._rate = None
                log.debug("pace: no longer throttled")
        if self._rate is None:
            self._tokens = 0.0
            return 0.0
        self._tokens = min(self._tokens + self._rate * elapsed, self._rate)
        return -self._tokens / self._rate


class Waits(Protocol):
    """Something that requests to a side wait for."""

    def reason(self, side: str) -> Reason | None:
        """Why they wait; None if they do not."""
        ...


def reasons(
    waits: Iterable[tuple[str, Waits]], retry: Retry, elsewhere: Iterable[Reason] = ()
) -> tuple[Reason, ...]:
    """Why requests wait, here by side or to be repeated, and `elsewhere`."""
    repeated = (Reason("retry", retry.reason),) if retry.reason else ()
    here = (each.reason(side) for side, each in waits)
    return joined((*filter(None, here), *repeated, *elsewhere))


def sides_of(
    here: Mapping[Role, SideFigures], elsewhere: SideRequests, paces: Iterable[tuple[Role, Pace]]
) -> tuple[tuple[Role, SideFigures], ...]:
    """Both sides as they are seen `here`, with the requests that workers sent and the caps."""
    caps = {role: pace.cap for role, pace in paces}
    return tuple(
        (role, seen + SideFigures(elsewhere.of(role), cap=caps.get(role)))
        for role, seen in here.items()
    )


def part_of(cap: float | None, share: float) -> float | None:
    """A share of a limit; None stays none."""
    return None if cap is None else cap * share
