"""Packing items into batches."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from alternator_migrate.core.batching import pack
from alternator_migrate.core.model import Limits

SIZES = st.lists(st.integers(1, 40), max_size=60)


@given(SIZES, st.integers(1, 12), st.integers(1, 100))
@example([], 1, 1)
@example([50, 1, 50], 3, 50)
@example([10, 10, 11], 3, 30)
def test_runs_are_the_items_in_order_within_the_limits(
    sizes: list[int], most: int, limit: int
) -> None:
    items = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    runs = list(pack(items, Limits(most, limit)))
    assert [item for run, _ in runs for item in run] == items
    for run, size in runs:
        assert 1 <= len(run) <= most
        assert size == sum(map(len, run))
        assert size <= limit or len(run) == 1


@given(SIZES, st.integers(1, 12))
def test_without_a_limit_of_size_every_run_but_the_last_is_full(
    sizes: list[int], most: int
) -> None:
    items = [b"x" * size for size in sizes]
    lengths = [len(run) for run, _ in pack(items, Limits(most, 10_000))]
    assert all(length == most for length in lengths[:-1])
    assert len(lengths) == -(-len(items) // most)


@given(st.lists(st.integers(1, 40), max_size=25), st.integers(40, 100))
def test_under_a_limit_of_size_no_neighbours_could_have_been_one(
    sizes: list[int], limit: int
) -> None:
    items = [b"x" * size for size in sizes]
    runs = list(pack(items, Limits(25, limit)))
    for (_, size), (following, _) in pairwise(runs):
        assert size + len(following[0]) > limit


def test_items_are_handed_on_and_not_copied() -> None:
    items = [b"first item", b"second item"]
    ((run, size),) = pack(items, Limits(25))
    assert size == 21
    assert all(out is given for out, given in zip(run, items, strict=True))
