"""Digests of two tables: equal in any order and spelling, any difference marks its bucket."""

import pickle
import tracemalloc
import zlib
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.errors import BadAnswer
from alternator_migrate.validate.digests import BUCKETS, Digests
from tests.servers.client import Item
from tests.support.mutations import mutated
from tests.support.spelling import in_other_words, items, shuffled, spelled

SEED = bytes(range(16))
KEY = ("pk", "sk")
FEW = 256
CHANCE = st.builds(Random, st.integers(0, 2**32))
TABLES = st.lists(items(pk="S", sk="N"), min_size=1, max_size=6)


def digests(source: Sequence[bytes] = (), target: Sequence[bytes] = ()) -> Digests:
    """Digests of these items of either side."""
    found = Digests(KEY, seed=SEED, buckets=FEW)
    found.add(source)
    found.subtract(target)
    return found


def written(table: Sequence[Item], chance: Random) -> list[bytes]:
    """The items as JSON, in some order and spelling."""
    texts = [spelled(in_other_words(item, chance), chance).encode() for item in table]
    return shuffled(texts, chance)


def row(number: int) -> bytes:
    """One plain item."""
    return b'{"pk":{"S":"k%d"},"sk":{"N":"%d"},"v":{"S":"%d"}}' % (number, number, number)


@given(st.lists(items(pk="S", sk="N"), max_size=3), st.integers(0, 2**32))
@settings(max_examples=1000)
def test_equal_tables_have_equal_digests(table: list[Item], seed: int) -> None:
    chance = Random(seed)
    found = digests(written(table, chance), written(table, chance))
    assert found.differing() == frozenset()
    assert (found.added, found.subtracted, found.count) == (len(table), len(table), 2 * len(table))


@given(TABLES, CHANCE)
@settings(max_examples=150)
def test_one_changed_item_marks_its_bucket_and_no_other(table: list[Item], chance: Random) -> None:
    place = chance.randrange(len(table))
    other, _ = mutated(table[place], KEY, chance)
    target = [other if at == place else item for at, item in enumerate(table)]
    found = digests(written(table, chance), written(target, chance))
    changed = written([table[place]], chance)[0]
    assert found.differing() == {found.bucket_of(changed)}
    assert found.bucket_of(changed) == found.bucket_of(written([other], chance)[0])


@given(TABLES, CHANCE)
@settings(max_examples=100)
def test_items_of_one_side_only_mark_their_buckets(table: list[Item], chance: Random) -> None:
    kept = table[: chance.randrange(len(table))]
    source, target = written(table, chance), written(kept, chance)
    gone = {digests().bucket_of(item) for item in written(table[len(kept) :], chance)}
    assert digests(source, target).differing() == gone
    assert digests(target, source).differing() == gone


def test_an_item_with_another_key_marks_both_buckets() -> None:
    here, there = row(1), row(1).replace(b'"k1"', b'"k2"')
    found = digests([here], [there])
    assert found.differing() == {found.bucket_of(here), found.bucket_of(there)}
    assert len(found.differing()) == 2


def test_two_changes_in_one_bucket_do_not_cancel_out() -> None:
    one = Digests(KEY, seed=SEED, buckets=1)
    one.add([row(1), row(1)])
    assert one.differing() == {0}
    one.subtract([row(2), row(2)])
    assert one.differing() == {0}
    one.subtract([row(1), row(1)])
    one.add([row(2)])
    assert one.differing() == {0}
    one.add([row(2)])
    assert one.differing() == frozenset()


@given(TABLES, TABLES, CHANCE)
@settings(max_examples=100)
def test_slices_may_be_taken_in_any_order_and_merged(
    source: list[Item], target: list[Item], chance: Random
) -> None:
    whole = digests(written(source, chance), written(target, chance))
    parts = [digests([item], ()) for item in written(source, chance)]
    parts += [digests((), [item]) for item in written(target, chance)]
    merged = digests()
    for part in shuffled(parts, chance):
        merged.merge(pickle.loads(pickle.dumps(part)))
    assert merged.state() == whole.state()
    assert merged.differing() == whole.differing()
    assert merged.count == len(source) + len(target)


def test_a_state_goes_on_where_it_was_taken() -> None:
    table = [row(number) for number in range(500)]
    whole = digests(table, table[:-1])
    begun = digests(table[:200], table[250:400])
    again = Digests.from_state(begun.state(), KEY, seed=SEED, buckets=FEW)
    assert (again.added, again.subtracted) == (200, 150)
    assert again.differing() == begun.differing()
    again.add(table[200:])
    again.subtract([*table[:250], *table[400:-1]])
    assert again.state() == whole.state()
    assert again.differing() == {whole.bucket_of(table[-1])}


def test_a_state_is_small() -> None:
    many = Digests(KEY, seed=SEED)
    many.add([row(number) for number in range(3)])
    assert len(many.state()) < BUCKETS / 10
    full = digests([row(number) for number in range(5000)])
    assert len(full.state()) < 17 * FEW
    assert full.differing() == set(range(FEW))


@pytest.mark.parametrize(
    "other",
    [
        Digests(KEY, seed=SEED[::-1], buckets=FEW),
        Digests(KEY, seed=SEED, buckets=FEW + 1),
        Digests(("pk",), seed=SEED, buckets=FEW),
        Digests(("sk", "pk"), seed=SEED, buckets=FEW),
    ],
)
def test_digests_of_another_comparison_are_refused(other: Digests) -> None:
    with pytest.raises(ValueError, match="another comparison"):
        digests().merge(other)
    with pytest.raises(ValueError, match="another comparison"):
        Digests.from_state(other.state(), KEY, seed=SEED, buckets=FEW)


STATE = digests([row(1)]).state()


@pytest.mark.parametrize(
    "broken",
    [b"", b"x" * 10, b"x" * 1000, STATE[:-9], STATE[:32], STATE[:32] + zlib.compress(b"short")],
)
def test_a_broken_state_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="digests"):
        Digests.from_state(broken, KEY, seed=SEED, buckets=FEW)


def test_a_page_with_a_broken_item_leaves_no_trace() -> None:
    found = digests([row(1)], [row(2)])
    before = found.state()
    with pytest.raises(BadAnswer, match="key attribute"):
        found.add([row(3), b'{"pk":{"S":"a"}}'])
    with pytest.raises(BadAnswer, match="key attribute"):
        found.subtract([row(3), b'{"sk":{"N":"1"}}'])
    assert found.state() == before


def test_the_seed_decides_the_sums() -> None:
    other = Digests(KEY, seed=SEED[::-1], buckets=FEW)
    other.add([row(1)])
    assert other.bucket_of(row(1)) == digests().bucket_of(row(1))
    assert other.state()[16:] != digests([row(1)]).state()[16:]


def test_keys_spread_evenly_over_the_buckets() -> None:
    found = [digests().bucket_of(row(number)) for number in range(100 * FEW)]
    assert all(60 < found.count(bucket) < 140 for bucket in range(FEW))


def test_memory_does_not_grow_with_the_items() -> None:
    found = digests()
    page = [row(number) for number in range(1000)]
    found.add(page)
    tracemalloc.start()
    try:
        for _ in range(10):
            found.add(page)
            found.subtract(page)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 20_000
