"""Reading that never ends is noticed, whatever the circle; reading that ends is let be."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternator_migrate.dynamodb.paging import LoopGuard


def noticed_after(lead: int, length: int, start: object = None) -> int:
    """Pages read of a list that leads into a circle of so many places, until that is noticed."""
    guard = LoopGuard(start)
    places = itertools.chain(range(lead), itertools.cycle(range(lead, lead + length)))
    return next(pages for pages, place in enumerate(places, 1) if guard.closes(place))


@given(st.integers(0, 400), st.integers(1, 400))
def test_every_circle_is_noticed_in_good_time(lead: int, length: int) -> None:
    assert lead + length < noticed_after(lead, length) < 3 * (lead + length)


@pytest.mark.parametrize("lead", [0, 1, 2, 3, 50])
def test_a_place_that_comes_again_at_once_is_noticed_at_once(lead: int) -> None:
    assert noticed_after(lead, 1) == lead + 2


def test_the_place_that_reading_went_on_from_counts() -> None:
    assert LoopGuard(b"a").closes(b"a")
    assert noticed_after(1, 5, start=0) == 1


@given(st.lists(st.binary(max_size=3), unique=True))
def test_places_that_differ_are_no_circle(places: list[bytes]) -> None:
    guard = LoopGuard()
    assert not any(guard.closes(place) for place in places)
