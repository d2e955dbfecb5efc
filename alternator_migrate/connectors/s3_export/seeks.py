"""How long it takes to find the places at which data files are gone on with: a file has to be read
and inflated from its beginning."""

import time
from collections.abc import Callable


class Seeks:
    """The seeks of a piece of work; as they are under way at the same time, the longest counts.
    `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._longest = 0.0
        self._open: dict[object, float] = {}

    def begin(self) -> object:
        """A place is sought from now on; what `found` is to be told."""
        seek = object()
        self._open[seek] = self._clock()
        return seek

    def found(self, seek: object) -> None:
        """A place was found, or is not sought any more; may be told again."""
        began = self._open.pop(seek, None)
        if began is not None:
            self._longest = max(self._longest, self._clock() - began)

    def begin_anew(self) -> None:
        """Another piece of work begins."""
        self._longest = 0.0
        self._open.clear()

    @property
    def seconds(self) -> float:
        """The time of the longest seek, by now."""
        now = self._clock()
        return max(self._longest, *(now - began for began in self._open.values()), 0.0)
