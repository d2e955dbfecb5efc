"""Exports as a source of items: a segment is a data file."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from alternator_migrate.connectors.s3_export.data_file import Block, FileReading, Place
from alternator_migrate.connectors.s3_export.ion import ion_changes, ion_items
from alternator_migrate.connectors.s3_export.manifest import DataFile, Format, Summary
from alternator_migrate.connectors.s3_export.objects import Objects
from alternator_migrate.connectors.s3_export.records import (
    Change,
    Records,
    json_changes,
    json_items,
)
from alternator_migrate.core.model import Item, Page, Position, Segment
from alternator_migrate.dynamodb import wire


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

    Items of a full export that are not `wanted` count as never read, those that have expired as
    skipped. Changes become WriteRequests: what is not wanted any more, or has expired, is deleted.
    `shape` makes of items and keys what the target is to have.
    """

    def __init__(
        self,
        exports: Sequence[Export],
        objects: Callable[[str | None], Objects],
        *,
        wanted: Callable[[Item], bool] | None = None,
        is_expired: Callable[[Item], bool] | None = None,
        shape: Callable[[Sequence[Item]], Sequence[Item]] | None = None,
    ) -> None:
        self._files = [(export, file) for export in exports for file in export.files]
        self._objects = objects
        self._wanted, self._is_expired, self._shape = wanted, is_expired, shape

    async def pages(
        self, segment: Segment, position: Position | None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a data file from `position` on. Raises `MigrateError`."""
        if segment.index >= len(self._files):  # the one segment of an export without items
            yield Page((), 0, None, 0)
            return
        export, file = self._files[segment.index]
        objects, start = self._objects(export.bucket), Place.at(position)
        if export.summary.incremental:
            changes = FileReading(objects, file, _CHANGES[export.summary.format], start)
            async with aclosing(changes.blocks()) as change_blocks:
                async for change_block in change_blocks:
                    yield self._page_of_changes(change_block)
            return
        items = FileReading(objects, file, _ITEMS[export.summary.format], start)
        async with aclosing(items.blocks()) as blocks:
            async for block in blocks:
                yield self._page_of_items(block)

    def _page_of_items(self, block: Block[Item]) -> Page:
        items, read = block.records, len(block.records)
        if self._wanted:
            items = [item for item in items if self._wanted(item)]
            read = len(items)
        if self._is_expired:
            items = [item for item in items if not self._is_expired(item)]
        skipped = read - len(items)
        if self._shape:
            items = self._shape(items)
        return Page(items, block.size, block.position, read, skipped)

    def _page_of_changes(self, block: Block[Change]) -> Page:
        requests = [self._request(change) for change in block.records]
        return Page(requests, block.size, block.position, len(requests), requests=True)

    def _request(self, change: Change) -> Item:
        image = change.image
        if image is not None and not self._stays(image):
            image = None
        if image is None:
            (key,) = self._shape([change.key]) if self._shape else (change.key,)
            return wire.deletion(bytes(key))
        (item,) = self._shape([image]) if self._shape else (image,)
        return wire.put(item)

    def _stays(self, item: Item) -> bool:
        if self._wanted and not self._wanted(item):
            return False
        return not (self._is_expired and self._is_expired(item))


_ITEMS: Final[Mapping[Format, Records[Item]]] = {"DYNAMODB_JSON": json_items, "ION": ion_items}
_CHANGES: Final[Mapping[Format, Records[Change]]] = {
    "DYNAMODB_JSON": json_changes,
    "ION": ion_changes,
}
