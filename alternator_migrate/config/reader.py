"""From a document to settings: every key checked, every mistake told at once."""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from alternator_migrate.conditions import matcher
from alternator_migrate.config.document import Document
from alternator_migrate.config.keys import wrong_parts
from alternator_migrate.config.settings import AlternatorOptions, Settings, Side
from alternator_migrate.config.variables import Filled
from alternator_migrate.errors import ConfigError, Mistake
from alternator_migrate.expressions import ExpressionError

_ALIASES: Final = {"dynamo": "dynamodb"}
_TYPES: Final = {"source": ("dynamodb", "alternator"), "target": ("alternator", "dynamodb")}
_LATER: Final = {
    "source.dynamodb-s3-export": "reading exports from S3 is not in this version",
    "target.dynamodb-s3-export": "writing exports to S3 is not in this version",
}


def yaml_name(name: str) -> str:
    """The camelCase key of a settings field."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


_OPTIONS: Final = tuple(yaml_name(field.name) for field in dataclasses.fields(AlternatorOptions))


def read_settings(document: Document) -> tuple[Settings, list[str]]:
    """The settings of a document, and one warning for each key that means nothing here.

    Raises `ConfigError` with all mistakes.
    """
    reader = _Reader(document)
    if document.unreadable:
        raise ConfigError(reader.mistakes, "Nothing was changed.")
    settings = reader.section(Settings, document.value, "")
    if not reader.mistakes:
        reader.mistakes += _contradictions(document, settings)
    if reader.mistakes:
        hint = "Nothing was changed. The README lists every key; `-h` shows the flags."
        raise ConfigError(reader.mistakes, hint)
    return settings, reader.warnings


class _Reader:
    def __init__(self, document: Document) -> None:
        self.mistakes = list(document.mistakes)
        self.warnings: list[str] = []
        self._document = document
        self._written_as: dict[str, str] = {}

    def section(self, settings: type, value: Any, path: str) -> Any:
        """An instance of `settings`; its fields are only reliable without mistakes."""
        if value is None:
            value = {}
        if not isinstance(value, dict):
            self._mistake(path, "must be a section with keys of its own")
            return None
        if issubclass(settings, Side):
            value = self._side(value, path)
            if value is None:
                return None
        known = {yaml_name(field.name): field for field in dataclasses.fields(settings)}
        names = [*known, *_OPTIONS] if issubclass(settings, Side) else list(known)
        for name in value:
            if name not in known:
                self._unknown(_join(path, name), name, names)
        found = {field.name: self._field(field, name, value, path) for name, field in known.items()}
        return settings(**found)

    def _side(self, value: dict[str, Any], path: str) -> dict[str, Any] | None:
        """Bring the flat options of `type: alternator` into their own section."""
        kind = value.get("type")
        kind = _ALIASES.get(str(kind), kind)
        if later := _LATER.get(f"{path}.{kind}"):
            self._mistake(f"{path}.type", f"{kind}: {later}")
            return None
        if kind is not None and kind not in _TYPES[path]:
            choices = " or ".join(_TYPES[path])
            self._mistake(f"{path}.type", f"must be {choices}, not {kind!r}")
            return None
        value = {**value, "type": kind} if kind else value
        if kind != "alternator":
            return value
        nested = value.get("alternator") or {}
        if not isinstance(nested, dict):
            return value
        options = dict(nested)
        options |= {name: each for name, each in value.items() if name in _OPTIONS}
        for name in options:
            if name not in nested:
                self._written_as[f"{path}.alternator.{name}"] = f"{path}.{name}"
        rest = {name: each for name, each in value.items() if name not in _OPTIONS}
        return {**rest, "alternator": options}

    def _field(self, field: Any, name: str, value: Mapping[str, Any], path: str) -> Any:
        metadata, inner = field.metadata, _join(path, name)
        given = value.get(name)
        if isinstance(given, Filled) and not given:
            given = None
        if metadata.get("ignored"):
            if name in value:
                place = self._document.place(inner)
                self.warnings.append(f"{inner} ({place}) means nothing here and is ignored")
            return None
        if "section" in metadata:
            if given is None and metadata["optional"] and name not in value:
                return None
            return self.section(metadata["section"], given, inner)
        if "sections" in metadata:
            return self._sections(metadata["sections"], given, inner)
        if self._is_told(inner):
            return _default(field)
        if given is None:
            if metadata["required"]:
                self._mistake(inner, "is missing")
            return _default(field)
        try:
            return metadata["kind"](given)
        except ValueError as error:
            for within, message in wrong_parts(error):
                if not self._is_told(inner + within):
                    self._mistake(inner + within, message)
            return _default(field)

    def _sections(self, settings: type, value: Any, path: str) -> tuple[Any, ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            self._mistake(path, "must be a list")
            return ()
        return tuple(self.section(settings, each, f"{path}[{i}]") for i, each in enumerate(value))

    def _unknown(self, path: str, name: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        meant = f"; did you mean {near[0]}?" if near else f"; known keys: {', '.join(known)}"
        self._mistake(path, f"is not a known key{meant}")

    def _is_told(self, path: str) -> bool:
        """Whether the document itself has a mistake there, so that the value says nothing."""
        return any(mistake.path == path for mistake in self._document.mistakes)

    def _mistake(self, path: str, message: str) -> None:
        path = self._written_as.get(path, path)
        self.mistakes.append(Mistake(path, self._document.place(path), message))


def _default(field: Any) -> Any:
    return field.default_factory() if field.default is dataclasses.MISSING else field.default


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _contradictions(document: Document, settings: Settings) -> list[Mistake]:
    """Keys that are right one by one and wrong together."""
    found = [*_of_side("source", settings.source), *_of_side("target", settings.target)]
    found += _of_whole(settings)
    return [Mistake(path, document.place(path), message) for path, message in found]


def _of_side(name: str, side: Side) -> Iterable[tuple[str, str]]:
    endpoint, credentials = side.endpoint, side.credentials
    if endpoint:
        ways = [bool(endpoint.host), bool(endpoint.url), bool(endpoint.urls)]
        if sum(ways) != 1:
            yield f"{name}.endpoint", "needs exactly one of host (and port), url, urls"
        elif endpoint.port and not endpoint.host:
            yield f"{name}.endpoint.port", "goes with host; a URL has its own port"
        elif endpoint.port and _has_port(str(endpoint.host)):
            yield f"{name}.endpoint.port", "stands beside a host that has a port already"
        if endpoint.urls and not side.alternator:
            yield f"{name}.endpoint.urls", "several nodes are for type: alternator"
    elif side.type == "alternator":
        yield f"{name}.endpoint", "is missing: where does Alternator listen?"
    if credentials:
        if bool(credentials.access_key) != bool(credentials.secret_key):
            yield f"{name}.credentials", "needs both accessKey and secretKey, or neither"
        if credentials.access_key and credentials.profile:
            yield f"{name}.credentials.profile", "stands beside accessKey: give one of the two"
        if credentials.session_token and not credentials.access_key:
            yield f"{name}.credentials.sessionToken", "needs accessKey and secretKey"


def _has_port(host: str) -> bool:
    return urlsplit(host if "://" in host else f"//{host}").port is not None


def _of_whole(settings: Settings) -> Iterable[tuple[str, str]]:
    source, target = settings.source, settings.target
    if target.skip_initial_snapshot_transfer and not target.stream_changes:
        yield "target.skipInitialSnapshotTransfer", "without target.streamChanges there is no work"
    if target.stream_changes and source.filter:
        try:
            matcher(source.filter.expression, source.filter.names, source.filter.values)
        except ExpressionError as error:
            yield "source.filter", f"cannot be applied to changes: {error}"
    places = [
        (side.table, side.region, side.endpoint.contacts if side.endpoint else ())
        for side in (source, target)
    ]
    if places[0] == places[1]:
        yield "target.table", "source and target are the same table"
    for end in ("from_", "to"):
        names = [getattr(rename, end) for rename in settings.renames]
        for name in {name for name in names if names.count(name) > 1}:
            yield "renames", f"{name!r} stands twice as `{end.rstrip('_')}`"
    segments = source.scan_segments
    if settings.skip_segments and segments is None:
        yield "skipSegments", "needs source.scanSegments: the numbers mean nothing without it"
    elif segments is not None and max(settings.skip_segments, default=0) >= segments:
        yield "skipSegments", f"source.scanSegments is {segments}, so the last is {segments - 1}"
    if source.filter:
        for key, sign in (("names", "#"), ("values", ":")):
            for name in getattr(source.filter, key):
                if not name.startswith(sign):
                    yield f"source.filter.{key}.{name}", f"must begin with {sign}"
