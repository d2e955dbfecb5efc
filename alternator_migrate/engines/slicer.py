"""Cuts the segments that wait into slices."""

import math
from collections import Counter, deque
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError, WorkerLost
from alternator_migrate.core.model import Position
from alternator_migrate.core.spread import by_reversed_bits
from alternator_migrate.core.steering import NO_CAPS, Caps
from alternator_migrate.core.work import Slice, SliceResult

SHORTEST_SECONDS: Final = 2.0
_MOST_SEGMENTS: Final = 64
_MOST_LOSSES: Final = 5


class Slicer:
    """Segments that wait, of `total`, and how they are cut into slices, each of which is as spread
    over the table as all together, and begins elsewhere than the one before.

    Slices last two seconds at first, twice as long after each report, up to `longest` seconds,
    and two seconds again when they are the last: then what is left of them is cut again, so
    that no worker is idle for long.
    """

    def __init__(self, total: int, places: Mapping[int, Position | None], longest: float) -> None:
        self._total = total
        self._waiting = deque(by_reversed_bits(sorted(places.items(), key=itemgetter(0))))
        self._longest = longest
        self._seconds = min(SHORTEST_SECONDS, longest)
        self._losses: Counter[int] = Counter()

    def __len__(self) -> int:
        """The number of segments that wait."""
        return len(self._waiting)

    def cut(self, vacant: int, share: float, params: object, asked: Caps = NO_CAPS) -> Slice[Any]:
        """The next slice, where `vacant` workers want one; at least one segment must wait."""
        count = min(math.ceil(len(self._waiting) / vacant), _MOST_SEGMENTS)
        places = dict(self._waiting.popleft() for _ in range(count))
        seconds = self._seconds if self._waiting else min(SHORTEST_SECONDS, self._longest)
        return Slice(self._total, places, seconds, params, share, asked)

    def came_back(self, piece: Slice[Any], report: SliceResult[Any]) -> None:
        """Let wait again what a slice left over."""
        state = report.state
        left = [segment for segment in piece.places if segment not in state.done]
        self._waiting.extendleft(
            (segment, state.positions.get(segment)) for segment in reversed(left)
        )
        for segment in piece.places:
            del self._losses[segment]
        self._seconds = min(2 * self._seconds, self._longest)

    def was_lost(self, piece: Slice[Any], loss: WorkerLost) -> None:
        """Let a lost slice wait again as it was. Raises `MigrateError` where that happens to the
        same segment again and again."""
        self._waiting.extendleft(reversed([*piece.places.items()]))
        self._losses.update([*piece.places])
        self._seconds = min(SHORTEST_SECONDS, self._longest)
        [(segment, times)] = self._losses.most_common(1)
        if times >= _MOST_LOSSES:
            raise MigrateError(
                f"{times} workers in turn were lost with segment {segment} of {self._total}: "
                f"{loss.args[0]}",
                loss.hint,
            ) from loss
