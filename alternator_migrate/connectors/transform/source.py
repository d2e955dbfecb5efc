"""A source whose pages hold the items as the target is to have them; pages of requests, which an
export makes of its changes, do so already."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from alternator_migrate.connectors.transform.shaping import Shaped, Shaping, without_collisions
from alternator_migrate.core.model import Page, Position, Segment
from alternator_migrate.core.ports import Source
from alternator_migrate.core.retry import Turn

# A user's function holds the event loop up; others have their turn after so many calls.
_AT_ONCE: Final = 64


def shaped(source: Source, shaping: Shaping | None, keys: Sequence[str]) -> Source:
    """A source whose pages have the items as the target is to have them, whose `keys` these are."""
    if shaping is None:
        return source
    if shaping.transform is None:
        return _ReshapedSource(source, shaping)
    return _TransformedSource(source, shaping, keys)


class _ReshapedSource:
    """Pages of a source, with attributes left out and renamed."""

    def __init__(self, source: Source, shaping: Shaping) -> None:
        self._source, self._reshape = source, shaping.quickest
        self._renames = shaping.rename is not None

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a segment from `position` on. Raises `MigrateError`."""
        async with aclosing(self._source.pages(segment, position, turn)) as pages:
            async for page in pages:
                yield page if page.requests else self._reshaped(page)

    def _reshaped(self, page: Page) -> Page:
        place = None if self._renames else page.position_of
        return replace(page, items=[*map(self._reshape, page.items)], position_of=place)


class _TransformedSource:
    """Pages of a source, with what a function made of their items."""

    def __init__(self, source: Source, shaping: Shaping, keys: Sequence[str]) -> None:
        self._source, self._shaping, self._keys = source, shaping, keys

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a segment from `position` on. Raises `MigrateError`."""
        async with aclosing(self._source.pages(segment, position, turn)) as pages:
            async for page in pages:
                yield page if page.requests else await self._transformed(page)

    async def _transformed(self, page: Page) -> Page:
        shaped, items = Shaped(), page.items
        for first in range(0, len(items), _AT_ONCE):
            self._shaping.shape(items[first : first + _AT_ONCE], shaped, first)
            await asyncio.sleep(0)
        if shaped.moved:
            shaped = without_collisions(self._shaping, shaped, items, self._keys)
        return replace(shaped.in_page(page), position_of=None)
