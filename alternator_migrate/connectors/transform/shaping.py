"""Shapes items on their way: attributes left out, the user's function, renames; for pages, look-ups
and changes alike.

The order: the source's filter and the rule of expired items come before, in the source's names;
then attributes are left out, the function is called, and what it made is renamed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from alternator_migrate.config import Settings
from alternator_migrate.connectors.transform.function import (
    REASON,
    Made,
    Transform,
    UserFunctions,
)
from alternator_migrate.core.calls import CallFigures
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.model import Item, Page, Reject
from alternator_migrate.dynamodb.attribute_names import is_glob, left_out
from alternator_migrate.dynamodb.items import key_of
from alternator_migrate.dynamodb.reshaping import Reshaper
from alternator_migrate.dynamodb.table_schema import TableSpec
from alternator_migrate.dynamodb.values import canonical_key

MOVED: Final = (
    "Define `transform_key(key)` beside it: it gets the key of a source item and returns the key, "
    "or keys, that this has on the target, so that deletions reach it. Where other attributes "
    "decide the key, the source's stream must have the view type NEW_AND_OLD_IMAGES instead."
)
COLLISION: Final = "it gives the key of another item of its page: one of the two would be lost"


@dataclass(slots=True)
class Shaped:
    """What became of some source items: `items`, and for each the number of the item that it was
    made of; how many items were `dropped`, and those that were refused."""

    items: list[Item] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    dropped: int = 0
    rejects: list[Reject] = field(default_factory=list)
    moved: bool = False

    def in_page(self, page: Page) -> Page:
        """The page with these in the place of its items."""
        rejects = tuple(self.rejects)
        made = replace(page, items=self.items, dropped=self.dropped, rejects=rejects)
        return replace(made, origins=self.origins) if len(made.items) != made.sources else made


@dataclass(frozen=True, slots=True)
class Shaping:
    """What becomes of every item of a source: `reshape` makes it where there is no `transform`;
    with one, what is left out by `leave_out`, where that is asked for, goes before, and `rename`
    comes after. Where an item may not move to another key, as no deletion that is followed would
    reach it there, that ends the run."""

    reshape: Reshaper
    leave_out: Reshaper | None = None
    rename: Reshaper | None = None
    transform: Transform | None = None
    may_move: bool = True

    @property
    def calls(self) -> CallFigures:
        """What is known of the function's calls by now."""
        return self.transform.calls if self.transform else CallFigures()

    def renamed(self, item: Item) -> Item:
        """What the function made, with the target's names. Raises `MigrateError`."""
        return self.rename(item) if self.rename else item

    def results(self, item: Item) -> Sequence[Item]:
        """What becomes of one source item. Raises `MigrateError` where the function refuses it."""
        if self.transform is None:
            return [self.reshape(item)]
        made = self.made_of(item)
        if made.reject:
            raise MigrateError(made.reject.message)
        return [self.renamed(each.item) for each in made.items]

    def made_of(
        self,
        item: Item,
        phase: Literal["copy", "change"] = "copy",
        kind: Literal["put", "delete"] = "put",
    ) -> Made:
        """What the function makes of a source item, in the source's names."""
        transform = self.transform
        assert transform  # noqa: S101 # called where there is one
        return self._named(transform.of(self._kept(item), transform.meta(phase, kind)))

    def shape(self, items: Sequence[Item], shaped: Shaped, first: int) -> None:
        """Add what becomes of some items, which are numbered from `first` on, to `shaped`. Raises
        `MigrateError`."""
        transform = self.transform
        assert transform  # noqa: S101 # called where there is one
        meta = transform.meta("copy", "put")
        for number, item in enumerate(items, first):
            made = self._named(transform.of(self._kept(item), meta))
            if made.reject:
                shaped.rejects.append(made.reject)
            elif not made.items:
                shaped.dropped += 1
            for each in made.items:
                shaped.moved |= each.moved
                shaped.items.append(self.renamed(each.item))
                shaped.origins.append(number)
        if shaped.moved:
            self.check_may_move()

    def check_may_move(self) -> None:
        """Raise `MigrateError` where no item may move to another key."""
        if self.transform and not self.may_move:
            raise MigrateError(
                f"transform {self.transform.functions.name} gives items other keys, and deletions "
                "that are followed would not reach these",
                MOVED,
            )

    def refused(self, item: Item, why: str) -> Reject:
        """A refusal of a source item that the function took."""
        transform = self.transform
        assert transform  # noqa: S101 # called where there is one
        words = f"{transform.functions.name}: {why}"
        key = self.renamed(key_of(item, tuple(transform.keys)))
        return Reject(bytes(item), REASON, words, source=True, key=bytes(key))

    def _named(self, made: Made) -> Made:
        """The same; a refusal with its key in the target's names."""
        reject = made.reject
        if reject is None:
            return made
        return replace(made, reject=replace(reject, key=bytes(self.renamed(reject.key))))

    def _kept(self, item: Item) -> Item:
        return self.leave_out(item) if self.leave_out else item


