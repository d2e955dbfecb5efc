"""Cut-over: when the target has caught up for long enough."""

from alternator_migrate.follow.ledger import ShardLedger


class Cutover:
    """Tells whether the target has caught up: the lag was at most `max_lag` seconds for `seconds`
    on end, no write waited to be repeated, and every shard was read to its tip meanwhile. A stream
    that shows changes `delay` seconds late may lag by that much more."""

    def __init__(self, max_lag: float, seconds: float, delay: float = 0.0) -> None:
        self._max_lag, self._seconds = max_lag + delay, seconds
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
            max(self._since, now - max(self._seconds, self._max_lag, 1.0))
        )
