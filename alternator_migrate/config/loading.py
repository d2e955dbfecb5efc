"""The configuration: YAML, flags and `--set` to frozen settings; all mistakes at once."""

import copy
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from alternator_migrate.config.choice import Chosen, override_of
from alternator_migrate.config.document import Document, yaml_text
from alternator_migrate.config.item_settings import transform_reference
from alternator_migrate.config.patterns import renamed
from alternator_migrate.config.reader import read_settings
from alternator_migrate.config.settings import Settings
from alternator_migrate.core.errors import UsageError

_SECRETS: Final = ("secretKey", "sessionToken")
_PROGRESS: Final = "progress"
_SAVEPOINT: Final = "savepoint_"
_SKIPPED: Final = "skipSegments"
_TABLES: Final = "tables"
_OVERRIDES: Final = "overrides"
_SECTIONS: Final = ("source", "target", "validation", "spool")
_SIGNED: Final = tuple(
    f"{section}.credentials"
    for section in ("source", "target", "savepoints.target", "source.export")
)
_ONLY_A_NAME = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that was read: its settings, a warning for each key without meaning, and
    the plain values as they were written, `${VAR}` unexpanded and literal secrets left out.

    `file` is where it came from; `savepoint` that file, if it is a savepoint. A relative folder of
    savepoints counts from the folder of `file`; `beside` is the same one counted from the working
    directory, where that is another. Where `tables` names many tables, `document` is what each
    one's configuration is made of.
    """

    settings: Settings
    warnings: tuple[str, ...]
    plain: Mapping[str, Any]
    file: Path | None = None
    savepoint: Path | None = None
    beside: Path | None = None
    document: Document | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class PortableConfig:
    """A configuration as it is written, to be read on another machine, with the variables of that
    machine's environment. Literal secrets are in `secrets`, by their paths, or left out."""

    text: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def settings(self) -> Settings:
        """The settings here. Raises `ConfigError`."""
        document = Document("the configuration")
        document.read(self.text)
        for path, secret in self.secrets.items():
            document.override(path, secret, "the configuration")
        return read_settings(document)[0]


def portable(loaded: Loaded, *, with_secrets: bool) -> PortableConfig:
    """A configuration that another machine can load, with its literal secrets or without."""
    text = yaml_text(loaded.plain)
    return PortableConfig(text, literal_secrets(loaded) if with_secrets else {})


def literal_secrets(loaded: Loaded) -> dict[str, str]:
    """The secrets that the configuration itself holds, by their paths."""
    written = {
        f"{path}.{key}" for path, credentials in _credentials(loaded.plain) for key in credentials
    }
    settings = loaded.settings
    source = settings.source
    sides = source, settings.target, settings.savepoints.target, source.export
    found = {}
    for path, side in zip(_SIGNED, sides, strict=True):
        if side and (keys := side.credentials):
            found[f"{path}.secretKey"] = keys.secret_key
            found[f"{path}.sessionToken"] = keys.session_token
    return {path: secret for path, secret in found.items() if secret and path not in written}


def load(
    path: Path | None,
    flags: Mapping[str, tuple[str, Any]],
    assignments: Iterable[str] = (),
) -> Loaded:
    """Settings from a file (or none), flags and `PATH=VALUE` assignments, later ones winning.

    The file may be a savepoint: what secrets it lacks are taken from the configuration it came
    from. `flags` maps key paths to (flag, value). Raises `UsageError` for a file that cannot be
    read and `ConfigError` with every mistake.
    """
    document = Document(path.name if path else "command line")
    file, savepoint = path, None
    if path:
        document.read(_text(path))
        kept = document.value.pop(_PROGRESS, None)
        progress = document.unexpanded.pop(_PROGRESS, None)
        document.mistakes = [m for m in document.mistakes if not m.path.startswith(_PROGRESS)]
        if isinstance(progress, dict):
            savepoint = path
            _skip_as_configured(document, kept)
            named = progress.get("configFile")
            file = Path(str(named)) if named else None
            _add_secrets(document, file)
    elif not flags and not assignments:
        raise UsageError(
            "nothing to do: there is no configuration file and no --table",
            "Name a file, or give --table and --target-endpoint; -h shows examples.",
        )
    for key, (flag, value) in flags.items():
        document.override(key, value, flag)
    for assignment in assignments:
        document.set(assignment)
    settings, warnings = read_settings(document)
    plain, many = _without_secrets(document.unexpanded), document if settings.tables else None
    home = path.parent.absolute() if path else Path.cwd()
    settings, plain = _at_home(settings, plain, home)
    file = file and file.absolute()
    loaded = Loaded(settings, tuple(warnings), plain, file, savepoint, document=many)
    if many:
        check_overrides(loaded)
    return loaded if path is None else _placed(loaded, path)


def _at_home(
    settings: Settings, plain: dict[str, Any], home: Path
) -> tuple[Settings, dict[str, Any]]:
    """Settings and plain values whose transform counts from the configuration's folder."""
    if not settings.transform:
        return settings, plain
    place = str(transform_reference(settings.transform).counted_from(home))
    return replace(settings, transform=place), {**plain, "transform": place}


