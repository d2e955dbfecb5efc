"""Capacity: what a page costs, and how finely the range of keys is seen."""

import pytest

from alternator_migrate.core import capacity


@pytest.mark.parametrize("consistent", [False, True])
@pytest.mark.parametrize("cap", [1.0, 10.0, 60.0, 100.0, 255.0])
@pytest.mark.parametrize("item", [100, 3800])
def test_a_page_costs_at_most_a_second_of_the_cap(consistent: bool, cap: float, item: int) -> None:
    limit = capacity.page_items(cap, 1000, 1000 * item, consistent=consistent)
    size = capacity.PAGE_BYTES if limit is None else limit * item
    assert size / capacity.read_bytes(consistent=consistent) <= cap or limit == 1


def test_pages_are_full_without_a_cap_or_under_a_high_one() -> None:
    assert capacity.page_items(None, 1000, 1000, consistent=True) is None
    assert capacity.page_items(255, 1000, 1000, consistent=True) is not None
    assert capacity.page_items(256, 1000, 1000, consistent=True) is None
    assert capacity.page_items(128, 1000, 1000, consistent=False) is None
    assert capacity.page_items(5, 0, 0, consistent=False) is None


def test_a_large_table_is_seen_in_parts_of_half_a_partition() -> None:
    assert capacity.partitions(0) == 1
    assert capacity.partitions(320_000_000_000) == 32
    assert capacity.stretches(0) == 64
    assert capacity.stretches(1_000_000_000_000) == 200
