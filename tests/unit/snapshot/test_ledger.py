"""The ledger: positions never overstate, counts add up, and a hole is found at the end."""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alternator_migrate.core.counts import Counts
from alternator_migrate.core.errors import AccountingBroken
from alternator_migrate.core.model import Batch, Page, Position
from alternator_migrate.core.state import CopyState
from alternator_migrate.snapshot.ledger import Ledger

SEGMENTS = 3


def page(items: int, position: Position | None, skipped: int = 0, size: int = 100) -> Page:
    """A page of `items` items, beside which `skipped` more were read."""
    return Page([b"{}"] * items, size, position, items + skipped, skipped)


def batch(segment: int, number: int, items: int) -> Batch:
    """A batch of a page."""
    return Batch(segment, number, [b"{}"] * items, 2 * items)


def test_a_position_moves_over_acknowledged_pages_only() -> None:
    ledger = Ledger(1)
    numbers = [ledger.page(0, page(2, key), 1) for key in (b"one", b"two", None)]
    assert ledger.position(0) is None
    ledger.acknowledged(batch(0, numbers[1], 2))
    assert ledger.position(0) is None
    ledger.acknowledged(batch(0, numbers[0], 2))
    assert ledger.position(0) == b"two"
    assert ledger.segments_done == 0
    ledger.acknowledged(batch(0, numbers[2], 2))
    assert (ledger.position(0), ledger.segments_done) == (None, 1)
    ledger.check()


def test_a_page_is_settled_with_all_before_it() -> None:
    ledger = Ledger(1)
    numbers = [ledger.page(0, page(2, key), 1) for key in (b"one", b"two", None)]
    for number in (1, 2):
        ledger.acknowledged(batch(0, numbers[number], 2))
        assert [ledger.is_settled(0, each) for each in numbers] == [False] * 3
        assert ledger.settled.read == 0
    ledger.acknowledged(batch(0, numbers[0], 2))
    assert [ledger.is_settled(0, each) for each in numbers] == [True] * 3
    assert ledger.settled.read == 6


def test_an_empty_page_waits_for_those_before_it() -> None:
    ledger = Ledger(1)
    first = ledger.page(0, page(1, b"one"), 1)
    ledger.page(0, page(0, b"two"), 0)
    ledger.page(0, page(0, None, skipped=4), 0)
    assert (ledger.position(0), ledger.segments_done) == (None, 0)
    ledger.acknowledged(batch(0, first, 1))
    assert ledger.segments_done == 1
    assert ledger.counts == Counts(5, 1, 4, 0)


def test_an_empty_page_is_acknowledged_at_once() -> None:
    ledger = Ledger(2)
    ledger.page(1, page(0, b"one"), 0)
    assert ledger.position(1) == b"one"
    assert ledger.position(0) is None
    ledger.page(1, page(0, None), 0)
    assert ledger.segments_done == 1


def test_a_skipped_segment_counts_as_done_and_reads_nothing() -> None:
    ledger = Ledger(2, CopyState(done=frozenset({1})))
    assert ledger.is_done(1)
    assert not ledger.is_done(0)
    ledger.page(0, page(0, None), 0)
    ledger.check()
    assert (ledger.segments_done, ledger.counts) == (2, Counts())


def test_rejected_items_are_not_written() -> None:
    ledger = Ledger(1)
    ledger.acknowledged(batch(0, ledger.page(0, page(5, None, size=77), 1), 5), rejected=2)
    assert ledger.counts == Counts(5, 3, 0, 2)
    assert (ledger.bytes_read, ledger.batches, ledger.backlog) == (77, 1, 0)
    ledger.check()


def test_a_missing_batch_is_found() -> None:
    ledger = Ledger(1)
    number = ledger.page(0, page(50, None), 2)
    ledger.acknowledged(batch(0, number, 25))
    assert ledger.backlog == 1
    with pytest.raises(AccountingBroken, match="0 of 1 segments"):
        ledger.check()


def test_a_segment_never_read_is_found() -> None:
    ledger = Ledger(2)
    ledger.page(0, page(0, None), 0)
    with pytest.raises(AccountingBroken, match="1 of 2 segments"):
        ledger.check()


