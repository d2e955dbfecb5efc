"""Keys that are right one by one and wrong together."""

from collections.abc import Iterator
from typing import Final

from alternator_migrate.config.access_rules import (
    Contradiction,
    of_credentials,
    of_endpoint,
    of_tls,
)
from alternator_migrate.config.arns import table_arn
from alternator_migrate.config.export_rules import (
    of_export_target,
    of_exports,
    of_table_export,
)
from alternator_migrate.config.item_settings import FilterSettings
from alternator_migrate.config.savepoint_settings import (
    DEFAULT_FOLDER,
    FOLDER,
    S3,
    SavepointsSettings,
)
from alternator_migrate.config.settings import (
    Settings,
    SideSettings,
    SourceEndpointSettings,
    SourceSettings,
)
from alternator_migrate.config.tables_settings import TablesSettings
from alternator_migrate.dynamodb.expressions import ExpressionError, TooDeepError, matcher

_OF_PLACES: Final = (
    (FOLDER, "path", "path"),
    *((S3, each, each) for each in ("bucket", "prefix", "region", "endpoint", "credentials")),
    (S3, "usePathStyleAccess", "use_path_style_access"),
)
"""The type of place that a key of `savepoints.target` is for, the key, and its field."""


def contradictions(settings: Settings) -> Iterator[Contradiction]:
    """All contradictions of settings, in which a section that has no sense at all is None and a
    key with a mistake has its default."""
    source, target = settings.source, settings.target
    for name, side in (("source", source), ("target", target)):
        if side:
            yield from _of_side(name, side)
    if settings.tables:
        yield from _of_choice(settings)
    elif target and target.s3_export:
        yield from of_export_target(settings, target.s3_export)
    elif source and source.s3_export:
        yield from of_exports(settings, source.s3_export)
    elif source and target:
        yield from _of_tables(source, target)
    if source:
        yield from of_table_export(settings)
        yield from _of_segments(settings)
        if source.filter:
            follows = bool(target and target.stream_changes)
            evaluated = follows or source.type != "dynamodb" or source.export is not None
            yield from _of_filter(source.filter, evaluated=evaluated)
    if settings.savepoints:
        yield from _of_savepoints(settings.savepoints)
    yield from _of_renames(settings)


def _of_renames(settings: Settings) -> Iterator[Contradiction]:
    for end in ("from_", "to"):
        names = [getattr(rename, end) for rename in settings.renames if rename]
        for name in {name for name in names if name and names.count(name) > 1}:
            yield Contradiction("renames", f"{name!r} stands twice as `{end.rstrip('_')}`", ())


def _of_side(name: str, side: SideSettings) -> Iterator[Contradiction]:
    endpoint = f"{name}.endpoint"
    if side.endpoint:
        yield from of_endpoint(endpoint, side.endpoint, is_aws=side.type == "dynamodb")
        yield from _of_streams(name, side)
        yield from of_tls(endpoint, side.endpoint)
        if side.endpoint.urls and side.type != "alternator" and not side.alternator:
            about = (f"{name}.type", f"{endpoint}.urls", f"{name}.alternator")
            yield Contradiction(f"{endpoint}.urls", "several nodes are for type: alternator", about)
    elif side.type == "alternator":
        yield Contradiction(
            endpoint, "is missing: where does Alternator listen?", (f"{name}.type", endpoint)
        )
    if side.credentials:
        yield from of_credentials(f"{name}.credentials", side.credentials)
    if side.table:
        yield from _of_arn(name, side)


def _of_arn(name: str, side: SideSettings) -> Iterator[Contradiction]:
    arn = table_arn(side.table)
    table, region = f"{name}.table", f"{name}.region"
    if arn and side.type == "alternator":
        words = f"is an ARN, and an Alternator knows names only, such as {arn.name}"
        yield Contradiction(table, words, (f"{name}.type", table))
    if arn and side.region not in (None, arn.region):
        words = f"is {side.region}, and the ARN of the table says {arn.region}"
        yield Contradiction(region, words, (table, region))


def _of_streams(name: str, side: SideSettings) -> Iterator[Contradiction]:
    path = f"{name}.endpoint.streamsUrl"
    named = isinstance(side.endpoint, SourceEndpointSettings) and side.endpoint.streams_url
    if named and side.type == "alternator":
        words = "is for type: dynamodb; Alternator has its streams where its tables are"
        yield Contradiction(path, words, (f"{name}.type", path))


