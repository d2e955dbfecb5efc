"""Sample items: what `seed` fills a table with."""

import base64
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb.items import to_json
from alternator_migrate.dynamodb.table_schema import Index, KeyElement, TableSpec, Throughput

Chance = random.Random
Attributes = dict[str, dict[str, Any]]
Make = Callable[[Chance], Item]
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of table: its description, and how to make one item of it."""

    spec: TableSpec
    make: Make


def _uuids(chance: Chance, count: int) -> list[str]:
    """`count` random UUIDs of version 4."""
    digits = chance.randbytes(16 * count).hex()
    return [
        f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"
        for h in (digits[at : at + 32] for at in range(0, 32 * count, 32))
    ]


def _tutorial_item(chance: Chance) -> Item:
    """The item of ScyllaDB Migrator's tutorial: a key and five columns, a UUID each."""
    names = ("id", "col1", "col2", "col3", "col4", "col5")
    values = _uuids(chance, len(names))
    return to_json({name: {"S": value} for name, value in zip(names, values, strict=True)})


def _mixed_item(chance: Chance) -> Item:
    """One item of many shapes, from 100 bytes to some kilobytes."""
    item: Attributes = {
        "id": {"S": _uuids(chance, 1)[0]},
        "seq": {"N": str(chance.randrange(-(10**6), 10**12))},
    }
    if chance.random() < 0.8:
        item["kind"] = {"S": chance.choice(_WORDS)}
    if chance.random() < 0.3:
        item["expires"] = _expiry(chance)
    for fill in chance.sample(_FILLS, chance.choice((1, 1, 2, 3))):
        item |= fill(chance)
    return to_json(item)


def _expiry(chance: Chance) -> dict[str, str]:
    """A value of the TTL attribute that keeps its item: a time to come, one more than five years
    past, or no time at all. The server deletes nothing, so that the count is that of --items."""
    draw = chance.random()
    if draw < 0.05:
        return {"S": "never"}
    if draw < 0.15:
        return {"N": str(chance.randrange(1_000_000_000))}
    return {"N": str(int(time.time()) + chance.randrange(_DAY, 365 * _DAY))}


def _flags(chance: Chance) -> Attributes:
    """Booleans and nulls."""
    return {"active": {"BOOL": chance.random() < 0.5}, "note": {"NULL": True}}


def _numbers(chance: Chance) -> Attributes:
    """Numbers of up to 38 digits and of every size, and a set of numbers."""
    digits = str(chance.randrange(10**37, 10**38))
    return {
        "big": {"N": f"-{digits}"},
        "fine": {"N": f"{digits[:20]}.{digits[20:]}"},
        "far": {"N": f"{digits[:1]}.{digits[1:9]}E{chance.randrange(-120, 120):+}"},
        "primes": {"NS": [str(each) for each in chance.sample(range(-(10**9), 10**9), 5)]},
    }


def _texts(chance: Chance) -> Attributes:
    """Texts of several scripts, with what JSON has to escape, under an odd name."""
    words = chance.choices(_WORDS, k=chance.randrange(1, 40))
    return {
        "text": {"S": " ".join(words)},
        'odd "name"\\': {"S": f'"{words[0]}"\\\n\t{{"S":"x"}}'},
        "words": {"SS": sorted(set(words))},
    }


def _binaries(chance: Chance) -> Attributes:
    """Bytes, and a set of bytes."""
    return {
        "raw": {"B": _blob(chance, chance.randrange(1, 2048))},
        "hashes": {"BS": [_blob(chance, 20) for _ in range(3)]},
    }


def _nested(chance: Chance) -> Attributes:
    """Maps and lists within each other, some of them empty."""
    value: dict[str, Any] = {"L": []}
    for level in range(chance.randrange(1, 12)):
        inner = {"at": {"N": str(level)}, "in": value, "tags": {"SS": ["a", "b"]}}
        value = {"L": [value, {"NULL": True}]} if level % 2 else {"M": inner}
    return {"tree": value, "empty": {"M": {}}}


def _lines(chance: Chance) -> Attributes:
    """A document of some kilobytes: a list of maps."""
    rows = [
        {"M": {"sku": {"S": sku}, "count": {"N": str(at)}, "open": {"BOOL": at % 2 == 0}}}
        for at, sku in enumerate(_uuids(chance, chance.randrange(1, 60)))
    ]
    return {"lines": {"L": rows}}


def _blob(chance: Chance, size: int) -> str:
    """Random bytes as a binary value carries them."""
    return base64.b64encode(chance.randbytes(size)).decode()


_WORDS: Final = (
    "order",
    "invoice",
    "Zürich",
    "Kraków",
    "東京",
    "Ελλάδα",
    "שלום",
    "🚚",
    "a b",
    "x" * 99,
)
_FILLS: Final = (_flags, _numbers, _texts, _binaries, _nested, _lines)

_TUTORIAL: Final = TableSpec(
    name="",
    keys=(KeyElement("id", "HASH"),),
    attributes={"id": "S"},
    throughput=Throughput(100, 100),
)
_MIXED: Final = TableSpec(
    name="",
    keys=(KeyElement("id", "HASH"), KeyElement("seq", "RANGE")),
    attributes={"id": "S", "seq": "N", "kind": "S"},
    indexes=(
        Index(
            "by-kind",
            (KeyElement("kind", "HASH"), KeyElement("seq", "RANGE")),
            local=False,
            projection={"ProjectionType": "ALL"},
        ),
    ),
    ttl_attribute="expires",
)
SHAPES: Final = {
    "tutorial": Shape(_TUTORIAL, _tutorial_item),
    "mixed": Shape(_MIXED, _mixed_item),
}
