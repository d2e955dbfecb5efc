"""Writes an export the way AWS does: data files first, then their list, the summary last."""

import asyncio
import json
import re
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from typing import Any, Final

from alternator_migrate.connectors.s3_export.manifest import md5_text
from alternator_migrate.connectors.s3_export.sink import Sink, Stored, put
from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb import items as dynamodb_items
from alternator_migrate.dynamodb.table_schema import TableState, creation

_HEAD, _BETWEEN, _TAIL = b'{"Item":', b'}\n{"Item":', b"}\n"
_DATA: Final = re.compile(r"\.?(?P<name>\d{6,}-\d{6,}\.json\.gz)(\.part)?")
"""A data file, or one that a killed run was at."""
_FILES, _SUMMARY = "manifest-files", "manifest-summary"
_FAST: Final = 1
"""The level of compression: higher ones save a fifth of the bytes for three times the time."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A data file that is in its place; `size` is its bytes, None where an earlier version did not
    note it."""

    key: str
    items: int
    md5: str
    etag: str
    size: int | None = None

    def is_as(self, stored: Stored) -> bool:
        """Whether what is stored is what was written, as far as size and ETag tell."""
        etags = {self.etag, stored.etag} - {""}
        return self.size in (None, stored.size) and len(etags) < 2


class DataFileWriter:
    """Writes items into one data file; `size` is its compressed bytes by now."""

    def __init__(self, sink: Sink, key: str) -> None:
        self._key, self._writer = key, sink.open(key)
        self._packer = zlib.compressobj(_FAST, zlib.DEFLATED, 31)
        self._digest = md5(usedforsecurity=False)
        self.items = self.size = 0

    async def add(self, items: Sequence[Item]) -> None:
        """Add items, beside the event loop. Raises `MigrateError`."""
        if not items:
            return
        data = await asyncio.to_thread(self._packed, items)
        self.items += len(items)
        if data:
            await self._writer.write(data)

    async def finish(self) -> WrittenFile:
        """Put the file into its place. Raises `MigrateError`."""
        await self._writer.write(self._noted(self._packer.flush()))
        etag = await self._writer.finish()
        checksum = b64encode(self._digest.digest()).decode()
        return WrittenFile(self._key, self.items, checksum, etag, self.size)

    async def abandon(self) -> None:
        """Leave nothing of it behind."""
        await self._writer.abandon()

    def _packed(self, items: Sequence[Item]) -> bytes:
        return self._noted(self._packer.compress(lines_of(items)))

    def _noted(self, data: bytes) -> bytes:
        self._digest.update(data)
        self.size += len(data)
        return data


def lines_of(items: Sequence[Item]) -> bytes:
    """The lines of items, each {"Item":...} without a line break in it."""
    text = b"".join((_HEAD, _BETWEEN.join(items), _TAIL))
    if text.count(b"\n") > len(items):
        return lines_of([dynamodb_items.one_line(item) for item in items])
    return text


@dataclass(frozen=True, slots=True)
class ExportPlace:
    """Where an export is written: `prefix` is "" or ends with a slash."""

    sink: Sink
    prefix: str
    id: str

    @property
    def folder(self) -> str:
        """The folder of the manifests."""
        return f"{self.prefix}AWSDynamoDB/{self.id}/"

    @property
    def name(self) -> str:
        """The summary's name in messages."""
        return self.sink.name(self.manifests[-1])

    @property
    def manifests(self) -> Sequence[str]:
        """The keys of both manifests, in the order in which they are written."""
        return tuple(f"{self.folder}{name}.json" for name in (_FILES, _SUMMARY))

    async def stored(self) -> Mapping[str, Stored]:
        """What is there of the export by now, by its keys. Raises `MigrateError`."""
        return await self.sink.listed(self.folder)

    def data_key(self, segment: int, number: int) -> str:
        """The key of a segment's data file of this number."""
        return f"{self.folder}data/{segment:06}-{number:06}.json.gz"

    @staticmethod
    def segment_of(key: str) -> int:
        """The segment of a data file by its key."""
        return int(key.rpartition("/")[2].partition("-")[0])

    def data_keys(self, keys: Iterable[str]) -> set[str]:
        """The keys of data files that runs of this export have written, or begun to, of all
        `keys` of what is there."""
        found = (_DATA.fullmatch(key.removeprefix(f"{self.folder}data/")) for key in keys)
        return {f"{self.folder}data/{each['name']}" for each in found if each}

    async def written_empty(self, key: str) -> WrittenFile:
        """Write a data file that has no item, in place of what is there. Raises `MigrateError`."""
        writer = DataFileWriter(self.sink, key)
        try:
            return await writer.finish()
        except BaseException:
            await writer.abandon()
            raise

    def data_file(self, segment: int, number: int) -> DataFileWriter:
        """A writer of it."""
        return DataFileWriter(self.sink, self.data_key(segment, number))


async def begin(place: ExportPlace) -> None:
    """Write the object that says that an export has begun. Raises `MigrateError`."""
    await put(place.sink, f"{place.folder}_started", b"")


async def write_manifests(
    place: ExportPlace,
    table: TableState,
    files: Sequence[WrittenFile],
    *,
    began: float,
    bucket: str | None,
) -> None:
    """Write the list of data files and the summary, each with its checksum: with the summary the
    export is complete. `began` (epoch seconds) is the moment that it is of: that of no item is
    earlier. Raises `MigrateError`."""
    listed = b"".join(_lines(_entry(file) for file in files))
    await _with_md5(place, _FILES, listed)
    summary = b"".join(_lines([_summary(place, table, files, began, bucket)]))
    await _with_md5(place, _SUMMARY, summary)


async def _with_md5(place: ExportPlace, name: str, body: bytes) -> None:
    await put(place.sink, f"{place.folder}{name}.md5", md5_text(body).encode())
    await put(place.sink, f"{place.folder}{name}.json", body)


def _entry(file: WrittenFile) -> dict[str, Any]:
    entry = {
        "itemCount": file.items,
        "md5Checksum": file.md5,
        "etag": file.etag,
        "dataFileS3Key": file.key,
    }
    return entry if file.etag else {key: each for key, each in entry.items() if key != "etag"}


def _summary(
    place: ExportPlace,
    table: TableState,
    files: Sequence[WrittenFile],
    began: float,
    bucket: str | None,
) -> dict[str, Any]:
    description = creation(table.spec)
    return {
        "version": "2023-08-01",
        "exportArn": f"{table.arn or table.spec.name}/export/{place.id}",
        "startTime": _iso(began),
        "endTime": _iso(datetime.now(UTC).timestamp()),
        "tableArn": table.arn,
        "tableId": table.id,
        "exportTime": _iso(began),
        "s3Bucket": bucket,
        "s3Prefix": place.prefix.rstrip("/") or None,
        "s3SseAlgorithm": None,
        "s3SseKmsKeyId": None,
        "manifestFilesS3Key": place.manifests[0],
        "billedSizeBytes": table.size,
        "itemCount": sum(file.items for file in files),
        "outputFormat": "DYNAMODB_JSON",
        "exportType": "FULL_EXPORT",
        "tableKeySchema": description["KeySchema"],
        "tableAttributeDefinitions": description["AttributeDefinitions"],
    }


def _lines(values: Iterable[object]) -> Iterable[bytes]:
    for value in values:
        yield json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _iso(moment: float) -> str:
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
