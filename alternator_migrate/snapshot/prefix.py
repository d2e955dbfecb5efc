"""How far into a page its batches are acknowledged: any key of a page is a place to resume at."""

from collections.abc import Callable
from dataclasses import dataclass, field

from alternator_migrate.core.counts import Counts
from alternator_migrate.core.model import Batch, Item, Page, Position


@dataclass(slots=True)
class Prefix:
    """The acknowledged batches of a page from its first one on; `position_of` an item is the place
    after it. The last item is held for no longer than the page, whose bytes it is a part of."""

    position_of: Callable[[Item], Position]
    batches: int = 0
    _counts: tuple[int, int] = (0, 0)
    _last: Item | None = None
    _ahead: dict[int, tuple[int, int, Item]] = field(default_factory=dict)

    def acknowledged(self, batch: Batch, rejected: int) -> None:
        """All of a batch is stored, save `rejected` items."""
        self._ahead[batch.place] = len(batch.items) - rejected, rejected, batch.items[-1]
        while found := self._ahead.pop(self.batches, None):
            written, refused, self._last = found
            self._counts = self._counts[0] + written, self._counts[1] + refused
            self.batches += 1

    @property
    def position(self) -> Position | None:
        """The place after the last item; None where the first batch is not acknowledged."""
        return None if self._last is None else self.position_of(self._last)

    @property
    def counts(self) -> Counts:
        """The items up to there."""
        written, rejected = self._counts
        return Counts(written + rejected, written, 0, rejected)


def prefix_of(page: Page, batches: int) -> Prefix | None:
    """The prefix of a page of so many batches; None where only its end is a place to resume at,
    because it is not known which of its items came before one that was left out."""
    left_out = page.skipped or page.dropped or page.rejects or page.origins
    if page.position_of is None or batches < 2 or left_out or page.read != len(page.items):
        return None
    return Prefix(page.position_of)
