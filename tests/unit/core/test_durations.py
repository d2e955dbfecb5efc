"""Durations in buckets, by properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternator_migrate.core.durations import Durations, Stopwatch

LEAST, MOST = 0.0001, 0.0001 * 2**30.75
SECONDS = st.lists(st.floats(0, 1e6), min_size=1, max_size=60)


def measured(seconds: list[float]) -> Durations:
    """Durations of so many seconds each."""
    stopwatch = Stopwatch()
    for each in seconds:
        stopwatch.note(each)
    return stopwatch.durations


@given(SECONDS)
def test_a_percentile_is_right_within_the_width_of_a_bucket(seconds: list[float]) -> None:
    found = measured(seconds)
    for share in (0.0, 0.5, 0.95, 1.0):
        rank = max(round(share * len(seconds) + 0.499999), 1)
        exact = sorted(seconds)[min(rank, len(seconds)) - 1]
        told = found.percentile(share)
        assert told is not None
        exact = min(max(exact, LEAST), MOST)
        assert exact / 1.2 <= told <= exact * 1.2


@given(SECONDS, SECONDS)
def test_durations_add_up_and_what_came_since_is_told_apart(
    first: list[float], second: list[float]
) -> None:
    both = measured(first) + measured(second)
    assert both.count == len(first) + len(second)
    assert (both - measured(first)).counts == (*measured(second).counts, *(0,) * 200)[
        : len(both.counts)
    ]


def test_without_any_there_is_no_percentile() -> None:
    assert Durations().percentile(0.5) is None
    assert Durations().count == 0


def test_counts_up_to_a_bound_include_it() -> None:
    found = measured([0.001, 0.01, 0.1, 1.0, 10.0])
    assert [found.at_most(bound) for bound in (0.0005, 0.0011, 0.11, 1e9)] == [0, 1, 3, 5]
    assert found.seconds == pytest.approx(11.111)
