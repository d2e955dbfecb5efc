"""Attributes that are left out by their names; what stays keeps its bytes."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.dynamodb.attribute_names import is_glob, left_out
from alternator_migrate.dynamodb.items import parsed_attributes
from alternator_migrate.dynamodb.leaving_out import without
from tests.servers.client import Item
from tests.support.spelling import items, spelled


@pytest.mark.parametrize(
    ("drop", "keep", "gone"),
    [
        (["aws:rep:*"], [], {"aws:rep:deleting", "aws:rep:updatetime"}),
        (["a.c"], [], set()),
        (["a?c"], [], {"abc"}),
        (["A*"], [], set()),
        (["pk", "*"], [], {"abc", "aws:rep:deleting", "aws:rep:updatetime", "line\nfeed", "["}),
        ([], ["abc"], {"aws:rep:deleting", "aws:rep:updatetime", "line\nfeed", "["}),
        (["aws:rep:d*"], ["a*"], {"aws:rep:deleting", "line\nfeed", "["}),
        (["["], [], {"["}),
        (["line*"], [], {"line\nfeed"}),
        ([], [], set()),
    ],
)
def test_names_and_globs(drop: list[str], keep: list[str], gone: set[str]) -> None:
    names = ["pk", "abc", "aws:rep:deleting", "aws:rep:updatetime", "line\nfeed", "["]
    is_left_out = left_out(drop, keep, {"pk"})
    assert {name for name in names if is_left_out(name)} == gone


def test_a_name_is_no_glob() -> None:
    assert not is_glob("aws:rep:deleting")
    assert is_glob("aws:rep:*") and is_glob("a?")


@given(items(pk="B", sk="N"), st.randoms(use_true_random=False), st.sets(st.integers(0, 9)))
@settings(max_examples=60, deadline=None)
def test_what_stays_keeps_its_bytes(item: Item, chance: Random, places: set[int]) -> None:
    text = spelled(item, chance).encode()
    chosen = {name for place, name in enumerate(item) if place in places}
    leave_out = without(lambda name: name in chosen)
    leave_out(b'{"another":{"S":"item"}}')
    for kept in (leave_out(text), leave_out(text)):  # as it is learned, and as it is known
        _check(text, item, chosen, kept)


def _check(text: bytes, item: Item, chosen: set[str], kept: Any) -> None:
    before = {name: bytes(raw) for name, raw in parsed_attributes.decode(text).items()}
    after = {name: bytes(raw) for name, raw in parsed_attributes.decode(kept).items()}
    assert after == {name: raw for name, raw in before.items() if name not in chosen}
    assert json.loads(bytes(kept)) == {n: each for n, each in item.items() if n not in chosen}
    if not chosen:
        assert kept is text


def test_more_names_than_any_table_should_have() -> None:
    leave_out = without(lambda name: name.endswith("7"))
    for number in range(1000):
        item = b'{"pk":{"S":"a"},"n%d":{"N":"1e1"}}' % number
        kept = b'{"pk":{"S":"a"}}' if number % 10 == 7 else item
        assert bytes(leave_out(item)) == kept
