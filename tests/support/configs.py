"""Configurations to load: a small one that is right, and ways to change it."""

import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from alternator_migrate.config.loading import load
from alternator_migrate.config.settings import Settings
from alternator_migrate.core.errors import ConfigError, Mistake

NAME = "config.yaml"
TEXT = """\
source:
  type: dynamodb
  table: From
  region: eu-west-1
target:
  type: alternator
  table: To
  endpoint:
    url: http://scylla:8000
"""


def loaded(
    text: str | bytes = TEXT,
    *assignments: str,
    flags: Mapping[str, tuple[str, Any]] | None = None,
) -> tuple[Settings, list[str]]:
    """Settings and warnings of a file called `NAME`, always in the same folder, from which
    relative paths count."""
    path = folder() / NAME
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = load(path, flags or {}, assignments)
    return found.settings, list(found.warnings)


def folder() -> Path:
    """Where `loaded` puts its files; gone when the tests of this process end."""
    return Path(_kept().name)


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def refused(
    text: str | bytes, *assignments: str, flags: Mapping[str, tuple[str, Any]] | None = None
) -> ConfigError:
    """What is raised for a configuration with mistakes."""
    with pytest.raises(ConfigError) as raised:
        loaded(text, *assignments, flags=flags)
    assert raised.value.exit_code == 2
    return raised.value


def mistake(text: str | bytes, *assignments: str) -> Mistake:
    """The only mistake of a configuration."""
    (only,) = refused(text, *assignments).mistakes
    return only


def changed(path: str, value: object, text: str = TEXT) -> str:
    """The text of a configuration with `value` at a path such as source.endpoint.port."""
    whole = yaml.safe_load(text)
    *sections, last = path.split(".")
    found = whole
    for name in sections:
        found = found.setdefault(name, {})
    found[last] = value
    return yaml.safe_dump(whole, sort_keys=False)


def line_of(text: str, path: str) -> str:
    """Where a key stands, as a mistake says it."""
    node: Any = yaml.compose(text, yaml.SafeLoader)
    line = 0
    for name in path.split("."):
        key, node = next((k, v) for k, v in node.value if k.value == name)
        line = key.start_mark.line + 1
    return f"{NAME}, line {line}"


def at(settings: object, path: str) -> Any:
    """The value of a dotted path of attributes."""
    for name in path.split("."):
        settings = getattr(settings, name)
    return settings


def paths(mistakes: Iterable[Mistake]) -> set[str]:
    """The paths of mistakes."""
    return {each.path for each in mistakes}


def attribute(path: str) -> str:
    """The snake_case path of a key."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in path)


ALTERNATOR_SOURCE = changed(
    "source", {"type": "alternator", "table": "From", "endpoint": {"url": "http://other:8000"}}
)
