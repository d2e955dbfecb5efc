"""All mistakes at once: those of single elements, and those that only the whole shows."""

from typing import Any

import pytest

from tests.support.configs import (
    ALTERNATOR_SOURCE,
    NAME,
    TEXT,
    changed,
    line_of,
    loaded,
    mistake,
    paths,
    refused,
)

WHOLE = """\
source:
  type: dynamodb
  table: Same
  colour: blue
  credentials: {accessKey: a}
  filter: {expression: a = :v}
target:
  type: dynamodb
  table: Same
  credentials: {accessKey: a}
renames:
  - {from: a, to: b}
  - {from: a, to: c}
  - {from: 1}
skipSegments: [1]
"""


def test_one_unknown_key_hides_no_contradiction() -> None:
    found = paths(refused(WHOLE).mistakes)
    assert found == {
        "source.colour",
        "source.credentials",
        "source.filter",
        "target.credentials",
        "target.table",
        "renames",
        "renames[2].to",
        "skipSegments",
    }


def test_a_missing_endpoint_is_told_beside_an_unknown_key() -> None:
    text = changed("target", {"type": "alternator", "table": "To", "colour": "blue"})
    assert paths(refused(text).mistakes) == {"target.colour", "target.endpoint"}


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("source.scanSegments", "many", {"source.scanSegments", "target.table"}),
        ("skipSegments", ["x"], {"skipSegments[0]", "target.table"}),
        ("source.table", True, {"source.table", "skipSegments"}),
        ("target.endpoint", 5, {"target.endpoint", "skipSegments"}),
        ("target.endpoint", {"url": "x"}, {"target.endpoint.url", "skipSegments"}),
        ("source.type", "cassandra", {"source.type"}),
        ("source.type", "dynamdb", {"source.type", "skipSegments"}),
        ("source", 5, {"source"}),
        ("target", [], {"target", "skipSegments"}),
    ],
)
def test_what_rests_on_a_mistake_is_not_told(path: str, value: object, found: set[str]) -> None:
    text = changed("skipSegments", [7], changed("source.scanSegments", 4))
    text = changed("target", {"type": "dynamodb", "table": "From", "region": "eu-west-1"}, text)
    assert paths(refused(text).mistakes) == {"skipSegments", "target.table"}
    assert paths(refused(changed(path, value, text)).mistakes) == found


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        ("target.endpoint.urls", ["http://a", "h:1", ["http://b"], "http://c", None], (1, 2, 4)),
        ("skipSegments", [-1, 0, "1", True], (0, 2, 3)),
        ("validation.recheckSeconds", [1, "x", 4000], (1, 2)),
    ],
)
def test_every_bad_element_of_a_list_is_told_with_its_line(
    path: str, value: list[Any], wrong: tuple[int, ...]
) -> None:
    text = changed("target.endpoint", {"urls": ["http://a"]}, changed("source.scanSegments", 9))
    text = changed(path, value, text)
    first = int(line_of(text, path).rpartition(" ")[2]) + 1
    lines = {0: first}
    for number in range(1, len(value)):
        before = value[number - 1]
        lines[number] = lines[number - 1] + (len(before) if isinstance(before, list) else 1)
    found = {(each.path, each.place) for each in refused(text).mistakes}
    assert found == {(f"{path}[{n}]", f"{NAME}, line {lines[n]}") for n in wrong}


def test_every_bad_tag_is_told_with_its_key_and_line() -> None:
    tags = {"good": "x", "none": None, "yes": True, "empty": "", "list": ["a"], "number": 1.10}
    text = changed("target.tags", tags)
    found = {(each.path, each.place) for each in refused(text).mistakes}
    wrong = (f"target.tags.{key}" for key in ("none", "yes", "list"))
    assert found == {(path, line_of(text, path)) for path in wrong}


def test_a_tag_may_be_empty() -> None:
    assert dict(loaded(changed("target.tags", {"a": ""}))[0].target.tags) == {"a": ""}


@pytest.mark.parametrize(
    ("side", "own"), [("source", ("path", "manifestKey")), ("target", ("path",))]
)
def test_the_rest_of_an_export_is_checked(side: str, own: tuple[str, ...]) -> None:
    text = changed(f"{side}.type", "dynamodb-s3-export")
    for path, value in {
        "bucket": "b",
        "path": "s3://b",
        "usePathStyleAccess": True,
        "colour": "blue",
        "region": True,
        "endpoint": {"host": "h", "port": "x"},
        "credentials": {"accessKey": "a"},
    }.items():
        text = changed(f"{side}.{path}", value, text)
    wrong = (*own, "colour", "region", "endpoint.port", "credentials")
    assert paths(refused(text).mistakes) == {f"{side}.{path}" for path in wrong}


def test_a_table_is_not_missed_where_an_export_has_none() -> None:
    settings, warnings = loaded(changed("target", {"type": "dynamodb-s3-export", "path": "s3://b"}))
    assert settings.target.s3_export
    assert (str(settings.target.s3_export.place), warnings) == ("s3://b/", [])


@pytest.mark.parametrize("key", ["datacenter", "maxItemsPerBatch"])
@pytest.mark.parametrize("side", ["source", "target"])
def test_an_option_of_alternator_says_which_type_it_is_for(side: str, key: str) -> None:
    text = changed(f"{side}.type", "dynamodb", ALTERNATOR_SOURCE)
    found = mistake(changed(f"{side}.{key}", "x", text))
    assert found.path == f"{side}.{key}"
    assert found.message == "is only for type: alternator"


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ({"type": "disabled"}, False),
        ({"type": "none"}, False),
        ({"type": "dynamodb-streams"}, True),
        ({"type": "ddb", "more": 1}, True),
    ],
)
def test_changes_are_followed_as_newer_migrators_say_it(value: object, meant: bool) -> None:
    assert loaded(changed("target.streamChanges", value))[0].target.stream_changes is meant


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"type": "kinesis", "streamArn": "arn"}, "Kinesis is not in this version"),
        ({"type": "kinesis-data-streams"}, "Kinesis is not in this version"),
        ({"type": "dynamo-stream"}, "must be dynamodb-streams or disabled"),
        ({}, "must be dynamodb-streams or disabled"),
    ],
)
def test_changes_from_elsewhere_are_refused_in_a_sentence(value: object, told: str) -> None:
    found = mistake(changed("target.streamChanges", value))
    assert found.path == "target.streamChanges.type"
    assert told in found.message


def test_a_document_that_has_mistakes_in_a_section_is_told_whole() -> None:
    text = TEXT.replace("table: To", "? [a]\n  : b\n  tabel: To") + "skipSegments: [1]\n"
    found = paths(refused(text).mistakes)
    assert {"target", "target.tabel", "target.table", "skipSegments"} <= found
