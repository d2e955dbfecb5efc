"""Outages: told at once and at each change, not at each failure."""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from alternator_migrate.core.errors import Retryable
from alternator_migrate.core.texts import duration

log = logging.getLogger(__name__)
_AGAIN_SECONDS: Final = 60.0
_AGAIN_AT_MOST: Final = 3600.0
_KINDS: Final = 10
_LASTING_SECONDS: Final = 2.0
_LONG_SECONDS: Final = 10.0
_WORDS: Final = 300
_SHORT: Final = 100
_figures: Final = re.compile(r"[0-9a-fA-F-]{8,}|\d+")
_marks: Final = re.compile(r"[();]+")


@dataclass(slots=True)
class Repeating:
    """A request under way that has failed since `began` and is given up at `end`, both by the
    clock; `since` is the time of day of the first, `what` and `words` tell of its last failure."""

    began: float
    end: float
    since: str
    what: str = ""
    words: str = ""


@dataclass(slots=True)
class _Told:
    """When a kind of failure may be told once more, and how long it is kept back after that."""

    again_at: float
    pause: float


class Trouble:
    """The failures of requests that are repeated, for the log and the status line.

    The first of a kind is told; one that comes again and again at growing intervals, and no more
    than ten kinds in a minute. Kinds differ in the server's words, figures and nodes aside.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pending: list[Repeating] = []
        self._told: dict[str, _Told] = {}
        self._told_since: float | None = None

    def begins(self, budget: float) -> Repeating:
        """A request has failed for the first time, and is repeated for `budget` seconds."""
        now = self._clock()
        found = Repeating(now, now + budget, time.strftime("%H:%M:%S"))
        self._pending.append(found)
        return found

    def failed(self, request: Repeating, failure: Retryable) -> None:
        """It failed, and is to be repeated."""
        request.words = str(failure)
        request.what = f"{failure.side or 'server'} {failure.doing} since {request.since}"
        now = self._clock()
        log.debug("attempt failed: %s", request.words)
        if self._is_news(kind_of(failure), now):
            self._told_since = self._told_since or now
            left = duration(max(request.end - now, 0.0))
            log.warning("%s: %s; giving up in %s", request.what, request.words[:_WORDS], left)

    def ends(self, request: Repeating, *, answered: bool) -> None:
        """It was `answered`, or given up, or is not wanted any more."""
        self._pending.remove(request)
        if self._pending or self._told_since is None:
            return
        seconds, self._told_since = self._clock() - self._told_since, None
        if answered and seconds >= _LONG_SECONDS:
            log.info("requests are answered again, after %s", duration(seconds))

    @property
    def reason(self) -> str:
        """The reason for which a request has been repeated for some seconds now; "" where there is
        none."""
        now = self._clock()
        oldest = min(self._pending, key=lambda each: each.end, default=None)
        if oldest is None or now - oldest.began < _LASTING_SECONDS:
            return ""
        words = " ".join(_marks.sub(" ", oldest.words).split())[:_SHORT]
        return f"{oldest.what} ({words}), giving up in {duration(max(oldest.end - now, 0))}"

    def _is_news(self, kind: str, now: float) -> bool:
        """Whether a kind of failure is to be told now; then it is not for a while."""
        told = self._told.get(kind)
        if told and now < told.again_at:
            return False
        self._told = {
            name: each for name, each in self._told.items() if now < each.again_at + _AGAIN_AT_MOST
        }
        since = now - _AGAIN_SECONDS
        if sum(each.again_at - each.pause > since for each in self._told.values()) >= _KINDS:
            return False
        told = self._told.get(kind)
        pause = min(told.pause * 2, _AGAIN_AT_MOST) if told else _AGAIN_SECONDS
        self._told[kind] = _Told(now + pause, pause)
        return True


def kind_of(failure: Retryable) -> str:
    """The kind of a failure: the server's words, figures and nodes aside."""
    words = str(failure)
    if failure.node:
        words = words.replace(failure.node, "")
    return _figures.sub("#", words)
