"""The pace, on a clock that costs nothing."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.pace import Pace
from alternator_migrate.core.progress import Reason
from tests.support import virtual_time
from tests.support.virtual_time import now

SLACK = 1e-3


def a_pace(cap: float | None) -> Pace:
    """A pace on the clock of the running loop."""
    return Pace(cap, clock=now)


def said(reason: Reason | None) -> str:
    """The words of a reason."""
    return reason.text if reason else ""


async def spend(pace: Pace, seconds: float, *, each: float = 0.0, units: float = 1.0) -> float:
    """Units per second that one client after the other gets, who needs `each` seconds a request."""
    began, spent = now(), 0.0
    while now() - began < seconds:
        await pace.take(units)
        await asyncio.sleep(each)
        pace.settle(units, units)
        spent += units
    return spent / (now() - began) if seconds else 0.0


@given(
    cap=st.floats(0.5, 500),
    clients=st.lists(st.lists(st.floats(0.1, 50), min_size=1, max_size=8), min_size=1, max_size=4),
    rest=st.sampled_from((0.0, 0.3, 4.0)),
)
@settings(max_examples=60)
def test_no_window_holds_more_than_the_cap_and_a_burst_of_a_second(
    cap: float, clients: list[list[float]], rest: float
) -> None:
    taken: list[tuple[float, float]] = []

    async def client(pace: Pace, requests: Sequence[float]) -> None:
        for units in requests:
            await pace.take(units)
            taken.append((now(), units))
            pace.settle(units, units)
            await asyncio.sleep(rest)

    async def scene() -> None:
        pace = a_pace(cap)
        await asyncio.gather(*(client(pace, requests) for requests in clients))

    virtual_time.run(scene)
    for first, (began, _) in enumerate(taken):
        before_the_last = 0.0
        for at, units in taken[first:]:
            assert before_the_last <= cap * (at - began) + cap + SLACK
            before_the_last += units


def test_a_pace_is_kept_to_in_the_long_run() -> None:
    async def scene() -> None:
        pace = a_pace(50)
        await spend(pace, 2)
        assert await spend(pace, 60, units=5) == pytest.approx(50, rel=0.02)
        assert await spend(pace, 60, units=200) == pytest.approx(50, rel=0.1)

    virtual_time.run(scene)


def test_units_that_were_not_needed_are_free_at_once() -> None:
    """As for the nearly empty segments of a table of unknown size."""

    async def scene() -> None:
        pace = a_pace(30)

        async def scan() -> None:
            await pace.take(128)
            await asyncio.sleep(0.01)
            pace.settle(128, 0.5)

        began = now()
        await asyncio.gather(*(scan() for _ in range(64)))
        assert now() - began < 3

    virtual_time.run(scene)


def test_a_pause_is_made_up_for_by_one_second_at_most() -> None:
    async def scene() -> None:
        pace = a_pace(10)
        await spend(pace, 5)
        await asyncio.sleep(3600)
        assert await spend(pace, 10) == pytest.approx(11, rel=0.05)

    virtual_time.run(scene)


@pytest.mark.parametrize(("taken", "consumed"), [(1.0, 10.0), (10.0, 2.0), (4.0, 0.5)])
def test_what_was_consumed_counts_not_what_was_taken(taken: float, consumed: float) -> None:
    async def scene() -> None:
        pace, began, requests = a_pace(20), now(), 0
        while now() - began < 100:
            await pace.take(taken)
            pace.settle(taken, consumed)
            requests += 1
        assert requests * consumed / 100 == pytest.approx(20, rel=0.1)

    virtual_time.run(scene)


def test_without_a_cap_nobody_waits() -> None:
    async def scene() -> None:
        pace = a_pace(None)
        for _ in range(1000):
            await pace.take(1_000_000)
            pace.settle(1_000_000, 2_000_000)
        assert now() < SLACK
        assert not pace.throttled
        assert pace.reason("source") is None

    virtual_time.run(scene)


def test_those_who_wait_are_served_in_the_order_of_asking() -> None:
    served: list[int] = []

    async def client(pace: Pace, number: int) -> None:
        await asyncio.sleep(number * 0.001)
        await pace.take(7 - number)
        served.append(number)

    async def scene() -> None:
        pace = a_pace(1)
        await asyncio.gather(*(client(pace, number) for number in (3, 0, 5, 2, 4, 1)))

    virtual_time.run(scene)
    assert served == [0, 1, 2, 3, 4, 5]


def test_one_who_gives_up_waiting_takes_nothing() -> None:
    async def scene() -> None:
        pace = a_pace(1)
        await pace.take(2)
        impatient = [asyncio.create_task(pace.take(1000)) for _ in range(2)]
        await asyncio.sleep(0.5)
        for task in impatient:
            task.cancel()
        await pace.take(1)
        assert now() == pytest.approx(1, abs=SLACK)

    virtual_time.run(scene)


def test_the_reason_names_the_cap_only_while_somebody_waits_for_it() -> None:
    async def scene() -> None:
        pace = a_pace(2.5)
        assert pace.reason("source") is None
        await pace.take(5)
        waiting = asyncio.create_task(pace.take(1))
        await asyncio.sleep(0.1)
        assert said(pace.reason("source")) == "source capped at 2.5 units/s"
        assert not pace.throttled
        await waiting
        assert pace.reason("source") is None

    virtual_time.run(scene)


@pytest.mark.parametrize("cap", [None, 10.0])
def test_the_reason_tells_of_throttling_for_some_seconds(cap: float | None) -> None:
    async def scene() -> None:
        pace = a_pace(cap)
        pace.slow_down()
        assert said(pace.reason("target")) == "target throttles"
        await asyncio.sleep(4)
        assert said(pace.reason("target")) == "target throttles"
        await spend(pace, 60, each=0.1)
        assert pace.reason("target") is None

    virtual_time.run(scene)


def refuse_many(pace: Pace) -> None:
    """As many throttled answers as make up more than a tenth of a second's requests."""
    for _ in range(30):
        pace.slow_down()


