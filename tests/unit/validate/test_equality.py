"""Comparison of items: by value in any spelling, and every difference found and named."""

import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.errors import BadAnswer
from alternator_migrate.validate.equality import Equality
from tests.servers.client import Item
from tests.support import shapes
from tests.support.mutations import mutated
from tests.support.spelling import in_other_words, items, nested_items, spelled

EXACT = Equality()
CHANCE = st.builds(Random, st.integers(0, 2**32))
DIGITS = shapes.DIGITS_38


def item(**attributes: Any) -> bytes:
    """An item as compact JSON, its key first."""
    return json.dumps({"pk": {"S": "a"}, **attributes}, separators=(",", ":")).encode()


# Pairs of values as JSON: the same, and not the same.
EQUAL = [
    ('{"N":"1e3"}', '{"N":"1000.0"}'),
    ('{"N":"-0"}', '{"N":"0.00"}'),
    ('{"N":"1E+125"}', '{"N":"10.0e124"}'),
    (f'{{"N":"0.{DIGITS}"}}', f'{{"N":"{DIGITS}e-38"}}'),
    ('{"N":"1e1000000000"}', '{"N":"10e999999999"}'),
    (
        '{"M":{"a":{"N":"1.50"},"b":{"L":[{"N":"2"}]}}}',
        '{"M":{"b":{"L":[{"N":"2.0"}]},"a":{"N":"1.5"}}}',
    ),
    ('{"NS":["1","2.0","3e0"]}', '{"NS":["3","1.0","2"]}'),
    ('{"NS":["1","1.0","2"]}', '{"NS":["2","1","1"]}'),
    ('{"L":[{"NS":["1","2"]}]}', '{"L":[{"NS":["2.0","1"]}]}'),
    ('{"SS":["b","a","\\u00e9"]}', '{"SS":["\u00e9","a","b"]}'),
    ('{"BS":["/w==","AA=="]}', '{"BS":["AA==","/w=="]}'),
    ('{"B":"YQ=="}', '{"B":" Y Q==\\n"}'),
    ('{"B":"YQ=="}', '{"B":"YQ"}'),
    ('{"B":"YQ=="}', '{"B":"YR=="}'),
    ('{"BS":["YQ","/w=="]}', '{"BS":["/w==","YQ=="]}'),
    ('{"S":"\\ud83d\\ude00 \\/ \\u0041"}', '{"S":"\U0001f600 / A"}'),
    ('{"S":"\\ud800"}', '{"S":"\\uD800"}'),
    ('{"S":"\\udc00\\ud800 \\u0041"}', '{"S":"\\udC00\\ud800 A"}'),
    ('{"NULL":true}', '{ "NULL" : true }'),
    ('{"M":{}}', '{"M":{ }}'),
    ('{"L":[]}', '{"L":[ ]}'),
]
DIFFERENT = [
    (f'{{"N":"{DIGITS}"}}', f'{{"N":"{DIGITS[:-1]}9"}}'),
    (f'{{"N":"0.{DIGITS}"}}', f'{{"N":"0.{DIGITS[:-1]}9"}}'),
    ('{"N":"1e1000000000"}', '{"N":"1e1000000001"}'),
    ('{"N":"1"}', '{"N":"-1"}'),
    ('{"N":"1"}', '{"S":"1"}'),
    ('{"S":"MQ=="}', '{"B":"MQ=="}'),
    ('{"S":"1.0"}', '{"S":"1"}'),
    ('{"S":"a"}', '{"S":"A"}'),
    ('{"S":"e\u0301"}', '{"S":"\u00e9"}'),
    ('{"S":"a"}', '{"S":"a "}'),
    ('{"S":"\\u0000"}', '{"S":""}'),
    ('{"S":"\\ud800"}', '{"S":"\\udbff"}'),
    ('{"S":"\\ud800"}', '{"S":"?"}'),
    ('{"S":"\\ud800"}', '{"S":"\\\\ud800"}'),
    ('{"S":"\\ud800\\ud800"}', '{"S":"\\ud800"}'),
    ('{"NULL":true}', '{"BOOL":true}'),
    ('{"BOOL":true}', '{"BOOL":false}'),
    ('{"BOOL":true}', '{"S":"true"}'),
    ('{"L":[{"S":"a"},{"S":"b"}]}', '{"L":[{"S":"b"},{"S":"a"}]}'),
    ('{"L":[{"S":"a"}]}', '{"SS":["a"]}'),
    ('{"SS":["1"]}', '{"NS":["1"]}'),
    ('{"SS":["YQ=="]}', '{"BS":["YQ=="]}'),
    ('{"SS":["a","b"]}', '{"SS":["a"]}'),
    ('{"NS":["1","1.0"]}', '{"NS":["1"]}'),
    ('{"NS":["1","2"]}', '{"NS":["1","3"]}'),
    ('{"BS":["YQ==","Yg=="]}', '{"BS":["YQ==","Yw=="]}'),
    ('{"M":{"a":{"SS":["x","y"]}}}', '{"M":{"a":{"SS":["x","z"]}}}'),
    ('{"M":{"a":{"N":"1"}}}', '{"M":{"b":{"N":"1"}}}'),
    ('{"M":{"a":{"N":"1"}}}', '{"M":{"a":{"N":"1"},"b":{"NULL":true}}}'),
    ('{"M":{"N":{"S":"1"}}}', '{"M":{"N":{"N":"1"}}}'),
    ('{"M":{"S":{"S":"x"}}}', '{"S":"x"}'),
    ('{"M":{}}', '{"L":[]}'),
    ('{"S":"{\\"N\\":\\"1.0\\"}"}', '{"S":"{\\"N\\":\\"1\\"}"}'),
    ('{"S":"a\\",\\"b"}', '{"S":"a,b"}'),
]  # fmt: skip
# What ScyllaDB stores unchecked within lists and maps.
ODD_EQUAL = [
    ('{"dog":"cat","a":1}', '{"a":1,"dog":"cat"}'),
    ('{"N":5}', '{ "N": 5 }'),
    ('{"M":{"x":{"dog":1},"n":{"N":"1.0"}}}', '{"M":{"n":{"N":"1"},"x":{"dog":1}}}'),
    ('{"B":"!"}', '{"B":"\\u0021"}'),
    ('{"FLOAT32VECTOR":[1.5]}', '{"FLOAT32VECTOR": [1.5]}'),
]
ODD_DIFFERENT = [
    ('{"N":5}', '{"N":"5"}'),
    ('{"N":1}', '{"N":true}'),
    ('{"N":true}', '{"BOOL":true}'),
    ('{"N":"1."}', '{"N":"1.."}'),
    ('{"B":"!"}', '{"B":""}'),
    ('{"B":"Y!Q=="}', '{"B":"YQ=="}'),
    ('{"dog":"1"}', '{"dog":"1.0"}'),
    ('{"dog":[true]}', '{"dog":[1]}'),
    ('{"dog":["a","b"]}', '{"dog":["b","a"]}'),
    ('{"SS":["a",["b"]]}', '{"SS":[["b"],"a"]}'),
    ('{"dog":0.1}', '{"dog":0.1000000000000000055511151231257827}'),
    ('{"dog":9007199254740993}', '{"dog":9007199254740992}'),
    ('{"dog":123456789012345678901234567890}', '{"dog":123456789012345678901234567891}'),
    ('{"dog":1e400}', '{"dog":1e401}'),
    ('{"dog":null}', '{"dog":"null"}'),
    ("{}", '{"NULL":true}'),
    ("[]", "{}"),
    ("null", "{}"),
    ("true", "1"),
]
EVERYWHERE = ["%s", '{"L":[%s]}', '{"M":{"m":%s}}', '{"M":{"m":{"L":[{"M":{"n":%s}}]}}}']
WITHIN = EVERYWHERE[1:]


