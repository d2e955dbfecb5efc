"""What counts as a difference between an item of the source and one of the target."""

from collections.abc import Callable, Sequence

from alternator_migrate.equality import Equality, canonical_key
from alternator_migrate.model import Difference, Item

Expired = Callable[[Item, float], bool]
"""Whether an item counts as expired at a time (epoch seconds)."""


class Judge:
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
        """What tells the item from others of its table."""
        return canonical_key(item, self.key_names)

    def differ(self, source: Item | None, target: Item | None, now: float) -> Difference | None:
        """How two items of one key differ at `now` (epoch seconds); None means an absent item,
        and that nothing is wrong."""
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
