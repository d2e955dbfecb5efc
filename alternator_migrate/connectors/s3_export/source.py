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


@dataclass(frozen=True, slots=True)
class ItemRules:
    """What becomes of records on their way, in this order: those that are not `wanted` do not
    count, those that have expired are skipped, and `shape` makes of items and of keys what the
    target is to have."""

    wanted: Callable[[Item], bool] | None = None
    is_expired: Callable[[Item], bool] | None = None
    shape: Callable[[Sequence[Item]], Sequence[Item]] | None = None

    def page(self, items: Sequence[Item], size: int, position: Position | None) -> Page:
        """The page of some items."""
        if self.wanted:
            items = [item for item in items if self.wanted(item)]
        read = len(items)
        if self.is_expired:
            items = [item for item in items if not self.is_expired(item)]
        skipped = read - len(items)
        if self.shape:
            items = self.shape(items)
        return Page(items, size, position, read, skipped)

    def request(self, change: Change) -> Item:
        """A change as a WriteRequest: what is not wanted any more, or has expired, is deleted."""
        image = change.image
        if image is not None and self._stays(image):
            (item,) = self.shape([image]) if self.shape else (image,)
            return wire.put(item)
        (key,) = self.shape([change.key]) if self.shape else (change.key,)
        return wire.deletion(bytes(key))

    def _stays(self, item: Item) -> bool:
        if self.wanted and not self.wanted(item):
            return False
        return not (self.is_expired and self.is_expired(item))


class ExportSource:
    """Pages of the data files of `exports`, which are numbered through in their order: items of a
    full export, WriteRequests of an incremental one."""

    def __init__(
        self,
        exports: Sequence[Export],
        objects: Callable[[str | None], Objects],
        rules: ItemRules,
    ) -> None:
        self._files = [(export, file) for export in exports for file in export.files]
        self._objects, self._rules = objects, rules

    async def pages(
        self, segment: Segment, position: Position | None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a data file from `position` on. Raises `MigrateError`."""
        if segment.index >= len(self._files):  # the one segment of an export without items
            yield Page((), 0, None, 0)
            return
        export, file = self._files[segment.index]
        if export.summary.incremental:
            changes = changes_of(export, file, self._objects, position)
            async with aclosing(changes.blocks()) as change_blocks:
                async for change_block in change_blocks:
                    yield self._page_of_changes(change_block)
            return
        items = items_of(export, file, self._objects, position)
        async with aclosing(items.blocks()) as blocks:
            async for block in blocks:
                yield self._rules.page(block.records, block.size, block.position)

    def _page_of_changes(self, block: Block[Change]) -> Page:
        requests = [self._rules.request(change) for change in block.records]
        return Page(requests, block.size, block.position, len(requests), requests=True)


def items_of(
    export: Export,
    file: DataFile,
    objects: Callable[[str | None], Objects],
    position: Position | None = None,
) -> FileReading[Item]:
    """The reading of a data file of a full export."""
    cut = _ITEMS[export.summary.format]
    return FileReading(objects(export.bucket), file, cut, Place.at(position))


def changes_of(
    export: Export,
    file: DataFile,
    objects: Callable[[str | None], Objects],
    position: Position | None = None,
) -> FileReading[Change]:
    """The reading of a data file of an incremental export."""
    cut = _CHANGES[export.summary.format]
    return FileReading(objects(export.bucket), file, cut, Place.at(position))


_ITEMS: Final[Mapping[Format, Records[Item]]] = {"DYNAMODB_JSON": json_items, "ION": ion_items}
_CHANGES: Final[Mapping[Format, Records[Change]]] = {
    "DYNAMODB_JSON": json_changes,
    "ION": ion_changes,
}
