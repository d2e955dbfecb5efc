"""From a document to settings: every key checked, every mistake told at once."""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from alternator_migrate.config.arns import implied
from alternator_migrate.config.document import Document, within
from alternator_migrate.config.exports import EXPORT, S3ExportSettings, S3TargetSettings
from alternator_migrate.config.kinds import wrong_parts
from alternator_migrate.config.rules import contradictions
from alternator_migrate.config.settings import (
    AlternatorSettings,
    Settings,
    SideSettings,
    SourceSettings,
    TargetSettings,
)
from alternator_migrate.config.variables import Filled
from alternator_migrate.core.errors import ConfigError, Mistake

_ALIASES: Final = {"dynamo": "dynamodb"}
_TYPES: Final = {
    "source": ("dynamodb", "alternator", EXPORT),
    "target": ("alternator", "dynamodb", EXPORT),
}
_MIGRATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "source": ("scanSegments", "readThroughput", "throughputReadPercent", "maxMapTasks"),
    "target": (
        *("writeThroughput", "throughputWritePercent", "streamChanges"),
        *("skipInitialSnapshotTransfer", "billingMode"),
    ),
}
"""Keys that ScyllaDB Migrator has on one side only, and takes on the other as well."""
_OF_CQL: Final = (
    *("connections", "consistencyLevel", "fetchSize", "localDC", "preserveTimestamps"),
    *("splitCount", "stripTrailingZerosForDecimals"),
)
"""Keys that ScyllaDB Migrator has for other types of source and target, and takes with these."""
_NO_TABLE: Final = "none"
_TABLES: Final = "tables"
_FOLLOWING: Final = "target.streamChanges"


@cache
def yaml_name(name: str) -> str:
    """The camelCase key of a settings field."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


@cache
def _known(settings: type) -> Mapping[str, dataclasses.Field[Any]]:
    """The fields of settings by their keys; those of one table of many are read for each."""
    return {yaml_name(field.name): field for field in dataclasses.fields(settings)}


def _names(settings: type) -> tuple[str, ...]:
    return tuple(_known(settings))


_OPTIONS: Final = _names(AlternatorSettings)
_SECTIONS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "source": {"alternator": _OPTIONS, EXPORT: _names(S3ExportSettings)},
    "target": {"alternator": _OPTIONS, EXPORT: _names(S3TargetSettings)},
}
"""Keys that each type has beside those of every side, which are kept in a section of its own."""
_SECTION_OF: Final = {"alternator": "alternator", EXPORT: "s3Export"}
_OF_TABLES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "source": (
        ("consistentRead", "readThroughput", "throughputReadPercent"),
        "; reading an export costs no read units",
    ),
    "target": (
        ("writeThroughput", "throughputWritePercent", "billingMode"),
        "; it is for a target that is a table",
    ),
}
"""Keys of ScyllaDB Migrator's, and what goes with them, that say nothing of an export."""
_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "source": (),
    "target": ("maxLatencyMs", "copyTtl", "copyTags", "tags", "indexes", "alternator"),
}
"""Keys of ours that say nothing of an export."""


def read_settings(document: Document) -> tuple[Settings, list[str]]:
    """The settings of a document, and a warning that names the keys that mean nothing here, if
    there are any.

    Raises `ConfigError` with all mistakes.
    """
    for path, value in implied(document.value).items():
        document.imply(path, value)
    reader = _SettingsReader(document)
    if document.unreadable:
        raise ConfigError(reader.mistakes, "Nothing was changed.")
    settings = reader.whole()
    if reader.mistakes:
        hint = "Nothing was changed. The README lists every key; `-h` shows the flags."
        raise ConfigError(reader.mistakes, hint)
    named = ", ".join(reader.ignored)
    return settings, [f"ignored, for they mean nothing here: {named}"] if named else []


