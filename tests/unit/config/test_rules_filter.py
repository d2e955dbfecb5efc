"""`source.filter`: its values are DynamoDB's, and its expression is one, before anything begins."""

from typing import Any

import pytest

from tests.support.configs import changed, line_of, loaded, mistake, refused
from tests.support.expressions import EXPRESSIONS, REFUSED, given

FINE: dict[str, Any] = {
    "S": ("", "x"),
    "N": ("5", "-1.50", ".5", "5.", "+5", "1E-3", "1" * 38 + "000", "0." + "0" * 40 + "1"),
    "B": ("", "AA=="),
    "BOOL": (True, False),
    "NULL": (True,),
    "SS": (["a", "b"],),
    "NS": (["1", "2"],),
    "BS": (["AA==", "AAE="],),
    "L": ([], [{"N": "1"}, {"L": [{"S": "x"}]}]),
    "M": ({}, {"a": {"M": {"b": {"NULL": True}}}}),
}
WRONG: tuple[tuple[Any, str], ...] = (
    ({"Q": 1}, ".Q"),
    ({"n": "5"}, ".n"),
    ({"S": True}, ".S"),
    ({"S": 5}, ".S"),
    ({"S": None}, ".S"),
    ({"N": "abc"}, ".N"),
    ({"N": " 5"}, ".N"),
    ({"N": "1_000"}, ".N"),
    ({"N": "NaN"}, ".N"),
    ({"N": ""}, ".N"),
    ({"N": "1" * 39}, ".N"),
    ({"N": True}, ".N"),
    ({"B": "A"}, ".B"),
    ({"B": "A-=="}, ".B"),
    ({"B": 5}, ".B"),
    ({"BOOL": "true"}, ".BOOL"),
    ({"NULL": False}, ".NULL"),
    ({"NULL": "x"}, ".NULL"),
    ({"SS": []}, ".SS"),
    ({"SS": "a"}, ".SS"),
    ({"SS": [1, "a"]}, ".SS[0]"),
    ({"SS": ["a", "a"]}, ".SS"),
    ({"NS": [1, "a"]}, ".NS[1]"),
    ({"BS": ["AA==", "x"]}, ".BS[1]"),
    ({"L": {"S": "x"}}, ".L"),
    ({"L": [{"S": "x"}, {"Z": 1}]}, ".L[1].Z"),
    ({"M": ["a"]}, ".M"),
    ({"M": {"a": {"N": "x"}}}, ".M.a.N"),
    ({"S": "a", "N": "1"}, ""),
    ({}, ""),
    (["a"], ""),
    (None, ""),
)


def filtered(expression: str, **more: Any) -> str:
    """A configuration with a filter."""
    return changed("source.filter", {"expression": expression, **more})


@pytest.mark.parametrize("kind", FINE)
def test_a_value_of_every_type_is_taken(kind: str) -> None:
    for content in FINE[kind]:
        settings, _ = loaded(filtered("a = :v", values={":v": {kind: content}}))
        assert settings.source.filter
        assert settings.source.filter.values[":v"] == {kind: content}


@pytest.mark.parametrize(("value", "within"), WRONG, ids=lambda value: str(value)[:30])
def test_a_value_that_is_none_is_told_at_its_place(value: Any, within: str) -> None:
    found = mistake(filtered("a = :v", values={":v": value}))
    assert found.path == f"source.filter.values.:v{within}"


def test_every_value_that_is_none_is_told() -> None:
    values = {":x": {"Q": 1}, ":y": {"SS": ["1", 2]}, ":z": {"N": "abc"}, ":w": {"N": "1"}}
    text = filtered("a = :x", values=values)
    found = {each.path: each.place for each in refused(text).mistakes}
    assert found.keys() == {f"source.filter.values.{path}" for path in (":x.Q", ":y.SS[1]", ":z.N")}
    wrong = "source.filter.values.:z.N"
    assert found[wrong] == line_of(text, wrong)


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("expression", REFUSED, ids=lambda text: str(text)[:30])
def test_an_expression_that_servers_refuse_is_a_mistake(expression: str, follow: bool) -> None:
    names, values = given(expression)
    text = filtered(expression, names=names, values=values)
    found = mistake(changed("target.streamChanges", follow, text))
    if expression:
        assert (found.path, found.place) == ("source.filter", line_of(text, "source.filter"))
        assert REFUSED[expression] in found.message


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_that_servers_take_is_none(expression: str) -> None:
    names, values = given(expression)
    loaded(filtered(expression, names=names, values=values))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"values": {}}, ":v is not defined"),
        ({"values": {":v": 1, ":w": 2}}, ":w is given, but stands nowhere"),
        ({"values": {":v": 1}, "names": {"#n": "a"}}, "#n is given, but stands nowhere"),
    ],
)
def test_what_is_undefined_or_unused_is_a_mistake(more: dict[str, Any], told: str) -> None:
    found = mistake(filtered("a = :v", **more))
    assert found.path == "source.filter"
    assert told in found.message


def test_an_expression_that_a_comment_cuts_off_is_told_as_it_is_read() -> None:
    text = filtered("HERE", names={"#b": "b"}).replace("HERE", "attribute_exists(a) AND #b = a")
    assert "it reads 'attribute_exists(a) AND'" in mistake(text).message


def test_what_is_only_not_followed_here_is_left_to_the_server_of_a_copy() -> None:
    deep = filtered("NOT (" * 51 + "attribute_exists(a)" + ")" * 51)
    loaded(deep)
    assert "more than 50 deep" in mistake(changed("target.streamChanges", True, deep)).message
