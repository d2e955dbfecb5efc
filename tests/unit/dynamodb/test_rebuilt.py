"""What a function made of an item: what it left alone keeps its bytes."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.dynamodb.items import parsed_attributes
from alternator_migrate.dynamodb.native import ValueRefusedError
from alternator_migrate.dynamodb.rebuilt import Form, Opened
from tests.servers.client import Item
from tests.support.spelling import items, spelled

KEYS = {"pk": "B", "sk": "N"}
FORMS: list[Form] = ["native", "dynamodb"]
ITEM = (
    b'{"pk":{"B":"AA=="}, "sk" : {"N": "1.0"},"n":{"N":"1e2"},"l":{"L":[{"N":"1.50"}]},'
    b'"ss":{"SS":["b","a"]},"m":{"M":{"x":{"S":"\\u0061"}}}}'
)


def parts(item: Any) -> dict[str, bytes]:
    return {name: bytes(raw) for name, raw in parsed_attributes.decode(item).items()}


@pytest.mark.parametrize("form", FORMS)
@given(item=items(pk="B", sk="N"), chance=st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_nothing_touched_changes_no_byte(form: Form, item: Item, chance: Random) -> None:
    text = spelled(item, chance).encode()
    opened = Opened(text, form, KEYS)
    assert opened.rebuilt(opened.given).item is text
    assert opened.rebuilt(dict(opened.given)).item is text


@pytest.mark.parametrize("form", FORMS)
@given(
    item=items(pk="B", sk="N"),
    chance=st.randoms(use_true_random=False),
    places=st.sets(st.integers(0, 12)),
    gone=st.sets(st.integers(0, 12)),
)
@settings(max_examples=40)
def test_untouched_attributes_keep_their_bytes_whatever_is_touched(
    form: Form, item: Item, chance: Random, places: set[int], gone: set[int]
) -> None:
    text = spelled(item, chance).encode()
    opened = Opened(text, form, KEYS)
    names = [name for name in item if name not in KEYS]
    touched = {name for place, name in enumerate(names) if place in places}
    left_out = {name for place, name in enumerate(names) if place in gone}
    new = "new" if form == "native" else {"S": "new"}
    made = {name: new if name in touched else value for name, value in opened.given.items()}
    made = {name: value for name, value in made.items() if name not in left_out}
    rebuilt = opened.rebuilt({**made, "\ue000": new})
    before, after = parts(text), parts(rebuilt.item)
    assert after.pop("\ue000") == b'{"S":"new"}'
    assert not rebuilt.moved
    expected = {**before, **dict.fromkeys(touched, b'{"S":"new"}')}
    assert after == {name: raw for name, raw in expected.items() if name not in left_out}


@pytest.mark.parametrize(
    ("name", "change", "value"),
    [
        ("l", lambda value: value.append(2), b'{"L":[{"N":"1.5"},{"N":"2"}]}'),
        ("ss", lambda value: value.add("c"), b'{"SS":["a","b","c"]}'),
        ("m", lambda value: value.update(y=None), b'{"M":{"x":{"S":"a"},"y":{"NULL":true}}}'),
        ("m", lambda value: value.update(x="a"), b'{"M":{"x":{"S":"\\u0061"}}}'),
        ("l", lambda value: value.reverse(), b'{"L":[{"N":"1.50"}]}'),
    ],
)
def test_changes_in_place_are_seen(name: str, change: Callable[[Any], Any], value: bytes) -> None:
    opened = Opened(ITEM, "native", KEYS)
    change(opened.given[name])
    found = parts(opened.rebuilt(opened.given).item)
    assert found == {**parts(ITEM), name: value}


def test_changes_in_place_of_json_are_seen() -> None:
    opened = Opened(ITEM, "dynamodb", KEYS)
    opened.given["n"]["N"] = "7"
    opened.given["l"]["L"].append({"NULL": True})
    found = parts(opened.rebuilt(opened.given).item)
    new = {"n": b'{"N":"7"}', "l": b'{"L":[{"N":"1.50"},{"NULL":true}]}'}
    assert found == {**parts(ITEM), **new}


@pytest.mark.parametrize(
    ("given_key", "moved"), [({"sk": 1}, False), ({"sk": 2}, True), ({"pk": b"\x01"}, True)]
)
def test_another_key_is_noticed(given_key: dict[str, Any], moved: bool) -> None:
    opened = Opened(ITEM, "native", KEYS)
    assert opened.rebuilt({**opened.given, **given_key}).moved is moved


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 0.5}, "attribute 'n' is a float (0.5)"),
        ({"m": {"x": [set()]}}, "attribute 'm'.x[0] is an empty set"),
        ({"pk": "text"}, "attribute 'pk' is of type S, and its key needs B"),
        ({"pk": b""}, "attribute 'pk' is empty"),
        ({"": 1}, "attribute '' has a name"),
        ({1: 1}, "attribute 1 has a name that is no text"),
        ({"n": "x" * 410_000}, "the item is larger than the 400 KB"),
    ],
)
def test_what_cannot_be_written_names_the_attribute(change: Any, words: str) -> None:
    opened = Opened(ITEM, "native", KEYS)
    with pytest.raises(ValueRefusedError) as refusal:
        opened.rebuilt({**opened.given, **change})
    assert str(refusal.value).startswith(words)


@pytest.mark.parametrize("value", [5, "text", {"N": 5}, {"M": {"a": "text"}}, {"Q": "text"}])
def test_what_is_no_json_of_dynamodb_is_refused_with_what_is(value: Any) -> None:
    opened = Opened(ITEM, "dynamodb", KEYS)
    with pytest.raises(ValueRefusedError) as refusal:
        opened.rebuilt({**opened.given, "n": value})
    like = "they are like {'S': 'text'} or {'N': '1'}"
    assert str(refusal.value) == f"attribute 'n' is no value of DynamoDB's types: {like}"


def test_an_item_of_400_kb_is_judged_by_its_bytes() -> None:
    opened = Opened(ITEM, "native", KEYS)
    opened.rebuilt({**opened.given, "n": bytes(390_000)})  # base64 makes the JSON longer
    opened.rebuilt({**opened.given, "n": '"' * 390_000})


@pytest.mark.parametrize("made", ["text", ["a"], 5])
def test_what_is_no_item_is_refused(made: Any) -> None:
    with pytest.raises(ValueRefusedError, match="a result is a"):
        Opened(ITEM, "native", KEYS).rebuilt(made)


def test_a_missing_key_is_refused() -> None:
    opened = Opened(ITEM, "native", KEYS)
    del opened.given["sk"]
    with pytest.raises(ValueRefusedError, match="attribute 'sk' is missing"):
        opened.rebuilt(opened.given)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (b'{"pk":{"B":"?"}}', "attribute 'pk' is no value"),
        (b'{"v":{"FLOAT32VECTOR":[1]}}', "attribute 'v' is no value of DynamoDB's types"),
        (b'{"s":{"S":"\\ud800"}}', "the item cannot be decoded"),
        (b"[]", "the item cannot be decoded"),
    ],
)
def test_an_item_that_cannot_be_decoded_is_refused(item: bytes, words: str) -> None:
    with pytest.raises(ValueRefusedError) as refusal:
        Opened(item, "native", {})
    assert str(refusal.value).startswith(words)