@pytest.mark.parametrize(
    ("a", "b", "places"),
    [(*pair, EVERYWHERE) for pair in EQUAL] + [(*pair, WITHIN) for pair in ODD_EQUAL],
)
def test_values_are_equal_however_written(a: str, b: str, places: list[str]) -> None:
    for place in places:
        left = f'{{"pk":{{"S":"k"}},"v":{place % a}}}'.encode()
        right = f'{{ "v" : {place % b} , "pk":{{"S":"k"}}}}'.encode()
        for equality in (EXACT, Equality(Decimal("1e-99"))):
            assert equality.same(left, right)
            assert equality.differing(right, left) == ()


@pytest.mark.parametrize(
    ("a", "b", "places"),
    [(*pair, EVERYWHERE) for pair in DIFFERENT] + [(*pair, WITHIN) for pair in ODD_DIFFERENT],
)
def test_a_difference_is_found_and_named(a: str, b: str, places: list[str]) -> None:
    for place in places:
        left = f'{{"pk":{{"S":"k"}},"v":{place % a}}}'.encode()
        right = f'{{"pk":{{"S":"k"}},"v":{place % b}}}'.encode()
        for equality in (EXACT, Equality(Decimal("1e-99"))):
            assert not equality.same(left, right)
            assert equality.differing(left, right) == equality.differing(right, left) == ("v",)


