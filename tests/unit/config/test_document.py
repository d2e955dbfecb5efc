"""The text of a configuration: variables, numbers that are names, merges, broken YAML."""

from typing import Any

import pytest

from alternator_migrate.core.errors import UsageError
from tests.support.configs import (
    NAME,
    TEXT,
    at,
    attribute,
    changed,
    loaded,
    mistake,
    paths,
    refused,
)


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AM_HOST", "scylla")
    monkeypatch.setenv("AM_PORT", "9000")
    monkeypatch.setenv("AM_FLAG", "true")
    monkeypatch.setenv("AM_EMPTY", "")
    monkeypatch.setenv("AM_ODD", 'a: "b" #c ${AM_PORT}')
    monkeypatch.delenv("AM_ABSENT", raising=False)


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize(
    ("path", "written", "meant"),
    [
        ("target.table", "${AM_HOST}", "scylla"),
        ("target.table", "a-${AM_HOST}-${AM_PORT}", "a-scylla-9000"),
        ("target.table", "${AM_ABSENT:-other}", "other"),
        ("target.table", "${AM_EMPTY:-other}", "other"),
        ("target.table", "${AM_HOST:-other}", "scylla"),
        ("target.table", "${AM_ABSENT:-a:-b}", "a:-b"),
        ("target.table", "x${AM_ABSENT:-}", "x"),
        ("target.table", "x${AM_EMPTY}", "x"),
        ("target.table", "$${AM_HOST}", "${AM_HOST}"),
        ("target.table", "$AM_HOST", "$AM_HOST"),
        ("target.table", "'${AM_HOST}'", "scylla"),
        ("target.table", "${AM_ODD}", 'a: "b" #c ${AM_PORT}'),
        ("target.endpoint.url", "http://${AM_HOST}:${AM_PORT}", "http://scylla:9000"),
        ("source.endpoint.host", "${AM_HOST}", "scylla"),
        ("target.copyTtl", "${AM_FLAG}", True),
        ("source.scanSegments", "${AM_ABSENT:-64}", 64),
        ("source.scanSegments", "${AM_PORT}", 9000),
        ("source.scanSegments", "${AM_ABSENT:-}", None),
        ("source.readThroughput", "${AM_PORT}.5", 9000.5),
        ("target.tags", "{a: '${AM_PORT}'}", {"a": "9000"}),
    ],
)
def test_variables_are_filled_in_and_typed_afterwards(path: str, written: str, meant: Any) -> None:
    text = changed(path, "HERE").replace("HERE", written)
    assert at(loaded(text)[0], attribute(path)) == meant


@pytest.mark.usefixtures("variables")
def test_a_port_may_be_a_variable() -> None:
    text = TEXT.replace("url: http://scylla:8000", "host: ${AM_HOST}\n    port: ${AM_PORT}")
    settings, _ = loaded(text)
    assert settings.target.endpoint
    assert settings.target.endpoint.contacts == ("http://scylla:9000",)


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("${AM_ABSENT}", "AM_ABSENT is not set"),
        ("x-${AM_ABSENT}-${AM_HOST}", "AM_ABSENT is not set"),
        ("${}", "${VAR}"),
        ("${1A}", "${VAR}"),
        ("${AM_HOST:+x}", "${VAR}"),
    ],
)
def test_a_variable_that_is_unset_or_misspelled_is_a_mistake(written: str, told: str) -> None:
    found = mistake(changed("target.table", "HERE").replace("HERE", written))
    assert (found.path, found.place) == ("target.table", f"{NAME}, line 7")
    assert told in found.message


@pytest.mark.parametrize("written", ["1.10", "007", "1_000", "0x1F", "1:30", "1e3"])
def test_a_name_that_looks_like_a_number_stays_as_it_is_written(written: str) -> None:
    settings, _ = loaded(f"{TEXT}  region: {written}\n  tags: {{version: {written}}}\n")
    assert settings.target.region == written
    assert dict(settings.target.tags) == {"version": written}


def test_an_anchored_section_may_be_merged_and_overridden() -> None:
    text = """\
source: &side
  type: dynamodb
  table: From
  region: eu-west-1
target:
  <<: *side
  table: To
"""
    settings, _ = loaded(text)
    assert (settings.target.type, settings.target.table) == ("dynamodb", "To")
    assert settings.target.region == "eu-west-1"


def test_a_key_that_stands_twice_is_a_mistake_at_its_second_line() -> None:
    found = mistake(TEXT + "source:\n  type: dynamodb\n  table: T\n")
    assert (found.path, found.message) == ("source", "stands twice")
    assert found.place == f"{NAME}, line 10"


@pytest.mark.parametrize(
    "text",
    [
        "source: [",
        "source: {a: b",
        "a: b: c",
        "\tsource: x",
        "source: 'x",
        "- a\nb: c",
        "a: *nowhere",
        "--- a\n--- b",
        "a: \x01",
        "%YAML 9.9\n---\na",
        "<<: 5",
    ],
)
def test_broken_yaml_is_one_mistake(text: str) -> None:
    error = refused(text)
    assert error.mistakes[0].message.startswith(("not YAML", "must be a mapping"))
    assert NAME in error.mistakes[0].place


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "null\n", "~"])
def test_an_empty_file_misses_what_must_be_there(text: str) -> None:
    error = refused(text)
    assert {"source.type", "source.table", "target.type", "target.table"} <= paths(error.mistakes)


@pytest.mark.parametrize("text", ["- a\n", "source\n", "5\n", "[]\n", "'x'\n"])
def test_a_file_that_is_no_mapping_is_told_so(text: str) -> None:
    assert "must be a mapping" in refused(text).mistakes[0].message


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"source: \xe9\n", TEXT.encode("utf-16")])
def test_a_file_in_another_encoding_is_told_so(text: bytes) -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        loaded(text)
