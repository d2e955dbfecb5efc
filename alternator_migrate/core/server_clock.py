"""A server's clock, as its answers tell it."""

import math
import time
from email.utils import parsedate_to_datetime
from typing import Final

_FROM_SECONDS: Final = 2.0
"""Clocks that differ by less are taken for the same: a Date has whole seconds."""


class ServerClock:
    """How far this machine's clock is ahead of a server's. The Date of one answer tells that to
    within a second and its round trip; those of several narrow it down, until one contradicts
    them, as when a clock is set. Times are epoch seconds."""

    def __init__(self) -> None:
        self._date: str | None = None
        self._second: float | None = None
        self._least, self._most = -math.inf, math.inf

    @property
    def ahead(self) -> float:
        """The seconds, negative where this clock is behind; 0 where it may be right, nearly. Of
        what is possible the least: the server's time is rather taken for later than it is."""
        if self._most > -_FROM_SECONDS and self._least < _FROM_SECONDS:
            return 0.0
        return self._least

    @property
    def now(self) -> float:
        """The server's time."""
        return time.time() - self.ahead

    def heard(self, date: str | None, sent: float, received: float) -> None:
        """Take an answer with this Date into account, which was asked for at `sent` and was there
        at `received` by this machine's clock."""
        if date != self._date:
            self._date, self._second = date, _second(date)
        if self._second is None:
            return
        least, most = sent - self._second - 1, received - self._second
        if least > self._most or most < self._least:
            self._least, self._most = least, most
        else:
            self._least, self._most = max(least, self._least), min(most, self._most)


def _second(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
