"""Native values and back: nothing is rounded, nothing is guessed."""

import json
from collections import OrderedDict
from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given, settings

from alternator_migrate.dynamodb.native import (
    ValueRefusedError,
    checked,
    native,
    size_of,
    value_of,
)
from alternator_migrate.dynamodb.values import canonical
from tests.servers.client import Item
from tests.support.spelling import nested_items


class Colour(IntEnum):
    RED = 7


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"S": ""}, ""),
        ({"N": "12.50"}, Decimal("12.50")),
        ({"BOOL": False}, False),
        ({"NULL": True}, None),
        ({"B": "AP8="}, b"\x00\xff"),
        ({"L": [{"N": "1"}, {"S": "x"}]}, [Decimal(1), "x"]),
        ({"M": {"a": {"M": {}}}}, {"a": {}}),
        ({"SS": ["a", "b"]}, {"a", "b"}),
        ({"NS": ["1", "2.0"]}, {Decimal(1), Decimal(2)}),
        ({"BS": ["AA==", "AQ=="]}, {b"\x00", b"\x01"}),
    ],
)
def test_values_are_read(value: Any, form: Any) -> None:
    found = native(value)
    assert found == form
    assert type(found) is type(form)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (5, {"N": "5"}),
        (-0, {"N": "0"}),
        (Decimal("1E+3"), {"N": "1000"}),
        (Decimal("-0.10"), {"N": "-0.1"}),
        (Decimal("1e-130"), {"N": "0." + "0" * 129 + "1"}),
        (True, {"BOOL": True}),
        (None, {"NULL": True}),
        (b"\x00", {"B": "AA=="}),
        (bytearray(b"\x00"), {"B": "AA=="}),
        (("a", 1), {"L": [{"S": "a"}, {"N": "1"}]}),
        ({"b", "a"}, {"SS": ["a", "b"]}),
        (frozenset({2, Decimal(10)}), {"NS": ["10", "2"]}),
        ({b"\x01"}, {"BS": ["AQ=="]}),
        (OrderedDict(a=1), {"M": {"a": {"N": "1"}}}),
        (Colour.RED, {"N": "7"}),
        (Text("x"), {"S": "x"}),
    ],
)
def test_values_are_written(form: Any, value: Any) -> None:
    assert value_of(form) == value


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (1.5, "is a float (1.5), which is not exact: make it a Decimal, as Decimal('1.5')"),
        ([1, {"a": 1.5}], "[1].a is a float (1.5)"),
        (set(), "is an empty set"),
        ({1, "a"}, "is a set of other than texts, numbers or bytes alone"),
        ({True}, "is a set of other than"),
        (Decimal("NaN"), "is NaN, which is no number"),
        (Decimal("1e126"), "is a number beyond 1e-130 to 1e126"),
        (Decimal("1e-131"), "is a number beyond"),
        (10**200, "is a number beyond"),
        (Decimal("1" * 39), "is a number of more than 38 digits"),
        ({1: "a"}, "is a map with 1 for a name"),
        (object(), "is a object, which DynamoDB has no type for"),
        ({"a": [object]}, ".a[0] is a type"),
    ],
)
def test_what_dynamodb_does_not_have_is_refused(form: Any, words: str) -> None:
    with pytest.raises(ValueRefusedError) as refusal:
        value_of(form)
    assert str(refusal.value).startswith(words)


def test_too_many_levels_are_refused() -> None:
    deep: Any = "x"
    for _ in range(32):
        deep = [deep]
    value_of(deep)
    with pytest.raises(ValueRefusedError, match="more than 32 levels"):
        value_of([deep])


@pytest.mark.parametrize(
    "value", [{}, {"X": "a"}, {"N": "x"}, {"N": 5}, {"S": 1}, {"B": "?"}, {"S": "a", "N": "1"}, "a"]
)
def test_what_is_no_value_is_refused(value: Any) -> None:
    for read in (native, checked):
        with pytest.raises(ValueRefusedError):
            read(value)


@pytest.mark.parametrize("value", [{"SS": []}, {"SS": ["a", "a"]}, {"N": "1e999"}])
def test_values_by_hand_are_held_to_the_same_rules(value: Any) -> None:
    with pytest.raises(ValueRefusedError):
        checked(value)
    assert checked({"N": "1.50"}) == {"N": "1.50"}


@given(nested_items(pk="B", sk="N"))
@settings(max_examples=30)
def test_there_and_back_is_the_same_value(item: Item) -> None:
    back = {name: value_of(native(value)) for name, value in item.items()}
    assert canonical(json.dumps(back).encode()) == canonical(json.dumps(item).encode())


def test_a_size_is_that_of_names_and_values() -> None:
    item = {"pk": {"S": "é"}, "b": {"B": "AAAA"}, "l": {"L": [{"N": "1"}]}, "s": {"SS": ["a", "b"]}}
    assert size_of(item) == 2 + 2 + 1 + 3 + 1 + (3 + 1 + 2) + 1 + 2
