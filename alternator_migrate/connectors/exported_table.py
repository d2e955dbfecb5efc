"""A live table that is copied from an export: what is known of that before, and how it is read once
it is there."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from alternator_migrate.config import Settings, TableExportSettings, export_identity
from alternator_migrate.connectors.build import OF_EXPORTS
from alternator_migrate.connectors.clocks import time_of
from alternator_migrate.connectors.inspect import Inspection, choose_segments
from alternator_migrate.connectors.pair import Pair
from alternator_migrate.connectors.s3_export import (
    Export,
    ExportSide,
    check_base,
    check_full,
    check_library,
    identity,
    iso,
    open_export,
)
from alternator_migrate.connectors.source_stream import find_stream
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.model import KEPT_SECONDS
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.state import ExportState
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.table_export import ION, MadeExport, Recovery, recovery_is_off
from alternator_migrate.dynamodb.table_schema import TableState

_LATER: Final = (
    "Add incremental exports to source.export.manifestKeys up to a moment that the stream goes "
    "back to (24 hours at most), or leave arn and manifestKeys out: a new export is asked for then."
)
_OF_TABLE: Final = "source.export.manifestKeys"
OTHER_EXPORT: Final = "Name another one with source.export.arn, or leave that out."
_NO_MOMENT: Final = "Leave source.export.exportTime out: the table is exported as it is now."


@dataclass(frozen=True, slots=True)
class KnownExport:
    """What is known of an export before a run: its `state`; the `moment` that it is of (epoch
    seconds; None: it is to be made, of now); and the table's recovery, where one is to be asked
    for."""

    state: ExportState
    moment: float | None = None
    recovery: Recovery | None = None


def by_export(settings: Settings) -> bool:
    """Whether the table is copied, and from an export of it."""
    alone = settings.target.skip_initial_snapshot_transfer
    return settings.source.export is not None and not alone


class TableExport:
    """The export of the live table of a pair, as the configuration has it."""

    def __init__(self, settings: Settings, pair: Pair) -> None:
        given = settings.source.export
        assert given  # noqa: S101 # it is made where there is one
        self._settings, self._pair = settings, pair
        self.given: TableExportSettings = given
        self._calls = pair.live.table.exports

    @property
    def found(self) -> Inspection:
        """Both tables, as they were before the run."""
        return self._pair.inspection

    async def known(self, kept: ExportState | None) -> KnownExport:
        """What is known before a run, of which a savepoint has `kept` some. Raises `UsageError`
        where nothing can come of it, `MigrateError`."""
        asked = export_identity(self.given)
        if self.given.format == ION and not self.given.is_there:
            check_library()
        if kept and (kept.arn or kept.token or kept.manifests):
            return KnownExport(kept)
        if self.given.manifest_keys:
            return KnownExport(ExportState(asked, manifests=self.given.manifest_keys))
        if self.given.arn:
            return await self._named(asked, self.given.arn)
        recovery = await self._calls.recovery()
        return KnownExport(ExportState(asked), self.given.export_time, recovery)

    async def _named(self, asked: str, arn: str) -> KnownExport:
        """An export that the configuration names."""
        own = self._pair.inspection.source.arn
        if not arn.startswith(f"{own}/export/"):
            raise UsageError(
                f"source.export.arn is not an export of {own}: {arn}",
                "Name an export of the source table.",
            )
        made = await self._calls.describe(arn)
        if made.status == "FAILED":
            raise UsageError(failure_text(made), OTHER_EXPORT)
        if made.incremental:
            raise UsageError(
                f"source.export.arn is an incremental export, and holds changes only: {arn}",
                f"Name a full one; or the full one and those that follow it in {_OF_TABLE}.",
            )
        if made.format == ION:
            check_library()
        manifests = (made.manifest,) if made.manifest else ()
        return KnownExport(ExportState(asked, arn=arn, manifests=manifests), made.moment)

    async def check(self, known: KnownExport, *, placed: bool) -> None:
        """Raise `UsageError` where the table cannot be exported, or where changes that are to be
        followed would be missing; nothing of the latter where an earlier run `placed` the stream.
        """
        recovery = known.recovery
        if recovery and not recovery.is_on:
            raise recovery_is_off(self._pair.inspection.source.spec.name)
        if recovery and known.moment:
            _check_moment(known.moment, recovery, self.now)
        follows = self._settings.target.stream_changes
        moment = self._moment(known)
        if follows and not placed and moment is not None:
            await self._check_stream(moment)

    def placed(self, known: KnownExport) -> Pair:
        """The pair, with the time from which on changes are needed: before the export's moment."""
        moment = self._moment(known)
        since = None if moment is None else moment - self.given.margin_seconds
        return replace(self._pair, since=since)

    def _moment(self, known: KnownExport) -> float | None:
        exports = self._pair.exports
        return exports[-1].summary.moments.end if exports else known.moment

    async def _check_stream(self, moment: float) -> None:
        """Raise `UsageError` unless the stream has all changes since this moment."""
        margin = self.given.margin_seconds
        own = self.given.export_time is not None
        began, hint = await self.stream_began(), _NO_MOMENT if own else _LATER
        if began is None:
            raise UsageError(
                f"changes would be missing: the export is of {iso(moment)}, and the table has no "
                "stream yet that would hold what was written since",
                hint,
            )
        oldest = max(began, self.now - KEPT_SECONDS)
        if moment - margin < oldest:
            raise UsageError(
                f"changes would be missing: the export is of {iso(moment)}, and the stream holds "
                f"what was written since {iso(round(oldest))}; it must begin {margin:g} s before "
                "(source.export.marginSeconds)",
                hint,
            )

    @property
    def now(self) -> float:
        """The time by the clock of the source, epoch seconds."""
        return time_of(self._pair.live)

    async def stream_began(self) -> float | None:
        """When the table's stream was made, by the clock of the source (epoch seconds); None
        without one. Raises `MigrateError`."""
        stream, streams = await find_stream(self._pair.live.table), self._pair.streams
        if stream is None or streams is None:
            return None
        client = DynamoDBClient(streams, Retry(self._settings.retry_budget_seconds))
        created = (await client.describe_stream(stream.arn, limit=1)).created
        if created is None:
            raise UsageError(
                f"since when the stream {stream.arn} holds changes is not told",
                "Exports to S3 are made by AWS, whose streams tell it: leave source.export out.",
            )
        return created

    async def ask(self, token: str) -> MadeExport:
        """Ask for the export, or for the one that was asked for with the same token. Raises
        `UsageError` where that is refused, `MigrateError`."""
        return await self._calls.ask(self._request(token))

    async def describe(self, arn: str) -> MadeExport:
        """An export as it stands now. Raises `MigrateError`."""
        return await self._calls.describe(arn)

    def _request(self, token: str) -> Mapping[str, Any]:
        given = self.given
        found = {
            "TableArn": self._pair.inspection.source.arn,
            "ClientToken": token,
            "ExportFormat": given.format,
            "ExportTime": given.export_time,
            "S3Bucket": given.bucket,
            "S3BucketOwner": given.bucket_owner,
            "S3Prefix": given.prefix and given.prefix.strip("/"),
            "S3SseAlgorithm": "KMS" if given.kms_key_id else None,
            "S3SseKmsKeyId": given.kms_key_id,
        }
        return {name: value for name, value in found.items() if value is not None}


