"""The 24 hours for which a stream keeps changes: whether they have passed, and warnings before."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from alternator_migrate.core.errors import FOLLOW_ANEW, TrimmedData
from alternator_migrate.core.model import KEPT_SECONDS

log = logging.getLogger(__name__)
_WARNINGS: Final = (0.5, 0.75, 0.9)
_LOOK_SECONDS: Final = 10.0


class Retention:
    """The age of changes that are not handled yet: `watermark()` is when the oldest of them may
    have been made. `clock`, too, gives epoch seconds: what it is at most by the clocks of those who
    date them; before these are known, by this machine's."""

    def __init__(
        self, watermark: Callable[[], float], clock: Callable[[], float] = time.time
    ) -> None:
        self._watermark, self.clock = watermark, clock
        self._reading = False
        self._warned: dict[Callable[[float, float], str], float] = {}

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The stream is being read while the block lasts."""
        self._reading = True
        try:
            yield
        finally:
            self._reading = False

    def check(self) -> None:
        """Raise `TrimmedData` where the stream was left alone for too long: not every stream says
        that it has dropped changes. Alternator does not, nor does any for a shard read from its
        beginning. Before it answers its clock is not known.
        """
        waited = self.clock() - self._watermark()
        if waited >= KEPT_SECONDS:
            raise TrimmedData(
                f"changes have waited {waited / 3600:.1f} hours in the stream, which keeps them "
                "for 24",
                FOLLOW_ANEW,
            )

    async def warn(
        self, fraction: Callable[[], float], words: Callable[[float, float], str] | None = None
    ) -> None:
        """Warn, until cancelled, when work that is done by `fraction` (0 to 1) will have used up
        much of the time at its speed, and the stream is not being read meanwhile. `words` makes
        the message, as `warning` does; what it has warned of is not said again by the next one
        that begins where it ends.
        """
        words, passed = words or warning, asyncio.get_running_loop().time
        began, first = passed(), fraction()
        warned: float | None = None
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._reading:
                continue
            done = fraction()
            left = (1 - done) * (passed() - began) / (done - first) if done > first else 0.0
            used = (self.clock() - self._watermark() + left) / KEPT_SECONDS
            reached = max((level for level in _WARNINGS if used >= level), default=0.0)
            warned = min(self._warned.get(words, 0.0), reached) if warned is None else warned
            if reached > warned:
                self._warned[words] = warned = reached
                log.warning(words(left, used))


def warning(left: float, used: float) -> str:
    """The message when after `left` more seconds a share `used` of the time will have passed."""
    return (
        f"warning: when the copy is complete, in about {left / 3600:.1f} h, changes will have "
        f"waited in the stream for {used:.0%} of the 24 h that it keeps them; raise "
        "spool.maxBytes, or make the copy faster"
    )


def building_warning(_: float, used: float) -> str:
    """The message when a share `used` of the time has passed while indexes are built."""
    return (
        "warning: indexes are being built, and changes have waited in the stream for "
        f"{used:.0%} of the 24 h that it keeps them: raise spool.maxBytes"
    )


def replay_warning(left: float, used: float) -> str:
    """The message when after `left` more seconds of replay a share `used` will have passed."""
    return (
        f"warning: when the kept changes are written, in about {left / 3600:.1f} h, newer "
        f"ones will have waited in the stream for {used:.0%} of the 24 h that it keeps them: let "
        "the target take more (target.writeThroughput, its capacity)"
    )


def held_back_warning(_: float, used: float) -> str:
    """The message when a share `used` of the time has passed while the run is held back."""
    return (
        f"warning: the run is held back, and changes have waited in the stream for {used:.0%} of "
        "the 24 h that it keeps them: let it go on, or give it more room with spool.maxBytes"
    )
