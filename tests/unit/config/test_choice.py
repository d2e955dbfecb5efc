"""Which tables are chosen, where they go, and every way in which a choice is refused."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from alternator_migrate.config.choice import (
    Chosen,
    Listing,
    check_targets,
    choose,
    override_of,
    picked,
    selection,
)
from alternator_migrate.config.patterns import Pattern, renamed
from alternator_migrate.config.tables_settings import TablesSettings
from alternator_migrate.core.errors import UsageError
from alternator_migrate.dynamodb.dialect import ALTERNATOR, DYNAMODB

NAMES = ["Orders", "Users", "prod-a", "prod-b", "prod-tmp", "vil", "prod.eu.c"]


def tables(**keys: Any) -> TablesSettings:
    for name in ("include", "exclude"):
        if name in keys:
            keys[name] = tuple(Pattern(each) for each in keys[name])
    return TablesSettings(**keys)


@pytest.mark.parametrize(
    ("written", "name", "matches"),
    [
        ("Orders", "Orders", True),
        ("Orders", "orders", False),
        ("Orders", "Orders2", False),
        ("prod-*", "prod-", True),
        ("prod-*", "xprod-a", False),
        ("prod-?", "prod-a", True),
        ("prod-?", "prod-ab", False),
        ("[OU]*", "Users", True),
        ("prod.*", "prod-a", False),
        ("/^prod[.-]/", "prod.eu.c", True),
        ("/eu/", "prod.eu.c", True),
        ("/^eu/", "prod.eu.c", False),
        ("/Users|Orders/", "Users", True),
    ],
)
def test_names_globs_and_regular_expressions(written: str, name: str, matches: bool) -> None:
    assert Pattern(written).matches(name) is matches


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ({"include": ["*"]}, sorted(NAMES)),
        ({"include": ["prod-*"]}, ["prod-a", "prod-b", "prod-tmp"]),
        ({"include": ["prod-*", "Orders"], "exclude": ["*-tmp"]}, ["Orders", "prod-a", "prod-b"]),
        ({"include": ["/^prod/"], "exclude": ["/[.]/", "prod-tmp"]}, ["prod-a", "prod-b"]),
        ({"include": ["Users"], "exclude": ["nothing-of-it"]}, ["Users"]),
        ({"include_tags": {"env": "prod"}}, ["Orders", "prod-b"]),
        ({"include_tags": {"env": "p*", "team": "*"}}, ["prod-b"]),
        ({"include": ["prod-*"], "include_tags": {"env": "*"}}, ["prod-b", "prod-tmp"]),
    ],
)
def test_include_then_exclude_takes_away(keys: Mapping[str, Any], chosen: list[str]) -> None:
    tags = {
        "Orders": {"env": "prod"},
        "prod-b": {"env": "prod", "team": "x"},
        "prod-tmp": {"env": "test"},
    }
    choice = choose(tables(**keys), Listing(NAMES, tags), DYNAMODB)
    assert [each.source for each in choice.tables] == chosen
    assert {*choice.left_out} == {*NAMES} - {*chosen}


def test_what_is_left_out_says_why() -> None:
    listing = Listing(["prod-a", "prod-tmp", "Users", ".scylla.alternator.system.clients"])
    choice = choose(tables(include=["*-*"], exclude=["*-tmp"]), listing, ALTERNATOR)
    assert choice.tables == (Chosen("prod-a", "prod-a"),)
    assert choice.left_out == {
        ".scylla.alternator.system.clients": "Alternator keeps it to itself",
        "Users": "not included",
        "prod-tmp": "excluded by *-tmp",
    }


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"include": ["staging-*"]}, ["staging-* matches no table"]),
        ({"include": ["Order"]}, ["Order matches no table; did you mean Orders?"]),
        ({"include": ["Users"], "exclude": ["U*"]}, ["Users is left out: excluded by U*"]),
        ({"include": ["prod-*"], "exclude": ["prod-*"]}, ["no table is chosen, of 7"]),
        (
            {"include": ["Orders"], "rename": {"Usres": "x-1", "Zz*": "y*"}},
            ["tables.rename: Usres is for no table", "tables.rename: Zz* is for no table"],
        ),
        (
            {"include": ["prod-*"], "overrides": {"Orders": {}, "prod-?": {}}},
            ["tables.overrides: Orders is for no table"],
        ),
        (
            {"include": ["nope", "none-*", "Users"], "overrides": {"User": {}}},
            ["nope matches", "none-* matches", "overrides: User is for no table of the run; did"],
        ),
    ],
)
def test_nothing_is_chosen_by_accident(keys: Mapping[str, Any], words: Sequence[str]) -> None:
    with pytest.raises(UsageError) as raised:
        choose(tables(**keys), Listing(NAMES), DYNAMODB)
    told = str(raised.value)
    assert all(each in told for each in words)
    assert f"has {len(words)} mistake" in told


@pytest.mark.parametrize(
    ("rules", "name", "new"),
    [
        ({}, "Orders", "Orders"),
        ({"Orders": "orders_v2", "O*": "x*"}, "Orders", "orders_v2"),
        ({"O*": "x*", "Orders": "orders_v2"}, "Orders", "orders_v2"),
        ({"prod-*": "live-*", "prod*": "no*"}, "prod-a", "live-a"),
        ({"prod-a*": "first*", "prod-*": "second-*"}, "prod-b", "second-b"),
        ({"*-eu": "eu-*"}, "shop-eu", "eu-shop"),
        ({"a*a": "*"}, "a", "a"),
        ({"a*a": "<*>"}, "aa", "<>"),
        ({"*": "copy-of-*"}, "Orders", "copy-of-Orders"),
    ],
)
def test_exact_before_pattern_and_the_first_match_wins(
    rules: Mapping[str, str], name: str, new: str
) -> None:
    assert renamed(rules, name) == new


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ([("a-1", "same"), ("a-2", "same")], ["a-1 and a-2 would both go to same"]),
        ([("a-1", "x" * 193)], ["takes names of up to 192"]),
        ([("a-1", "ab")], ["at least 3 letters"]),
        ([("a-1", "b c d")], ["at least 3 letters"]),
        ([("a-1", "x$paxos")], ["at least 3 letters"]),
        ([("a-1", "x_scylla_cdc_log")], ["keeps such names to itself"]),
        (
            [("a-1", "ab"), ("a-2", "same"), ("a-3", "same")],
            ["at least 3", "a-2 and a-3 would both"],
        ),
    ],
)
def test_names_that_cannot_be_on_the_target(
    chosen: list[tuple[str, str]], words: Sequence[str]
) -> None:
    with pytest.raises(UsageError) as raised:
        check_targets([Chosen(*each) for each in chosen], ALTERNATOR, same_place=False)
    assert all(each in str(raised.value) for each in words)


def test_a_table_does_not_go_over_another_that_is_moved() -> None:
    chain = [Chosen("a-1", "a-2"), Chosen("a-2", "a-3")]
    check_targets(chain, DYNAMODB, same_place=False)
    with pytest.raises(UsageError, match="a-1 would go to a-2, which is moved as well"):
        check_targets(chain, DYNAMODB, same_place=True)
    with pytest.raises(UsageError, match="a-1 would go to itself"):
        check_targets([Chosen("a-1", "a-1")], DYNAMODB, same_place=True)


def test_an_override_by_name_comes_before_those_by_pattern() -> None:
    found = tables(include=["*"], overrides={"prod-*": {}, "prod-b": {}, "prod-[ab]": {}})
    assert override_of(found, "prod-a") == "prod-*"
    assert override_of(found, "prod-b") == "prod-b"
    assert override_of(found, "Orders") == ""


def test_only_and_skip_pick_of_the_run() -> None:
    assert picked(NAMES[:5], [], []) == NAMES[:5]
    assert picked(NAMES[:5], ["prod-*", "Users"], ["*-tmp"]) == ["Users", "prod-a", "prod-b"]
    assert picked(NAMES[:5], [], ["prod-*"]) == ["Orders", "Users"]
    with pytest.raises(UsageError, match="--only User: no table of this run; did you mean Users"):
        picked(NAMES[:5], ["User"], [])
    with pytest.raises(UsageError, match="--skip nope: no table"):
        picked(NAMES[:5], [], ["nope"])
    with pytest.raises(UsageError, match="no table is left"):
        picked(NAMES[:5], ["Users"], ["U*"])


def test_the_digest_is_of_the_choice_and_of_nothing_else() -> None:
    first = selection(tables(include=["a*"], exclude=["ab"], rename={"a*": "b*"}))
    same = tables(
        include=["a*"], exclude=["ab"], rename={"a*": "b*"}, concurrency=9, overrides={"a*": {}}
    )
    assert selection(same) == first
    assert selection(tables(include=["a*"], rename={"a*": "b*"})) != first
