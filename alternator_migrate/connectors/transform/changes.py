"""Changes of a source whose items a function changes: a deletion has to reach what was made.

Which keys a source item may have on the target, `transform_key` says; else what the function makes
of the old image; else, where the stream has none, its own key, and the function may give no other.
Of these keys those that the new image does not give are deleted.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from alternator_migrate.connectors.transform.shaping import MOVED, Shaping
from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.model import Change, Item, Reject
from alternator_migrate.core.ports import RejectBook
from alternator_migrate.dynamodb.rebuilt import Rebuilt
from alternator_migrate.dynamodb.values import plain_key

_AT_ONCE: Final = 64


class _RefusedError(Exception):
    """The function refuses a change."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.message)
        self.reject = reject


class TransformedChanges:
    """Makes of a source's changes those of what its items become, keys in the source's names.

    An item that is not `wanted` is gone, as one that is dropped: it is deleted on the target. The
    stream has `old_images`, or not. What the function refuses goes to the `rejects`.
    """

    def __init__(
        self,
        shaping: Shaping,
        rejects: RejectBook,
        wanted: Callable[[Item], bool] | None,
        *,
        old_images: bool,
    ) -> None:
        assert shaping.transform  # noqa: S101 # called where there is one
        self._shaping, self._transform = shaping, shaping.transform
        self._rejects, self._wanted, self._old_images = rejects, wanted, old_images
        self._keys = tuple(self._transform.keys)

    async def __call__(self, changes: Sequence[Change]) -> tuple[Sequence[Change], ChangeCounts]:
        """The changes for the target, in order; of the source's, those that were dropped without a
        trace or refused are counted. Raises `MigrateError`."""
        made: list[Change] = []
        outcomes: dict[bytes, Reject | None] = {}
        dropped = refused = 0
        for number, change in enumerate(changes, 1):
            try:
                results = self._of(change)
            except _RefusedError as error:
                outcomes[change.key] = _of_change(error.reject, change)
                refused += 1
            else:
                outcomes[change.key] = None
                made += results
                dropped += not results
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        rejects = self._kept(outcomes)
        counts = ChangeCounts(
            read=dropped + refused,
            dropped=dropped,
            rejected=rejects,
            superseded=refused - rejects,
        )
        return made, counts

    def _kept(self, outcomes: Mapping[bytes, Reject | None]) -> int:
        """Keep the last refusal of each key, and settle those of keys that are taken now; how many
        are kept."""
        rejects = [each for each in outcomes.values() if each]
        taken = [key for key, each in outcomes.items() if each is None]
        self._rejects.taken([bytes(self._shaping.renamed(key)) for key in taken])
        if rejects:
            self._rejects.keep(rejects)
        return len(rejects)

    def _of(self, change: Change) -> Sequence[Change]:
        puts = self._puts(change)
        gone = [key for key in self._before(change, puts) if key not in puts]
        deletions = [replace(change, key=key, image=None, old=None) for key in gone]
        return [
            *deletions,
            *(replace(change, key=key, image=item, old=None) for key, item in puts.items()),
        ]

    def _puts(self, change: Change) -> dict[bytes, Item]:
        """What the new image becomes, by its keys."""
        image = change.image
        if image is None or not self._is_wanted(image):
            return {}
        puts = {}
        for each in self._made(image, "put"):
            if each.moved and not (self._old_images or self._transform.functions.transform_key):
                self._refuse_to_move(change)
            key = plain_key(each.item, self._keys) if each.moved else change.key
            puts[key] = each.item
        return puts

    def _before(self, change: Change, puts: dict[bytes, Item]) -> Sequence[bytes]:
        """The keys that the item may have had on the target."""
        meta = self._transform.meta("change", "put" if puts else "delete")
        try:
            keys = self._transform.keys_of(change.key, meta)
        except ValueError as error:
            kept = change.image if change.image is not None else change.key
            raise _RefusedError(self._shaping.refused(kept, str(error))) from error
        if keys is not None:
            before = [plain_key(key, self._keys) for key in keys]
            if strange := [key for key in puts if key not in before]:
                self._refuse_strange(strange[0])
            return before
        if not self._old_images:
            return [change.key]
        if change.old is None or not self._is_wanted(change.old):
            return []
        return [
            plain_key(each.item, self._keys) if each.moved else change.key
            for each in self._made(change.old, "delete")
        ]

    def _made(self, image: Item, kind: Literal["put", "delete"]) -> Sequence[Rebuilt]:
        made = self._shaping.made_of(image, "change", kind)
        if made.reject:
            raise _RefusedError(made.reject)
        return made.items

    def _is_wanted(self, image: Item) -> bool:
        return self._wanted is None or self._wanted(image)

    def _refuse_to_move(self, change: Change) -> None:
        raise MigrateError(
            f"transform {self._transform.functions.name} gives the item {change.key.decode()} "
            "another key, and a later deletion of it would not reach the target",
            MOVED,
        )

    def _refuse_strange(self, key: bytes) -> None:
        raise MigrateError(
            f"transform {self._transform.functions.name} gives an item the key {key.decode()}, "
            "which transform_key does not give for it",
            "Let `transform_key` return every key that the item may have on the target.",
        )


def _of_change(reject: Reject, change: Change) -> Reject:
    if change.image is None:
        return replace(reject, item=change.key, change="delete")
    return replace(reject, item=bytes(change.image), change="put")
