"""The queue between reading and writing: bounded, fair, and no batch lost whoever gives up."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.model import Batch
from alternator_migrate.snapshot.queue import BatchQueue
from tests.support import virtual_time

WINDOW = 100


def batch(segment: int, page: int = 0, size: int = 1) -> Batch:
    """A batch whose items do not matter."""
    return Batch(segment, page, (), size)


async def filled(limit: int, batches: Iterable[Batch]) -> BatchQueue:
    """A queue that holds `batches`, for all of which there was room."""
    queue = BatchQueue(limit, WINDOW)
    for each in batches:
        await queue.put(each)
    return queue


async def one(queue: BatchQueue) -> Batch:
    """The next batch, which is written at once. Raises `EOFError` at the end."""
    while await queue.ready():
        if taken := queue.take():
            queue.written(*taken)
            return taken[1]
    raise EOFError


async def everything(queue: BatchQueue) -> AsyncIterator[Batch]:
    """All batches, each written at once."""
    with suppress(EOFError):
        while True:
            yield await one(queue)


async def settle() -> None:
    """Let every task run until it waits."""
    await asyncio.sleep(1)


def test_segments_take_turns() -> None:
    async def scene() -> None:
        put = [batch(0, 0), batch(0, 1), batch(0, 2), batch(1, 0), batch(1, 1), batch(2, 0)]
        queue = await filled(100, put)
        queue.close()
        order = [(each.segment, each.page) async for each in everything(queue)]
        assert order == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2)]

    virtual_time.run(scene)


def test_a_segment_that_comes_back_queues_up_behind_the_others() -> None:
    async def scene() -> None:
        queue = await filled(100, [batch(0, 0), batch(1, 0), batch(2, 0)])
        assert (await one(queue)).segment == 0
        await queue.put(batch(0, 1))
        assert [(await one(queue)).segment for _ in range(3)] == [1, 2, 0]

    virtual_time.run(scene)


def test_put_waits_while_the_limit_is_held() -> None:
    async def scene() -> None:
        queue = await filled(10, [batch(0, 0, 6), batch(0, 1, 6)])
        putting = asyncio.create_task(queue.put(batch(0, 2, 1)))
        await settle()
        assert not putting.done()
        await one(queue)
        await settle()
        assert putting.done()

    virtual_time.run(scene)


def test_a_batch_larger_than_the_limit_passes() -> None:
    async def scene() -> None:
        queue = await filled(10, [batch(0, 0, 1000)])
        assert (await one(queue)).size == 1000

    virtual_time.run(scene)


def test_room_for_several_lets_several_in() -> None:
    async def scene() -> None:
        queue = await filled(100, [batch(0, 0, 100)])
        putting = [asyncio.create_task(queue.put(batch(1, page, 10))) for page in range(3)]
        await settle()
        await one(queue)
        await settle()
        assert [task.done() for task in putting] == [True, True, True]

    virtual_time.run(scene)


def test_closing_ends_all_waiting_writers() -> None:
    async def scene() -> None:
        queue = BatchQueue(10, WINDOW)

        async def write() -> int:
            return len([each async for each in everything(queue)])

        writers = [asyncio.create_task(write()) for _ in range(5)]
        await settle()
        await queue.put(batch(0))
        queue.close()
        assert sum(await asyncio.gather(*writers)) == 1
        with pytest.raises(EOFError):
            await one(queue)

    virtual_time.run(scene)


def test_what_is_held_is_handed_out_after_closing() -> None:
    async def scene() -> None:
        queue = await filled(10, [batch(0, page) for page in range(4)])
        queue.close()
        assert [each.page async for each in everything(queue)] == [0, 1, 2, 3]

    virtual_time.run(scene)


def test_a_writer_cancelled_as_it_was_woken_wakes_the_next() -> None:
    async def scene() -> None:
        queue = BatchQueue(10, WINDOW)
        first, second = (asyncio.create_task(one(queue)) for _ in range(2))
        await settle()
        await queue.put(batch(7))
        first.cancel()
        await settle()
        assert first.cancelled()
        assert (await second).segment == 7

    virtual_time.run(scene)


def test_a_reader_cancelled_as_it_was_woken_wakes_the_next() -> None:
    async def scene() -> None:
        queue = await filled(10, [batch(0, 0, 10)])
        first, second = (asyncio.create_task(queue.put(batch(n))) for n in (1, 2))
        await settle()
        await one(queue)
        first.cancel()
        await second
        assert (await one(queue)).segment == 2

    virtual_time.run(scene)


async def _one(queue: BatchQueue) -> Batch:
    return await one(queue)


class Traffic:
    """A reader a segment and some writers around one queue; now and then one is cancelled, and
    another goes on in its stead."""

    def __init__(self, limit: int, segments: list[list[Batch]], writers: int, seed: int) -> None:
        self.queue = BatchQueue(limit, WINDOW)
        self.put: list[Batch] = []
        self.got: list[Batch] = []
        self.most_held = 0
        self._left = [list(batches) for batches in segments]
        self._writers = writers
        self._chance = Random(seed)

    async def run(self, disturbances: int) -> None:
        """Move every batch from the readers to the writers."""
        numbers = range(len(self._left))
        reading = {number: asyncio.create_task(self._read(number)) for number in numbers}
        writing = {n: asyncio.create_task(self._write()) for n in range(self._writers)}
        for _ in range(disturbances):
            await asyncio.sleep(self._chance.choice((0, 1, 2)))
            if self._chance.random() < 0.5:
                number = self._chance.choice(list(reading))
                await _cancelled(reading[number])
                reading[number] = asyncio.create_task(self._read(number))
            else:
                number = self._chance.choice(list(writing))
                await _cancelled(writing[number])
                writing[number] = asyncio.create_task(self._write())
        await asyncio.gather(*reading.values())
        self.queue.close()
        await asyncio.gather(*writing.values())

    async def _read(self, number: int) -> None:
        left = self._left[number]
        while left:
            await asyncio.sleep(self._chance.choice((0, 0, 1, 5)))
            await self.queue.put(left[0])
            self.put.append(left.pop(0))
            self.most_held = max(self.most_held, _size(self.put) - _size(self.got))

    async def _write(self) -> None:
        async for each in everything(self.queue):
            self.got.append(each)
            await asyncio.sleep(self._chance.choice((0, 0, 1, 5)))


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _size(batches: Iterable[Batch]) -> int:
    return sum(each.size for each in batches)


@given(
    limit=st.integers(1, 40),
    sizes=st.lists(st.lists(st.integers(1, 30), max_size=8), min_size=1, max_size=5),
    writers=st.integers(1, 6),
    disturbances=st.integers(0, 15),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=80)
def test_nothing_is_lost_or_doubled_whoever_gives_up(
    limit: int, sizes: list[list[int]], writers: int, disturbances: int, seed: int
) -> None:
    segments = [
        [batch(index, page, size) for page, size in enumerate(each)]
        for index, each in enumerate(sizes)
    ]
    traffic = Traffic(limit, segments, writers, seed)
    virtual_time.run(lambda: traffic.run(disturbances))
    everything = [each for batches in segments for each in batches]
    for moved in (traffic.put, traffic.got):
        assert sorted(map(id, moved)) == sorted(map(id, everything))
    assert traffic.most_held < limit + max((each.size for each in everything), default=1)
    for index, batches in enumerate(segments):
        assert [each for each in traffic.got if each.segment == index] == batches


def test_what_was_written_before_an_earlier_one_of_its_segment_is_bounded() -> None:
    """One batch is stuck: others of its segment get no further than the window, others do."""

    async def scene() -> None:
        queue = BatchQueue(1000, 4)
        for page in range(10):
            await queue.put(batch(0, page))
        stuck = queue.take()
        assert stuck
        for _ in range(3):
            taken = queue.take()
            assert taken
            queue.written(*taken)
        assert queue.take() is None
        await queue.put(batch(1))
        other = queue.take()
        assert other
        assert other[1].segment == 1
        assert queue.take() is None
        queue.written(*stuck)
        following = queue.take()
        assert following
        assert following[1].page == 4

    virtual_time.run(scene)


def test_a_writer_that_waits_for_the_window_is_woken() -> None:
    async def scene() -> None:
        queue = BatchQueue(1000, 1)
        await queue.put(batch(0, 0))
        await queue.put(batch(0, 1))
        queue.close()
        taken = queue.take()
        assert taken
        waiting = asyncio.create_task(one(queue))
        await settle()
        assert not waiting.done()
        queue.written(*taken)
        assert (await waiting).page == 1
        assert not await queue.ready()

    virtual_time.run(scene)
