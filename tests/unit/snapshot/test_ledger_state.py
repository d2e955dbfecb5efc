"""Killed at any moment and resumed from any state: every item arrives, every count is exact."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from alternator_migrate.core.counts import Counts
from alternator_migrate.core.errors import AccountingBroken
from alternator_migrate.core.model import Batch, Page, Position
from alternator_migrate.core.state import CopyState
from alternator_migrate.savepoints.format import decode, encode
from alternator_migrate.snapshot.ledger import Ledger
from tests.support.savepoints import point

SEGMENTS = 3
REFUSED = b"!"

PAGES = st.lists(
    st.tuples(st.lists(st.lists(st.booleans(), min_size=1, max_size=3), max_size=3), st.just(0))
    | st.tuples(st.just([[True], [False, True]]), st.integers(0, 2)),
    min_size=1,
    max_size=5,
)


@dataclass(frozen=True)
class Sheet:
    """A page of the source: its batches of items, and how many items more were expired."""

    batches: list[list[bytes]]
    skipped: int
    position: Position | None

    @property
    def items(self) -> list[bytes]:
        return [item for batch in self.batches for item in batch]

    @property
    def counts(self) -> Counts:
        bad = sum(item.startswith(REFUSED) for item in self.items)
        good = len(self.items) - bad
        return Counts(len(self.items) + self.skipped, good, self.skipped, bad)

    def page(self) -> Page:
        return Page(self.items, 100, self.position, len(self.items) + self.skipped, self.skipped)


@dataclass
class Reader:
    """How far a segment was read in this run, and its batches that nobody acknowledged."""

    next: int
    open: list[Batch] = field(default_factory=list)


def sheets(segment: int, pages: list[tuple[list[list[bool]], int]]) -> Iterator[Sheet]:
    """The pages of a segment; an item is refused by the target where its flag is False."""
    for number, (batches, skipped) in enumerate(pages):
        names = [
            [
                (b"" if good else REFUSED) + b"%d.%d.%d.%d" % (segment, number, at, index)
                for index, good in enumerate(flags)
            ]
            for at, flags in enumerate(batches)
        ]
        is_last = number == len(pages) - 1
        position = None if is_last else b'{"k":{"S":"%d/%d"}}' % (segment, number)
        yield Sheet(names, skipped, position)


class KilledAndResumed(RuleBasedStateMachine):
    """A source of some pages, a target, and a tool that dies whenever it pleases."""

    @initialize(source=st.lists(PAGES, min_size=SEGMENTS, max_size=SEGMENTS))
    def begin(self, source: list[list[tuple[list[list[bool]], int]]]) -> None:
        self.source = [list(sheets(segment, pages)) for segment, pages in enumerate(source)]
        self.stored: set[bytes] = set()
        self.states = [CopyState()]
        self.start(CopyState())

    def start(self, state: CopyState) -> None:
        """A new run from a state, which passed through a savepoint file."""
        saved = decode(encode(point(state=state, segments=SEGMENTS)))
        assert saved.state == state
        self.ledger = Ledger(SEGMENTS, saved.state)
        self.readers = {
            segment: Reader(self.after(segment, self.ledger.position(segment)))
            for segment in range(SEGMENTS)
            if not self.ledger.is_done(segment)
        }

    def after(self, segment: int, position: Position | None) -> int:
        """The number of the page that begins at a position."""
        known = [sheet.position for sheet in self.source[segment]]
        return 0 if position is None else known.index(position) + 1

    def settled(self, state: CopyState) -> list[Sheet]:
        """The pages that a state says are wholly stored."""
        pages: list[Sheet] = []
        for segment, all_of_it in enumerate(self.source):
            done = segment in state.done
            assert not (done and segment in state.positions)
            end = self.after(segment, state.positions.get(segment))
            pages += all_of_it if done else all_of_it[:end]
        return pages

    def open_batches(self) -> list[Batch]:
        return [batch for reader in self.readers.values() for batch in reader.open]

    def unread(self) -> list[int]:
        return [n for n, reader in self.readers.items() if reader.next < len(self.source[n])]

    def read(self, segment: int) -> None:
        reader = self.readers[segment]
        sheet = self.source[segment][reader.next]
        reader.next += 1
        number = self.ledger.page(segment, sheet.page(), len(sheet.batches))
        reader.open += [Batch(segment, number, items, 10) for items in sheet.batches]

    def store(self, batch: Batch) -> None:
        self.stored |= {bytes(item) for item in batch.items}

    def acknowledge(self, batch: Batch) -> None:
        self.store(batch)
        self.readers[batch.segment].open.remove(batch)
        bad = sum(bytes(item).startswith(REFUSED) for item in batch.items)
        self.ledger.acknowledged(batch, bad)

    @precondition(lambda self: self.unread())
    @rule(data=st.data())
    def read_a_page(self, data: st.DataObject) -> None:
        self.read(data.draw(st.sampled_from(self.unread())))

    @precondition(lambda self: self.open_batches())
    @rule(data=st.data())
    def acknowledge_any_batch(self, data: st.DataObject) -> None:
        self.acknowledge(data.draw(st.sampled_from(self.open_batches())))

    @precondition(lambda self: self.open_batches())
    @rule(data=st.data())
    def a_batch_arrives_and_its_answer_is_lost(self, data: st.DataObject) -> None:
        self.store(data.draw(st.sampled_from(self.open_batches())))

    @precondition(lambda self: self.open_batches())
    @rule(data=st.data())
    def a_batch_is_stored_in_part(self, data: st.DataObject) -> None:
        """It stays open: it is sent again, or the run ends before that."""
        batch = data.draw(st.sampled_from(self.open_batches()))
        names = [bytes(item) for item in batch.items]
        self.stored |= set(data.draw(st.lists(st.sampled_from(names))))

    @precondition(lambda self: self.open_batches())
    @rule(data=st.data())
    def fail_with_some_of_what_is_in_flight_and_go_on(self, data: st.DataObject) -> None:
        """A batch is given up; those beside it may still arrive before the savepoint is written."""
        failed = data.draw(st.sampled_from(self.open_batches()))
        for batch in self.open_batches():
            if batch is not failed and data.draw(st.booleans()):
                self.acknowledge(batch)
        self.stop_in_good_order_and_go_on()

    @rule()
    def write_a_savepoint(self) -> None:
        self.states.append(self.ledger.state)

    @rule()
    def stop_in_good_order_and_go_on(self) -> None:
        self.states.append(self.ledger.state)
        self.start(self.states[-1])

    @rule(data=st.data())
    def be_killed_and_go_on_from_any_savepoint(self, data: st.DataObject) -> None:
        self.start(data.draw(st.sampled_from(self.states)))

    @invariant()
    def no_position_passes_what_is_not_stored(self) -> None:
        for sheet in self.settled(self.ledger.state):
            assert set(sheet.items) <= self.stored

    @invariant()
    def a_state_counts_exactly_the_pages_before_it(self) -> None:
        state = self.ledger.state
        pages, counts = self.settled(state), Counts()
        for sheet in pages:
            counts += sheet.counts
        assert state.items == counts
        assert state.items.accounted
        assert state.bytes_read == 100 * len(pages)
        assert state.batches == sum(len(sheet.batches) for sheet in pages)

    @invariant()
    def a_state_is_what_another_run_finds(self) -> None:
        state = self.ledger.state
        assert Ledger(SEGMENTS, state).state == state
        for segment in range(SEGMENTS):
            assert self.ledger.position(segment) == state.positions.get(segment)
            assert self.ledger.is_done(segment) == (segment in state.done)

    @invariant()
    def it_is_complete_when_all_is_stored_and_only_then(self) -> None:
        if len(self.ledger.state.done) < SEGMENTS:
            with pytest.raises(AccountingBroken):
                self.ledger.check()
        else:
            self.ledger.check()

    def teardown(self) -> None:
        """Whatever happened: read the rest, and everything is there and counted once."""
        if not hasattr(self, "source"):
            return
        while self.unread():
            self.read(self.unread()[0])
        for batch in reversed(self.open_batches()):
            self.acknowledge(batch)
        whole = [sheet for segment in self.source for sheet in segment]
        counts = Counts()
        for sheet in whole:
            counts += sheet.counts
        self.ledger.check()
        assert self.ledger.counts == self.ledger.state.items == counts
        assert self.stored == {item for sheet in whole for item in sheet.items}
        assert self.ledger.bytes_read == 100 * len(whole)
        assert self.ledger.backlog == 0


TestKilledAndResumed = KilledAndResumed.TestCase
TestKilledAndResumed.settings = settings(max_examples=120, stateful_step_count=40)


def test_what_was_settled_elsewhere_is_absorbed() -> None:
    begun = CopyState(frozenset({0}), {1: b"a", 2: b"b"}, Counts(30, 27, 2, 1), 300, 3)
    ledger = Ledger(4, begun)
    ledger.absorb(CopyState(frozenset({1}), {2: b"c"}, Counts(10, 8, 1, 1), 100, 1))
    ledger.absorb(CopyState(frozenset({2, 3}), {}, Counts(5, 5, 0, 0), 50, 1))
    assert ledger.state == CopyState(frozenset({0, 1, 2, 3}), {}, Counts(45, 40, 3, 2), 450, 5)
    assert ledger.counts == Counts(45, 40, 3, 2)
    assert (ledger.bytes_read, ledger.batches, ledger.segments_done) == (450, 5, 4)
    ledger.check()
