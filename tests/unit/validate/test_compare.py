"""What counts as a difference, and what may be absent."""

import pytest

from alternator_migrate.core.model import DifferenceKind, Item
from alternator_migrate.dynamodb import items
from alternator_migrate.validate.compare import ItemComparer
from alternator_migrate.validate.equality import Equality

NOW = 1_800_000_000


def expired(item: Item, now: float) -> bool:
    return items.expired("ttl", after=int(now) - 1000, before=int(now))(item)


def item(value: str, ttl: int | None = None) -> bytes:
    tail = "" if ttl is None else f',"ttl":{{"N":"{ttl}"}}'
    return f'{{"pk":{{"S":"a"}},"n":{{"N":"{value}"}}{tail}}}'.encode()


LIVE, OTHER, SPELLED = item("1", NOW + 5), item("2", NOW + 5), item("1.0", NOW + 5)
GONE, GONE_OTHER = item("1", NOW - 5), item("2", NOW - 5)


@pytest.mark.parametrize(
    ("source", "target", "skipping", "copying"),
    [
        (None, None, None, None),
        (LIVE, LIVE, None, None),
        (LIVE, SPELLED, None, None),
        (LIVE, OTHER, "different", "different"),
        (LIVE, None, "missing", "missing"),
        (None, LIVE, "extra", "extra"),
        (GONE, None, None, None),
        (None, GONE, None, None),
        (GONE, GONE_OTHER, None, "different"),
        (LIVE, GONE, "different", "different"),
        (GONE, LIVE, None, "different"),
    ],
)
def test_how_two_items_differ(
    source: bytes | None,
    target: bytes | None,
    skipping: DifferenceKind | None,
    copying: DifferenceKind | None,
) -> None:
    for wanted, skips in ((skipping, True), (copying, False)):
        comparer = ItemComparer(Equality(), ["pk"], expired=expired, skipping=skips)
        assert comparer.differ(source, target, NOW) == wanted


def test_without_ttl_nothing_may_be_absent() -> None:
    comparer = ItemComparer(Equality(), ["pk"])
    assert comparer.differ(GONE, None, NOW) == "missing"
    assert comparer.differ(None, GONE, NOW) == "extra"


def test_an_item_is_known_by_its_key() -> None:
    comparer = ItemComparer(Equality(), ["n", "pk"])
    key = b'{ "pk": {"S": "a"}, "n": {"N": "1e0"} }'
    assert comparer.identity(LIVE) == comparer.identity(SPELLED) == comparer.identity(key)
    assert comparer.identity(LIVE) != comparer.identity(OTHER)
