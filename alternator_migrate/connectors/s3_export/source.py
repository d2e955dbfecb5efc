"""Exports as a source of items: a segment is a data file."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from alternator_migrate.connectors.s3_export.data_file import FileReading, Place
from alternator_migrate.connectors.s3_export.manifest import DataFile, Summary
from alternator_migrate.connectors.s3_export.objects import Objects
from alternator_migrate.connectors.s3_export.records import json_items
from alternator_migrate.core.model import Item, Page, Position, Segment


@dataclass(frozen=True, slots=True)
class Export:
    """One export: `name` is where its summary is, `bucket` None for files of this machine, `files`
    its data files that have items."""

    name: str
    bucket: str | None
    summary: Summary
    files: tuple[DataFile, ...]

    @property
    def items(self) -> int:
        """The number of its records, as far as its manifest counts them."""
        return sum(file.items or 0 for file in self.files)


class ExportSource:
    """Pages of the data files of `exports`, which are numbered through in their order.

    Items that are not `wanted` count as never read, those that have expired as skipped.
    """

    def __init__(
        self,
        exports: Sequence[Export],
        objects: Callable[[str | None], Objects],
        *,
        wanted: Callable[[Item], bool] | None = None,
        is_expired: Callable[[Item], bool] | None = None,
    ) -> None:
        self._files = [(export, file) for export in exports for file in export.files]
        self._objects = objects
        self._wanted, self._is_expired = wanted, is_expired

    async def pages(
        self, segment: Segment, position: Position | None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a data file from `position` on. Raises `MigrateError`."""
        if segment.index >= len(self._files):  # the one segment of an export without items
            yield Page((), 0, None, 0)
            return
        export, file = self._files[segment.index]
        objects = self._objects(export.bucket)
        reading = FileReading(objects, file, json_items, Place.at(position))
        async with aclosing(reading.pages()) as pages:
            async for page in pages:
                yield self._chosen(page)

    def _chosen(self, page: Page) -> Page:
        if self._wanted:
            matching = [item for item in page.items if self._wanted(item)]
            page = replace(page, items=matching, read=len(matching))
        if self._is_expired:
            kept = [item for item in page.items if not self._is_expired(item)]
            page = replace(page, items=kept, skipped=len(page.items) - len(kept))
        return page