def failure_text(made: MadeExport) -> str:
    """What AWS says of an export that failed."""
    return f"the export {made.arn} has failed: {made.failure or 'AWS does not say why'}"


@asynccontextmanager
async def reading_export(settings: Settings, pair: Pair, state: ExportState) -> AsyncIterator[Pair]:
    """The pair whose source is read from exports that are there. Raises `UsageError` where they
    cannot be read, are not of the table, or are not those that a savepoint speaks of."""
    given = settings.source.export
    assert given and pair.exported  # noqa: S101 # as in `TableExport`
    patience, found = settings.retry_budget_seconds, pair.inspection
    side, reading = settings.source.bucket_side, given.reading(state.manifests)
    opening = open_export(
        side, reading, pair.concurrency.readers, patience, section="source.export"
    )
    async with opening as opened:
        for export in opened.exports:
            _check_table(export, found.source)
        check_full(opened.exports, _OF_TABLE)
        if state.digest not in ("", identity(opened.exports)):
            raise UsageError(
                f"{opened.address}: its manifests list other data files than before",
                "Exports never change: who wrote there? Begin anew with --fresh.",
            )
        items = sum(export.items for export in opened.exports)
        size = sum(export.summary.size for export in opened.exports) or found.source.size
        end = opened.exports[-1].summary.moments.end
        yield replace(
            pair,
            source=replace(opened, remarks=pair.source.remarks, skew=pair.source.skew),
            since=None if end is None else end - given.margin_seconds,
            exports=opened.exports,
            inspection=replace(
                found,
                source=replace(found.source, items=items, size=size),
                segments=choose_segments(0, 1, opened.segments),
                barriers=opened.barriers,
            ),
        )


def check_comparable(pair: Pair) -> None:
    """Raise `UsageError` where a comparison with exports could not be: they are no whole table."""
    if pair.exported is None and pair.exports:
        check_full(pair.exports, OF_EXPORTS)


def check_changes(pair: Pair, *, into_existing: bool) -> None:
    """Raise `UsageError` for exports of changes that are not to go over what they are based on."""
    if isinstance(pair.source, ExportSide) and pair.exports:
        is_over_it = into_existing and pair.inspection.existing is not None
        if not is_over_it:
            check_base(pair.exports, reverted=pair.source.reverted)


def copied_before(pair: Pair, segments: int) -> Pair:
    """The pair where the copy of exports is over, which had so many segments."""
    found = replace(pair.inspection, segments=choose_segments(0, 1, segments))
    return replace(pair, inspection=found)


def begun(state: ExportState, pair: Pair) -> ExportState:
    """The state of exports whose copy begins now."""
    return replace(state, digest=identity(pair.exports))


def _check_table(export: Export, table: TableState) -> None:
    """Raise `UsageError` for the export of another table."""
    summary = export.summary
    others = [
        f"{said}, not {own}"
        for said, own in ((summary.table_id, table.id), (summary.table_arn, table.arn))
        if said and own and said != own
    ]
    if others:
        raise UsageError(
            f"{export.name} is an export of another table, or of one that was made anew since: "
            f"{others[0]}",
            "Name an export of the source table.",
        )


def _check_moment(moment: float, recovery: Recovery, now: float) -> None:
    """Raise `UsageError` for a moment that the table cannot be exported of."""
    if (recovery.earliest or 0.0) <= moment <= now:
        return
    window = f"since {iso(round(recovery.earliest))}" if recovery.earliest else "until now"
    raise UsageError(
        f"source.export.exportTime is {iso(moment)}, and the table can be exported {window}",
        "Choose a moment in between, or leave it out: the table is exported as it is now.",
    )
