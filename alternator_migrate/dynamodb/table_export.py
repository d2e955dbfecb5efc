"""Exports of one table to S3, and the point-in-time recovery that they are made from."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from alternator_migrate.core.errors import MigrateError, ServerRefused, UsageError
from alternator_migrate.dynamodb import rights
from alternator_migrate.dynamodb.account import UNSUPPORTED
from alternator_migrate.dynamodb.table_requests import TableRequests

ExportStatus: TypeAlias = Literal["IN_PROGRESS", "COMPLETED", "FAILED"]
_STATUSES: Final[tuple[ExportStatus, ...]] = ("IN_PROGRESS", "COMPLETED", "FAILED")
ION: Final = "ION"
_INCREMENTAL: Final = "INCREMENTAL_EXPORT"
_OFF: Final = ("PointInTimeRecoveryUnavailableException", "ContinuousBackupsUnavailableException")
_ABSENT: Final = "ExportNotFoundException"
_NOT_KEPT: Final = (
    "AWS tells of an export for 90 days, in the region of its table. Check the ARN; or name its "
    "manifest with source.export.manifestKeys."
)
_TURN_ON: Final = (
    "Turn it on: `aws dynamodb update-continuous-backups --table-name {} "
    "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true`. Or leave "
    "source.export out: the table is then copied by a scan."
)


@dataclass(frozen=True, slots=True)
class Recovery:
    """The point-in-time recovery of a table, and between which moments it can be exported (epoch
    seconds); None where that is not told."""

    is_on: bool
    earliest: float | None = None
    latest: float | None = None


@dataclass(frozen=True, slots=True)
class MadeExport:
    """An export as AWS describes it: it is of the `moment` (epoch seconds); `manifest` is the URL
    of its summary once it is complete, `failure` tells why it failed. An `incremental` one holds
    changes only; the `format` is in the word of the API, "" where it is not told."""

    arn: str
    status: ExportStatus
    moment: float | None = None
    manifest: str = ""
    failure: str = ""
    incremental: bool = False
    format: str = ""


class TableExports:
    """The exports of a table."""

    def __init__(self, requests: TableRequests) -> None:
        self._requests, self._table = requests, requests.name

    async def recovery(self) -> Recovery:
        """The point-in-time recovery of the table. Raises `UsageError` for a server that exports
        nothing, and where the right to ask is lacking."""
        try:
            with rights.needing(), self._asking("DescribeContinuousBackups"):
                answer = await self._requests.ask(
                    "DescribeContinuousBackups", TableName=self._table
                )
                found = answer["ContinuousBackupsDescription"]
        except ServerRefused as error:
            if error.code in _OFF:
                return Recovery(False)
            if error.code == UNSUPPORTED:
                raise UsageError(
                    f"{self._requests.where}this server exports no tables: {error.words}",
                    "Exports to S3 are made by AWS: leave source.export out.",
                ) from error
            raise
        window = found.get("PointInTimeRecoveryDescription") or {}
        return Recovery(
            window.get("PointInTimeRecoveryStatus") == "ENABLED",
            _epoch(window.get("EarliestRestorableDateTime")),
            _epoch(window.get("LatestRestorableDateTime")),
        )

    async def ask(self, request: Mapping[str, Any]) -> MadeExport:
        """Ask for an export, or for the one that was asked for with the same ClientToken in the
        last eight hours. Raises `UsageError` where it may not be asked for, `MigrateError`."""
        try:
            with rights.needing(), self._asking("ExportTableToPointInTime"):
                answer = await self._requests.ask("ExportTableToPointInTime", **request)
                return _read(answer["ExportDescription"])
        except ServerRefused as error:
            if error.code in _OFF:
                raise recovery_is_off(self._table) from error
            raise

    async def describe(self, arn: str) -> MadeExport:
        """An export as it stands now. Raises `UsageError` for one that nobody knows, and where the
        right to ask is lacking."""
        try:
            with rights.needing(), self._asking("DescribeExport"):
                answer = await self._requests.ask("DescribeExport", ExportArn=arn)
                return _read(answer["ExportDescription"])
        except ServerRefused as error:
            if error.code != _ABSENT:
                raise
            raise UsageError(f"there is no export {arn}: {error.words}", _NOT_KEPT) from error

    def _asking(self, operation: str) -> AbstractContextManager[None]:
        return self._requests.asking(f"{operation} {self._table}")


def recovery_is_off(table: str) -> MigrateError:
    """The error for a table that cannot be exported."""
    words = f"point-in-time recovery of table {table} is off, and AWS exports from that"
    return UsageError(words, _TURN_ON.format(table))


def _read(description: Mapping[str, Any]) -> MadeExport:
    status = description["ExportStatus"]
    if status not in _STATUSES:
        raise LookupError(f"ExportStatus {status!r}")
    key = description.get("ExportManifest") if status == "COMPLETED" else None
    words = (description.get("FailureCode"), description.get("FailureMessage"))
    return MadeExport(
        arn=description["ExportArn"],
        status=status,
        moment=_epoch(description.get("ExportTime")),
        manifest=f"s3://{description['S3Bucket']}/{key}" if key else "",
        failure=": ".join(str(each) for each in words if each),
        incremental=description.get("ExportType") == _INCREMENTAL,
        format=description.get("ExportFormat") or "",
    )


def _epoch(moment: Any) -> float | None:
    return None if moment is None else float(moment)
