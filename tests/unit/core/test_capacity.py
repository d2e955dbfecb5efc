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


def test_what_limits_reading_is_told() -> None:
    tb = 1_000_000_000_000
    assert capacity.ceiling_text(4, tb, None) == (
        "4 segments read at most 12,000 units/s: leave scanSegments out, or set at least 100"
    )
    assert capacity.ceiling_text(4, 20_000_000_000, None).endswith("or set at least 64")
    assert capacity.ceiling_text(4, tb, 500.0) == ""
    assert capacity.ceiling_text(4, 1000, None).startswith("a partition gives at most 3,000")
    assert capacity.ceiling_text(4096, tb, None) == (
        "a partition gives at most 3,000 units/s; there are 100 at least, so 300,000 units/s or "
        "more"
    )
    assert capacity.ceiling_text(4096, tb, 1000.0) == ""
    assert capacity.ceiling_text(64, 0, None) == ""
