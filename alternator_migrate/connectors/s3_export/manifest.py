"""The manifests of an export: what they say, read from their bytes and checked for sense.

manifest-summary.json describes the export, manifest-files.json has one line a data file. Keys in
both begin at the bucket's root; members that are not known here are passed over.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from typing import Any, Final, Literal, TypeAlias

import msgspec

from alternator_migrate.core.errors import UsageError

Format: TypeAlias = Literal["DYNAMODB_JSON", "ION"]
_FORMATS: Final = ("DYNAMODB_JSON", "ION")
_FULL: Final = "FULL_EXPORT"
_INCREMENTAL: Final = "INCREMENTAL_EXPORT"
_BOTH_IMAGES: Final = "NEW_AND_OLD_IMAGES"
_DAMAGED: Final = "Copy the manifests anew from where the export was made."


class _Key(msgspec.Struct):
    name: str = msgspec.field(name="AttributeName")
    type: str = msgspec.field(name="KeyType")


class _Attribute(msgspec.Struct):
    name: str = msgspec.field(name="AttributeName")
    type: str = msgspec.field(name="AttributeType")


class _Summary(msgspec.Struct, rename="camel"):
    manifest_files_s3_key: str = msgspec.field(name="manifestFilesS3Key")
    output_format: str
    export_type: str | None = None
    output_view: str | None = None
    export_arn: str | None = None
    table_arn: str | None = None
    table_id: str | None = None
    export_time: str | None = None
    export_from_time: str | None = None
    export_to_time: str | None = None
    billed_size_bytes: int = 0
    item_count: int | None = None
    table_key_schema: list[_Key] = []
    table_attribute_definitions: list[_Attribute] = []


class _File(msgspec.Struct, rename="camel"):
    data_file_s3_key: str = msgspec.field(name="dataFileS3Key")
    item_count: int | None = None
    md5_checksum: str | None = None
    etag: str | None = None


_summary = msgspec.json.Decoder(_Summary)
_files = msgspec.json.Decoder(_File)


@dataclass(frozen=True, slots=True)
class Moments:
    """What an export holds, in epoch seconds: the table at `end`, or where it has a `start`, the
    changes from then (included) to `end` (not included). None where the manifest does not say."""

    start: float | None
    end: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """manifest-summary.json: `files_key` is where the list of files is, `items` and `size` (bytes)
    are of the whole export, `items` None where it does not count; `description` has KeySchema and
    AttributeDefinitions where it names them, which AWS's own do not. Changes have `old_images`, or
    not."""

    files_key: str
    format: Format
    incremental: bool
    arn: str
    table_arn: str
    table_id: str
    moments: Moments
    items: int | None
    size: int
    description: dict[str, Any]
    old_images: bool = False

    @property
    def table(self) -> str:
        """The name of the table that was exported; "" where that is not told."""
        return self.table_arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file: its key, the number of its records and the base64 of the MD5 of its bytes as
    stored, None where the manifest does not have them."""

    key: str
    items: int | None = None
    md5: str | None = None


def read_summary(body: bytes, name: str) -> Summary:
    """The summary of an export from its bytes; `name` is where they are from. Raises `UsageError`
    for anything else, and for kinds of exports that are not known."""
    try:
        found = _summary.decode(body)
        moments = _moments(found)
    except (msgspec.MsgspecError, ValueError) as error:
        raise UsageError(f"{name} is not the summary of an export: {error}", _DAMAGED) from error
    kind = found.export_type or _FULL
    for what, value, known in (
        ("exportType", kind, (_FULL, _INCREMENTAL)),
        ("outputFormat", found.output_format, _FORMATS),
    ):
        if value not in known:
            raise UsageError(
                f"{name}: {what} is {value!r}, and this tool reads {' and '.join(known)}",
                "Export the table in another format.",
            )
    return Summary(
        files_key=found.manifest_files_s3_key,
        format="ION" if found.output_format == "ION" else "DYNAMODB_JSON",
        incremental=kind == _INCREMENTAL,
        arn=found.export_arn or "",
        table_arn=found.table_arn or "",
        table_id=found.table_id or "",
        moments=moments,
        items=found.item_count,
        size=found.billed_size_bytes,
        description=_description(found),
        old_images=found.output_view == _BOTH_IMAGES,
    )


def read_files(body: bytes, name: str, expected: int | None) -> tuple[DataFile, ...]:
    """The data files of manifest-files.json, without those that have no items. Raises
    `UsageError` where it cannot be read, names a file twice, or does not have the `expected`
    number of items."""
    try:
        lines = _files.decode_lines(body)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{name} is not a list of data files: {error}", _DAMAGED) from error
    keys = [line.data_file_s3_key for line in lines]
    if len(set(keys)) < len(keys):
        twice = next(key for at, key in enumerate(keys) if key in keys[:at])
        raise UsageError(f"{name} has the data file {twice} twice", _DAMAGED)
    total = sum(line.item_count or 0 for line in lines)
    counted = all(line.item_count is not None for line in lines)
    if counted and expected is not None and total != expected:
        raise UsageError(
            f"{name} has data files of {total:,} items, and the summary says {expected:,}", _DAMAGED
        )
    return tuple(
        DataFile(line.data_file_s3_key, line.item_count, line.md5_checksum)
        for line in lines
        if line.item_count != 0
    )


def md5_text(body: bytes) -> str:
    """The MD5 of bytes as manifests have it: in base64."""
    return b64encode(md5(body, usedforsecurity=False).digest()).decode()


def check_md5(body: bytes, checksum: bytes | None, name: str) -> None:
    """Raise `UsageError` where a manifest is not what its checksum file says; None is none."""
    said = checksum.decode("ascii", "replace").strip() if checksum else ""
    if said and said != md5_text(body):
        raise UsageError(
            f"{name} is damaged: its MD5 is {md5_text(body)}, and {said} was noted for it", _DAMAGED
        )


def _moments(found: _Summary) -> Moments:
    end = found.export_to_time or found.export_time
    return Moments(_epoch(found.export_from_time), _epoch(end))


def _epoch(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


def _description(found: _Summary) -> dict[str, Any]:
    keys: Sequence[_Key] = found.table_key_schema
    attributes = found.table_attribute_definitions
    if not keys or not attributes:
        return {}
    return {
        "KeySchema": [{"AttributeName": each.name, "KeyType": each.type} for each in keys],
        "AttributeDefinitions": [
            {"AttributeName": each.name, "AttributeType": each.type} for each in attributes
        ],
    }
