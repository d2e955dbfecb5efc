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
from alternator_migrate.dynamodb.reshaping import Reshaper

# A user's function holds the event loop up; others have their turn after so many calls.
_AT_ONCE: Final = 64


def shaped(source: Source, shaping: Shaping | None, keys: Sequence[str]) -> Source:
    """A source whose pages have the items as the target is to have them, whose `keys` these are."""
    if shaping and shaping.transform is None:
        return _ReshapedSource(source, shaping.reshape)
    return transformed(source, shaping, keys)


def transformed(source: Source, shaping: Shaping | None, keys: Sequence[str]) -> Source:
    """The same of a source that does by itself what `reshaper_of` tells."""
    if shaping and shaping.transform:
        return _TransformedSource(source, shaping, keys)
    return source


def reshaper_of(shaping: Shaping | None) -> Reshaper | None:
    """What a table's scan can do by itself, while it cuts its pages: all, unless a function is
    called."""
    return shaping.reshape if shaping and shaping.transform is None else None


class _ReshapedSource:
    """Pages of an export, with attributes left out and renamed."""

    def __init__(self, source: Source, reshape: Reshaper) -> None:
        self._source, self._reshape = source, reshape

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a segment from `position` on. Raises `MigrateError`."""
        async with aclosing(self._source.pages(segment, position, turn)) as pages:
            async for page in pages:
                done = page.requests
                yield page if done else replace(page, items=self._reshape.each(page.items))


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
