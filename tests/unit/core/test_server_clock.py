"""The clocks of servers, of which a Date of whole seconds is known, some time after it was made."""

from dataclasses import dataclass
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternator_migrate.core import server_clock
from alternator_migrate.core.server_clock import ServerClock, bounds

START = 1_700_000_000.0
NODE, OTHER = "127.0.0.1:8000", "127.0.0.2:8000"


@dataclass
class Times:
    """This machine's clocks."""

    at: float = START

    def time(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at - START


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    found = Times()
    monkeypatch.setattr(server_clock, "time", found)
    return found


def answer(
    clock: ServerClock, at: float, ahead: float, way: float = 0.0, back: float = 0.0, **more: float
) -> None:
    """An answer asked for at `at`, of a server whose clock is so far ahead, after its way there;
    its Date is some time `old`."""
    date = formatdate(int(at + way + ahead - more.get("old", 0.0)), usegmt=True)
    clock.heard(NODE if "other" not in more else OTHER, date, at, at + way + back)


def ends(clock: ServerClock, times: Times) -> tuple[float, float]:
    """The least and the most by which it is ahead."""
    return clock.at_least() - times.at, clock.at_most() - times.at


WAYS = st.floats(0, 3)
ANSWERS = st.lists(st.tuples(st.floats(0, 5), WAYS, WAYS, st.floats(0, 1)), min_size=1, max_size=30)


@given(st.floats(-5000, 5000), ANSWERS)
def test_the_time_of_a_server_is_within_what_is_told(
    ahead: float, answers: list[tuple[float, float, float, float]]
) -> None:
    """Nearer than two seconds and the quickest way; a Date may be made once a second only."""
    clock, at, within = ServerClock(), START, 10.0
    for pause, way, back, old in answers:
        at += pause
        answer(clock, at, ahead, way, back, old=old)
        within = min(within, 2 + way + back)
        times = Times(at)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server_clock, "time", times)
            low, high = ends(clock, times)
        assert low - 1e-3 <= ahead <= high + 1e-3
        assert high - low <= within + 1e-3


def test_answers_of_different_fractions_of_a_second_narrow_it_down(times: Times) -> None:
    clock = ServerClock()
    for number in range(20):
        answer(clock, START + number * 0.95, 60.3, 0.01, 0.01)
    low, high = ends(clock, times)
    assert low == pytest.approx(60.3, abs=0.1)
    assert high - low < 1.2


def test_nodes_that_differ_are_each_within_what_is_told(times: Times) -> None:
    clock = ServerClock()
    for number in range(20):
        times.at = START + number * 0.35
        answer(clock, times.at, 0.0)
        answer(clock, times.at, 20.0, other=1)
        low, high = ends(clock, times)
        assert low <= 0
        assert high >= 20
    assert low > -0.5
    assert high < 21.5


def test_servers_behind_one_address_are_each_within_what_is_told(times: Times) -> None:
    clock = ServerClock()
    for number in range(200):
        times.at = START + number
        answer(clock, times.at, 20.0 * (number % 2))
        low, high = ends(clock, times)
        assert low <= 0
        assert high >= 20 or not number


def test_a_clock_that_is_set_is_known_anew_within_a_minute(times: Times) -> None:
    clock = ServerClock()
    for number in range(20):
        times.at = START + number * 0.95
        answer(clock, times.at, -300.0)
    for number in range(70):
        times.at = START + 30 + number
        answer(clock, times.at, 90.0)
        low, high = ends(clock, times)
        assert low <= 90 <= high
    assert low >= 89


def test_a_node_that_is_silent_is_forgotten_where_others_are_not(times: Times) -> None:
    clock = ServerClock()
    answer(clock, START, -20.0, other=1)
    times.at += 7200
    assert ends(clock, times)[0] <= -20, "nothing else is known"
    answer(clock, times.at, 0.0)
    assert ends(clock, times)[0] >= -1


def test_many_nodes_are_not_kept_for_ever(times: Times) -> None:
    clock = ServerClock()
    answer(clock, START, -500.0)
    for number in range(1000):
        times.at += 0.01
        clock.heard(f"node{number}", formatdate(int(times.at), usegmt=True), times.at, times.at)
    assert ends(clock, times)[0] >= -1


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "yesterday",
        "Mon, 02 Jan 20260000000 03:04:05 GMT",
        "Mon, 99 Jan 2026 03:04:05 GMT",
        "Mon, 02 Jan 2026 03:04:05 +99999999999999999999",
        "Mon, 02 Jan " + "9" * 5000 + " 03:04:05 GMT",
    ],
)
def test_without_a_date_nothing_is_known(date: str | None, times: Times) -> None:
    clock = ServerClock()
    clock.heard(NODE, date, START, START)
    assert ends(clock, times) == (0, 0)
    answer(clock, START, 40.0)
    before = ends(clock, times)
    clock.heard(NODE, date, START, START)
    assert ends(clock, times) == before
    assert bounds(date, START, START) is None


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000", ""])
def test_a_date_without_a_zone_is_of_utc(zone: str) -> None:
    date = formatdate(START).removesuffix("-0000") + zone
    assert bounds(date, START, START) == (0, 2)