class At:
    """The turn of a request at a place of the hash range."""

    def __init__(self, at: float, *, is_fresh: bool) -> None:
        self.at, self.is_fresh = at, is_fresh

    async def rest(self, *, wide: bool) -> None:
        """Not at all."""


@pytest.mark.parametrize(
    ("places", "is_fresh", "scope"),
    [
        ((0.1, 0.5, 0.9), True, "table"),
        ((0.1, 0.5, 0.9), False, ""),
        ((0.11, 0.12, 0.13), True, ""),
    ],
)
def test_what_is_taken_for_a_limit_of_the_table_is_told(
    places: Sequence[float], is_fresh: bool, scope: str
) -> None:
    async def scene() -> None:
        pace = a_pace(100)
        await spend(pace, 5)
        told = {pace.slow_down(At(each, is_fresh=is_fresh)) for each in (*places, *places) * 5}
        assert (scope or "") in told
        assert pace.throttled is (scope == "table")
        assert pace.slow_down(At(0.5, is_fresh=True), "range") == "range"

    virtual_time.run(scene)


def test_few_throttled_requests_do_not_slow_the_others() -> None:
    async def scene() -> None:
        pace = a_pace(100)
        await spend(pace, 5.5)
        pace.slow_down()
        assert not pace.throttled
        assert said(pace.reason("target")) == "target throttles"

    virtual_time.run(scene)


def test_throttling_cuts_the_rate_to_less_than_what_was_achieved() -> None:
    async def scene() -> None:
        pace = a_pace(100)
        await spend(pace, 5)
        refuse_many(pace)
        assert pace.throttled
        assert 84 <= await spend(pace, 1) <= 94

    virtual_time.run(scene)


def test_the_rate_is_cut_once_a_second_however_many_are_throttled() -> None:
    async def scene() -> None:
        pace = a_pace(100)
        await spend(pace, 5)
        refuse_many(pace)
        assert 84 <= await spend(pace, 1) <= 94
        refuse_many(pace)
        assert 70 <= await spend(pace, 1) < 88

    virtual_time.run(scene)


