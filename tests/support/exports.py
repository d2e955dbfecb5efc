"""Exports to S3 as AWS makes them, and as they come to harm: objects by their keys."""

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.servers.client import Item
from tests.support import ion_text

ID = "01715094384115-d1a1d4f5"
PREFIX = "backups/daily/"
BUCKET = "exports"
KEYS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
TABLE_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/Example"
ITEMS = "2024-05-07T15:06:24.115Z"

Objects = dict[str, bytes]


@dataclass(frozen=True)
class Export:
    """An export that is to be built: the records of each of its `files`, by lines.

    `zipped` compresses a file's text; `summary` and `listed` change the manifests as they would
    be; a `moved` export has keys in its manifests that were true under another prefix.
    """

    files: Sequence[Sequence[bytes]]
    prefix: str = PREFIX
    id: str = ID
    summary: Mapping[str, Any] = field(default_factory=dict)
    incremental: bool = False
    ion: bool = False
    end: bytes = b"\n"
    checksums: bool = True
    relative: bool = False
    written_prefix: str | None = None
    zipped: Callable[[bytes], bytes] = gzip.compress

    @property
    def folder(self) -> str:
        """Where the manifests are."""
        return f"{self.prefix}AWSDynamoDB/{self.id}/"

    @property
    def manifest(self) -> str:
        """The key of the summary."""
        return f"{self.folder}manifest-summary.json"

    @property
    def data(self) -> list[str]:
        """The keys of the data files."""
        end = "ion.gz" if self.ion else "json.gz"
        shared = f"{self.prefix}AWSDynamoDB/data/" if self.incremental else f"{self.folder}data/"
        tag = self.id[-8:] if self.incremental else "abcdefgh"
        return [f"{shared}{number:018}{tag}.{end}" for number in range(len(self.files))]

    def objects(self) -> Objects:
        """All of its objects."""
        bodies = [self.zipped(self._text(lines)) for lines in self.files]
        found = dict(zip(self.data, bodies, strict=True))
        listed = [
            {
                "itemCount": len(lines),
                "md5Checksum": md5(body),
                "etag": f"{hashlib.md5(body).hexdigest()}-1",
                "dataFileS3Key": self._written(key),
            }
            for key, body, lines in zip(self.data, bodies, self.files, strict=True)
        ]
        files_key = f"{self.folder}manifest-files.json"
        manifests = {
            files_key: b"".join(dumped(each) + b"\n" for each in listed),
            self.manifest: dumped(self._summary(self._written(files_key))) + b"\n",
        }
        for key, body in manifests.items():
            found[key] = body
            if self.checksums:
                found[key.removesuffix(".json") + ".md5"] = md5(body).encode()
        return found | {f"{self.folder}_started": b""}

    def _text(self, lines: Sequence[bytes]) -> bytes:
        return b"\n".join(lines) + (self.end if lines else b"")

    def _written(self, key: str) -> str:
        """A key as the manifests have it."""
        if self.relative:
            return key.removeprefix(self.folder)
        if self.written_prefix is None:
            return key
        return self.written_prefix + key.removeprefix(self.prefix)

    def _summary(self, files_key: str) -> dict[str, Any]:
        count = sum(map(len, self.files))
        found: dict[str, Any] = {
            "version": "2023-08-01" if self.incremental else "2020-06-30",
            "exportArn": f"{TABLE_ARN}/export/{self.id}",
            "startTime": "2024-05-07T15:06:24.115Z",
            "endTime": "2024-05-07T15:11:38.189Z",
            "tableArn": TABLE_ARN,
            "tableId": "b8a9e0a6-6b2a-4b1e-8a44-2f1b3c4d5e6f",
            "s3Bucket": BUCKET,
            "s3Prefix": self.prefix.rstrip("/") or None,
            "s3SseAlgorithm": "AES256",
            "s3SseKmsKeyId": None,
            "manifestFilesS3Key": files_key,
            "billedSizeBytes": 120 * count,
            "itemCount": count,
            "outputFormat": "ION" if self.ion else "DYNAMODB_JSON",
        }
        if self.incremental:
            found["exportType"] = "INCREMENTAL_EXPORT"
        else:
            found["exportTime"] = ITEMS
        return {**found, **self.summary}


