"""`${VAR}` anywhere in a configuration: in [...] and {...}, quoted, nested, of any type."""

from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.config.loading import load, portable
from tests.support.begun import begun
from tests.support.configs import NAME, TEXT, at, attribute, changed, loaded, mistake, paths


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "HOST": "scylla",
        "PORT": "47321",
        "FLAG": "true",
        "SHARE": "0.25",
        "DIGITS": "0123",
        "NOTHING": "null",
        "EMPTY": "",
    }.items():
        monkeypatch.setenv(f"AM_{name}", value)
    monkeypatch.delenv("AM_ABSENT", raising=False)


@pytest.mark.parametrize("quote", ["", "'", '"'])
@pytest.mark.parametrize(
    ("path", "written", "meant"),
    [
        ("target.endpoint", "{host: http://x, port: $Q${AM_PORT}$Q}", ("http://x:47321",)),
        ("target.endpoint", "{host: $Q${AM_HOST}$Q, port: 80}", ("http://scylla:80",)),
        ("target.endpoint", "{urls: [$Qhttp://${AM_HOST}:1$Q, http://b]}", None),
        ("source.scanSegments", "$Q${AM_ABSENT:-4}$Q", 4),
        ("source.scanSegments", "$Q${AM_EMPTY}$Q", None),
        ("source.scanSegments", "$Q1${AM_ABSENT:-6}$Q", 16),
        ("source.throughputReadPercent", "$Q${AM_SHARE}$Q", 0.25),
        ("target.copyTags", "$Q${AM_ABSENT:-false}$Q", False),
        ("target.streamChanges", "$Q${AM_FLAG}$Q", True),
        ("target.streamChanges", "{type: $Q${AM_ABSENT:-disabled}$Q}", False),
        ("skipSegments", "[$Q${AM_ABSENT:-1}$Q, 2]", None),
        ("target.table", "$Q${AM_DIGITS}$Q", "0123"),
        ("target.table", "$Q${AM_FLAG}$Q", "true"),
        ("target.table", "$Q${AM_NOTHING}$Q", "null"),
        ("target.tags", "{a: $Q${AM_DIGITS}$Q, b: $Q${AM_EMPTY}$Q}", {"a": "0123", "b": ""}),
        ("target.indexes", "$Q${AM_ABSENT:-after}$Q", "after"),
    ],
)
def test_a_variable_has_the_type_that_its_key_wants(
    path: str, written: str, meant: Any, quote: str
) -> None:
    text = changed(path, "HERE", changed("source.scanSegments", 9))
    settings, _ = loaded(text.replace("HERE", written.replace("$Q", quote)))
    found = at(settings, attribute(path))
    if path == "target.endpoint":
        assert found.contacts == (meant or ("http://scylla:1", "http://b"))
    elif path == "skipSegments":
        assert found == (1, 2)
    else:
        assert (found, type(found)) == (meant, type(meant))


