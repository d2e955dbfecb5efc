"""Whatever stands in a configuration, it ends in settings or in mistakes, never in a traceback."""

import contextlib
import datetime
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alternator_migrate.config import yaml_tree as nodes
from alternator_migrate.core.errors import UsageError
from tests.support.configs import TEXT, changed, loaded, mistake

HOSTILE = (
    "[" * 600,
    "a: " * 600,
    "source: &a [*a]",
    "source: &a {table: *a}",
    'source: "\\UFFFFFFFF"',
    'source: "\\ud800"',
    "source: !!bool x",
    "source: !!timestamp x",
    'source: !!int ""',
    "source: !!float x",
    "source: !!null x",
    "source: !!binary é",
    "source: !!python/object:os.system x",
    "source: !!map x",
    "source: !!set [a]",
    "source: 2024-99-99",
    "source: 0b_",
    "? [a]\n: b",
    "? {a: b}\n: c",
    "null: x",
    "source: =",
    "source: {type: =}",
    "source: {type: alternator, alternator: 5}",
    "source: {type: alternator, alternator: x}",
    f"maxRejects: 1{'0' * 5000}",
    f"retryBudgetSeconds: 1{'0' * 400}",
    f"maxRejects: 0x{'f' * 9000}",
    "renames: &a [*a]",
    "<<: &a {<<: *a}",
)
BOMBS = {
    "lists": "a0: &a0 [x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)),
    "mappings": "a0: &a0 {x: y}\n"
    + "".join(
        f"a{n}: &a{n} {{{', '.join(f'k{i}: *a{n - 1}' for i in range(10))}}}\n" for n in range(1, 9)
    ),
    "merges": "a0: &a0 {x: y}\n"
    + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 9)),
}


def survives(text: str, *assignments: str) -> None:
    """Nothing but a `UsageError` comes of a text, and it can be told."""
    with contextlib.suppress(UsageError):
        try:
            loaded(text.encode("utf-8", "replace"), *assignments)
        except UsageError as error:
            assert str(error)
            raise


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:40])
def test_no_hostile_text_ends_in_a_traceback(text: str) -> None:
    survives(text)


@pytest.mark.parametrize("bomb", BOMBS)
def test_aliases_that_stand_for_very_much_are_refused_at_once(bomb: str) -> None:
    found = mistake(BOMBS[bomb] + TEXT)
    assert "its aliases stand for more than 100,000 values" in found.message
    found = mistake(TEXT, f"target.tags={{{', '.join(BOMBS[bomb].splitlines())}}}")
    assert found.path == "target.tags"


def test_a_long_text_without_aliases_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_MOST_BY_ALIASES", 10)
    text = changed("skipSegments", list(range(20)), changed("source.scanSegments", 20))
    assert len(loaded(text)[0].skip_segments) == 20


@pytest.mark.parametrize(
    ("text", "path", "told"),
    [
        ("? [a, b]\n: c\n", "", "has a key that is no text"),
        ("? {a: b}\n: c\n", "", "has a key that is no text"),
        ("maxRejects: !!timestamp 5\n", "maxRejects", "as the type it has in YAML, timestamp"),
        ("maxRejects: !!int x\n", "maxRejects", "as the type it has in YAML, int"),
        ("maxRejects: !!nothing x\n", "maxRejects", "as the type it has in YAML, nothing"),
        ("renames: &a [*a]\n", "", "an alias stands within what it names"),
    ],
)
def test_odd_yaml_is_told_in_one_sentence(text: str, path: str, told: str) -> None:
    found = mistake(TEXT + text)
    assert found.path == path
    assert told in found.message
    assert "Node" not in found.message and "object" not in found.message


def test_a_mapping_that_merges_may_be_used_again() -> None:
    text = """\
source:
  type: dynamodb
  table: From
  credentials: &login
    <<: {accessKey: a, secretKey: b}
    secretKey: c
target:
  type: dynamodb
  table: To
  credentials: *login
"""
    settings, _ = loaded(text)
    assert settings.source.credentials == settings.target.credentials
    assert settings.target.credentials and settings.target.credentials.secret_key == "c"


PIECES = st.sampled_from(
    [
        *("source:", "target:", "  type: alternator\n", "table", "endpoint: ", "renames:", "tags"),
        *(
            ": ",
            ":",
            "\n",
            "\n  ",
            "- ",
            "? ",
            "{",
            "}",
            "[",
            "]",
            ",",
            "&a ",
            "*a",
            "!!int ",
            "!!",
        ),
        *("!!str ", "!!set ", "!x ", "|", ">-\n", "'", '"', "\\U0010", "\\x", "#", "%YAML 1.1\n"),
        *(
            "---\n",
            "...\n",
            "<<: ",
            "=",
            "~",
            "true",
            "1",
            "0x",
            ".nan",
            "-.inf",
            "2024-01-01",
            "1:2",
        ),
        *("${", "}", "$${", ":-", "@", "`", "\t", "\x85", "\ufeff", "é", "\U0001f600", " "),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=40))
@settings(max_examples=120)
@example("source: {type: dynamodb")
def test_no_text_ends_in_a_traceback(text: str) -> None:
    survives(text)


NAMES = st.sampled_from(
    [
        *("source", "target", "type", "table", "endpoint", "host", "port", "url", "urls", "tags"),
        *(
            "credentials",
            "assumeRole",
            "filter",
            "names",
            "values",
            "alternator",
            "renames",
            "from",
        ),
        *("savepoints", "validation", "skipSegments", "scanSegments", "writeThroughput", "rack"),
        *("", "x", "a.b", "a[0]", "=", "<<"),
    ]
)
SCALARS = st.one_of(
    st.sampled_from(
        ["dynamodb", "alternator", "dynamodb-s3-export", "http://h:1", "${X}", "", None]
    ),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.binary(max_size=3),
    st.dates(),
    st.datetimes(timezones=st.just(datetime.UTC)),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


SECTIONS = ("renames", "savepoints", "validation", "skipSegments", "source", "target", "x")
KEYS = ("type", "endpoint", "tags", "filter", "alternator", "credentials", "table", "rack")
PATHS = (*SECTIONS, *(f"{side}.{key}" for side in ("source", "target") for key in KEYS))


@given(st.dictionaries(st.sampled_from(PATHS), TREES, max_size=3))
@settings(max_examples=60)
def test_no_value_anywhere_ends_in_a_traceback(values: dict[str, Any]) -> None:
    whole = yaml.safe_load(TEXT)
    for path, value in values.items():
        side, _, key = path.partition(".")
        if not key:
            whole[side] = value
        elif isinstance(whole[side], dict):
            whole[side][key] = value
    survives(yaml.safe_dump(whole, allow_unicode=True))


@given(st.lists(st.lists(PIECES | NAMES, max_size=8).map("".join), min_size=1, max_size=2))
@settings(max_examples=60)
def test_no_assignment_ends_in_a_traceback(assignments: list[str]) -> None:
    survives(TEXT, *assignments)
