"""Exports as a source of items: a segment is a data file."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from alternator_migrate.connectors.s3_export.data_file import Block, FileReading, Place
from alternator_migrate.connectors.s3_export.ion import ion_changes, ion_items
from alternator_migrate.connectors.s3_export.manifest import DataFile, Format, Summary
from alternator_migrate.connectors.s3_export.objects import ObjectsOf
from alternator_migrate.connectors.s3_export.records import (
    Change,
    Records,
    json_changes,
    json_items,
)
from alternator_migrate.connectors.s3_export.seeks import Seeks
from alternator_migrate.connectors.transform import ChangeMaker, Shaping
from alternator_migrate.core.model import Item, Page, Position, Segment
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.retry import Turn
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
    """Which items are read: those that are not `wanted` do not count, those that have expired are
    skipped. `shaping` makes of changes what the target is to have."""

    wanted: Callable[[Item], bool] | None = None
    is_expired: Callable[[Item], bool] | None = None
    shaping: Shaping | None = None

    def page(self, items: Sequence[Item], size: int, position: Position | None) -> Page:
        """The page of some items, which are not shaped."""
        if self.wanted:
            items = [item for item in items if self.wanted(item)]
        read = len(items)
        if self.is_expired:
            items = [item for item in items if not self.is_expired(item)]
        return Page(items, size, position, read, read - len(items))

    def page_of_changes(self, block: Block[Change], *, old_images: bool) -> Page:
        """The page of some changes, as WriteRequests: what is not wanted any more, or has expired,
        is deleted."""
        read = len(block.records)
        if self.shaping and self.shaping.transform:
            judges = self.wanted, self.is_expired
            maker = ChangeMaker(self.shaping, *judges, old_images=old_images)
            shaped = maker.requests_of(block.records)
            page = Page(shaped.items, block.size, block.position, read, requests=True)
            return shaped.in_page(page)
        requests = [self._request(change) for change in block.records]
        return Page(requests, block.size, block.position, read, requests=True)

    def _request(self, change: Change) -> Item:
        image, reshape = change.image, self.shaping.reshape if self.shaping else bytes
        if image is not None and self._stays(image):
            return wire.put(reshape(image))
        return wire.deletion(bytes(reshape(change.key)))

    def _stays(self, item: Item) -> bool:
        if self.wanted and not self.wanted(item):
            return False
        return not (self.is_expired and self.is_expired(item))


class ExportSource:
    """Pages of the data files of `exports`, which are numbered through in their order: items of a
    full export, which are not shaped yet, WriteRequests of an incremental one. The `pace` holds
    them back where the run is held back; it counts nothing. `seeks` is told of places that are gone
    on from. Changes are undone where they are to be `reverted`."""

    def __init__(
        self,
        exports: Sequence[Export],
        objects: ObjectsOf,
        rules: ItemRules,
        pace: Pace | None = None,
        seeks: Seeks | None = None,
        *,
        reverted: bool = False,
    ) -> None:
        self._pace, self._seeks, self._reverted = pace or Pace(), seeks or Seeks(), reverted
        self._files = [(export, file) for export in exports for file in export.files]
        self._objects, self._rules = objects, rules

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a data file from `position` on. Raises `MigrateError`."""
        if segment.index >= len(self._files):  # the one segment of an export without items
            yield Page((), 0, None, 0)
            return
        pages = self._pages(*self._files[segment.index], position)
        seek = self._seeks.begin() if position else None
        try:
            async with aclosing(pages):
                async for page in pages:
                    self._seeks.found(seek)
                    await self._pace.take(0.0)
                    yield page
        finally:
            self._seeks.found(seek)

    async def _pages(
        self, export: Export, file: DataFile, position: Position | None
    ) -> AsyncGenerator[Page, None]:
        if export.summary.incremental:
            changes = changes_of(export, file, self._objects, position)
            old = export.summary.old_images
            async with aclosing(changes.blocks()) as change_blocks:
                async for found in change_blocks:
                    wanted = undone(found) if self._reverted else found
                    yield self._rules.page_of_changes(wanted, old_images=old)
            return
        items = items_of(export, file, self._objects, position)
        async with aclosing(items.blocks()) as blocks:
            async for block in blocks:
                yield self._rules.page(block.records, block.size, block.position)


def undone(block: Block[Change]) -> Block[Change]:
    """The changes that undo some others."""
    return replace(block, records=[Change(key, old, new) for key, new, old in block.records])


def items_of(
    export: Export,
    file: DataFile,
    objects: ObjectsOf,
    position: Position | None = None,
) -> FileReading[Item]:
    """The reading of a data file of a full export."""
    cut = _ITEMS[export.summary.format]
    return FileReading(objects(export.bucket), file, cut, Place.at(position))


def changes_of(
    export: Export,
    file: DataFile,
    objects: ObjectsOf,
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
