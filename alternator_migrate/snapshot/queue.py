"""The bounded queue between reading and writing."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from alternator_migrate.core.model import Batch


@dataclass(slots=True)
class _Line:
    """The batches of one segment: those that `wait`, and those that are `out` at writers, by their
    numbers; `span` counts from the first that is out to the last that ever was."""

    waiting: deque[Batch] = field(default_factory=deque)
    out: dict[int, None] = field(default_factory=dict)
    last: int = 0

    @property
    def span(self) -> int:
        return self.last - next(iter(self.out)) + 1 if self.out else 0


class BatchQueue:
    """Batches on their way to the writers: bounded by bytes, fair between segments.

    Batches of different segments leave in turn, so that a page of one large partition does not
    send every writer to the same shard. `put` waits while `limit` bytes are held (a single
    batch may exceed it). No more than `window` batches are at writers or were written while an
    earlier one of their segment was not: that is what has to be copied again after a stop.
    """

    def __init__(self, limit: int, window: int) -> None:
        self._limit, self._window = limit, window
        self._size = self._spans = 0
        self._lines: dict[int, _Line] = {}
        self._turns: deque[int] = deque()
        self._putters: deque[asyncio.Future[None]] = deque()
        self._getters: deque[asyncio.Future[None]] = deque()
        self._closed = False

    async def put(self, batch: Batch) -> None:
        """Add a batch, when there is room."""
        while self._size >= self._limit:
            await _wait_in(self._putters)
        self._size += batch.size
        line = self._lines.setdefault(batch.segment, _Line())
        if not line.waiting:
            self._turns.append(batch.segment)
        line.waiting.append(batch)
        _wake_one(self._getters)
        if self._size < self._limit:
            _wake_one(self._putters)

    def close(self) -> None:
        """No more batches will come."""
        self._closed = True
        while self._getters:
            _wake_one(self._getters)

    async def ready(self) -> bool:
        """Return True when a batch may be taken, False when none ever will."""
        while not self._may_take():
            if self._closed and not self._turns:
                return False
            await _wait_in(self._getters)
        return True

    def take(self) -> tuple[int, Batch] | None:
        """The next batch and its number in its segment, to be told to `written`; None where
        another writer was faster."""
        if not self._may_take():
            return None
        while self._spans >= self._window and self._lines[self._turns[0]].out:
            self._turns.rotate(-1)
        segment = self._turns.popleft()
        line = self._lines[segment]
        batch = line.waiting.popleft()
        line.last += 1
        line.out[line.last] = None
        self._spans += 1
        if line.waiting:
            self._turns.append(segment)
        self._size -= batch.size
        if self._size < self._limit:
            _wake_one(self._putters)
        return line.last, batch

    def written(self, number: int, batch: Batch) -> None:
        """A batch that was taken is written."""
        line = self._lines[batch.segment]
        self._spans -= line.span
        del line.out[number]
        self._spans += line.span
        if not line.out and not line.waiting:
            del self._lines[batch.segment]
        if self._turns:
            _wake_one(self._getters)
        elif self._closed:
            self.close()

    @property
    def is_empty(self) -> bool:
        """Whether writers wait for batches."""
        return not self._turns

    @property
    def is_full(self) -> bool:
        """Whether readers wait for room."""
        return bool(self._putters)

    def _may_take(self) -> bool:
        """Whether a batch waits that may leave: where the window is used up, only the next one of
        a segment none of whose batches is at a writer."""
        if self._spans < self._window:
            return bool(self._turns)
        return any(not self._lines[segment].out for segment in self._turns)


async def _wait_in(line: deque[asyncio.Future[None]]) -> None:
    """Wait for a wake-up; a waiter cancelled after it was woken wakes the next in its stead."""
    place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    line.append(place)
    try:
        await place
    except asyncio.CancelledError:
        if place.done() and not place.cancelled():
            _wake_one(line)
        raise


def _wake_one(line: deque[asyncio.Future[None]]) -> None:
    while line:
        place = line.popleft()
        if not place.done():
            place.set_result(None)
            return
