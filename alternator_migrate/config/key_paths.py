"""The paths of all keys of a configuration, from the settings themselves."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from alternator_migrate.config.exports import S3ExportSettings, S3TargetSettings
from alternator_migrate.config.reader import yaml_name
from alternator_migrate.config.settings import AlternatorSettings, Settings

KEYS_OF_A_SIDE = (AlternatorSettings, S3ExportSettings, S3TargetSettings)
"""Sections whose keys stand beside `type`, not in a section of their own."""


def key_fields(
    settings: type = Settings, path: str = ""
) -> Iterator[tuple[str, type, dataclasses.Field[Any]]]:
    """Path, section and field of each key, in the order of the settings; the path of a key in a
    list of sections has []. Ignored keys are left out."""
    for field in dataclasses.fields(settings):
        metadata, name = field.metadata, f"{path}{yaml_name(field.name)}"
        section = metadata.get("section")
        if section in KEYS_OF_A_SIDE:
            yield from key_fields(section, path)
        elif section:
            yield from key_fields(section, f"{name}.")
        elif "sections" in metadata:
            yield from key_fields(metadata["sections"], f"{name}[].")
        elif "kind" in metadata:
            yield name, settings, field


def key_paths() -> Iterator[tuple[str, str]]:
    """Path and meaning of each key that --set takes."""
    for name, _, field in key_fields():
        if "[]" not in name:
            yield name, field.metadata["doc"]
