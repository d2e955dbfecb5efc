"""The bounded queue between reading and writing."""

import asyncio
from collections import deque

from alternator_migrate.core.model import Batch


class BatchQueue:
    """Batches on their way to the writers: bounded by bytes, fair between segments.

    Batches of different segments leave in turn, so that a page of one large partition does not
    send every writer to the same shard. `put` waits while `limit` bytes are held (a single
    batch may exceed it); after `close`, iteration ends when the queue is empty.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._segments: dict[int, deque[Batch]] = {}
        self._turns: deque[int] = deque()
        self._putters: deque[asyncio.Future[None]] = deque()
        self._getters: deque[asyncio.Future[None]] = deque()
        self._closed = False

    async def put(self, batch: Batch) -> None:
        """Add a batch, when there is room."""
        while self._size >= self._limit:
            await _wait_in(self._putters)
        self._size += batch.size
        waiting = self._segments.get(batch.segment)
        if waiting is None:
            self._segments[batch.segment] = deque((batch,))
            self._turns.append(batch.segment)
        else:
            waiting.append(batch)
        _wake_one(self._getters)
        if self._size < self._limit:
            _wake_one(self._putters)

    def close(self) -> None:
        """No more batches will come."""
        self._closed = True
        while self._getters:
            _wake_one(self._getters)

    def __aiter__(self) -> "BatchQueue":
        return self

    async def __anext__(self) -> Batch:
        while not self._turns:
            if self._closed:
                raise StopAsyncIteration
            await _wait_in(self._getters)
        segment = self._turns.popleft()
        waiting = self._segments[segment]
        batch = waiting.popleft()
        if waiting:
            self._turns.append(segment)
        else:
            del self._segments[segment]
        self._size -= batch.size
        if self._size < self._limit:
            _wake_one(self._putters)
        return batch


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
