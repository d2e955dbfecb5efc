"""Where savepoints are kept: a folder of this machine, or a bucket of S3."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from alternator_migrate.config.access import CredentialsSettings, EndpointSettings, path_style
from alternator_migrate.config.kinds import (
    ignored,
    key,
    local_path,
    number,
    section,
    text,
)

DEFAULT_FOLDER: Final = "./savepoints"
FOLDER: Final = "filesystem"
S3: Final = "s3"
_KINDS: Final = {
    "filesystem": FOLDER,
    "path": FOLDER,
    "s3": S3,
    "aws-s3": S3,
    "aws-bucket": S3,
}
"""The types of places, as ScyllaDB Migrator names them."""
_GOOGLE: Final = ("gcs", "gcp", "google-cloud-storage", "google-gcs")
LEAST_LEASE_SECONDS: Final = 12
"""In a third of it a run that has lost its lock has to stop, before another one may begin."""
_S3_URL = re.compile(r"(?:s3|s3a|s3n)://+(?P<rest>.*)", re.IGNORECASE)
_GOOGLE_URL = re.compile(r"gc?s://", re.IGNORECASE)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_NO_GOOGLE: Final = (
    "savepoints on Google Cloud Storage are not in this version: its buckets lack the conditional "
    "writes of S3 that keep a second run out. Name a folder of this machine, which may be where "
    "the bucket is mounted, or a bucket of S3"
)


class BucketFolder(NamedTuple):
    """A bucket, and what the keys of objects in it begin with, without / at the end; "" for its
    root."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return "/".join(each for each in (f"s3://{self.bucket}", self.prefix) if each)


def savepoints_path(value: Any) -> str:
    """A path of this machine, or s3://BUCKET/PREFIX."""
    written = text(value)
    if _GOOGLE_URL.match(written):
        raise ValueError(_NO_GOOGLE)
    found = _S3_URL.fullmatch(written)
    if found is None:
        return local_path(written)
    bucket, _, prefix = found["rest"].partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"must be like s3://BUCKET/PREFIX, not {written!r}")
    return str(BucketFolder(bucket, prefix.strip("/")))


def place_type(value: Any) -> str:
    """The type of a place, in one of the words that ScyllaDB Migrator has for it."""
    if value in _GOOGLE:
        raise ValueError(_NO_GOOGLE)
    if value not in _KINDS:
        raise ValueError(
            f"savepoints of type {value!r} are not in this version: write {{type: filesystem}} and "
            "name a folder of this machine, which may be a mounted volume, or {type: s3}"
        )
    return _KINDS[value]


def bucket_name(value: Any) -> str:
    """The name of a bucket."""
    name = text(value).strip()
    if not _BUCKET.fullmatch(name):
        raise ValueError(f"must be the name of a bucket, not {name!r}")
    return name


@dataclass(frozen=True, slots=True)
class SavepointTargetSettings:
    """A place of savepoints, as ScyllaDB Migrator describes it; and what it lacks for an S3 of
    others."""

    type: str = key(place_type, "filesystem or s3", required=True)
    path: str | None = key(local_path, "folder of this machine, for type: filesystem")
    bucket: str | None = key(bucket_name, "bucket, for type: s3")
    prefix: str | None = key(text, "what keys of objects begin with")
    region: str | None = key(text, "AWS region of the bucket")
    endpoint: EndpointSettings | None = section(EndpointSettings, "an S3 that is not AWS's")
    credentials: CredentialsSettings | None = section(
        CredentialsSettings, "how to sign requests for S3"
    )
    use_path_style_access: bool | None = path_style()

    @property
    def place(self) -> str | None:
        """The path, or the URL of the bucket; None where it is given beside `target`."""
        if self.type == FOLDER:
            return self.path
        return str(BucketFolder(self.bucket or "", (self.prefix or "").strip("/")))


@dataclass(frozen=True, slots=True)
class SavepointsSettings:
    """The place of savepoints, and how often one is written."""

    path: str = key(
        savepoints_path,
        "folder of savepoints and rejected items, or s3://BUCKET/PREFIX",
        default=DEFAULT_FOLDER,
    )
    interval_seconds: float = key(number(0.1), "time between two savepoints", default=60.0)
    lease_seconds: float = key(
        number(LEAST_LEASE_SECONDS, 3600),
        "on S3: how long the lock of a run that was killed keeps the next one out",
        default=60.0,
    )
    target: SavepointTargetSettings | None = section(
        SavepointTargetSettings, "the place as ScyllaDB Migrator describes it, instead of path"
    )
    resume_from_latest: object = ignored()
    enable_parquet_file_tracking: object = ignored()
    parquet_processing_mode: object = ignored()

    @property
    def bucket(self) -> BucketFolder | None:
        """Where in S3 they are; None for a folder of this machine."""
        found = _S3_URL.fullmatch(self.path)
        if found is None:
            return None
        bucket, _, prefix = found["rest"].partition("/")
        return BucketFolder(bucket, prefix)

    def below(self, name: str) -> Mapping[str, str]:
        """The keys, by their paths, that name the place below this one that has a name."""
        bucket = self.bucket
        if bucket is None:
            return {"savepoints.path": str(Path(self.path) / name)}
        lower = BucketFolder(bucket.bucket, f"{bucket.prefix}/{name}".removeprefix("/"))
        if self.target:
            return {"savepoints.target.prefix": lower.prefix}
        return {"savepoints.path": str(lower)}