@pytest.mark.parametrize("secret", ["0123", "1e3", "true", "null", "~", "1_000", "a: b #c {", "[x"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_secret_stays_as_it_is(secret: str, quote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AM_SECRET", secret)
    login = f"{{accessKey: 7, secretKey: {quote}${{AM_SECRET}}{quote}}}"
    settings, _ = loaded(changed("source.credentials", "HERE").replace("HERE", login))
    assert at(settings, "source.credentials.secret_key") == secret
    assert at(settings, "source.credentials.access_key") == "7"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${AM_ABSENT:-${AM_HOST}}", "scylla"),
        ("${AM_ABSENT:-${AM_EMPTY:-${AM_HOST}-x}}-y", "scylla-x-y"),
        ("${AM_HOST:-${AM_ABSENT}}", "scylla"),
        ("${AM_ABSENT:-a {b} c}", "a {b} c"),
        ("${AM_ABSENT:-a: b #c, [d]}", "a: b #c, [d]"),
        ("${AM_ABSENT:-$${x}}", "${x}"),
        ("$${AM_ABSENT:-${AM_HOST}}", "${AM_ABSENT:-scylla}"),
        ("a$${", "a${"),
    ],
)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_default_may_hold_variables_and_braces(written: str, meant: str, quote: str) -> None:
    text = changed("target.table", "HERE").replace("HERE", f"{quote}{written}{quote}")
    assert loaded(text)[0].target.table == meant


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("'${AM_HOST'", "has no } that closes it"),
        ("'${AM_ABSENT:-${AM_HOST}'", "has no } that closes it"),
        ("'${AM_ABSENT:-${AM_MISSING}}'", "AM_MISSING is not set"),
        ("'${A${B}}'", "is not ${VAR} or ${VAR:-default}"),
    ],
)
def test_what_is_no_variable_is_told_in_one_sentence(written: str, told: str) -> None:
    found = mistake(changed("target.table", "HERE").replace("HERE", written))
    assert (found.path, found.place) == ("target.table", f"{NAME}, line 7")
    assert told in found.message


def test_a_variable_of_another_type_is_told_as_what_it_stands_for() -> None:
    found = mistake(changed("source.scanSegments", "${AM_HOST}"))
    assert "whole number" in found.message and "'scylla'" in found.message


def test_a_variable_of_a_list_that_is_not_set_is_one_mistake() -> None:
    text = changed("target.endpoint", "HERE").replace("HERE", "{urls: [http://a, '${AM_ABSENT}']}")
    assert paths([mistake(text)]) == {"target.endpoint.urls[1]"}


def test_a_savepoint_and_a_worker_read_variables_as_the_file_has_them(tmp_path: Path) -> None:
    text = changed("target.endpoint", "HERE", changed("source.filter", "FILTER"))
    text = text.replace("HERE", "{host: 'http://${AM_HOST}', port: ${AM_PORT}}")
    text = text.replace("FILTER", "{expression: 'a > :v', values: {':v': {N: '${AM_PORT}'}}}")
    path = tmp_path / NAME
    path.write_text(text)
    first = load(path, {}, ["target.region=${AM_HOST}"])
    assert at(first.settings, "target.endpoint.contacts") == ("http://scylla:47321",)
    again = (load(begun(path, "target.region=${AM_HOST}"), {}).settings,)
    for settings in (*again, portable(first, with_secrets=True).settings()):
        assert settings.target == first.settings.target
        assert settings.source.filter == first.settings.source.filter
    assert first.plain["target"]["region"] == "${AM_HOST}"


@pytest.mark.parametrize("value", ["${AM_PORT}", "'${AM_PORT}'"])
def test_a_variable_that_may_be_text_or_number_must_be_said_to_be_one(value: str) -> None:
    text = changed("source.filter", "FILTER")
    found = mistake(text.replace("FILTER", f"{{expression: 'a > :v', values: {{':v': {value}}}}}"))
    assert found.path == "source.filter.values.:v"
    assert '{S: "..."} or {N: ...}' in found.message
    found = mistake(text.replace("FILTER", "{expression: a = :v, values: {':v': '${AM_FLAG}'}}"))
    assert '{S: "..."} or {BOOL: ...}' in found.message


def test_comments_and_keys_may_hold_what_looks_like_variables() -> None:
    settings, _ = loaded(f"# ${{x ${{AM_ABSENT}} }}\n{TEXT}  tags: {{'${{a}}': b}} # ${{:\n")
    assert dict(settings.target.tags) == {"${a}": "b"}


def test_many_that_are_not_closed_take_no_time() -> None:
    assert "no } that closes it" in mistake(changed("target.table", "${" * 200_000)).message


def test_defaults_within_defaults_have_an_end() -> None:
    found = mistake(changed("target.table", "${AM_ABSENT:-" * 5000 + "}" * 5000))
    assert "nested too deeply" in found.message
