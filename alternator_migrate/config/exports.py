"""Exports of DynamoDB tables to S3, as a configuration names and describes them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from alternator_migrate.config.access import path_style
from alternator_migrate.config.descriptions import table_description
from alternator_migrate.config.kinds import FILE_URL, check_host, flag, key, list_of, text

EXPORT: Final = "dynamodb-s3-export"
_SUMMARY: Final = "manifest-summary.json"
_BUCKET_URL = re.compile(r"s3a?://(?P<bucket>[^/]*)/?(?P<key>.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}|arn:.+")
"""A name, old ones among them, or the ARN of an access point."""


@dataclass(frozen=True, slots=True)
class Location:
    """One object: a key in a bucket, or without a bucket the path of a file."""

    bucket: str | None
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}" if self.bucket else self.key


def bucket_or_arn(value: Any) -> str:
    """The name of a bucket, or the ARN of an access point."""
    name = text(value)
    if not _BUCKET.fullmatch(name):
        raise ValueError(f"must be the name of a bucket, not {name!r}")
    return name


def export_folder(value: Any) -> str:
    """Where an export is written: s3://BUCKET/PREFIX, file:///PATH or a path."""
    written = text(value)
    scheme, separator, rest = written.partition("://")
    if separator and (scheme not in ("s3", "s3a", "file") or not rest):
        raise ValueError(
            f"must be s3://BUCKET/PREFIX, file:///PATH or a path, not {written!r}; copy the export "
            "from one of these to where it is to be"
        )
    _check_place(written, "s3://BUCKET/PREFIX")
    return written


def manifest(value: Any) -> str:
    """Where an export's manifest is: a key, s3://BUCKET/KEY, file:///PATH or a path."""
    written = text(value)
    scheme, separator, rest = written.partition("://")
    if separator and scheme not in ("s3", "s3a", "file"):
        raise ValueError(
            f"must be a key, s3://BUCKET/KEY, file:///PATH or a path, not of {scheme}://; copy the "
            "export to one of these"
        )
    _check_place(written, "s3://BUCKET/PREFIX/AWSDynamoDB/ID")
    if scheme in ("s3", "s3a") and separator and not rest.partition("/")[2]:
        raise ValueError(f"must be like s3://BUCKET/PREFIX/AWSDynamoDB/ID, not {written!r}")
    return written


def _check_place(written: str, form: str) -> None:
    """Raise `ValueError` for an address without a bucket that can be, and for a file that is of
    another host."""
    found = _BUCKET_URL.fullmatch(written)
    if found and not _BUCKET.fullmatch(found["bucket"]):
        raise ValueError(f"must be like {form}, not {written!r}")
    check_host(written, "file:///PATH")


def payer(value: Any) -> bool:
    """Whether the requester pays: true, false or, as the S3 API has it, the word requester."""
    return value == "requester" or flag(value)


@dataclass(frozen=True, slots=True)
class S3ExportSettings:
    """The exports to read, in their order, and what they do not tell of the table."""

    bucket: str | None = key(bucket_or_arn, "bucket of an export to S3; none for one in files")
    manifest_key: str | None = key(
        manifest, "export: key of manifest-summary.json or its folder; s3://, file:// or a path"
    )
    manifest_keys: tuple[str, ...] = key(
        list_of(manifest), "several exports, applied in this order", default=()
    )
    table_description: Mapping[str, Any] | None = key(
        table_description,
        "schema of the exported table, as DescribeTable has it; or {fromTable: true or NAME}",
    )
    use_path_style_access: bool | None = path_style()
    request_payer: bool = key(payer, "read a requester-pays bucket, and pay", default=False)
    unsigned: bool = key(flag, "sign no request: for a public bucket", default=False)
    revert: bool = key(
        flag, "undo incremental exports with old images, the last one first", default=False
    )

    @property
    def manifests(self) -> tuple[Location, ...]:
        """Where the manifests are, in their order."""
        single = (self.manifest_key,) if self.manifest_key else ()
        return tuple(self._location(each) for each in self.manifest_keys or single)

    def _location(self, written: str) -> Location:
        if found := _BUCKET_URL.fullmatch(written):
            return Location(found["bucket"], _summary(found["key"]))
        if found := FILE_URL.fullmatch(written):
            return Location(None, _summary(unquote(found["path"])))
        return Location(self.bucket, _summary(written))


@dataclass(frozen=True, slots=True)
class S3TargetSettings:
    """Where an export is written, in AWS's layout."""

    path: str | None = key(export_folder, "export: where to write it; s3://, file:// or a path")
    bucket: str | None = key(bucket_or_arn, "bucket to write an export into, instead of path")
    prefix: str | None = key(text, "prefix of its keys in that bucket")
    use_path_style_access: bool | None = path_style()

    @property
    def place(self) -> Location:
        """The bucket and prefix, or the folder; the key is "" or ends with a slash."""
        if self.bucket:
            return Location(self.bucket, _folder((self.prefix or "").strip("/")))
        written = self.path or ""
        if found := _BUCKET_URL.fullmatch(written):
            return Location(found["bucket"], _folder(found["key"].strip("/")))
        found = FILE_URL.fullmatch(written)
        return Location(None, _folder(unquote(found["path"]) if found else written))


def _folder(place: str) -> str:
    return f"{place.rstrip('/')}/" if place else ""


def _summary(place: str) -> str:
    """The key of the summary, also where that of its folder is given."""
    return place if place.endswith(".json") else f"{place.rstrip('/')}/{_SUMMARY}"
