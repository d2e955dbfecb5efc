"""Repair: the target is made like the source where the two differ."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final, Protocol

from alternator_migrate.core.batching import pack
from alternator_migrate.core.model import Batch, Difference, DifferenceKind, Item
from alternator_migrate.core.ports import Target
from alternator_migrate.validate.compare import PairLookup

_ATTEMPTS: Final = 3


class Changeable(Target, Protocol):
    """A target that can delete, too."""

    async def delete(self, keys: Sequence[bytes]) -> None:
        """Delete the items of `keys`, JSON objects. Raises `MigrateError`."""
        ...


class Repair:
    """Writes what is missing or different, and deletes what is extra, where that is of the `kinds`
    that it may repair. Both sides are read just before and just after: where the item was changed
    in between, that is done again."""

    def __init__(
        self, pair_lookup: PairLookup, target: Changeable, kinds: Collection[DifferenceKind]
    ) -> None:
        self._pair_lookup, self._target, self._kinds = pair_lookup, target, kinds

    async def repair(self, findings: Sequence[Difference]) -> Sequence[Difference]:
        """The same findings as they are now, `repaired` where that was done and both sides are
        equal; what came right by itself is left out. Raises `MigrateError`."""
        first = {difference.key: difference for difference in findings}
        touched: set[bytes] = set()
        refused: dict[bytes, str] = {}
        left = await self._left(first)
        for _ in range(_ATTEMPTS):
            todo = [each for each in left if each.kind in self._kinds and each.key not in refused]
            if not todo:
                break
            touched |= {each.key for each in todo}
            refused |= await self._put([each for each in todo if each.kind != "extra"])
            await self._target.delete([each.key for each in todo if each.kind == "extra"])
            left = await self._left(first, touched)
        wrong = {each.key for each in left}
        repaired = [replace(first[key], repaired=True) for key in first if key in touched - wrong]
        return [*repaired, *(replace(each, refused=refused.get(each.key, "")) for each in left)]

    async def _left(
        self, first: dict[bytes, Difference], touched: Collection[bytes] = ()
    ) -> list[Difference]:
        """The differences now, without an item that was extra and is on the source now; what was
        `touched` must not be there if it has left the filter meanwhile."""
        return [
            each
            for each in await self._pair_lookup.at([*first], touched)
            if each.kind == "extra" or first[each.key].kind != "extra"
        ]

    async def _put(self, findings: Sequence[Difference]) -> dict[bytes, str]:
        """Write the source's items; the keys of those that the target refuses, with its reason."""
        items: list[Item] = [each.source for each in findings if each.source is not None]
        keys = {
            self._target.key_of(item): each.key for item, each in zip(items, findings, strict=True)
        }
        refused = {}
        for run, size in pack(items, self._target.limits):
            for reject in await self._target.write(Batch(0, 0, run, size)):
                why = f"{reject.error}: {reject.message}"
                refused[keys[self._target.key_of(reject.item)]] = why
        return refused
