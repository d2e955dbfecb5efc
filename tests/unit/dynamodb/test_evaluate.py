"""FilterExpressions: the judgement made here is the one that DynamoDB makes."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from alternator_migrate.core.errors import BadAnswer
from alternator_migrate.dynamodb.expressions.evaluate import matcher
from alternator_migrate.dynamodb.expressions.parser import ExpressionError
from tests.servers.client import Item, RefusedError, call, create_table, fill, scan_all

CONTENT: list[dict[str, Any]] = [
    *({"S": text} for text in ("x", "xyz", "é", "\U0001f600", "\uffee", "S", "5")),
    *({"N": text} for text in ("5", "5.00", "-3", "0", "1e20", "0.1", "12345678901234567890.5")),
    *({"B": text} for text in ("AAE=", "AA==", "//8=")),
    *({"BOOL": truth} for truth in (True, False)),
    {"NULL": True},
    *({"SS": members} for members in (["x", "y"], ["x"], ["é", "5"])),
    *({"NS": members} for members in (["5", "1"], ["5.0"])),
    {"BS": ["AA==", "AAE="]},
    *({"L": members} for members in ([], [{"S": "x"}, {"N": "5.0"}], [{"L": [{"N": "5"}]}])),
    {"L": [{"M": {"b": {"N": "5"}}}, {"SS": ["y", "x"]}, {"NULL": True}]},
    *({"M": inner} for inner in ({}, {"b": {"N": "5"}}, {"b": {"M": {"c": {"S": "x"}}}})),
    {"M": {"d.e": {"N": "5"}, "b": {"L": [{"S": "x"}]}}},
]
ITEMS: list[Item] = [
    {"pk": {"S": f"{number:02}"}, "a": value} | ({"b": {"N": "5"}} if number % 3 else {})
    for number, value in enumerate(CONTENT)
]
ITEMS += [{"pk": {"S": "x"}}, {"pk": {"S": "b only"}, "b": {"S": "x"}}]

NAMES = {"#a": "a", "#5": "b", "#de": "d.e", "#none": "nowhere"}
VALUES: dict[str, Any] = {
    ":five": {"N": "5.0"},
    ":tiny": {"N": "1E-1"},
    ":two": {"N": "2"},
    ":low": {"N": "-10"},
    ":huge": {"N": "1e25"},
    ":x": {"S": "x"},
    ":e": {"S": "é"},
    ":grin": {"S": "\U0001f600"},
    ":b": {"B": "AA=="},
    ":true": {"BOOL": True},
    ":null": {"NULL": True},
    ":ss": {"SS": ["y", "x"]},
    ":ns": {"NS": ["1.0", "5"]},
    ":l": {"L": [{"S": "x"}, {"N": "5"}]},
    ":fives": {"L": [{"N": "5.0"}]},
    ":m": {"M": {"b": {"N": "5"}}},
    ":S": {"S": "S"},
    ":BOOL": {"S": "BOOL"},
    ":NS": {"S": "NS"},
}
SIGNS = ("=", "<>", "<", "<=", ">", ">=")
EXPRESSIONS = (
    *(f"a {sign} :five" for sign in SIGNS),
    *(f"a {sign} :e" for sign in SIGNS),
    *(f"a {sign} :b" for sign in SIGNS),
    *(f"NOT a {sign} b" for sign in SIGNS),
    *(f"size(a) {sign} :two" for sign in SIGNS),
    *(f":two {sign} size ( a.b )" for sign in SIGNS),
    *(f"a {sign} :{name}" for sign in SIGNS[:2] for name in ("true", "null", "ss", "ns", "l", "m")),
    *(f"contains(a, :{name})" for name in ("x", "five", "b", "null", "ss", "fives", "m", "e")),
    *(f"attribute_type(a, :{name})" for name in ("S", "BOOL", "NS")),
    *(f"begins_with(a, :{name})" for name in ("x", "b", "e")),
    "a > :grin OR a < :grin",
    "a = :tiny",
    "a BETWEEN :low AND :huge",
    "a BETWEEN b AND :huge",
    ":five BETWEEN a AND b",
    "NOT a BETWEEN :tiny AND :five",
    "size(a) BETWEEN :tiny AND :two AND b = :five",
    "a IN (:x)",
    "a IN (:five, :ss, :null, b)",
    "NOT a in (:five,:x)",
    "size(a) IN (:two, b)",
    "attribute_exists(a.b)",
    "attribute_not_exists(a.b) and attribute_exists(#5)",
    "attribute_exists(a[1])",
    "attribute_exists(a[0][0])",
    "a[0].b = b",
    "a.b.c = :x or a.b[ 0 ] = :x",
    "#a.#de = :five",
    "a.b <> b",
    "#none <> a",
    "#none = a",
    "size(#none) <> size(#none)",
    "contains(:ss, pk)",
    "contains(a, b)",
    "contains(a, size(pk))",
    "begins_with(a, pk)",
    "size(:l) = :two",
    "attribute_type(:five, :S)",
    "a = :five OR a = :x AND attribute_exists(#none)",
    "(a = :five OR a = :x) AND attribute_exists(b)",
    "NOT a = :five AND NOT (b = :five OR attribute_exists(a))",
    "NOT NOT a = :five",
    "not(a=:five)AND\n\tb<>:x",
    "pk < a",
    "(a) = :five",
    "NOT (a.b) IN ((:five), b) AND (size(a)) < (:two)",
    "((a) BETWEEN (:low) AND (:huge)) OR contains(a, (:x))",
)
REFUSED = {
    "": "too early",
    "a": "too early",
    "a = ": "too early",
    "a = :five AND": "too early",
    "a == :five": "cannot stand",
    "a != :five": "not understood",
    "a = 5": "cannot stand",
    "a = 'x'": "not understood",
    "a = :nil": ":nil is not defined",
    "#nil = :five": "#nil is not defined",
    "a IN ()": "cannot stand",
    "a IN (:five), :x": "cannot stand",
    "(a = :five": "too early",
    "(a) (b) = :five": "cannot stand",
    "(a = :five) = :five": "cannot stand",
    "() = :five": "cannot stand",
    "a = :five)": "cannot stand",
    "and = :five": "cannot stand",
    "a[b] = :five": "cannot stand",
    "a[-1] = :five": "not understood",
    "a[00] = :five": "cannot stand",
    "a.:x = :five": "cannot stand",
    "_a = :five": "not understood",
    "5 = :five": "cannot stand",
    "a = NOT b": "cannot stand",
    "size(a)": "too early",
    "size(:five) = :two": "type N",
    "size(size(a)) = :two": "cannot stand",
    "wrong(a)": "no function",
    "ATTRIBUTE_EXISTS(a)": "no function",
    "attribute_exists(:x)": "place of an attribute",
    "attribute_exists(size(a))": "place of an attribute",
    "attribute_type(a, :x)": "one of S, N",
    "attribute_type(a, :five)": "one of S, N",
    "attribute_type(a, pk)": "one of S, N",
    "begins_with(a)": "takes 2",
    "begins_with(a, :x, :e)": "takes 2",
    "begins_with(a, :five)": "type N",
    "begins_with(a, size(a))": "type N",
    "a < :true": "type BOOL",
    "a >= :ss": "type SS",
    "a BETWEEN :l AND b": "type L",
    "a BETWEEN :five AND :x": "two types",
    "a BETWEEN :five AND :two": "lower",
    "a = :five OR " * 400 + "a = :five": "longer than 4096",
}


def given(expression: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The names and values that an expression uses."""
    used = set(re.findall(r"[#:]\w+", expression))
    names = {name: path for name, path in NAMES.items() if name in used}
    return names, {name: value for name, value in VALUES.items() if name in used}


