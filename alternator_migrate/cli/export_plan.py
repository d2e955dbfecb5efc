"""The lines of `plan` about the export that a live table is copied from."""

from collections.abc import Iterator

from alternator_migrate.config import Settings, TableExportSettings
from alternator_migrate.connectors import (
    ExportSide,
    KnownExport,
    Pair,
    bucket_rights,
    export_rights,
    iso,
)


def export_lines(settings: Settings, pair: Pair, known: KnownExport | None) -> Iterator[str]:
    """Which export is copied, and what that needs; nothing for a table that is scanned."""
    given = settings.source.export
    if given is None or pair.exported is None:
        return
    if isinstance(pair.source, ExportSide) and pair.exports:
        yield f"export  {pair.source.address}"
    elif known is None:
        yield "export  is copied: it is not read any more"
    elif known.state.arn:
        yield f"export  is waited for: {known.state.arn}"
    else:
        yield f"export  will be asked for, into {_place(given)}"
        yield from _asked(settings, given, known)


def _place(given: TableExportSettings) -> str:
    place = "/".join(filter(None, (given.bucket, (given.prefix or "").strip("/"))))
    return f"s3://{place} ({given.format})"


def _asked(settings: Settings, given: TableExportSettings, known: KnownExport) -> Iterator[str]:
    """What a new export is of, and the rights that it takes."""
    when = f"as of {iso(known.moment)}" if known.moment else "as it is then"
    if not known.moment and settings.target.stream_changes:
        when = f"as it is when the stream is {given.margin_seconds:g} s old"
    recovery = known.recovery
    window = ""
    if recovery and recovery.is_on:
        since = f" since {iso(round(recovery.earliest))}" if recovery.earliest else ""
        window = f"; point-in-time recovery is on{since}"
    yield f"        {when}{window}"
    calls = ", ".join(f"dynamodb:{call}" for call in export_rights())
    objects = ", ".join(f"s3:{call}" for call in bucket_rights())
    yield f"        needs {calls}"
    yield f"        and on the bucket {objects} (all rights: `alternator-migrate permissions`)"
