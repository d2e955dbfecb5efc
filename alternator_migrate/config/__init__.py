"""The configuration: YAML, flags and `--set` to frozen settings; all mistakes at once."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from alternator_migrate.config.document import Document
from alternator_migrate.config.reader import read_settings
from alternator_migrate.config.settings import Settings
from alternator_migrate.errors import UsageError

__all__ = ["Settings", "load"]


def load(
    path: Path | None,
    flags: Mapping[str, tuple[str, Any]],
    assignments: Iterable[str] = (),
) -> tuple[Settings, list[str]]:
    """Settings from a file (or none), flags and `PATH=VALUE` assignments, later ones winning.

    `flags` maps key paths to (flag, value). Also returns warnings. Raises `UsageError` for a
    file that cannot be read and `ConfigError` with every mistake.
    """
    document = Document(path.name if path else "command line")
    if path:
        document.read(_text(path))
    elif not flags and not assignments:
        raise UsageError(
            "nothing to do: there is no configuration file and no --table",
            "Name a file, or give --table and --target-endpoint; -h shows examples.",
        )
    for key, (flag, value) in flags.items():
        document.override(key, value, flag)
    for assignment in assignments:
        document.set(assignment)
    return read_settings(document)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", "Check the name of the configuration file."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text in UTF-8", "Is it a YAML file?") from error
