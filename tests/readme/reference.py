"""The reference of configuration keys, as the README shows it, made from the settings.

python -m tests.readme.reference
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from alternator_migrate.config.reader import yaml_name
from alternator_migrate.config.settings import AlternatorSettings, Settings

HEAD = "| key | default | meaning |\n|---|---|---|"


def rows(settings: type = Settings, path: str = "") -> Iterator[str]:
    """One row a key, in the order of the settings; ignored keys have none."""
    for field in dataclasses.fields(settings):
        metadata = field.metadata
        name = f"{path}{yaml_name(field.name)}"
        if "section" in metadata and metadata["section"] is not AlternatorSettings:
            yield from rows(metadata["section"], f"{name}.")
        elif "sections" in metadata:
            yield from rows(metadata["sections"], f"{name}[].")
        elif "kind" in metadata:
            yield f"| `{name}` | {_default(field)} | {metadata['doc']} |"


def alternator_rows() -> Iterator[str]:
    """The keys that only `type: alternator` has."""
    for field in dataclasses.fields(AlternatorSettings):
        yield f"| `{yaml_name(field.name)}` | {_default(field)} | {field.metadata['doc']} |"


def reference() -> str:
    """Both tables of the README."""
    both = "\n".join([HEAD, *rows()])
    alternator = "\n".join([HEAD, *alternator_rows()])
    return f"{both}\n\nOnly for `type: alternator`, on either side:\n\n{alternator}\n"


def _default(field: Any) -> str:
    if field.metadata["required"]:
        return "required"
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
    print(reference(), end="")
