"""Tries on some items what becomes of them; nothing is written."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from alternator_migrate.connectors.transform.printed import printing_dropped
from alternator_migrate.connectors.transform.shaping import COLLISION, Shaping
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb.items import key_of, lacks
from alternator_migrate.dynamodb.values import canonical_key

_PASSES: Final = 5
_PATIENCE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one source item: `results`, or why it was `refused`."""

    item: Item
    results: Sequence[Item] = ()
    refused: str = ""

    @property
    def is_unchanged(self) -> bool:
        """Whether it goes as it is."""
        return len(self.results) == 1 and bytes(self.results[0]) == bytes(self.item)

    @property
    def is_dropped(self) -> bool:
        """Whether nothing becomes of it."""
        return not (self.results or self.refused)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What became of some source items, and the seconds that one took."""

    tried: Sequence[Tried]
    seconds: float

    @property
    def made(self) -> int:
        """The number of items for the target."""
        return sum(len(each.results) for each in self.tried)

    @property
    def dropped(self) -> int:
        """The number of source items of which nothing becomes."""
        return sum(each.is_dropped for each in self.tried)

    @property
    def refused(self) -> Sequence[Tried]:
        """The source items that the function refuses."""
        return [each for each in self.tried if each.refused]

    def moved(self, source: Sequence[str], target: Sequence[str]) -> Sequence[tuple[bytes, bytes]]:
        """The keys of source items, and of what became of each where that is another one; the
        names of key attributes are given in the same order."""
        found = []
        for each in self.tried:
            before = key_of(each.item, source)
            for result in each.results:
                after = key_of(result, target)
                if _values(before, source) != _values(after, target):
                    found.append((before, after))
        return found


def rehearse(shaping: Shaping, items: Sequence[Item], keys: Sequence[str]) -> Rehearsal:
    """Try what becomes of these items on a target whose key attributes are `keys`. Raises
    `UsageError` where the function makes something else of one each time, or gives it a key that it
    may not have."""
    try:
        tried = [*_apart(shaping, items, keys)]
        seconds = _seconds(shaping, items)
    except MigrateError as error:
        raise UsageError(error.args[0], error.hint) from error
    return Rehearsal(tried, seconds / max(len(items), 1))


def _apart(shaping: Shaping, items: Sequence[Item], keys: Sequence[str]) -> Iterator[Tried]:
    """What becomes of each; one that gives a key that another gave before is refused, as it is in a
    page."""
    seen: set[bytes] = set()
    for item in items:
        tried = _tried(shaping, item)
        own = {canonical_key(each, keys) for each in tried.results if not lacks(each, keys)}
        if shaping.transform and own & seen:
            tried = Tried(item, refused=f"{shaping.transform.functions.name}: {COLLISION}")
        yield tried
        seen |= own


def _seconds(shaping: Shaping, items: Sequence[Item]) -> float:
    """What the items take at best, as nothing else should hold a function up: without the calls
    that only check what it says."""
    began, found = time.perf_counter(), list[float]()
    while len(found) < _PASSES and time.perf_counter() - began < _PATIENCE:
        spent, start = _spent(shaping), time.perf_counter()
        with printing_dropped():  # what it prints was told when it was tried
            for item in items:
                _tried(shaping, item)
        whole, called = time.perf_counter() - start, _spent(shaping) - spent
        found.append(called if shaping.transform else whole)
    return min(found)


def _spent(shaping: Shaping) -> float:
    return shaping.transform.spent if shaping.transform else 0.0


def _tried(shaping: Shaping, item: Item) -> Tried:
    if shaping.transform is None:
        return Tried(item, [shaping.reshape(item)])
    made = shaping.made_of(item)
    if made.reject:
        return Tried(item, refused=made.reject.message)
    if any(each.moved for each in made.items):
        shaping.check_may_move()
    return Tried(item, [shaping.renamed(each.item) for each in made.items])


def _values(key: bytes, names: Sequence[str]) -> list[bytes]:
    return [key_of(key, (name,)).partition(b":")[2] for name in names]