def _of_tables(source: SourceSettings, target: SideSettings) -> Iterator[Contradiction]:
    """Source and target that are sure to be one table; where the accounts may differ, `inspect`
    compares the tables' ids."""
    places = [
        (
            side.table,
            side.region,
            side.endpoint.contacts if side.endpoint else (),
            side.credentials,
        )
        for side in (source, target)
    ]
    if places[0] == places[1]:
        keys = ("type", "table", "region", "endpoint", "credentials")
        about = tuple(f"{side}.{key}" for side in ("source", "target") for key in keys)
        yield Contradiction("target.table", "source and target are the same table", about)


def _of_choice(settings: Settings) -> Iterator[Contradiction]:
    tables = settings.tables
    if tables is None:
        return
    if settings.source and settings.source.s3_export:
        yield from _of_listed_exports(tables)
    elif not tables.include and not tables.include_tags:
        why = 'is missing: name the tables to move (globs do, and "*" is every table)'
        yield Contradiction("tables.include", why, ("tables.include", "tables.includeTags"))


def _of_listed_exports(tables: TablesSettings) -> Iterator[Contradiction]:
    """Exports are listed one by one: nobody can be asked which there are."""
    about = ("tables.include", "tables.includeTags", "source.type")
    if tables.include_tags:
        yield Contradiction("tables.includeTags", "is not for exports, which have no tags", about)
    patterns = [str(each) for each in tables.include if not each.is_name]
    if patterns or not tables.include:
        why = "must name each export's table, for exports cannot be listed"
        given = f": {', '.join(patterns)} is a pattern" if patterns else ""
        yield Contradiction("tables.include", why + given, about)


def _of_savepoints(savepoints: SavepointsSettings) -> Iterator[Contradiction]:
    path, target, name = savepoints.path, savepoints.target, "savepoints.target"
    if target is None:
        return
    if target.place and path not in (DEFAULT_FOLDER, target.place):
        about = ("savepoints.path", name)
        yield Contradiction(name, "stands beside path: give one of the two", about)
    for kind, key, field in _OF_PLACES:
        if kind != target.type and getattr(target, field) is not None:
            about = (f"{name}.type", f"{name}.{key}")
            yield Contradiction(about[1], f"is not a key of type {target.type}", about)
    if target.type == S3 and target.bucket is None:
        yield Contradiction(f"{name}.bucket", "is missing", (f"{name}.type", f"{name}.bucket"))
    if target.endpoint:
        yield from of_endpoint(f"{name}.endpoint", target.endpoint, is_aws=True)
        yield from of_tls(f"{name}.endpoint", target.endpoint)
    if target.credentials:
        yield from of_credentials(f"{name}.credentials", target.credentials)


def _of_segments(settings: Settings) -> Iterator[Contradiction]:
    path, about = "skipSegments", ("skipSegments", "source.scanSegments")
    segments, skipped = settings.source.scan_segments, settings.skip_segments
    if skipped and segments is None:
        why = "needs source.scanSegments: the numbers mean nothing without it"
        yield Contradiction(path, why, about)
    elif segments is not None and max(skipped, default=0) >= segments:
        why = f"source.scanSegments is {segments}, so the last is {segments - 1}"
        yield Contradiction(path, why, about)


def _of_filter(given: FilterSettings, *, evaluated: bool) -> Iterator[Contradiction]:
    """The mistakes that any server would refuse, and where items are `evaluated` here, what that
    cannot do."""
    path = "source.filter"
    signs = [
        Contradiction(f"{path}.{key}.{name}", f"must begin with {sign}", (path,))
        for key, sign, names in (("names", "#", given.names), ("values", ":", given.values))
        for name in names
        if not name.startswith(sign)
    ]
    yield from signs
    if given.expression and not signs:
        try:
            matcher(given.expression, given.names, given.values)
        except ExpressionError as error:
            if isinstance(error, TooDeepError) and not evaluated:
                return
            read = f"{given.expression[:200]!r}"
            yield Contradiction(path, f"cannot be applied: {error}; it reads {read}", (path,))