def without_collisions(
    shaping: Shaping, shaped: Shaped, sources: Sequence[Item], keys: Sequence[str]
) -> Shaped:
    """The same without source items that gave a key which another of the page gave before: they are
    refused. `keys` are the target's."""
    seen: dict[bytes, int] = {}
    refused: set[int] = set()
    for item, origin in zip(shaped.items, shaped.origins, strict=True):
        if seen.setdefault(canonical_key(item, keys), origin) != origin:
            refused.add(origin)
    if not refused:
        return shaped
    pairs = zip(shaped.items, shaped.origins, strict=True)
    left = [(item, origin) for item, origin in pairs if origin not in refused]
    rejects = [shaping.refused(sources[origin], COLLISION) for origin in sorted(refused)]
    return Shaped(
        [item for item, _ in left],
        [origin for _, origin in left],
        shaped.dropped,
        [*shaped.rejects, *rejects],
        moved=True,
    )


def shaping_of(
    settings: Settings,
    table: TableSpec,
    functions: UserFunctions | None = None,
    *,
    target: TableSpec | None = None,
    old_images: bool = False,
) -> Shaping | None:
    """The shaping that settings ask for, of a source table, of whose stream the `old_images` are
    known or not, for a `target` (None: one with the same key); None where items go as they are."""
    renames = {rename.from_: rename.to for rename in settings.renames}
    attributes = settings.source.attributes
    is_left_out = None
    if attributes and (attributes.drop or attributes.keep):
        is_left_out = left_out(attributes.drop, attributes.keep, frozenset(table.key_names))
    if not (renames or is_left_out or functions):
        return None
    transform = None
    if functions:
        back = {new: old for old, new in renames.items()}
        there = _keys(target, back) if target else {}
        transform = Transform(functions, table.name, _keys(table, {}), there)
    reached = bool(functions and functions.transform_key) or old_images
    may_move = reached or not settings.target.stream_changes
    return Shaping(
        Reshaper(is_left_out, renames),
        Reshaper(is_left_out) if is_left_out else None,
        Reshaper(None, renames) if renames else None,
        transform,
        may_move,
    )


def _keys(table: TableSpec, names: Mapping[str, str]) -> Mapping[str, str]:
    """The key attributes of a table, under the `names` that theirs are mapped to, with their
    types."""
    return {names.get(name, name): table.attributes[name] for name in table.key_names}


def check_attributes(settings: Settings, table: TableSpec) -> None:
    """Raise `UsageError` where a key attribute is to be left out by its name; globs pass keys
    over."""
    attributes = settings.source.attributes
    drop = attributes.drop if attributes else ()
    named = [name for name in drop if name in table.key_names and not is_glob(name)]
    if named:
        raise UsageError(
            f"source.attributes.drop names {named[0]!r}, a key attribute of the source",
            "Keys cannot be left out: take it off the list.",
        )
