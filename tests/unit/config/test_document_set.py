"""`--set PATH=VALUE`: what a value may hold, and where its mistakes are said to stand."""

from typing import Any

import pytest

from tests.support.configs import (
    NAME,
    TEXT,
    at,
    attribute,
    changed,
    line_of,
    loaded,
    mistake,
    refused,
)


@pytest.mark.parametrize(
    ("assignment", "meant"),
    [
        ("target.table=Cut #1", "Cut #1"),
        ("target.table=#1", "#1"),
        ("target.table='a #b'", "a #b"),
        ('target.table="a #b"', "a #b"),
        ("target.tags={a: b #c, d: '#e'}", {"a": "b #c", "d": "#e"}),
        ("skipSegments=[1, 2]", (1, 2)),
        ("source.scanSegments=16", 16),
        ("target.copyTags=false", False),
        ("target.table={", "{"),
        ("source.scanSegments=${AM_N:-16}", 16),
        ("target.endpoint.url=http://${AM_N:-h}:1", "http://h:1"),
    ],
)
def test_a_value_is_yaml_without_comments(assignment: str, meant: Any) -> None:
    settings, _ = loaded(changed("source.scanSegments", 9), assignment)
    assert at(settings, attribute(assignment.partition("=")[0])) == meant


def test_an_expression_needs_no_quotes() -> None:
    settings, _ = loaded(
        TEXT,
        "source.filter.expression=#a = :x AND #b <> :x",
        "source.filter.names={#a: at, '#b': bt}",
        "source.filter.values={':x': 5}",
    )
    found = settings.source.filter
    assert found
    assert found.expression == "#a = :x AND #b <> :x"
    assert dict(found.names) == {"#a": "at", "#b": "bt"}


@pytest.mark.parametrize(
    ("assignment", "path"),
    [
        ("target.table=${NOPE_NOT_SET}", "target.table"),
        ("source.table=!!python/object:a b", "source.table"),
        ("target.tags={a: '${NOPE_NOT_SET}'}", "target.tags.a"),
        ("target.endpoint={url: http://h, port: x, a: 1}", "target.endpoint.a"),
        ("target.tags={a: {b: c}}", "target.tags.a"),
    ],
)
def test_a_mistake_of_a_value_is_told_at_its_assignment(assignment: str, path: str) -> None:
    place = f"--set {assignment.partition('=')[0]}=..."
    assert (path, place) in {(each.path, each.place) for each in refused(TEXT, assignment).mistakes}


@pytest.mark.parametrize("assignment", ["target.t=1", "=3", "target.tables=x", "target.table.x=1"])
def test_an_assignment_does_not_take_the_place_of_other_keys(assignment: str) -> None:
    text = changed("target.table", True)
    text = text if "table.x" not in assignment else changed("target.table", "")
    (found,) = (each for each in refused(text, assignment).mistakes if each.path == "target.table")
    assert found.place == line_of(text, "target.table")


def test_what_an_assignment_replaces_has_no_line_any_more() -> None:
    text = changed("target.endpoint", {"url": "http://h", "port": 80})
    found = mistake(text, "target.endpoint={host: h, port: x}")
    assert (found.path, found.place) == ("target.endpoint.port", "--set target.endpoint=...")
    assert NAME in mistake(text).place


def test_what_was_wrong_with_a_replaced_value_is_no_mistake() -> None:
    text = changed("target.tags", {"a": "${NOPE_NOT_SET}"})
    assert mistake(text).path == "target.tags.a"
    assert dict(loaded(text, "target.tags={b: c}")[0].target.tags) == {"b": "c"}
    assert dict(loaded(text, "target.tags.a=c")[0].target.tags) == {"a": "c"}
    wrong = refused(text, "target.tags", "target.tags={a: '${NOPE_NOT_SET}'}")
    assert {each.place for each in wrong.mistakes} == {"--set target.tags", "--set target.tags=..."}


@pytest.mark.parametrize(
    ("assignment", "path"),
    [
        ("source.endpoint.url=http://h:1", "source.endpoint"),
        ("source.credentials.accessKey=a", "source.credentials"),
        ("source.scanSegments=3", "skipSegments"),
        ("source.filter.expression=a = :v", "source.filter"),
        ("target.type=dynamodb", "target.maxConnections"),
        ("target.table=arn:aws:dynamodb:eu-west-1:123456789012:table/Table", "target.table"),
        ("source.table=arn:aws:dynamodb:us-east-1:123456789012:table/Table", "source.region"),
        ("nosuch.key=1", "nosuch"),
        ("source.region=eu-west-2", "source.region"),
    ],
)
def test_an_assignment_is_blamed_for_what_it_makes_of_the_file(assignment: str, path: str) -> None:
    text = changed("source.endpoint.host", "h", changed("target.maxConnections", 3))
    text = changed("skipSegments", [5], changed("source.scanSegments", 9, text))
    if "region" in assignment:
        arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/Table"
        text = changed("source.table", arn, text)
    found = mistake(text, assignment)
    assert (found.path, found.place) == (path, f"--set {assignment.partition('=')[0]}=...")


def test_a_flag_is_blamed_too() -> None:
    text = changed("source.endpoint.host", "h")
    flags = {"source.endpoint.url": ("--source-endpoint", "http://h:1")}
    (found,) = refused(text, flags=flags).mistakes
    assert (found.path, found.place) == ("source.endpoint", "--source-endpoint")


def test_what_the_file_alone_has_wrong_stays_with_the_file() -> None:
    text = changed("source.endpoint", {"host": "h", "url": "http://h:1"})
    found = mistake(text, "source.region=eu-west-2")
    assert (found.path, found.place) == ("source.endpoint", line_of(text, "source.endpoint"))