def test_a_rate_that_was_cut_comes_back_to_the_cap_and_no_further() -> None:
    async def scene() -> None:
        pace = a_pace(100)
        await spend(pace, 5)
        refuse_many(pace)
        await spend(pace, 4.5)
        assert not pace.throttled
        await spend(pace, 1)
        assert pace.reason("target") is None
        assert await spend(pace, 20) == pytest.approx(100, rel=0.02)

    virtual_time.run(scene)


@pytest.mark.parametrize("cap", [None, 100.0])
def test_a_pause_of_a_day_after_throttling_is_survived(cap: float | None) -> None:
    async def scene() -> None:
        pace = a_pace(cap)
        await spend(pace, 5, each=0.01)
        refuse_many(pace)
        await asyncio.sleep(86_400)
        await pace.take(1)
        assert not pace.throttled

    virtual_time.run(scene)


def test_a_cut_without_a_cap_is_lifted_at_twice_the_rate_achieved() -> None:
    async def scene() -> None:
        pace = a_pace(None)
        assert await spend(pace, 5, each=0.01) == pytest.approx(100, rel=0.02)
        refuse_many(pace)
        assert 84 <= await spend(pace, 1) <= 94
        assert await spend(pace, 1, each=0.001) < 130
        assert pace.throttled
        await spend(pace, 8, each=0.001)
        assert not pace.throttled
        assert await spend(pace, 5, each=0.001) == pytest.approx(1000, rel=0.02)

    virtual_time.run(scene)


def test_a_cut_follows_what_was_achieved_below_the_cap() -> None:
    async def scene() -> None:
        pace = a_pace(1000)
        assert await spend(pace, 5, each=0.02) == pytest.approx(50, rel=0.02)
        refuse_many(pace)
        await spend(pace, 1)
        assert await spend(pace, 2) < 75

    virtual_time.run(scene)


def test_a_cut_that_hardly_helps_is_followed_by_another_soon() -> None:
    """As after a burst, which says nothing of what is given from then on."""

    async def scene() -> None:
        pace = a_pace(1000)
        assert await spend(pace, 3) == pytest.approx(1000, rel=0.4)
        refuse_many(pace)
        for _ in range(10):
            await spend(pace, 0.05, each=0.05)
            pace.slow_down()
        pace.slow_down()
        assert await spend(pace, 1) < 100

    virtual_time.run(scene)


@pytest.mark.parametrize("cap", [None, 100.0])
def test_a_server_that_always_throttles_is_asked_once_a_second(cap: float | None) -> None:
    async def scene() -> None:
        pace, asked = a_pace(cap), 0
        await spend(pace, 5, each=0.01)
        while now() < 60:
            await pace.take(1)
            pace.slow_down()
        began = now()
        while now() - began < 30:
            await pace.take(1)
            pace.slow_down()
            asked += 1
        assert 20 <= asked <= 60

    virtual_time.run(scene)


@pytest.mark.parametrize("before", [0, 10])
@pytest.mark.parametrize("throttled", [1, 30])
def test_a_time_of_throttling_is_made_good_within_minutes(before: int, throttled: int) -> None:
    async def scene() -> None:
        pace = a_pace(10_000)
        await spend(pace, before, units=500)
        for _ in range(throttled):
            await pace.take(25)
            pace.slow_down()
            await asyncio.sleep(1)
        await spend(pace, 600, units=500)
        assert await spend(pace, 10, units=500) == pytest.approx(10_000, rel=0.1)

    virtual_time.run(scene)


def test_a_cap_that_changes_holds_at_once_and_gives_no_burst() -> None:
    async def scene() -> tuple[float, float, float]:
        pace = a_pace(None)
        pace.allow(10.0)
        first = await spend(pace, 20)
        pace.allow(40.0)
        second = await spend(pace, 20)
        pace.allow(None)
        return first, second, await spend(pace, 1, each=0.001)

    first, second, free = virtual_time.run(scene)
    assert first == pytest.approx(10, rel=0.15)
    assert second == pytest.approx(40, rel=0.15)
    assert free == pytest.approx(1000, rel=0.05)