def judged(expression: str, *items: Item) -> list[str]:
    """The keys of the items that match."""
    matches = matcher(expression, *given(expression))
    return [item["pk"]["S"] for item in items if matches(json.dumps(item).encode())]


@pytest.fixture
async def varied(dynamodb_local: str, table_name: str) -> AsyncIterator[tuple[str, str]]:
    """DynamoDB Local, and a table there that holds `ITEMS`."""
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, ITEMS)
    yield dynamodb_local, table_name
    await call(dynamodb_local, "DeleteTable", {"TableName": table_name})


async def scanned(varied: tuple[str, str], expression: str) -> list[str]:
    """The keys of the items that the server lets through."""
    names, values = given(expression)
    request: dict[str, Any] = {"FilterExpression": expression}
    request |= {"ExpressionAttributeNames": names} if names else {}
    request |= {"ExpressionAttributeValues": values} if values else {}
    return sorted(item["pk"]["S"] for item in await scan_all(*varied, **request))


async def test_the_verdict_is_the_servers(varied: tuple[str, str]) -> None:
    differing = {}
    for expression in EXPRESSIONS:
        here, there = sorted(judged(expression, *ITEMS)), await scanned(varied, expression)
        if here != there:
            differing[expression] = set(here) ^ set(there)
    assert not differing


def test_most_expressions_tell_items_apart() -> None:
    counts = [len(judged(expression, *ITEMS)) for expression in EXPRESSIONS]
    assert sum(0 < count < len(ITEMS) for count in counts) > 0.7 * len(counts)


@pytest.mark.parametrize("expression", REFUSED, ids=lambda text: str(text)[:30])
def test_what_is_refused_is_said(expression: str) -> None:
    with pytest.raises(ExpressionError, match=REFUSED[expression]):
        judged(expression)


async def test_what_is_refused_the_server_refuses(varied: tuple[str, str]) -> None:
    for expression in REFUSED:
        with pytest.raises(RefusedError):
            pytest.fail(f"{expression}: {await scanned(varied, expression)}")


@pytest.mark.parametrize("value", [{"N": "five"}, {"N": "NaN"}, {"Q": "5"}])
def test_a_value_that_is_none(value: dict[str, str]) -> None:
    with pytest.raises(ExpressionError, match=":v is"):
        matcher("a = :v", {}, {":v": value})


def test_names_and_values_that_stand_nowhere() -> None:
    with pytest.raises(ExpressionError, match=":w is given"):
        matcher("a = :v", {}, {":v": {"N": "5"}, ":w": {"N": "5"}})
    with pytest.raises(ExpressionError, match="#n is given"):
        matcher("attribute_exists(a)", {"#n": "a"}, {})


def test_parentheses_are_bounded() -> None:
    matcher("(" * 50 + "attribute_exists(a)" + ")" * 50, {}, {})
    with pytest.raises(ExpressionError, match="more than 50 deep"):
        matcher("(" * 51 + "attribute_exists(a)" + ")" * 51, {}, {})


@pytest.mark.parametrize(
    "value",
    ['{"L":[5,{"S":5},{},null,{"N":"5","S":"x"}]}', '{"L":["x",[{"N":"5"}]]}', '{"N":"none"}'],
)
def test_values_of_no_type_are_like_missing_ones(value: str) -> None:
    item = f'{{"pk":{{"S":"k"}},"a":{value}}}'.encode()
    for expression in ("a[0] = :five", "a[1] < :five", "contains(a, :x)", "a < :five"):
        assert not matcher(expression, *given(expression))(item)


def test_an_item_that_cannot_be_read() -> None:
    with pytest.raises(BadAnswer, match="cannot be read"):
        matcher("a = :five", *given(":five"))(b'{"pk":{"S":"\xff"}}')
