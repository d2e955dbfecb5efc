"""An open side that is read from exports, opened from its settings."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import accumulate

from alternator_migrate.config import S3ExportSettings, SideSettings
from alternator_migrate.connectors.s3_export.bucket import Bucket, Calls
from alternator_migrate.connectors.s3_export.client import open_client
from alternator_migrate.connectors.s3_export.ion import check_library
from alternator_migrate.connectors.s3_export.objects import Files, Objects, ObjectsOf
from alternator_migrate.connectors.s3_export.reading import read_export
from alternator_migrate.connectors.s3_export.seeks import Seeks
from alternator_migrate.connectors.s3_export.source import Export
from alternator_migrate.connectors.s3_export.windows import check_order, check_revertible, iso
from alternator_migrate.core.requests import Requests, SideFigures
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb.dialect import DYNAMODB, Dialect


@dataclass(frozen=True, slots=True)
class ExportSide:
    """Exports as a source, none while they are waited for. `objects` gives their objects, read
    under a retry policy; the requests are counted in `requests`, and `seeks` has the time it takes
    to go on within files. They are undone where that is asked for (`reverted`). The rest is as a
    `Service` has it."""

    exports: tuple[Export, ...]
    objects: Callable[[Retry], ObjectsOf]
    requests: Requests = field(default_factory=Requests)
    seeks: Seeks = field(default_factory=Seeks)
    reverted: bool = False
    remarks: tuple[str, ...] = ()
    options: None = None
    own: bool = False
    filters: bool = False
    skew: float | None = None
    dialect: Dialect = DYNAMODB

    @property
    def segments(self) -> int:
        """The number of data files that have items; 1 where there are none, so that there is a
        segment; 0 before there is an export."""
        return max(sum(len(export.files) for export in self.exports), 1) if self.exports else 0

    @property
    def barriers(self) -> tuple[int, ...]:
        """The first segment of each export but the first."""
        counts = [len(export.files) for export in self.exports[:-1]]
        return tuple(accumulate(counts))

    async def check_readable(self) -> None:
        """Nothing: the manifests were read when it was opened."""

    async def watch(self) -> None:
        """Nothing: there are no nodes."""

    @property
    def address(self) -> str:
        """Where the exports are."""
        return ", ".join(export.name for export in self.exports)

    @property
    def figures(self) -> SideFigures:
        """The requests that were sent to S3 from here by now, and no nodes."""
        return SideFigures(self.requests.figures)

    @property
    def moment(self) -> str:
        """The moment that they are of, for a person."""
        moments = self.exports[-1].summary.moments
        end = moments.start if self.reverted else moments.end
        told = f"as of {iso(end)}" if end else "as of a moment that is not told"
        return f"to be undone, {told}" if self.reverted else told


def not_yet(remarks: tuple[str, ...], skew: float | None) -> ExportSide:
    """The side of a table whose export is not there yet; `remarks` and `skew` are the table's."""
    return ExportSide((), lambda _: lambda _: Files(), remarks=remarks, skew=skew)


@asynccontextmanager
async def open_export(
    source: SideSettings,
    given: S3ExportSettings,
    connections: int,
    patience: float,
    known: Sequence[Export] | None = None,
    section: str = "source",
) -> AsyncIterator[ExportSide]:
    """Open the exports of a source, whose manifests are read unless they are `known`. Requests
    are repeated for `patience` seconds. The `section` of the configuration says how S3 is reached.

    Raises `UsageError` for exports that cannot be read, `MigrateError` where that cannot be told.
    """
    requests = Requests()
    async with _opened(source, given, connections, patience, requests, section) as opened:
        exports, objects = known, opened(Retry(patience))
        if exports is None:
            exports = [
                await read_export(objects(place.bucket), place.bucket, place.key)
                for place in given.manifests
            ]
            check_order(exports)
            if given.revert:
                check_revertible(exports)
                exports.reverse()
        if any(export.summary.format == "ION" for export in exports):
            check_library()
        yield ExportSide(tuple(exports), opened, requests, reverted=given.revert)


@asynccontextmanager
async def _opened(
    source: SideSettings,
    given: S3ExportSettings,
    connections: int,
    patience: float,
    requests: Requests,
    section: str,
) -> AsyncIterator[Callable[[Retry], ObjectsOf]]:
    """Buckets and files; S3 is asked for nothing where all are files."""
    files = Files()
    if not any(place.bucket for place in given.manifests):
        yield lambda _: lambda _: files
        return
    asked = {"RequestPayer": "requester"} if given.request_payer else {}
    opening = open_client(
        section,
        source,
        connections,
        patience,
        signed=not given.unsigned,
        in_path=given.use_path_style_access,
    )
    async with opening as client:

        def opened(retry: Retry) -> ObjectsOf:
            calls = Calls(retry, requests, section=section)

            def objects(bucket: str | None) -> Objects:
                return Bucket(client, bucket, calls, asked) if bucket else files

            return objects

        yield opened
