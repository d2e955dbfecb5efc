"""The reference of configuration keys, as the page `configuration` ends with it, made from the
settings.

python -m tests.readme.reference    # writes it into the page
"""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import alternator_migrate
from alternator_migrate.config.key_paths import key_fields
from alternator_migrate.config.settings import AlternatorSettings

PAGE = Path(alternator_migrate.__file__).parent / "docs" / "configuration.md"
START = "## The keys"
HEAD = "| key | default | meaning |\n|---|---|---|"
TOP = "Top level"


def rows() -> Iterator[tuple[str, str]]:
    """Path and row of each key, in the order of the settings, but for those of an Alternator."""
    for name, section, field in key_fields():
        if section is not AlternatorSettings:
            yield name, f"| `{name}` | {_default(field, name)} | {field.metadata['doc']} |"


def alternator_rows() -> Iterator[tuple[str, str]]:
    """Name and row of each key that only `type: alternator` has."""
    for name, _, field in key_fields(AlternatorSettings):
        yield name, f"| `{name}` | {_default(field)} | {field.metadata['doc']} |"


def keys() -> set[str]:
    """The paths of all keys."""
    return {name.replace("[]", "") for name, _, _ in key_fields()}


def reference() -> str:
    """The end of the page: a table for each part of the configuration."""
    tables: dict[str, list[str]] = {}
    for name, row in rows():
        tables.setdefault(_part(name), []).append(row)
    tables[TOP] = tables.pop(TOP)
    told = [f"### {part}\n\n{_table(found)}" for part, found in tables.items()]
    both = "### `source` and `target`, for `type: alternator`"
    told.insert(2, f"{both}\n\n{_table(row for _, row in alternator_rows())}")
    return "\n\n".join([START, *told]) + "\n"


def write() -> None:
    """Put the reference into the page."""
    written = PAGE.read_text(encoding="utf-8").partition(START)[0]
    PAGE.write_text(written + reference(), encoding="utf-8")


def _part(name: str) -> str:
    top = name.partition(".")[0].removesuffix("[]")
    return f"`{top}`" if "." in name else TOP


def _table(found: Iterable[str]) -> str:
    return "\n".join([HEAD, *found])


def _default(field: Any, name: str = "") -> str:
    if field.metadata["required"]:
        section = name.rpartition(".")[0]
        always = section in ("", "source", "target")
        return "required" if always else f"required in `{section.rpartition('.')[2]}`"
    value = field.default
    if value is dataclasses.MISSING:
        value = field.default_factory()
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, tuple):
        return f"[{', '.join(f'{each:g}' for each in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    write()