def _placed(loaded: Loaded, file: Path) -> Loaded:
    """A configuration whose relative folders, of savepoints and of the spool, count from the folder
    of its file; those of a savepoint, be it one of ScyllaDB Migrator's, from the working
    directory."""
    home = file.parent
    if file.name.startswith(_SAVEPOINT) or home.samefile(os.curdir):
        return loaded
    settings = loaded.settings
    if settings.spool.path or settings.savepoints.bucket:
        spool = replace(settings.spool, path=str(home / settings.spool_home))
        loaded = replace(loaded, settings=replace(settings, spool=spool))
    folder = Path(settings.savepoints.path)
    if settings.savepoints.bucket or folder.is_absolute():
        return loaded
    return replace(at(loaded, home / folder), beside=folder)


def at(loaded: Loaded, folder: Path) -> Loaded:
    """The same configuration with another folder of savepoints."""
    settings = loaded.settings
    savepoints = replace(settings.savepoints, path=str(folder))
    return replace(loaded, settings=replace(settings, savepoints=savepoints))


def of_table(loaded: Loaded, table: Chosen) -> Loaded:
    """The configuration of one table of many: what all have in common, under what is its own, with
    its names and a folder of savepoints of its own. Raises `ConfigError`."""
    settings, document = loaded.settings, loaded.document
    assert settings.tables and document  # noqa: S101 # it names many tables
    key = override_of(settings.tables, table.source)
    own = _of_table(loaded, key, {**_names(table), **settings.savepoints.below(table.source)})
    spool = replace(own.settings.spool, path=settings.spool.path)
    return replace(own, settings=replace(own.settings, spool=spool))


def of_named(loaded: Loaded, name: str) -> Loaded:
    """The configuration of a table of many by its name at the source. Raises `ConfigError`."""
    tables = loaded.settings.tables
    assert tables  # noqa: S101 # it names many tables
    return of_table(loaded, Chosen(name, renamed(tables.rename, name)))


def check_overrides(loaded: Loaded) -> None:
    """Raise `ConfigError` where a table's own configuration has mistakes."""
    tables = loaded.settings.tables
    for key in tables.overrides if tables else ():
        _of_table(loaded, key, _names(Chosen("source", "target")))


def _names(table: Chosen) -> dict[str, str]:
    return {"source.table": table.source, "target.table": table.target}


def _of_table(loaded: Loaded, key: str, own: Mapping[str, str]) -> Loaded:
    whole = loaded.document
    assert whole  # noqa: S101 # it names many tables
    document = whole.without(_TABLES)
    if key:
        places, both = f"{_TABLES}.{_OVERRIDES}.{key}", (whole.value, whole.unexpanded)
        plain, written = (each[_TABLES][_OVERRIDES][key] for each in both)
        for path, value, as_written in _leaves(plain, written):
            document.lay(path, value, as_written, whole.place(f"{places}.{path}"))
    for values in (document.value, document.unexpanded):
        section = values.get("savepoints")
        if isinstance(section, dict) and not loaded.settings.savepoints.bucket:
            section.pop("target", None)
    for path, name in own.items():
        document.override(path, name, f"{_TABLES} of {whole.name}")
    home = loaded.file.parent if loaded.file else Path.cwd()
    settings, plain_values = _at_home(
        read_settings(document)[0], _without_secrets(document.unexpanded), home
    )
    return replace(
        loaded,
        settings=settings,
        plain=plain_values,
        warnings=(),
        document=None,
    )


def _leaves(plain: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The keys of sections, by their paths, with their values, plain and as they are written."""
    for name, value in plain.items():
        if name in _SECTIONS and isinstance(value, dict):
            for key, each in value.items():
                yield f"{name}.{key}", each, written[name][key]
        else:
            yield name, value, written[name]


def _skip_as_configured(document: Document, progress: Mapping[str, Any]) -> None:
    """Let a savepoint leave out the segments that its configuration does, not those that are done
    as well. The savepoint of a validation has these as they were."""
    if "validation" in progress:
        return
    skipped = progress.get("skipped")
    for values in (document.value, document.unexpanded):
        values.pop(_SKIPPED, None)
        if skipped:
            values[_SKIPPED] = skipped


def _credentials(values: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """The sections of credentials, by their paths."""
    for path in _SIGNED:
        found: Any = values
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, dict):
            yield path, found


def _add_secrets(document: Document, file: Path | None) -> None:
    """Give a savepoint the secrets that it left in its configuration file."""
    if file is None or not file.is_file():
        return
    original = Document(file.name)
    original.read(_text(file))
    kept = dict(_credentials(original.value))
    for path, credentials in _credentials(document.value):
        for secret in _SECRETS:
            value = kept.get(path, {}).get(secret)
            if secret not in credentials and value is not None:
                document.override(f"{path}.{secret}", value, file.name)


def _without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    clean = copy.deepcopy(dict(values))
    for _, credentials in _credentials(clean):
        for secret in _SECRETS:
            if not _ONLY_A_NAME.fullmatch(str(credentials.get(secret, ""))):
                credentials.pop(secret, None)
    return clean


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", "Check the name of the configuration file."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text in UTF-8", "Is it a YAML file?") from error
