"""Compares items of both sides, and looks up what one side lacks."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence

from alternator_migrate.core.model import Difference, DifferenceKind, Item
from alternator_migrate.core.ports import Lookup
from alternator_migrate.dynamodb.values import canonical_key
from alternator_migrate.validate.equality import Equality

Expired = Callable[[Item, float], bool]
"""Whether an item counts as expired at a time (epoch seconds)."""


class ItemComparer:
    """Compares items that bear the target's names.

    Expired items may be absent on either side. With `skipping`, nothing else is asked of an item
    that is expired on the source, as the copy leaves such items out.
    """

    def __init__(
        self,
        equality: Equality,
        key_names: Sequence[str],
        *,
        expired: Expired | None = None,
        skipping: bool = True,
    ) -> None:
        self.key_names = tuple(key_names)
        self._equality = equality
        self._expired = expired
        self._skipping = skipping

    def identity(self, item: Item) -> bytes:
        """The canonical key of an item."""
        return canonical_key(item, self.key_names)

    def differ(self, source: Item | None, target: Item | None, now: float) -> DifferenceKind | None:
        """The difference of two items of one key at `now` (epoch seconds); None as an item is an
        absent one, None as the result says that nothing is wrong."""
        if source is None:
            return None if target is None or self._may_be_absent(target, now) else "extra"
        if target is None:
            return None if self._may_be_absent(source, now) else "missing"
        if self._equality.same(source, target):
            return None
        if self._skipping and self._may_be_absent(source, now):
            return None
        return "different"

    def differing(self, source: Item, target: Item) -> tuple[str, ...]:
        """The names of the attributes that differ."""
        return self._equality.differing(source, target)

    def _may_be_absent(self, item: Item, now: float) -> bool:
        return self._expired is not None and self._expired(item, now)


class PairLookup:
    """Both sides by key, strongly consistent; what expires until then may be absent. Where `source`
    has only what a filter lets through, `unfiltered` tells which keys the source has."""

    def __init__(
        self,
        source: Lookup,
        target: Lookup,
        comparer: ItemComparer,
        clock: Callable[[], float] = time.time,
        unfiltered: Lookup | None = None,
    ) -> None:
        self._source, self._target, self._comparer, self._clock = source, target, comparer, clock
        self._unfiltered = unfiltered

    async def at(self, keys: Sequence[bytes], written: Collection[bytes] = ()) -> list[Difference]:
        """The differences there are now at `keys`, JSON objects that no two items share. Of an item
        that the filter leaves out nothing is asked, unless its key is among those just `written`.

        Raises an exception group.
        """
        async with asyncio.TaskGroup() as group:
            reading = [group.create_task(side.get(keys)) for side in (self._source, self._target)]
        sources, targets = (
            {self._comparer.identity(item): item for item in task.result()} for task in reading
        )
        now = self._clock()
        findings = []
        for key in keys:
            identity = self._comparer.identity(key)
            source, target = sources.get(identity), targets.get(identity)
            kind = self._comparer.differ(source, target, now)
            if kind is None:
                continue
            names = self._comparer.differing(source, target) if source and target else ()
            findings.append(Difference(kind, key, names, source, target))
        return await self._without_left_out(findings, written)

    async def _without_left_out(
        self, findings: list[Difference], written: Collection[bytes]
    ) -> list[Difference]:
        """The findings without items that only seem to be extra, as the filter leaves them out."""
        doubtful = [each.key for each in findings if each.kind == "extra"]
        doubtful = [key for key in doubtful if key not in written]
        if self._unfiltered is None or not doubtful:
            return findings
        identity = self._comparer.identity
        there = {identity(item) for item in await self._unfiltered.get(doubtful)}
        left_out = {key for key in doubtful if identity(key) in there}
        return [each for each in findings if each.key not in left_out]
