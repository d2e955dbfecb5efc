"""Canonical bytes: one spelling for all ways to write an item, by whatever way it is decoded."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.errors import BadAnswer
from alternator_migrate.dynamodb.values import (
    attributes,
    canonical,
    canonical_and_key,
    canonical_key,
)
from tests.servers.client import Item
from tests.support import shapes
from tests.support.mutations import mutated
from tests.support.spelling import SAMPLES, in_other_words, nested_items, spelled

CHANCE = st.builds(Random, st.integers(0, 2**32))
ITEMS = nested_items(pk="N", sk="B")
LAST = "\U0010ffff"
# Attributes for which an item is decoded in other ways: as any JSON, and with lone surrogates.
DETOURS = [
    ('{"M":{"dog":"cat"}}', '{"M":{"dog":"cat"}}'),
    ('{"S":"\\ud800"}', '{"S":"\ud800"}'),
]


def other_words(value: Item, chance: Random) -> bytes:
    """The item as JSON in one of many ways."""
    return spelled(in_other_words(value, chance), chance).encode("utf-8", "surrogatepass")


@given(ITEMS, CHANCE)
@settings(max_examples=200)
def test_every_spelling_of_an_item_has_the_same_bytes(value: Item, chance: Random) -> None:
    text = canonical(other_words(value, chance))
    assert text == canonical(other_words(value, chance)) == canonical(text)
    assert shapes.same_item(json.loads(text), value)
    assert list(json.loads(text)) == sorted(value)
    key = canonical_key(text, ("pk", "sk"))
    assert canonical_and_key(other_words(value, chance), ("pk", "sk")) == (text, key)
    assert canonical_key(other_words(value, chance), ("sk", "pk")) == key
    assert shapes.same_item(json.loads(key), {"pk": value["pk"], "sk": value["sk"]})


@given(ITEMS, CHANCE, st.sampled_from(DETOURS))
@settings(max_examples=200)
def test_every_way_of_decoding_gives_the_same_bytes(
    value: Item, chance: Random, detour: tuple[str, str]
) -> None:
    written, expected = detour
    straight = canonical(other_words(value, chance))
    text = b'%b,"%b":%b}' % (other_words(value, chance)[:-1], LAST.encode(), written.encode())
    bent = f'"{LAST}":{expected}}}'.encode("utf-8", "surrogatepass")
    assert canonical(text) == b"%b,%b" % (straight[:-1], bent)
    both = canonical_and_key(text, ("pk",))
    assert both == (canonical(text), canonical_key(text, ("pk",)))
    assert both[1] == canonical_key(straight, ("pk",))
    found = attributes(text)
    assert {name: found[name] for name in value} == attributes(straight)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: str(sample["pk"]["S"]))
def test_a_sample_has_the_same_bytes_however_a_server_writes_it(sample: Item) -> None:
    compact = json.dumps(sample, ensure_ascii=False, separators=(",", ":"))
    loose = json.dumps(sample)
    pretty = json.dumps(sample, indent=2)
    assert len({canonical(text.encode()) for text in (compact, loose, pretty)}) == 1


@given(ITEMS, CHANCE)
@settings(max_examples=200)
def test_any_one_change_gives_other_bytes(value: Item, chance: Random) -> None:
    other, _ = mutated(value, ("pk", "sk"), chance)
    assert canonical(other_words(value, chance)) != canonical(other_words(other, chance))


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (b'{"b":{"S":"x"},"a":{"N":"1"}}', b'{"a":{"N":"1"},"b":{"S":"x"}}'),
        (b'{ "a" : { "S" : "\\u00e9\\/\\n" } }', '{"a":{"S":"é/\\n"}}'.encode()),
        (b'{"a":{"NS":["10","9.0","9"]}}', b'{"a":{"NS":["10","9","9"]}}'),
        (b'{"a":{"L":[{"SS":["b","a"]},{"N":"0."}]}}', b'{"a":{"L":[{"SS":["a","b"]},{"N":"0"}]}}'),
        (b'{"a":{"BS":["/w==","+w==","AA=="]}}', b'{"a":{"BS":["+w==","/w==","AA=="]}}'),
        (b'{"a":{"S":"N\\":\\"1.0"}}', b'{"a":{"S":"N\\":\\"1.0"}}'),
        (b'{"a":{"M":{"N":{"N":"01"}}}}', b'{"a":{"M":{"N":{"N":"1"}}}}'),
        (b'{"a":{"B":""},"n":{"NULL":true}}', b'{"a":{"B":""},"n":{"NULL":true}}'),
        (b'{"a":{"L":[{"x":1.50}]}}', b'{"a":{"L":[{"x":1.50}]}}'),
        (b"{}", b"{}"),
    ],
)  # fmt: skip
def test_canonical_bytes_are_compact_and_sorted(item: bytes, text: bytes) -> None:
    assert canonical(item) == text


def test_nesting_beyond_what_python_can_follow_is_compared_as_it_is() -> None:
    deep = b'{"a":%b{"dog":1}%b}' % (b'{"L":[' * 5000, b"]}" * 5000)
    assert canonical(deep) == canonical(bytes(deep))
    assert canonical(deep) != canonical(deep.replace(b"1", b"2"))


@pytest.mark.parametrize(
    ("item", "key"),
    [
        (b'{"sk":{"N":"1.0"},"x":{"S":"y"},"pk":{"S":"a"}}', b'{"pk":{"S":"a"},"sk":{"N":"1"}}'),
        (b'{"pk":{"B":"YQ=="},"sk":{"N":"-0"}}', b'{"pk":{"B":"YQ=="},"sk":{"N":"0"}}'),
        (b'{"pk":{"S":"a"},"sk":{"N":"1e500"}}', b'{"pk":{"S":"a"},"sk":{"N":"1e500"}}'),
        (b'{"pk":{"S":"\xff"},"sk":{"S":"b"}}', b'\xff{"pk":{"S":"\xff"},"sk":{"S":"b"}}'),
        (b'{"pk":{"S":"a"},"\\ud800":{"S":"c"},"sk":{"S":""}}', b'{"pk":{"S":"a"},"sk":{"S":""}}'),
    ],
)  # fmt: skip
def test_a_key_is_its_attributes_by_value(item: bytes, key: bytes) -> None:
    assert canonical_key(item, ("pk", "sk")) == key
    assert canonical_and_key(item, ("pk", "sk"))[1] == key


@pytest.mark.parametrize("item", [b'{"pk":{"S":"a"}}', b'{"pk":{"S":"\\ud800"}}', b"{}", b"[]"])
def test_an_item_without_its_key_is_told(item: bytes) -> None:
    with pytest.raises(BadAnswer, match="an item"):
        canonical_key(item, ("pk", "sk"))
    with pytest.raises(BadAnswer, match="an item"):
        canonical_and_key(item, ("pk", "sk"))
