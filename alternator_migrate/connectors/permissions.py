"""The rights that a configuration needs: IAM policies for AWS, GRANTs for an Alternator.

The tables below say which calls each command makes; a test holds them against what is called.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from alternator_migrate.config import (
    S3ExportSettings,
    Settings,
    SideSettings,
    TableExportSettings,
    TablesSettings,
    table_arn,
)
from alternator_migrate.core.model import Role

Command = Literal["plan", "run", "shards", "follow", "validate", "repair"]
_INSPECT: Final = ("DescribeTable", "DescribeTimeToLive")
_STREAM: Final = ("DescribeStream", "GetShardIterator", "GetRecords")
_WRITING: Final = ("PutObject", "AbortMultipartUpload")
_EXPORTED: Final = ("PutObject", "PutObjectAcl", "AbortMultipartUpload")
"""What AWS does with the caller's rights where it exports a table into a bucket."""
_RECOVERY: Final = "DescribeContinuousBackups"
_ASKING: Final = "ExportTableToPointInTime"
_DESCRIBING: Final = "DescribeExport"
_READING: Final = "GetObject"
_KEEPING: Final = ("PutObject", "DeleteObject")
_LISTING: Final = "ListBucket"
_KEYS: Final = ("Decrypt", "GenerateDataKey")
_VERSION: Final = "2012-10-17"
_PARTITIONS: Final = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
_ALTERNATOR: Final = "alternator"
_EXPORT: Final = "dynamodb-s3-export"
_MODIFY: Final = frozenset({"BatchWriteItem"})
_SELECT: Final = frozenset({"Scan", "BatchGetItem", "GetRecords"})
_ALTER: Final = frozenset({"UpdateTable", "UpdateTimeToLive", "TagResource", "UntagResource"})


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights on one side: calls on the table, on its streams and its exports, and on `objects`
    of S3, each as BUCKET/KEY with asterisks, which a KMS `key` encrypts; the bucket `listed` is
    looked into. `names` are those of many tables, with asterisks, in place of the one of the
    settings."""

    role: Role
    settings: SideSettings
    table: Sequence[str] = ()
    stream: Sequence[str] = ()
    objects: Sequence[str] = ()
    on_objects: Sequence[str] = (_READING,)
    names: Sequence[str] = ()
    exports: Sequence[str] = ()
    key: str = ""
    listed: str = ""

    @property
    def is_alternator(self) -> bool:
        """Whether rights are GRANTs there, not a policy."""
        return self.settings.type == _ALTERNATOR


@dataclass(frozen=True, slots=True)
class SavepointRights:
    """The rights on savepoints in S3: to list a `bucket`, and calls on `objects` of it, given as
    BUCKET/KEY with asterisks."""

    bucket: str
    objects: str
    on_objects: Sequence[str]
    region: str = ""


def savepoint_rights(settings: Settings, commands: Sequence[Command]) -> SavepointRights | None:
    """What `commands` do with savepoints in S3; None where these are in a folder."""
    own = settings.savepoints
    if own.bucket is None:
        return None
    bucket, prefix = own.bucket
    objects = "/".join(filter(None, (bucket, prefix, "*")))
    calls = (_READING,) if set(commands) == {"plan"} else (_READING, *_KEEPING)
    return SavepointRights(bucket, objects, calls, (own.target and own.target.region) or "")


def rights_of(settings: Settings, commands: Sequence[Command]) -> Sequence[Rights]:
    """What each side has to allow so that `commands` do what the configuration asks for."""
    source, target = _source(settings, commands), _target(settings, commands)
    if settings.tables is None:
        return source, target
    names = _patterns(settings.tables)
    renamed = ("*",) if settings.tables.rename else names
    return replace(source, names=names), replace(target, names=renamed)


def usual_commands(settings: Settings) -> Sequence[Command]:
    """The commands that a migration by this configuration takes."""
    follows: Sequence[Command] = ("follow",) if settings.target.stream_changes else ()
    if settings.target.s3_export:
        return ("run",)
    return ("plan", "run", *follows, "validate")


def policy(
    rights: Sequence[Rights], savepoints: SavepointRights | None = None
) -> Mapping[str, Any]:
    """An IAM policy that allows just these; no statement is for an Alternator."""
    statements = [each for side in rights if not side.is_alternator for each in _statements(side)]
    if savepoints:
        statements += _on_savepoints(savepoints)
    return {"Version": _VERSION, "Statement": statements}


def grants(rights: Rights) -> Iterator[str]:
    """CQL statements that give the role of an Alternator's side just these rights. Whoever creates
    a table has all rights on it: on one that is made by a run, CREATE is enough."""
    keys = rights.settings.credentials
    role = keys.access_key if keys and keys.access_key else "migrator"
    name, calls = rights.settings.name, set(rights.table) | set(rights.stream)
    table = "ALL KEYSPACES" if rights.names else f'TABLE "alternator_{name}"."{name}"'
    if "CreateTable" in calls:
        yield f'GRANT CREATE ON ALL KEYSPACES TO "{role}";'
    for right, by in (("SELECT", _SELECT), ("MODIFY", _MODIFY), ("ALTER", _ALTER)):
        if calls & by:
            yield f'GRANT {right} ON {table} TO "{role}";'


def _source(settings: Settings, commands: Sequence[Command]) -> Rights:
    source, target = settings.source, settings.target
    follows = target.stream_changes or "follow" in commands
    scans = set(commands) - {"follow"}
    if source.type == _EXPORT:
        described = (source.s3_export and source.s3_export.table_description) or {}
        live = (*_INSPECT, *_tags_read(settings)) if "fromTable" in described else ()
        names = (described.get("fromTable", {}).get("table") or "*",)
        return Rights("source", source, live, objects=_objects(settings), names=names)
    compares = {"validate", "repair"} & set(commands)
    table = [*_INSPECT, *_tags_read(settings)]
    table += ["Scan"] if (compares if source.export else scans) else []
    table += ["BatchGetItem"] if compares else []
    begins = follows and {"run", "follow"} & set(commands)
    table += ["UpdateTable"] if begins else []
    rights = Rights("source", source, table, _STREAM if begins else ())
    copies = {"plan", "run"} & set(commands) and not target.skip_initial_snapshot_transfer
    if copies and source.export:
        rights = rights if begins or not follows else replace(rights, stream=("DescribeStream",))
        return _with_export(rights, source.export, commands)
    return rights


def _with_export(rights: Rights, given: TableExportSettings, commands: Sequence[Command]) -> Rights:
    """The rights on a source that is copied from an export."""
    if given.manifest_keys:
        return replace(rights, objects=_folders(given.reading(given.manifest_keys)))
    objects = (f"{given.bucket or '*'}/{_prefix(given)}AWSDynamoDB/*",)
    if given.arn:
        return replace(rights, exports=(_DESCRIBING,), objects=objects)
    if "run" not in commands:
        return replace(rights, table=(*rights.table, _RECOVERY))
    return replace(
        rights,
        table=(*rights.table, _RECOVERY, _ASKING),
        exports=(_DESCRIBING,),
        objects=objects,
        on_objects=bucket_rights(),
        key=given.kms_key_id or "",
    )


def export_rights() -> Sequence[str]:
    """The calls on a table that is to be exported."""
    return (_RECOVERY, _ASKING, _DESCRIBING)


def bucket_rights() -> Sequence[str]:
    """The calls on the bucket that a table is exported into, and copied from."""
    return (_READING, *_EXPORTED)


def _prefix(given: TableExportSettings) -> str:
    return f"{given.prefix.strip('/')}/" if given.prefix else ""


def _target(settings: Settings, commands: Sequence[Command]) -> Rights:
    target, asked = settings.target, set(commands)
    if export := target.s3_export:
        place = export.place
        if not place.bucket:
            return Rights("target", target)
        objects = (f"{place.bucket}/{place.key}AWSDynamoDB/*",)
        return Rights("target", target, objects=objects, on_objects=_WRITING, listed=place.bucket)
    table = [*_INSPECT, *_tags_read(settings)]
    table += ["Scan"] if asked - {"follow"} else []
    table += ["BatchGetItem"] if asked & {"validate", "repair"} else []
    if asked & {"run", "shards"}:
        table += ["CreateTable"]
        table += ["UpdateTimeToLive"] if target.copy_ttl else []
        table += ["UpdateTable"] if target.indexes == "after" else []
        table += ["TagResource"] if target.copy_tags or target.tags or "shards" in asked else []
    table += ["UntagResource", "ListTagsOfResource"] if "shards" in asked else []
    table += ["BatchWriteItem"] if asked & {"run", "shards", "follow", "repair"} else []
    return Rights("target", target, tuple(dict.fromkeys(table)))


def _tags_read(settings: Settings) -> tuple[str, ...]:
    wanted = settings.target.copy_tags or settings.target.tags
    return ("ListTagsOfResource",) if wanted else ()


def _objects(settings: Settings) -> Sequence[str]:
    """The objects of exports; none of exports in files."""
    export = settings.source.s3_export
    return _folders(export) if export else ()


def _folders(export: S3ExportSettings) -> Sequence[str]:
    """The objects of exports: manifests and, beside them, data; none of exports in files."""
    places = export.manifests
    folders = []
    for place in places:
        folder = place.key.rpartition("/")[0]
        shared = folder.rpartition("/")[0]  # incremental exports have their data files in one
        folders += [f"{place.bucket}/{folder}/*", f"{place.bucket}/{shared}/data/*"]
    return tuple(dict.fromkeys(folders)) if places and places[0].bucket else ()


def _statements(rights: Rights) -> Iterator[Mapping[str, Any]]:
    side, settings = rights.role.capitalize(), rights.settings
    arns = [_arn(settings, name) for name in rights.names or (settings.table,)]
    if rights.names and (rights.exports or not rights.objects):
        yield _statement(f"{side}List", "dynamodb", ("ListTables",), "*")
    if rights.table:
        yield _statement(f"{side}Table", "dynamodb", rights.table, _one(arns))
    if rights.stream:
        streams = [f"{arn}/stream/*" for arn in arns]
        yield _statement(f"{side}Stream", "dynamodb", rights.stream, _one(streams))
    if rights.exports:
        exports = [f"{arn}/export/*" for arn in arns]
        yield _statement(f"{side}Exports", "dynamodb", rights.exports, _one(exports))
    partition = _partition(rights.settings.region or "")
    if rights.objects:
        objects = [f"arn:{partition}:s3:::{each}" for each in rights.objects]
        yield _statement(f"{side}Objects", "s3", rights.on_objects, objects)
    if rights.listed:
        bucket = f"arn:{partition}:s3:::{rights.listed}"
        yield _statement(f"{side}Bucket", "s3", (_LISTING,), bucket)
    if key := rights.key:
        region = rights.settings.region or "*"
        arn = key if key.startswith("arn:") else f"arn:{partition}:kms:{region}:*:key/{key}"
        yield _statement(f"{side}Key", "kms", _KEYS, arn)


def _on_savepoints(rights: SavepointRights) -> Iterator[Mapping[str, Any]]:
    partition = _partition(rights.region)
    # Not for the prefix alone: under that condition S3 refuses to say that an object is not there.
    bucket = f"arn:{partition}:s3:::{rights.bucket}"
    yield _statement("SavepointsList", "s3", (_LISTING,), bucket)
    objects = f"arn:{partition}:s3:::{rights.objects}"
    yield _statement("SavepointsObjects", "s3", rights.on_objects, objects)


def _statement(
    name: str, service: str, calls: Sequence[str], on: str | Sequence[str]
) -> Mapping[str, Any]:
    actions = sorted(f"{service}:{call}" for call in calls)
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": on}


def _one(arns: Sequence[str]) -> str | Sequence[str]:
    return arns[0] if len(arns) == 1 else arns


def _arn(side: SideSettings, table: str) -> str:
    """The ARN of a table, of any account where it is given by its name."""
    if table_arn(table):
        return table
    region = side.region or "*"
    return f"arn:{_partition(region)}:dynamodb:{region}:*:table/{table}"


def _patterns(tables: TablesSettings) -> Sequence[str]:
    """The names of the tables as IAM can write them: all where a pattern says more."""
    written = [each.written for each in tables.include] or ["*"]
    return tuple("*" if set(name) & set("/[]!") else name for name in written)


def _partition(region: str) -> str:
    """AWS's partition that a region is in."""
    found = (name for start, name in _PARTITIONS.items() if region.startswith(start))
    return next(found, "aws")
