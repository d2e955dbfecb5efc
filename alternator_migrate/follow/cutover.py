"""Cut-over: when the target has caught up for long enough."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from alternator_migrate.follow.ledger import ShardLedger, caught_up_text

log = logging.getLogger(__name__)
CaughtUp = Callable[[], Awaitable[bool]]
"""Tells that the target has caught up; True where something was done meanwhile."""
_LOOK_SECONDS: Final = 0.25
_AFTER_HOOK: Final = 5.0
"""For answers that were under way."""


class Cutover:
    """Tells whether the target has caught up: the lag was at most `max_lag` seconds for `seconds`
    on end, no write waited, and every shard was read to its tip meanwhile. A stream
    that shows changes `delay` seconds late may lag by that much more."""

    def __init__(self, max_lag: float, seconds: float, delay: float = 0.0) -> None:
        self._max_lag, self._seconds = max_lag + delay, seconds
        self._since: float | None = None

    def reached(self, shards: ShardLedger, now: float, *, waits: bool) -> bool:
        """Take a look at `now` (by a clock that is never set); True while the rule holds."""
        lag = shards.lag(least=True)
        if waits or lag is None or lag > self._max_lag:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        lasts = now - self._since
        window = min(lasts, max(self._seconds, self._max_lag, 1.0))
        moment = shards.clock() - window
        return lasts >= self._seconds and shards.current_since(moment, by_arrival=True)


class CaughtUpWatch:
    """Looks by the clock whether the target has caught up, and tells once that it has, with all
    `others`, which is told of it; following `ends` then, or goes on. `waits()` says whether a
    write waits."""

    def __init__(
        self, waits: Callable[[], bool], others: Callable[[bool], bool], *, ends: bool
    ) -> None:
        self._waits, self._ends, self._others = waits, ends, others
        self._reached = False

    @property
    def caught_up(self) -> bool:
        """Whether the rule held when it was looked at last, and no write waits now."""
        return self._reached and not self._waits()

    async def run(
        self, shards: ShardLedger, rule: Cutover, over: asyncio.Event, tell: CaughtUp
    ) -> None:
        """Look until cancelled; sets `over` where following ends."""
        told: float | None = None
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._reached = rule.reached(shards, now(), waits=self._waits())
            all_have = self._others(self._reached)
            if all_have and told is None:
                log.info(caught_up_text(ends=self._ends))
                after = _AFTER_HOOK if await tell() else 0.0
                told = now() + after
            elif self._reached and self._ends and self._is_finished(shards, told, now()):
                over.set()

    def _is_finished(self, shards: ShardLedger, told: float | None, now: float) -> bool:
        """Whether it was told that the target has caught up, and all is there that was made until
        then, while a hook may have stopped the writers. That moment is reckoned anew each time, for
        clocks are set and nodes leave."""
        return told is not None and shards.current_since(shards.latest() - (now - told))
