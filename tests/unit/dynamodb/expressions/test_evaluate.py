"""FilterExpressions: what matches here is what DynamoDB lets through."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from alternator_migrate.core.errors import BadAnswer
from alternator_migrate.dynamodb.expressions.evaluate import matcher
from alternator_migrate.dynamodb.expressions.tokens import ExpressionError
from tests.servers.client import Item, RefusedError, call, create_table, fill, scan_all
from tests.support.expressions import EXPRESSIONS, REFUSED, given

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


def matching(expression: str, *items: Item) -> list[str]:
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


async def test_what_matches_is_what_the_server_lets_through(varied: tuple[str, str]) -> None:
    differing = {}
    for expression in EXPRESSIONS:
        here, there = sorted(matching(expression, *ITEMS)), await scanned(varied, expression)
        if here != there:
            differing[expression] = set(here) ^ set(there)
    assert not differing


def test_most_expressions_tell_items_apart() -> None:
    counts = [len(matching(expression, *ITEMS)) for expression in EXPRESSIONS]
    assert sum(0 < count < len(ITEMS) for count in counts) > 0.7 * len(counts)


@pytest.mark.parametrize("expression", REFUSED, ids=lambda text: str(text)[:30])
def test_what_is_refused_is_said(expression: str) -> None:
    with pytest.raises(ExpressionError, match=REFUSED[expression]):
        matching(expression)


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
