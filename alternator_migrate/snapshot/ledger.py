"""The ledger of one table: what was read, what the target acknowledged, where it is safe to resume.

A segment's position moves over a prefix of acknowledged batches, never further.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from alternator_migrate.core.counts import Counts
from alternator_migrate.core.errors import AccountingBroken
from alternator_migrate.core.model import Batch, Page, Position
from alternator_migrate.core.segments import SegmentClock, WorkerSegments
from alternator_migrate.core.state import CopyState
from alternator_migrate.snapshot.prefix import Prefix, prefix_of


@dataclass(slots=True)
class _OpenPage:
    """A page that is not settled yet; `outstanding` of its batches are not acknowledged. Its counts
    are those `at_first`, before anything is written. Where it `has_several` items of one source
    item, `refused` are the numbers of those of which the target refused something."""

    outstanding: int
    batches: int
    position: Position | None
    size: int
    at_first: Counts
    has_several: bool
    stored: int = 0
    rejected: int = 0
    refused: set[int] = field(default_factory=set)
    prefix: Prefix | None = None

    @property
    def counts(self) -> Counts:
        """The counts of the page, when all of it is acknowledged."""
        counts, rejected = self.at_first, self.rejected + len(self.refused)
        written = counts.read - counts.handled - rejected
        extra = max(self.stored - written, 0) if self.has_several else 0
        return counts + Counts(written=written, rejected=rejected, extra=extra)


@dataclass(slots=True)
class _OpenSegment:
    """A segment under way: its open pages, the first of which has the number `first`."""

    position: Position | None = None
    first: int = 0
    pages: deque[_OpenPage] = field(default_factory=deque)


class Ledger:
    """Counts and positions of a table's `segments`, going on from `state`; `clock` is told when a
    segment is done."""

    def __init__(
        self, segments: int, state: CopyState | None = None, clock: SegmentClock | None = None
    ) -> None:
        settled = state or CopyState()
        self.clock = clock or SegmentClock()
        self.segments_total = segments
        self.bytes_read = self._settled_bytes = settled.bytes_read
        self.batches = self._settled_batches = settled.batches
        self._settled = settled.items
        self._read, self._written = settled.items.read, settled.items.written
        self._skipped, self._rejected = settled.items.skipped_expired, settled.items.rejected
        self._dropped, self._extra = settled.items.dropped, settled.items.extra
        self._queued = 0
        self._done = set(settled.done)
        self._readings = {
            segment: _OpenSegment(position) for segment, position in settled.positions.items()
        }

    @property
    def segments_done(self) -> int:
        """Segments wholly acknowledged."""
        return len(self._done)

    @property
    def segments(self) -> WorkerSegments:
        """The segments that are done, running and throttled, where this is a worker's."""
        done, clock = tuple(self._done), self.clock
        return WorkerSegments(done, tuple(clock.running), tuple(clock.throttling))

    @property
    def counts(self) -> Counts:
        """Items so far; pages that are still being written count as read already."""
        return Counts(
            self._read, self._written, self._skipped, self._rejected, self._dropped, self._extra
        )

    @property
    def settled(self) -> Counts:
        """Items of the pages that are wholly acknowledged, as all pages before them are."""
        return self._settled

    @property
    def backlog(self) -> int:
        """Batches read and not acknowledged."""
        return self._queued

    @property
    def state(self) -> CopyState:
        """The acknowledged part: where another run may go on."""
        positions: dict[int, Position] = {}
        items, batches = self._settled, self._settled_batches
        for segment, reading in self._readings.items():
            begun = reading.pages[0].prefix if reading.pages else None
            if begun and (position := begun.position):
                positions[segment] = position
                items += begun.counts
                batches += begun.batches
            elif reading.position is not None:
                positions[segment] = reading.position
        return CopyState(frozenset(self._done), positions, items, self._settled_bytes, batches)

    def is_done(self, segment: int) -> bool:
        """Whether a segment is wholly acknowledged."""
        return segment in self._done

    def is_settled(self, segment: int, page: int) -> bool:
        """Whether a page that was read, and all before it, are acknowledged."""
        reading = self._readings.get(segment)
        return reading is None or page < reading.first

    def position(self, segment: int) -> Position | None:
        """The key after which everything before is acknowledged; None at the segment's start."""
        reading = self._readings.get(segment)
        return reading.position if reading else None

    def page(self, segment: int, page: Page, batches: int) -> int:
        """Note a page that makes `batches` batches (0: acknowledged at once); its number."""
        reading = self._readings.setdefault(segment, _OpenSegment())
        number = reading.first + len(reading.pages)
        counts = Counts(page.read, 0, page.skipped, len(page.rejects), page.dropped)
        opened = _OpenPage(batches, batches, page.position, page.size, counts, bool(page.origins))
        opened.prefix = prefix_of(page, batches)
        reading.pages.append(opened)
        self._read += page.read
        self._skipped += page.skipped
        self._dropped += page.dropped
        self._rejected += len(page.rejects)
        self.bytes_read += page.size
        self._queued += batches
        if not batches:
            self._settle(segment, reading)
        return number

    def acknowledged(self, batch: Batch, rejected: int = 0, refused: Collection[int] = ()) -> None:
        """The target stored all of the batch, save `rejected` items kept as rejects; where a page
        has several items of one source item, `refused` are the numbers of these."""
        reading = self._readings[batch.segment]
        page = reading.pages[batch.page - reading.first]
        page.outstanding -= 1
        if page.prefix:
            page.prefix.acknowledged(batch, rejected)
        if page.has_several:
            self._of_several(page, len(batch.items) - rejected, refused)
        else:
            page.rejected += rejected
            self._written += len(batch.items) - rejected
            self._rejected += rejected
        self.batches += 1
        self._queued -= 1
        if not page.outstanding:
            self._settle(batch.segment, reading)

    def absorb(self, state: CopyState) -> None:
        """Take over what was settled elsewhere since the positions known here: a part of the
        segments, and what their pages since then add to the counts."""
        items = state.items
        self._settled += items
        self._read += items.read
        self._written += items.written
        self._skipped += items.skipped_expired
        self._rejected += items.rejected
        self._dropped += items.dropped
        self._extra += items.extra
        self.bytes_read += state.bytes_read
        self._settled_bytes += state.bytes_read
        self.batches += state.batches
        self._settled_batches += state.batches
        for segment in state.done:
            self._done.add(segment)
            self._readings.pop(segment, None)
            self.clock.ends(segment)
        for segment, position in state.positions.items():
            self._readings[segment] = _OpenSegment(position)

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
                f"{counts.skipped_expired} skipped + {counts.dropped} dropped + "
                f"{counts.rejected} rejected is not that many"
            )

    def _of_several(self, page: _OpenPage, stored: int, refused: Collection[int]) -> None:
        """Account for a batch of a page whose source items count as written when all that was made
        of them is, so with the last batch."""
        page.stored += stored
        page.refused.update(refused)
        if not page.outstanding:
            counts = page.counts
            self._written += counts.written
            self._rejected += len(page.refused)
            self._extra += counts.extra

    def _settle(self, segment: int, reading: _OpenSegment) -> None:
        """Move over the acknowledged prefix of a segment's pages."""
        while reading.pages and not reading.pages[0].outstanding:
            page = reading.pages.popleft()
            reading.first += 1
            reading.position = page.position
            self._settled += page.counts
            self._settled_bytes += page.size
            self._settled_batches += page.batches
            if page.position is None:
                self._done.add(segment)
                del self._readings[segment]
                self.clock.ends(segment)