@pytest.mark.parametrize("stored", [1, 3])
def test_items_lost_or_doubled_within_a_batch_are_found(stored: int) -> None:
    ledger = Ledger(1)
    ledger.acknowledged(batch(0, ledger.page(0, page(2, None), 1), stored))
    assert not ledger.counts.accounted
    with pytest.raises(AccountingBroken, match=f"2 items were read, but {stored} written"):
        ledger.check()


@dataclass
class PageBooked:
    """What the model knows of a page: its position and its batches not acknowledged yet."""

    position: Position | None
    open: list[Batch]


@dataclass
class SegmentBooked:
    """What the model knows of a segment."""

    pages: list[PageBooked] = field(default_factory=list)

    @property
    def read_to_the_end(self) -> bool:
        return bool(self.pages) and self.pages[-1].position is None

    @property
    def settled(self) -> list[PageBooked]:
        """The longest prefix of pages without an open batch."""
        count = next((i for i, booked in enumerate(self.pages) if booked.open), len(self.pages))
        return self.pages[:count]

    @property
    def done(self) -> bool:
        return self.read_to_the_end and len(self.settled) == len(self.pages)


class LedgerOfARun(RuleBasedStateMachine):
    """Pages are read and batches acknowledged in any order, over several segments."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(SEGMENTS)
        self.booked = {index: SegmentBooked() for index in range(SEGMENTS)}
        self.read = self.written = self.skipped = self.rejected = self.size = self.sent = 0

    def open_batches(self) -> list[tuple[PageBooked, Batch]]:
        segments = self.booked.values()
        pages = (booked for segment in segments for booked in segment.pages)
        return [(booked, each) for booked in pages for each in booked.open]

    @rule(
        segment=st.integers(0, SEGMENTS - 1),
        batches=st.lists(st.integers(1, 5), max_size=3),
        skipped=st.integers(0, 3),
        last=st.booleans(),
    )
    def read_a_page(self, segment: int, batches: list[int], skipped: int, last: bool) -> None:
        booked = self.booked[segment]
        if booked.read_to_the_end:
            return
        position = None if last else b"%d/%d" % (segment, len(booked.pages))
        number = self.ledger.page(segment, page(sum(batches), position, skipped), len(batches))
        assert number == len(booked.pages)
        made = [batch(segment, number, items) for items in batches]
        booked.pages.append(PageBooked(position, made))
        self.read += sum(batches) + skipped
        self.skipped += skipped
        self.size += 100

    @precondition(lambda self: self.open_batches())
    @rule(data=st.data())
    def acknowledge_any_batch(self, data: st.DataObject) -> None:
        booked, chosen = data.draw(st.sampled_from(self.open_batches()))
        rejected = data.draw(st.integers(0, len(chosen.items)))
        booked.open.remove(chosen)
        self.ledger.acknowledged(chosen, rejected)
        self.written += len(chosen.items) - rejected
        self.rejected += rejected
        self.sent += 1

    @invariant()
    def a_position_passes_no_open_batch(self) -> None:
        for index, booked in self.booked.items():
            settled = booked.settled
            assert self.ledger.position(index) == (settled[-1].position if settled else None)
        done = sum(booked.done for booked in self.booked.values())
        assert self.ledger.segments_done == done

    @invariant()
    def counts_add_up(self) -> None:
        ledger = self.ledger
        assert ledger.counts == Counts(self.read, self.written, self.skipped, self.rejected)
        assert (ledger.bytes_read, ledger.batches) == (self.size, self.sent)
        assert ledger.backlog == len(self.open_batches())
        assert ledger.backlog > 0 or ledger.counts.accounted

    @invariant()
    def the_check_holds_when_all_is_done_and_only_then(self) -> None:
        if all(booked.done for booked in self.booked.values()):
            self.ledger.check()
        else:
            with pytest.raises(AccountingBroken):
                self.ledger.check()


TestLedgerOfARun = LedgerOfARun.TestCase
TestLedgerOfARun.settings = settings(max_examples=25, stateful_step_count=30)