@given(nested_items(pk="S", sk="N"), CHANCE)
@settings(max_examples=200)
def test_the_same_values_are_equal_in_any_order_and_spelling(value: Item, chance: Random) -> None:
    left = spelled(in_other_words(value, chance), chance).encode()
    right = spelled(in_other_words(value, chance), chance).encode()
    assert EXACT.same(left, right)
    assert EXACT.differing(left, right) == ()
    assert Equality(Decimal("1e-200")).same(left, right)


@given(nested_items(pk="S", sk="N"), CHANCE)
@settings(max_examples=200)
def test_any_one_change_is_found_and_its_attribute_named(value: Item, chance: Random) -> None:
    other, name = mutated(value, ("pk", "sk"), chance)
    left = spelled(in_other_words(value, chance), chance).encode()
    right = spelled(in_other_words(other, chance), chance).encode()
    assert not EXACT.same(left, right)
    assert EXACT.differing(left, right) == (name,)
    assert not Equality(Decimal("1e-200")).same(left, right)


@given(items(pk="N"), items(pk="N"))
@settings(max_examples=200)
def test_two_items_are_the_same_when_their_values_are(a: Item, b: Item) -> None:
    left, right = json.dumps(a).encode(), json.dumps(b).encode()
    assert EXACT.same(left, right) == shapes.same_item(a, b)
    names = {name for name in a.keys() | b.keys() if not alike(name, a, b)}
    assert EXACT.differing(left, right) == tuple(sorted(names))


def alike(name: str, a: Item, b: Item) -> bool:
    """Whether an attribute is on both sides, and the same there."""
    return name in a and name in b and shapes.same_item({"": a[name]}, {"": b[name]})


def test_names_of_differing_attributes_are_sorted() -> None:
    left = item(z={"S": "1"}, same={"S": "1"}, b={"S": "1"}, gone={"S": "1"})
    right = item(new={"S": "1"}, b={"N": "1"}, same={"S": "1"}, z={"S": "2"})
    assert EXACT.differing(left, right) == ("b", "gone", "new", "z")


def test_a_lone_surrogate_is_compared_and_can_be_shown() -> None:
    left = b'{"pk":{"S":"a"},"\\ud800":{"N":"1.0"},"\\udfff":{"S":"x"},"b":{"S":"y"}}'
    right = b'{"b":{"S":"y"},"\\uDFFF":{"S":"z"},"pk":{"S":"a"},"\\uD800":{"N":"1"}}'
    assert not EXACT.same(left, right)
    names = EXACT.differing(left, right)
    assert names == ("\\udfff",)
    assert names[0].encode()
    assert EXACT.same(left, right.replace(b'"z"', b'"x"'))


def test_fractions_beside_a_lone_surrogate_are_not_rounded() -> None:
    left = b'{"pk":{"S":"\\ud800"},"v":{"L":[{"dog":0.1}]}}'
    right = b'{"pk":{"S":"\\ud800"},"v":{"L":[{"dog":0.1000000000000000055511151231257827}]}}'
    assert EXACT.same(left, bytes(left))
    assert not EXACT.same(left, right)


def test_texts_that_are_not_utf8_are_compared_as_bytes() -> None:
    left = b'{"pk":{"S":"a"},"v":{"S":"\xff"},"n":{"N":"1.0"}}'
    assert EXACT.same(left, bytes(left))
    assert EXACT.differing(left, left.replace(b"\xff", b"\xfe")) == ("v",)
    assert EXACT.differing(left, left.replace(b"\xff", b"\\ud8ff")) == ("v",)
    assert EXACT.differing(left, left.replace(b'"1.0"', b'"2"')) == ("n",)
    # Nothing says which attribute it is: they differ in nothing but their order.
    right = b'{"pk":{"S":"a"},"n":{"N":"1.0"},"v":{"S":"\xff"}}'
    assert EXACT.differing(left, right) == ("n", "pk", "v")
    assert not EXACT.same(left, right)


