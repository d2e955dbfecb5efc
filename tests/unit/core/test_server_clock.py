"""The clock of a server, of which a Date of whole seconds is known, some time after it was made."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternator_migrate.core.server_clock import ServerClock

START = 1_700_000_000.0


def answer(
    clock: ServerClock, at: float, ahead: float, way: float = 0.0, back: float = 0.0
) -> None:
    """An answer asked for at `at` by this clock, which is so far ahead, after its way there."""
    date = formatdate(int(at + way - ahead), usegmt=True)
    clock.heard(date, at, at + way + back)


WAYS = st.floats(0, 3)
ANSWERS = st.lists(st.tuples(st.floats(0, 5), WAYS, WAYS), min_size=1, max_size=30)


@given(st.floats(-2, 2), ANSWERS)
def test_clocks_that_hardly_differ_are_left_alone(
    ahead: float, answers: list[tuple[float, float, float]]
) -> None:
    clock, at = ServerClock(), START
    for pause, way, back in answers:
        at += pause
        answer(clock, at, ahead, way, back)
        assert clock.ahead == 0


@given(st.floats(-5000, 5000), ANSWERS)
def test_a_correction_takes_the_server_for_late_by_little(
    ahead: float, answers: list[tuple[float, float, float]]
) -> None:
    """By no more than a second and the way of any answer; never for early, where it corrects."""
    clock, at, within = ServerClock(), START, 10.0
    for pause, way, back in answers:
        at += pause
        answer(clock, at, ahead, way, back)
        within = min(within, 1 + way + back)
        if clock.ahead:
            assert ahead - within - 1e-3 <= clock.ahead <= ahead + 1e-3
        else:
            assert abs(ahead) <= 2 + within


def test_answers_of_different_fractions_of_a_second_narrow_it_down() -> None:
    clock = ServerClock()
    for number in range(20):
        answer(clock, START + number * 0.95, -60.3, 0.01, 0.01)
    assert clock.ahead == pytest.approx(-60.3, abs=0.1)


def test_a_clock_that_is_set_is_known_anew() -> None:
    clock = ServerClock()
    for number in range(20):
        answer(clock, START + number * 0.95, 300.0)
    answer(clock, START + 30, 0.0)
    assert clock.ahead == 0
    answer(clock, START + 31, -90.0)
    assert -91 <= clock.ahead <= -90


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_without_a_date_nothing_is_known(date: str | None) -> None:
    clock = ServerClock()
    clock.heard(date, START, START)
    assert clock.ahead == 0
    answer(clock, START, 40.0)
    clock.heard(date, START, START)
    assert 39 <= clock.ahead <= 40
