"""Shapes items on their way: attributes left out, renames; for pages, look-ups and changes alike.

The order: the source's filter and the rule of expired items come before, in the source's names;
then attributes are left out, then the others renamed.
"""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from alternator_migrate.config import Settings
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.model import Item, Page, Position, Segment
from alternator_migrate.core.ports import Source
from alternator_migrate.core.retry import Turn
from alternator_migrate.dynamodb.attribute_names import is_glob, left_out
from alternator_migrate.dynamodb.items import Reshape, renamer, without


@dataclass(frozen=True, slots=True)
class Shaping:
    """What becomes of every item of a source."""

    reshape: Reshape

    def items(self, items: Sequence[Item]) -> Sequence[Item]:
        """Items of the source as the target is to have them. Raises `MigrateError` for one in
        which two attributes would get the same name."""
        try:
            return [*map(self.reshape, items)]
        except ValueError as error:
            raise MigrateError(
                str(error), "Change `renames` so that both attributes of such items keep a name."
            ) from error


def shaping_of(settings: Settings, keys: Collection[str]) -> Shaping | None:
    """The shaping that settings ask for, of a source with these key attributes; None where items
    go as they are."""
    renames = {rename.from_: rename.to for rename in settings.renames}
    attributes = settings.source.attributes
    steps: list[Reshape] = []
    if attributes and (attributes.drop or attributes.keep):
        steps.append(without(left_out(attributes.drop, attributes.keep, frozenset(keys))))
    if renames:
        steps.append(renamer(renames))
    if len(steps) == 2:
        return Shaping(lambda item: steps[1](steps[0](item)))
    return Shaping(steps[0]) if steps else None


def check_attributes(settings: Settings, keys: Collection[str]) -> None:
    """Raise `UsageError` where a key attribute is to be left out by its name; globs pass keys
    over."""
    attributes = settings.source.attributes
    drop = attributes.drop if attributes else ()
    named = [name for name in drop if name in keys and not is_glob(name)]
    if named:
        raise UsageError(
            f"source.attributes.drop names {named[0]!r}, a key attribute of the source",
            "Keys cannot be left out: take it off the list.",
        )


def shaped(source: Source, shaping: Shaping | None) -> Source:
    """A source whose pages have the items as the target is to have them."""
    return _ShapedSource(source, shaping) if shaping else source


class _ShapedSource:
    """Pages of a source, with their items shaped."""

    def __init__(self, source: Source, shaping: Shaping) -> None:
        self._source, self._shaping = source, shaping

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a segment from `position` on. Raises `MigrateError`."""
        async with aclosing(self._source.pages(segment, position, turn)) as pages:
            async for page in pages:
                yield replace(page, items=self._shaping.items(page.items))
