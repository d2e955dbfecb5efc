"""Keys that are right one by one and wrong together."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from alternator_migrate.config.access import CredentialsSettings, EndpointSettings
from alternator_migrate.config.arns import table_arn
from alternator_migrate.config.document import within
from alternator_migrate.config.exports import S3ExportSettings, S3TargetSettings
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

_REDACTED: Final = "<redacted>"
_OF_PLACES: Final = (
    (FOLDER, "path", "path"),
    *((S3, each, each) for each in ("bucket", "prefix", "region", "endpoint", "credentials")),
    (S3, "usePathStyleAccess", "use_path_style_access"),
)
"""The type of place that a key of `savepoints.target` is for, the key, and its field."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A mistake at a path; it is sure where the keys of `about` have no mistake of their own."""

    path: str
    message: str
    about: tuple[str, ...]

    def is_sure(self, wrong: Collection[str]) -> bool:
        """Whether it holds beside mistakes at the paths of `wrong`."""
        return not any(
            within(mistake, key) or within(key, mistake) for mistake in wrong for key in self.about
        )


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
        yield from _of_export_target(settings, target.s3_export)
    elif source and source.s3_export:
        yield from _of_exports(settings, source.s3_export)
    elif source and target:
        yield from _of_tables(source, target)
    if source:
        yield from _of_segments(settings)
        if source.filter:
            follows = bool(target and target.stream_changes)
            evaluated = follows or source.type != "dynamodb"
            yield from _of_filter(source.filter, evaluated=evaluated)
    if settings.savepoints:
        yield from _of_savepoints(settings.savepoints)
    for end in ("from_", "to"):
        names = [getattr(rename, end) for rename in settings.renames if rename]
        for name in {name for name in names if name and names.count(name) > 1}:
            yield Contradiction("renames", f"{name!r} stands twice as `{end.rstrip('_')}`", ())


def _of_side(name: str, side: SideSettings) -> Iterator[Contradiction]:
    endpoint = f"{name}.endpoint"
    if side.endpoint:
        yield from _of_endpoint(endpoint, side.endpoint, is_aws=side.type == "dynamodb")
        yield from _of_streams(name, side)
        yield from _of_tls(endpoint, side.endpoint)
        if side.endpoint.urls and side.type != "alternator" and not side.alternator:
            about = (f"{name}.type", f"{endpoint}.urls", f"{name}.alternator")
            yield Contradiction(f"{endpoint}.urls", "several nodes are for type: alternator", about)
    elif side.type == "alternator":
        yield Contradiction(
            endpoint, "is missing: where does Alternator listen?", (f"{name}.type", endpoint)
        )
    if side.credentials:
        yield from _of_credentials(f"{name}.credentials", side.credentials)
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


def _of_endpoint(path: str, endpoint: EndpointSettings, *, is_aws: bool) -> Iterator[Contradiction]:
    host, port = f"{path}.host", f"{path}.port"
    ways = [bool(endpoint.host), bool(endpoint.url), bool(endpoint.urls)]
    if sum(ways) != 1:
        words = "needs exactly one of host (and port), url, urls"
        if not any(ways) and is_aws:
            words = "needs a host or a url (for AWS itself leave it out; AWS_CA_BUNDLE names a CA)"
        yield Contradiction(path, words, (host, f"{path}.url", f"{path}.urls"))
    elif endpoint.port and not endpoint.host:
        yield Contradiction(port, "goes with host; a URL has its own port", (host, port))
    elif endpoint.port and _has_port(str(endpoint.host)):
        yield Contradiction(port, "stands beside a host that has a port already", (host, port))
    yield from _of_client(path, endpoint)


