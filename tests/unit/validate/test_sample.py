"""What a sample says of the whole, held against the binomial distribution itself."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternator_migrate.validate.sample import CONFIDENCE, most


def at_most(found: int, sampled: int, share: float) -> float:
    """The probability of at most `found` among `sampled` where `share` of all differ."""
    return math.fsum(
        math.comb(sampled, k) * share**k * (1 - share) ** (sampled - k) for k in range(found + 1)
    )


@given(sampled=st.integers(1, 400), part=st.floats(0, 1))
def test_a_larger_share_would_have_shown_more(sampled: int, part: float) -> None:
    found = min(int(part * sampled), sampled - 1)
    share = most(found, sampled)
    assert found / sampled < share < 1
    assert at_most(found, sampled, share) == pytest.approx(1 - CONFIDENCE, abs=1e-7)


def test_nothing_found_is_about_three_in_the_sample() -> None:
    for sampled in (100, 10_000, 10**7):
        assert most(0, sampled) == pytest.approx(3 / sampled, rel=0.02)


def test_many_items_are_no_trouble() -> None:
    assert most(10**6, 10**8) == pytest.approx(0.01, rel=0.01)
    assert most(5, 10**9) == pytest.approx(10.51 / 10**9, rel=0.001)


def test_nothing_is_known_of_what_was_not_sampled() -> None:
    assert most(0, 0) == 1.0
    assert most(7, 7) == 1.0
