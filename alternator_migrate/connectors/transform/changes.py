"""Changes of a source whose items a function changes: a deletion has to reach what was made.

Which keys a source item may have on the target, `transform_key` says; else what the function makes
of the old image; else, where the stream has none, its own key, and the function may give no other.
Of these keys those that the new image does not give are deleted.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal, Protocol

from alternator_migrate.connectors.transform.shaping import MOVED, Shaped, Shaping
from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.model import Change, Item, Reject
from alternator_migrate.core.ports import RejectBook
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.rebuilt import Rebuilt
from alternator_migrate.dynamodb.values import plain_key

_AT_ONCE: Final = 64


class ExportedChange(Protocol):
    """A change as an export has it."""

    @property
    def key(self) -> Item:
        """The key."""
        ...

    @property
    def image(self) -> Item | None:
        """The item that it holds now; None where that was deleted."""
        ...

    @property
    def old(self) -> Item | None:
        """The item that it held before, if that is known."""
        ...


class RefusedError(Exception):
    """The function refuses a change."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.message)
        self.reject = reject


class ChangeMaker:
    """Makes of a source's change those of what its item becomes, keys in the source's names.

    An item that is not `wanted`, or that `is_expired`, is gone, as one that is dropped: it is
    deleted on the target. What was not wanted never was there; what has expired by now was, as long
    as it lived. Changes have `old_images`, or not.
    """

    def __init__(
        self,
        shaping: Shaping,
        wanted: Callable[[Item], bool] | None,
        is_expired: Callable[[Item], bool] | None = None,
        *,
        old_images: bool,
    ) -> None:
        assert shaping.transform  # noqa: S101 # called where there is one
        self._shaping, self._transform = shaping, shaping.transform
        self._wanted, self._is_expired, self._old_images = wanted, is_expired, old_images
        self._keys = tuple(self._transform.keys)
        self._target_keys = tuple(self._transform.target_keys)

    def requests_of(self, changes: Sequence[ExportedChange]) -> Shaped:
        """WriteRequests in the place of the changes of different keys that an export has. Raises
        `MigrateError`."""
        shaped = Shaped()
        for number, each in enumerate(changes):
            change = Change(plain_key(each.key, self._keys), each.image, "", 0.0, old=each.old)
            try:
                results = self.made_of(change)
            except RefusedError as error:
                shaped.rejects.append(_of_change(error.reject, change))
                continue
            shaped.dropped += not results
            for result in results:
                shaped.items.append(wire.write_request(self._renamed(result)))
                shaped.origins.append(number)
        return shaped

    def made_of(self, change: Change) -> Sequence[Change]:
        """The changes for the target, of different keys; none where nothing is to be written.
        Raises `RefusedError`, and `MigrateError` for a key that no deletion would reach."""
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
        if self._is_expired and self._is_expired(image):
            return {}
        puts = {}
        for each in self._made(image, "put"):
            if each.moved and not (self._old_images or self._transform.functions.transform_key):
                self._refuse_to_move(change)
            puts[self._key_of(each, change)] = each.item
        return puts

    def _before(self, change: Change, puts: dict[bytes, Item]) -> Sequence[bytes]:
        """The keys that the item may have had on the target."""
        meta = self._transform.meta("change", "put" if puts else "delete")
        try:
            keys = self._transform.keys_of(change.key, meta)
        except ValueError as error:
            kept = change.image if change.image is not None else change.key
            raise RefusedError(self._shaping.refused(kept, str(error))) from error
        if keys is not None:
            before = [plain_key(key, self._target_keys) for key in keys]
            if strange := [key for key in puts if key not in before]:
                self._refuse_strange(strange[0])
            return before
        if not self._old_images:
            if self._transform.has_other_keys:
                self._refuse_to_move(change)
            return [change.key]
        if change.old is None or not self._is_wanted(change.old):
            return []
        return [self._key_of(each, change) for each in self._made(change.old, "delete")]

    def _key_of(self, made: Rebuilt, change: Change) -> bytes:
        return plain_key(made.item, self._target_keys) if made.moved else change.key

    def _made(self, image: Item, kind: Literal["put", "delete"]) -> Sequence[Rebuilt]:
        made = self._shaping.made_of(image, "change", kind)
        if made.reject:
            raise RefusedError(made.reject)
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

    def _renamed(self, change: Change) -> Change:
        renamed, image = self._shaping.renamed, change.image
        image = None if image is None else renamed(image)
        return replace(change, key=bytes(renamed(change.key)), image=image)


class TransformedChanges:
    """Makes of a source's changes those of what its items become, page by page of a stream.

    `maker` makes them; what the function refuses goes to the `rejects`.
    """

    def __init__(self, shaping: Shaping, maker: ChangeMaker, rejects: RejectBook) -> None:
        self._shaping, self._maker, self._rejects = shaping, maker, rejects

    async def __call__(self, changes: Sequence[Change]) -> tuple[Sequence[Change], ChangeCounts]:
        """The changes for the target, in order; of the source's, those that were dropped without a
        trace or refused are counted. Raises `MigrateError`."""
        made: list[Change] = []
        outcomes: dict[bytes, Reject | None] = {}
        dropped = refused = 0
        for number, change in enumerate(changes, 1):
            try:
                results = self._maker.made_of(change)
            except RefusedError as error:
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


def _of_change(reject: Reject, change: Change) -> Reject:
    if change.image is None:
        return replace(reject, item=change.key, change="delete")
    return replace(reject, item=bytes(change.image), change="put")