def _of_client(path: str, endpoint: EndpointSettings) -> Iterator[Contradiction]:
    certificate, secret = f"{path}.clientCertificate", f"{path}.clientKey"
    about = (certificate, secret, *(f"{path}.{way}" for way in ("host", "port", "url", "urls")))
    if endpoint.client_key and not endpoint.client_certificate:
        yield Contradiction(secret, "goes with clientCertificate", about[:2])
    elif endpoint.client_certificate and any(url.startswith("http:") for url in endpoint.contacts):
        yield Contradiction(certificate, "is for https://, which the endpoint is not", about)


def _of_tls(path: str, endpoint: EndpointSettings) -> Iterator[Contradiction]:
    """TLS settings of an endpoint without TLS."""
    asked = {"caBundle": endpoint.ca_bundle, "insecureSkipVerify": endpoint.insecure_skip_verify}
    plain = [url for url in endpoint.contacts if not url.startswith("https://")]
    for key in [key for key, value in asked.items() if value and plain]:
        about = tuple(f"{path}.{each}" for each in ("host", "port", "url", "urls", key))
        yield Contradiction(f"{path}.{key}", f"goes with https, and {plain[0]} is not", about)


def _of_credentials(path: str, credentials: CredentialsSettings) -> Iterator[Contradiction]:
    access, secret, token = (f"{path}.{key}" for key in ("accessKey", "secretKey", "sessionToken"))
    texts = credentials.access_key, credentials.secret_key, credentials.session_token
    for key, text in zip((access, secret, token), texts, strict=True):
        if text == _REDACTED:
            why = "was left out by ScyllaDB Migrator, which keeps no secret in its savepoints"
            yield Contradiction(key, f"{why}: write it here, or give it with --set", (key,))
    if bool(credentials.access_key) != bool(credentials.secret_key):
        yield Contradiction(
            path, "needs both accessKey and secretKey, or neither", (access, secret)
        )
    if credentials.access_key and credentials.profile:
        profile = f"{path}.profile"
        yield Contradiction(
            profile, "stands beside accessKey: give one of the two", (access, profile)
        )
    if credentials.session_token and not credentials.access_key:
        yield Contradiction(token, "needs accessKey and secretKey", (access, token))


def _has_port(host: str) -> bool:
    return urlsplit(host if "://" in host else f"//{host}").port is not None


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


def _of_export_target(settings: Settings, export: S3TargetSettings) -> Iterator[Contradiction]:
    path, about = "target.path", ("target.path", "target.bucket", "target.prefix")
    if bool(export.path) == bool(export.bucket):
        words = "stands beside bucket: give one of the two"
        if not export.path:
            words = "is missing: where is the export to be written? (or bucket and prefix)"
        yield Contradiction(path, words, about)
    elif export.path and export.prefix:
        yield Contradiction("target.prefix", "goes with bucket; path has its own", about)
    if settings.source and settings.source.s3_export:
        words = "is an export, and so is the target: copy its objects, or write it into a table"
        yield Contradiction("source.type", words, ("source.type", "target.type"))
    if settings.target.stream_changes:
        words = "an export takes no changes; leave it out"
        yield Contradiction("target.streamChanges", words, ("target.streamChanges", "target.type"))


def _of_exports(settings: Settings, export: S3ExportSettings) -> Iterator[Contradiction]:
    single, several = "source.manifestKey", "source.manifestKeys"
    if bool(export.manifest_key) == bool(export.manifest_keys):
        words = "is missing: where is manifest-summary.json?"
        if export.manifest_key:
            words = "stands beside manifestKeys: give one of the two"
        yield Contradiction(single, words, (single, several))
    target = settings.target
    if target and target.stream_changes:
        words = "an export has no changes to follow; leave it out, or read the live table"
        yield Contradiction("target.streamChanges", words, ("target.streamChanges", "source.type"))


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
        yield from _of_endpoint(f"{name}.endpoint", target.endpoint, is_aws=True)
        yield from _of_tls(f"{name}.endpoint", target.endpoint)
    if target.credentials:
        yield from _of_credentials(f"{name}.credentials", target.credentials)


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
