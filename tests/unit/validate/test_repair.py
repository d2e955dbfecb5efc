"""Repair: what changes on the source just before something is written, or just after."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest

from alternator_migrate.core.model import Batch, Difference, DifferenceKind, Item, Limits, Reject
from alternator_migrate.dynamodb.items import from_json, to_json
from alternator_migrate.validate.compare import ItemComparer, PairLookup
from alternator_migrate.validate.equality import Equality
from alternator_migrate.validate.repair import Repair

KEY: Final = b'{"pk":{"S":"a"}}'
OPEN: Final = b'{"pk":{"S":"a"},"state":{"S":"open"}}'
CLOSED: Final = b'{"pk":{"S":"a"},"state":{"S":"closed"}}'
OTHER: Final = b'{"pk":{"S":"a"},"state":{"S":"open"},"v":{"N":"1"}}'


class Memory:
    """A table of one item at most, of which look-ups find what is `wanted`."""

    limits = Limits(25)

    def __init__(self, item: Item | None) -> None:
        self.item = item
        self.meanwhile: Callable[[], object] = lambda: None
        self.writes = 0

    async def get(self, keys: Sequence[bytes]) -> Sequence[Item]:
        return [self.item] if keys and self.item is not None else []

    def key_of(self, _: Item, *, request: bool = False) -> bytes:
        assert not request
        return KEY

    async def write(self, batch: Batch) -> Sequence[Reject]:
        self.meanwhile()
        self.writes += 1
        self.item = bytes(batch.items[0])
        return []

    async def delete(self, keys: Sequence[bytes]) -> None:
        self.item = None if keys else self.item


class Matching:
    """Look-ups in a table of items that are open."""

    def __init__(self, table: Memory) -> None:
        self._table = table

    async def get(self, keys: Sequence[bytes]) -> Sequence[Item]:
        found = await self._table.get(keys)
        return [each for each in found if from_json(each)["state"] == {"S": "open"}]


def pair_lookup(source: Memory, target: Memory) -> PairLookup:
    comparer = ItemComparer(Equality(), ("pk",))
    return PairLookup(Matching(source), target, comparer, unfiltered=source)


def repair(both: PairLookup, target: Any, *kinds: DifferenceKind) -> Repair:
    return Repair(both, target, kinds)


ALL: Final[tuple[DifferenceKind, ...]] = ("missing", "different", "extra")


@pytest.mark.parametrize("there", [None, OPEN, OTHER, CLOSED])
async def test_of_an_item_outside_of_the_filter_nothing_is_asked(there: bytes | None) -> None:
    target = Memory(there)
    both = pair_lookup(Memory(CLOSED), target)
    assert await both.at([KEY]) == []
    for kind in ALL:
        assert await repair(both, target, *ALL).repair([Difference(kind, KEY)]) == []
    assert (target.item, target.writes) == (there, 0)


async def test_an_item_that_the_source_lacks_is_extra_with_a_filter_too() -> None:
    target = Memory(OPEN)
    both = pair_lookup(Memory(None), target)
    assert [each.kind for each in await both.at([KEY])] == ["extra"]
    (found,) = await repair(both, target, "extra").repair([Difference("extra", KEY)])
    assert found.repaired
    assert target.item is None


@pytest.mark.parametrize("deletes", [False, True])
async def test_what_was_written_as_it_left_the_filter_is_deleted_or_told(deletes: bool) -> None:
    """The follower has deleted it on the target, just before it was written again."""
    source, target = Memory(OPEN), Memory(None)
    target.meanwhile = lambda: setattr(source, "item", CLOSED)
    kinds = ALL if deletes else ALL[:2]
    mending = repair(pair_lookup(source, target), target, *kinds)
    (found,) = await mending.repair([Difference("missing", KEY)])
    assert (found.kind, found.repaired) == (("missing", True) if deletes else ("extra", False))
    assert target.item == (None if deletes else OPEN)


async def test_what_is_different_is_made_equal() -> None:
    source, target = Memory(OPEN), Memory(OTHER)
    found = [Difference("different", KEY, ("v",))]
    (mended,) = await repair(pair_lookup(source, target), target, "different").repair(found)
    assert mended.repaired
    assert target.item == to_json(from_json(OPEN))