@pytest.mark.parametrize("broken", [b"17", b"[]", b'{"a"', b'{"\xff":{"S":"a"}}', b""])
def test_what_is_no_item_is_told(broken: bytes) -> None:
    assert not EXACT.same(broken, item())
    with pytest.raises(BadAnswer, match="an item"):
        EXACT.differing(broken, item())


@pytest.mark.parametrize(
    ("a", "b", "close"),
    [
        ('{"N":"1"}', '{"N":"1.01"}', True),
        ('{"N":"1"}', '{"N":"1.011"}', False),
        ('{"N":"-0.005"}', '{"N":"0.5e-2"}', True),
        ('{"N":"1e125"}', '{"N":"1.0000001e125"}', False),
        ('{"L":[{"N":"1"},{"S":"x"}]}', '{"L":[{"N":"0.99"},{"S":"x"}]}', True),
        ('{"L":[{"N":"1"},{"S":"x"}]}', '{"L":[{"N":"0.99"},{"S":"y"}]}', False),
        ('{"L":[{"N":"1"}]}', '{"L":[{"N":"1"},{"N":"1"}]}', False),
        ('{"M":{"a":{"M":{"N":{"N":"1"}}}}}', '{"M":{"a":{"M":{"N":{"N":"1.01"}}}}}', True),
        ('{"M":{"a":{"N":"1"}}}', '{"M":{"b":{"N":"1"}}}', False),
        ('{"M":{"a":{"N":"1"}}}', '{"M":{"a":{"N":"1.01"},"b":{"N":"1"}}}', False),
        ('{"NS":["1","2"]}', '{"NS":["2.01","0.99"]}', True),
        ('{"NS":["1","2"]}', '{"NS":["2.01","1.5"]}', False),
        ('{"NS":["1"]}', '{"NS":["1","1.001"]}', False),
        ('{"SS":["1"]}', '{"SS":["1.01"]}', False),
        ('{"N":"1"}', '{"S":"1"}', False),
        ('{"S":"1"}', '{"S":"1.01"}', False),
        ('{"L":[{"N":1}]}', '{"L":[{"N":1.01}]}', False),
        ('{"L":[{"N":true}]}', '{"L":[{"N":1}]}', False),
        ('{"L":[{"dog":["1"]},{"N":"1"}]}', '{"L":[{"dog":["1"]},{"N":"1.01"}]}', True),
        ('{"L":[{"S":"\\ud800"},{"N":"1"}]}', '{"L":[{"S":"\\uD800"},{"N":"1.01"}]}', True),
        ('{"L":[{"S":"\\ud800"},{"N":"1"}]}', '{"L":[{"S":"\\ud801"},{"N":"1.01"}]}', False),
        ('{"S":"\xff"}', '{"S":"\xfe"}', False),
    ],
)
def test_numbers_may_differ_by_the_tolerance(a: str, b: str, close: bool) -> None:
    left = item(v={}).replace(b"{}", a.encode("latin-1"))
    right = item(v={}).replace(b"{}", b.encode("latin-1"))
    for tolerance in (Decimal("0.01"), 0.01):
        equality = Equality(tolerance)
        assert equality.same(left, right) is close
        assert equality.differing(left, right) == (() if close else ("v",))
    assert not EXACT.same(left, right)


def test_only_what_differs_beyond_the_tolerance_is_named() -> None:
    left = item(a={"N": "1"}, b={"N": "1"}, c={"NS": ["1", "2"]}, d={"N": "1"})
    right = item(a={"N": "1.01"}, b={"N": "1.02"}, c={"NS": ["2.01", "1"]}, d={"S": "1"})
    assert Equality(0.01).differing(left, right) == ("b", "d")
    assert EXACT.differing(left, right) == ("a", "b", "c", "d")


@pytest.mark.parametrize("tolerance", [-1, -1e-9, float("nan"), float("inf"), Decimal("NaN")])
def test_a_tolerance_is_a_number_of_at_least_zero(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        Equality(tolerance)
