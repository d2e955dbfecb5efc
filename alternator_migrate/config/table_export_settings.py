"""The export of a live table that is copied in place of a scan, as a configuration asks for it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from alternator_migrate.config.access import CredentialsSettings, EndpointSettings, path_style
from alternator_migrate.config.exports import S3ExportSettings, manifest
from alternator_migrate.config.kinds import (
    any_text,
    key,
    list_of,
    number,
    one_of,
    section,
    text,
)
from alternator_migrate.config.savepoint_settings import bucket_name

_ACCOUNT: Final = re.compile(r"\d{12}")
_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]{3,255}/export/[\w-]+"
)
_FORMATS: Final = {"JSON": "DYNAMODB_JSON", "DYNAMODB_JSON": "DYNAMODB_JSON", "ION": "ION"}


def moment(value: Any) -> float:
    """A moment in ISO 8601, in UTC where it names no zone, as epoch seconds."""
    written = text(value)
    try:
        found = datetime.fromisoformat(written)
    except ValueError as error:
        words = f"must be a moment like 2026-01-31T06:00:00Z, not {written!r}"
        raise ValueError(words) from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def account_id(value: Any) -> str:
    """The id of an AWS account."""
    written = any_text(value)
    if not _ACCOUNT.fullmatch(written):
        raise ValueError(f"must be the twelve digits of an AWS account, not {written!r}")
    return written


def export_arn(value: Any) -> str:
    """The ARN of an export."""
    written = text(value)
    if not _ARN.fullmatch(written):
        raise ValueError(
            "must be the ARN of an export, arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/export/ID, "
            f"not {written!r}"
        )
    return written


def export_format(value: Any) -> str:
    """The format of an export, in the word that the API has for it."""
    return _FORMATS[one_of(*_FORMATS)(value)]


@dataclass(frozen=True, slots=True)
class TableExportSettings:
    """The export of the source table that is copied in place of a scan: one that is asked for, or
    one that is there."""

    bucket: str | None = key(
        bucket_name, "bucket to export the table into, and to copy it from without a scan"
    )
    prefix: str | None = key(text, "what keys of the export begin with")
    bucket_owner: str | None = key(account_id, "account of the bucket, where it is another")
    kms_key_id: str | None = key(
        text, "KMS key to encrypt the export with; without it as the bucket has it"
    )
    format: str = key(export_format, "JSON, or ION, to export in", default="DYNAMODB_JSON")
    export_time: float | None = key(
        moment, "moment to export (ISO 8601), within point-in-time recovery; without it now"
    )
    arn: str | None = key(export_arn, "an export that was asked for already, in place of a new one")
    manifest_keys: tuple[str, ...] = key(
        list_of(manifest),
        "a full export and the incremental ones after it, in place of a new one",
        default=(),
    )
    margin_seconds: float = key(
        number(0, 3600),
        "by how much the stream begins before the moment of the export: clocks differ",
        default=120.0,
    )
    region: str | None = key(text, "AWS region of the bucket, where it is another")
    endpoint: EndpointSettings | None = section(EndpointSettings, "an S3 that is not AWS's")
    credentials: CredentialsSettings | None = section(
        CredentialsSettings, "how to read the bucket, where not as the table is read"
    )
    use_path_style_access: bool | None = path_style()

    @property
    def is_there(self) -> bool:
        """Whether it names an export, and asks for none."""
        return bool(self.arn or self.manifest_keys)

    def reading(self, manifests: tuple[str, ...]) -> S3ExportSettings:
        """How exports are read whose manifests are these."""
        return S3ExportSettings(
            bucket=self.bucket,
            manifest_keys=manifests,
            use_path_style_access=self.use_path_style_access,
        )
