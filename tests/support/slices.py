"""Work of slices that only lasts: it has no account."""

from collections.abc import Mapping

from alternator_migrate.core.state import CopyState
from alternator_migrate.core.work import LiveStats


class Unaccounted:
    """What `SliceWork` asks of the account of work that keeps none."""

    def state(self) -> CopyState:
        return CopyState()

    def kept(self) -> None:
        return None

    def live_stats(self) -> LiveStats:
        return LiveStats()

    def times(self) -> Mapping[int, float]:
        return {}