def full(items: Iterable[Item], files: int = 3, empty: int = 1, **more: Any) -> Export:
    """A full export in JSON of `items`, dealt to so many files, with `empty` ones between them."""
    in_ion = more.get("ion", False)
    lines = [ion_text.line(Item=item) if in_ion else dumped({"Item": item}) for item in items]
    dealt: list[list[bytes]] = [lines[place::files] for place in range(files)]
    return Export([*dealt[:1], *[[] for _ in range(empty)], *dealt[1:]], **more)


def changed(export: Export, **more: Any) -> Export:
    """The same export, made otherwise."""
    return replace(export, **more)


def members(text: bytes) -> bytes:
    """Gzip of three members, one of them empty."""
    half = len(text) // 2
    return b"".join(map(gzip.compress, (text[:half], b"", text[half:])))


def padded(text: bytes) -> bytes:
    """Gzip with zeros after it."""
    return gzip.compress(text) + bytes(64)


def stored(text: bytes) -> bytes:
    """Gzip that compresses nothing."""
    return gzip.compress(text, 0)


def dumped(value: object) -> bytes:
    """JSON as AWS writes it: UTF-8 without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def md5(body: bytes) -> str:
    """MD5 as manifests have it."""
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def inflated(body: bytes) -> bytes:
    """The text of a data file."""
    return zlib.decompress(body, 31)


def write(folder: Path, objects: Objects) -> None:
    """Write objects as files below a folder."""
    for key, body in objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


async def upload(url: str, bucket: str, objects: Objects) -> None:
    """Put objects into a bucket of the S3 at `url`, which is made where it is absent."""
    import aioboto3  # noqa: PLC0415 # heavy, and not for those who write files

    session = aioboto3.Session(**KEYS, region_name="us-east-1")
    async with session.client("s3", endpoint_url=url) as client:
        names = [each["Name"] for each in (await client.list_buckets())["Buckets"]]
        if bucket not in names:
            await client.create_bucket(Bucket=bucket)
        for key, body in objects.items():
            await client.put_object(Bucket=bucket, Key=key, Body=body)


DESCRIPTION = {
    "attributeDefinitions": [{"name": "pk", "type": "S"}],
    "keySchema": [{"name": "pk", "type": "HASH"}],
}


def source(manifest: str | Path, **more: Any) -> dict[str, Any]:
    """A source that reads one export of files."""
    given = {"manifestKey": str(manifest), "tableDescription": DESCRIPTION, **more}
    return {"type": "dynamodb-s3-export", **given}


def bucket_source(url: str, manifest: str, bucket: str = BUCKET, **more: Any) -> dict[str, Any]:
    """A source that reads one export of an S3 at `url`, as ScyllaDB Migrator is told to."""
    place = {"bucket": bucket, "region": "us-east-1", "endpoint": {"host": url}}
    keys = {"accessKey": "local", "secretKey": "local"}
    return source(manifest, **place, credentials=keys, usePathStyleAccess=True, **more)


@dataclass(frozen=True)
class Write:
    """What a key holds at the end of a window, None where it was deleted, and what it held before
    (None: nothing)."""

    key: Item
    new: Item | None
    old: Item | None = None

    def line(self, *, both: bool, ion: bool) -> bytes:
        """The record in JSON or Ion; `both` is the view NEW_AND_OLD_IMAGES."""
        record: dict[str, Item] = {
            "Metadata": {"WriteTimestampMicros": {"N": "1774379199746598"}},
            "Keys": self.key,
        }
        if self.new is not None:
            record["NewImage"] = self.new
        if both and self.old is not None:
            record["OldImage"] = self.old
        return ion_text.line(**record) if ion else dumped(record)


def incremental(
    writes: Sequence[Write],
    start: str,
    end: str,
    *,
    both: bool = False,
    files: int = 2,
    **more: Any,
) -> Export:
    """An incremental export of a window."""
    lines = [write.line(both=both, ion=more.get("ion", False)) for write in writes]
    view = "NEW_AND_OLD_IMAGES" if both else "NEW_IMAGE"
    window = {"exportFromTime": start, "exportToTime": end, "outputView": view}
    summary = {**window, **more.pop("summary", {})}
    return Export(
        [[], *(lines[place::files] for place in range(files))],
        incremental=True,
        summary=summary,
        **more,
    )