class _SettingsReader:
    def __init__(self, document: Document) -> None:
        self.mistakes = list(document.mistakes)
        self.ignored: list[str] = []
        self._document = document
        self._written_as: dict[str, str] = {}
        self._many = document.value.get(_TABLES) is not None

    def whole(self) -> Settings:
        """All settings; only reliable without mistakes."""
        settings: Settings = self.section(Settings, self._document.value, "")
        wrong = {mistake.path for mistake in self.mistakes if mistake.path}
        for found in contradictions(settings):
            if found.is_sure(wrong):
                self._mistake(found.path, found.message, found.about)
        if settings.savepoints and (given := settings.savepoints.target) and given.place:
            place = dataclasses.replace(settings.savepoints, path=given.place)
            settings = dataclasses.replace(settings, savepoints=place)
        target = settings.target
        if not target:
            return settings
        if target.stream_changes:
            if target.skip_initial_snapshot_transfer:
                self._tell_hook("onSnapshotDone", "a copy")
            return settings
        self._tell_following_only()
        if not target.skip_initial_snapshot_transfer:
            return settings
        self._ignore("target.skipInitialSnapshotTransfer", "; it goes with streamChanges")
        target = dataclasses.replace(target, skip_initial_snapshot_transfer=False)
        return dataclasses.replace(settings, target=target)

    def _tell_following_only(self) -> None:
        """Name what is written about following, where nothing is followed."""
        self._tell_hook("onCaughtUp", _FOLLOWING)
        for name in ("cutover", "spool"):
            if self._document.value.get(name):
                self._ignore(name, f"; it goes with {_FOLLOWING}")

    def _tell_hook(self, name: str, goes_with: str) -> None:
        hooks = self._document.value.get("hooks")
        if isinstance(hooks, dict) and hooks.get(name):
            self._ignore(f"hooks.{name}", f"; it goes with {goes_with}")

    def section(self, settings: type, value: Any, path: str) -> Any:
        """An instance of `settings`; its fields are only reliable without mistakes."""
        if value is None:
            value = {}
        if not isinstance(value, dict):
            self._mistake(path, "must be a section with keys of its own")
            return None
        if issubclass(settings, SideSettings):
            return self._side(settings, value, path)
        return self._fields(settings, value, path)

    def _fields(
        self, settings: type, value: Mapping[str, Any], path: str, more: Iterable[str] = ()
    ) -> Any:
        """An instance of `settings`; `more` are names that are no mistake."""
        known = _known(settings)
        for name in value:
            if name not in known and name not in more and not self._is_elsewhere(name, path):
                self._unknown(_join(path, name), name, list(known), settings)
        found = {field.name: self._field(field, name, value, path) for name, field in known.items()}
        return settings(**found)

    def _is_elsewhere(self, name: str, path: str) -> bool:
        """Whether a key is one of ScyllaDB Migrator's that only means something elsewhere. Where
        changes are asked for at the source alone they would be missed."""
        other = {"source": "target", "target": "source"}.get(path, "")
        if other and name in _MIGRATORS[other]:
            there = self._document.value.get(other)
            if name == "streamChanges" and not (isinstance(there, dict) and name in there):
                self._mistake(_join(path, name), f"is a key of {other}")
            else:
                self._ignore(_join(path, name), f"; it is a key of {other}")
            return True
        if other and name in _OF_CQL:
            self._ignore(_join(path, name))
            return True
        return False

    def _side(self, settings: type, value: dict[str, Any], path: str) -> Any:
        """One side; None where its type leaves open what its other keys should be."""
        written = value.get("type")
        kind = _ALIASES.get(str(written), written)
        if kind is not None and kind not in _TYPES[path]:
            if not self._is_told(f"{path}.type"):
                choices = " or ".join(_TYPES[path])
                self._mistake(f"{path}.type", f"must be {choices}, not {kind!r}")
            near = difflib.get_close_matches(str(kind), _TYPES[path], n=1)
            if not near:
                return None
            kind = near[0]
        value = {**value, "type": kind} if kind else value
        value = self._nested(value, path, kind or "alternator")
        if kind == EXPORT:
            value = self._of_export({"table": _NO_TABLE, **value}, path)
        if self._many:
            return self._side_of_many(settings, value, path)
        return self._fields(settings, value, path)

    def _of_export(self, value: Mapping[str, Any], path: str) -> dict[str, Any]:
        """One side that is an export, without the keys that are for tables."""
        names, why = _OF_TABLES[path]
        own, given = _OWN[path], {name for name in value if _is_given(value[name])}
        for name in [name for name in names if name in given]:
            self._ignore(_join(path, name), why)
        for name in [name for name in own if name in given]:
            words = "is for a target that is a table, not an export; leave it out"
            if not any(mistake.path == f"{path}.type" for mistake in self.mistakes):
                self._mistake(_join(path, name), words, (f"{path}.type", _join(path, name)))
        return {name: each for name, each in value.items() if name not in (*names, *own)}

    def _side_of_many(self, settings: type, value: dict[str, Any], path: str) -> Any:
        """One side where `tables` names the tables: its own table is ""."""
        if value.get("table") not in (None, _NO_TABLE):
            why = "stands beside tables, which names the tables: leave one of the two out"
            self._mistake(f"{path}.table", why)
        side = self._fields(settings, {**value, "table": _NO_TABLE}, path)
        return dataclasses.replace(side, table="")

    def _nested(self, value: dict[str, Any], path: str, kind: str) -> dict[str, Any]:
        """Bring the flat options of a type that has some into their own section."""
        section, flat = _SECTION_OF.get(kind), _SECTIONS[path].get(kind, ())
        if section is None:
            return value
        nested = value.get(section) or {}
        if not isinstance(nested, dict):
            return value
        options = dict(nested)
        options |= {name: each for name, each in value.items() if name in flat}
        for name in options:
            if name not in nested:
                self._written_as[f"{path}.{section}.{name}"] = f"{path}.{name}"
        rest = {name: each for name, each in value.items() if name not in flat}
        return {**rest, section: options}

    def _field(self, field: Any, name: str, value: Mapping[str, Any], path: str) -> Any:
        metadata, inner = field.metadata, _join(path, name)
        given = value.get(name)
        if not _is_given(given):
            given = None
        if metadata.get("ignored"):
            if name in value:
                self._ignore(inner)
            return None
        if "section" in metadata:
            if given is None and metadata["optional"]:
                return None
            return self.section(metadata["section"], given, inner)
        if "sections" in metadata:
            return self._sections(metadata["sections"], given, inner)
        return self._key(field, given, inner)

    def _key(self, field: Any, given: Any, path: str) -> Any:
        """The value of a key that is no section: its default where it has a mistake."""
        if self._is_told(path):
            return _default(field)
        if given is None:
            if field.metadata["required"]:
                self._mistake(path, "is missing")
            return _default(field)
        try:
            return field.metadata["kind"](given)
        except ValueError as error:
            for within, message in wrong_parts(error):
                if not self._is_told(path + within):
                    self._mistake(path + within, message)
            return _default(field)

    def _sections(self, settings: type, value: Any, path: str) -> tuple[Any, ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            self._mistake(path, "must be a list")
            return ()
        return tuple(self.section(settings, each, f"{path}[{i}]") for i, each in enumerate(value))

    def _unknown(self, path: str, name: str, known: list[str], settings: type) -> None:
        if issubclass(settings, SideSettings):
            side = path.partition(".")[0]
            for kind, names in _SECTIONS[side].items():
                if name in names:
                    self._mistake(path, f"is only for type: {kind}", (f"{side}.type",))
                    return
            other = "source" if settings is TargetSettings else "target"
            if name in _names(SourceSettings if settings is TargetSettings else TargetSettings):
                self._mistake(path, f"is a key of {other}")
                return
            known += [option for option in _OPTIONS if option not in known]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        meant = f"; did you mean {near[0]}?" if near else f"; known keys: {', '.join(known)}"
        self._mistake(path, f"is not a known key{meant}")

    def _ignore(self, path: str, why: str = "") -> None:
        self.ignored.append(f"{path} ({self._document.place(path)}{why})")

    def _is_told(self, path: str) -> bool:
        """Whether the document itself has a mistake there, so that the value says nothing."""
        written = self._written(path)
        return any(mistake.path == written for mistake in self._document.mistakes)

    def _written(self, path: str) -> str:
        """The path at which a key, or what is within it, was written."""
        for nested, flat in self._written_as.items():
            if within(path, nested):
                return flat + path.removeprefix(nested)
        return path

    def _mistake(self, path: str, message: str, about: Iterable[str] = ()) -> None:
        path = self._written(path)
        self.mistakes.append(Mistake(path, self._document.blamed(path, about), message))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is_given(value: Any) -> bool:
    """Whether a value says anything: a variable that is empty does not."""
    return value is not None and not (isinstance(value, Filled) and not value)


def _default(field: Any) -> Any:
    return field.default_factory() if field.default is dataclasses.MISSING else field.default
