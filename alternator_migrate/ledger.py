"""The ledger of one table: what was read, what the target acknowledged, where it is safe to resume.

A segment's position moves over a prefix of wholly acknowledged pages, never further.
"""

from collections import deque
from dataclasses import dataclass, field

from alternator_migrate.errors import AccountingBroken
from alternator_migrate.model import Batch, Counts, Page, Position


@dataclass(slots=True)
class _Open:
    """A page of which some batches are not acknowledged yet."""

    outstanding: int
    position: Position | None


@dataclass(slots=True)
class _Reading:
    """A segment under way: its open pages, the first of which has the number `first`."""

    position: Position | None = None
    first: int = 0
    pages: deque[_Open] = field(default_factory=deque)
    done: bool = False

    def settle(self) -> bool:
        """Move over the acknowledged prefix; True when this ends the segment."""
        while self.pages and not self.pages[0].outstanding:
            self.position = self.pages.popleft().position
            self.first += 1
            self.done = self.position is None
        return self.done


class Ledger:
    """Counts and positions of a table's segments."""

    def __init__(self, segments: int) -> None:
        self.segments_total = segments
        self.segments_done = 0
        self.bytes_read = 0
        self.batches = 0
        self._read = self._written = self._skipped = self._rejected = 0
        self._queued = 0
        self._readings: dict[int, _Reading] = {}

    @property
    def counts(self) -> Counts:
        """Items so far; pages that are still being written count as read already."""
        return Counts(self._read, self._written, self._skipped, self._rejected)

    @property
    def backlog(self) -> int:
        """Batches read and not acknowledged."""
        return self._queued

    def position(self, segment: int) -> Position | None:
        """The key after which everything before is acknowledged; None at the segment's start."""
        reading = self._readings.get(segment)
        return reading.position if reading else None

    def skipped(self, segment: int) -> None:
        """A segment that the configuration says is wholly written."""
        self._readings[segment] = _Reading(done=True)
        self.segments_done += 1

    def page(self, segment: int, page: Page, batches: int) -> int:
        """Note a page that makes `batches` batches (0: acknowledged at once); its number."""
        reading = self._readings.setdefault(segment, _Reading())
        number = reading.first + len(reading.pages)
        reading.pages.append(_Open(batches, page.position))
        self._read += page.read
        self._skipped += page.skipped
        self.bytes_read += page.size
        self._queued += batches
        if not batches:
            self._settle(reading)
        return number

    def acknowledged(self, batch: Batch, rejected: int = 0) -> None:
        """The target stored all of the batch, save `rejected` items kept as rejects."""
        reading = self._readings[batch.segment]
        reading.pages[batch.page - reading.first].outstanding -= 1
        self._written += len(batch.items) - rejected
        self._rejected += rejected
        self.batches += 1
        self._queued -= 1
        self._settle(reading)

    def check(self) -> None:
        """Raise `AccountingBroken` unless every segment is done and every item accounted for."""
        counts = self.counts
        if self.segments_done != self.segments_total:
            raise AccountingBroken(
                f"only {self.segments_done} of {self.segments_total} segments were finished"
            )
        if not counts.accounted:
            raise AccountingBroken(
                f"{counts.read} items were read, but {counts.written} written + "
                f"{counts.skipped_expired} skipped + {counts.rejected} rejected is not that many"
            )

    def _settle(self, reading: _Reading) -> None:
        if reading.settle():
            self.segments_done += 1
