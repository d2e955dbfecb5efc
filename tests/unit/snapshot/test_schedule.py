"""Which segment is next: spread, away from what throttles, each exactly once."""

import itertools
import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternator_migrate.core.model import Segment
from alternator_migrate.core.spread import by_reversed_bits
from alternator_migrate.snapshot.schedule import Schedule


@dataclass
class Clock:
    """A clock that is moved by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def a_schedule(segments: list[Segment], clock: Clock | None = None) -> Schedule:
    chance = random.Random(1)
    return Schedule(segments, clock=clock or Clock(), chance=chance.uniform)


def segments_of(total: int) -> list[Segment]:
    return [Segment(index, total) for index in range(total)]


def begun(schedule: Schedule, most: int) -> list[int]:
    """The next segments, as many as may be begun."""
    found: list[int] = []
    while len(found) < most and (segment := schedule.begin()):
        found.append(segment.index)
    return found


def test_reversed_bits_put_far_ones_beside_each_other() -> None:
    assert by_reversed_bits(range(8)) == [0, 4, 2, 6, 1, 5, 3, 7]
    assert by_reversed_bits(range(5)) == [0, 4, 2, 1, 3]
    assert by_reversed_bits([7]) == [7]
    assert by_reversed_bits([]) == []


@given(st.lists(st.integers(0, 10_000), unique=True, max_size=200))
def test_an_order_has_each_exactly_once(places: list[int]) -> None:
    assert sorted(by_reversed_bits(places)) == sorted(places)


@pytest.mark.parametrize("total", [64, 100, 320, 4096])
@pytest.mark.parametrize("readers", [4, 16, 32])
def test_what_is_read_at_once_is_spread_over_the_whole_range(total: int, readers: int) -> None:
    first = sorted(begun(a_schedule(segments_of(total)), readers))
    gaps = [b - a for a, b in itertools.pairwise([*first, first[0] + total])]
    assert max(gaps) <= 2.5 * total / readers


def test_after_a_resume_what_is_left_is_spread() -> None:
    left = segments_of(320)[100:164]
    first = sorted(begun(a_schedule(left), 8))
    assert max(b - a for a, b in itertools.pairwise(first)) <= 24
    assert first[0] < 120
    assert first[-1] > 140


def test_every_segment_is_begun_once() -> None:
    schedule = a_schedule(segments_of(300))
    assert sorted(begun(schedule, 1000)) == list(range(300))
    assert schedule.waiting == 0
    assert schedule.pause() is None


def test_nothing_is_begun_beside_a_segment_that_throttles_until_it_is_done() -> None:
    clock = Clock()
    schedule = a_schedule(segments_of(640), clock)
    hot = schedule.begin()
    assert hot
    assert 0.1 <= schedule.throttled(hot) <= 2
    others = begun(schedule, 2000)
    beside = {index for index in range(640) if index // 10 == hot.index // 10}
    assert set(others) == set(range(640)) - beside
    assert schedule.pause()
    schedule.done(hot)
    assert schedule.begin() is not None


def test_a_throttled_stretch_is_left_alone_longer_each_time_that_it_gives_nothing() -> None:
    clock = Clock()
    schedule = a_schedule(segments_of(64), clock)
    hot = schedule.begin()
    assert hot
    rests = []
    for _ in range(8):
        rests.append(schedule.throttled(hot))
        clock.now += rests[-1] + 1.1
    assert rests[0] < 2 < rests[-1] <= 15
    schedule.served(hot)
    assert schedule.throttled(hot) < 2


def refused_after(schedule: Schedule, segment: Segment, clock: Clock, pages: int) -> None:
    """A refusal of a segment that had so many pages, ten a second."""
    for _ in range(pages):
        clock.now += 0.1
        schedule.served(segment)
    clock.now += schedule.throttled(segment)


def between(schedule: Schedule, segment: Segment) -> float:
    """Seconds between the next two requests of a segment."""
    waits = [schedule.wait(segment) for _ in range(4)]
    return waits[-1] - waits[-2]


def test_a_stretch_finds_its_pace_and_leaves_it_when_nothing_is_refused() -> None:
    clock = Clock()
    schedule = a_schedule(segments_of(64), clock)
    hot = schedule.begin()
    assert hot
    refused_after(schedule, hot, clock, 40)
    assert between(schedule, hot) == pytest.approx(1 / 5.4, rel=0.2)
    refused_after(schedule, hot, clock, 40)
    assert between(schedule, hot) == pytest.approx(1 / 9, rel=0.2)
    clock.now += 20
    assert [schedule.wait(hot) for _ in range(3)] == [0, 0, 0]


def test_what_a_stretch_gave_long_ago_does_not_count() -> None:
    """A pace that is over is found anew by the last pages."""
    clock = Clock()
    schedule = a_schedule(segments_of(64), clock)
    hot = schedule.begin()
    assert hot
    refused_after(schedule, hot, clock, 40)
    clock.now += 600
    assert schedule.wait(hot) == 0
    refused_after(schedule, hot, clock, 60)
    assert between(schedule, hot) == pytest.approx(1 / 9, rel=0.25)


def test_a_limit_of_the_table_is_no_pace_of_a_stretch() -> None:
    clock = Clock()
    schedule = a_schedule(segments_of(64), clock)
    first, second = schedule.begin(), schedule.begin()
    assert first
    assert second
    refused_after(schedule, first, clock, 40)
    assert between(schedule, first) > 0
    schedule.throttled(second, wide=True)
    clock.now += 1
    assert [schedule.wait(first) for _ in range(3)] == [0, 0, 0]


def test_what_gives_next_to_nothing_has_no_pace_but_rests() -> None:
    """A limit of the whole table, seen by one of its many parts."""
    clock = Clock()
    schedule = a_schedule(segments_of(64), clock)
    part = schedule.begin()
    assert part
    clock.now += 20
    refused_after(schedule, part, clock, 10)
    assert [schedule.wait(part) for _ in range(3)] == [0, 0, 0]


def test_a_stretch_that_is_read_leaves_its_share_to_its_neighbours() -> None:
    clock = Clock()
    schedule = a_schedule(segments_of(64), clock)
    everything = {index: Segment(index, 64) for index in begun(schedule, 64)}
    for _ in range(40):
        clock.now += 0.1
        for number in (10, 11, 12):
            schedule.served(everything[number])
    for number in (10, 11, 12):
        schedule.throttled(everything[number])
    clock.now += 0.5
    assert between(schedule, everything[10]) == pytest.approx(1 / 5.4, rel=0.2)
    schedule.done(everything[11])
    for number in (10, 12):
        assert between(schedule, everything[number]) == pytest.approx(1 / 12, rel=0.2)
