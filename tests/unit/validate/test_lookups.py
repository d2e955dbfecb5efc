"""The detail pass: what is counted is settled, what comes right is forgotten, none is held back."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import Difference, Item, Page, Position, Segment
from alternator_migrate.core.retry import Turn
from alternator_migrate.snapshot.ledger import Ledger
from alternator_migrate.snapshot.reader import Readers
from alternator_migrate.validate.compare import ItemComparer, PairLookup
from alternator_migrate.validate.equality import Equality
from alternator_migrate.validate.lookups import LookupPass, digest

SIZE = 3

ONE = Readers(Limiter(1))


def item(number: int, value: int = 0) -> bytes:
    return f'{{"pk":{{"S":"{number}"}},"n":{{"N":"{value}"}}}}'.encode()


def number_of(key: Item) -> int:
    return int(json.loads(bytes(key))["pk"]["S"])


class Memory:
    """A table of numbered items, three a page in order, in one segment; look-ups take a while."""

    def __init__(self, count: int, values: dict[int, int | None], chance: random.Random) -> None:
        self.items = {number: item(number) for number in range(count)}
        for number, value in values.items():
            if value is None:
                self.items.pop(number, None)
            else:
                self.items[number] = item(number, value)
        self._count, self._chance = count, chance

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """All pages from `position` on."""
        start = int(position) if position else 0
        for first in range(start, max(self._count, 1), SIZE):
            items = [self.items[n] for n in range(first, first + SIZE) if n in self.items]
            after = first + SIZE
            yield Page(items, 1, str(after).encode() if after < self._count else None, len(items))

    async def get(self, keys: Sequence[bytes]) -> Sequence[Item]:
        """What is there of `keys`."""
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)
        return [self.items[n] for n in map(number_of, keys) if n in self.items]


class Sink:
    """Keeps findings, and sees to it that all pages before theirs are settled."""

    def __init__(self, ledger: Ledger) -> None:
        self.kept: list[Difference] = []
        self._ledger = ledger

    def keep(self, findings: Sequence[Difference]) -> None:
        """Note `findings`."""
        self.kept += findings
        for finding in findings:
            assert self._ledger.is_settled(0, number_of(finding.key) // SIZE)


def lookup_pass(source: Memory, target: Memory, sink: Sink, pauses: Sequence[float]) -> LookupPass:
    comparer = ItemComparer(Equality(), ["pk"])
    pair_lookup = PairLookup(source, target, comparer)
    return LookupPass(
        comparer, pair_lookup, sink, None, pauses=pauses, now=0, validated=ValidationCounts()
    )


@given(
    count=st.integers(0, 20),
    changed=st.dictionaries(st.integers(0, 19), st.none() | st.integers(1, 3), max_size=8),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_findings_are_kept_when_their_page_is_settled(
    count: int, changed: dict[int, int | None], seed: int
) -> None:
    chance = random.Random(seed)
    changed = {number: value for number, value in changed.items() if number < count}
    source, target = Memory(count, {}, chance), Memory(count, changed, chance)
    ledger = Ledger(1)
    sink = Sink(ledger)
    flow = lookup_pass(source, target, sink, [0, chance.random() / 1000])

    async def compare() -> None:
        segments, stop = [Segment(0, 1)], asyncio.Event()
        await flow.compare("source", source, target, ledger, segments, ONE, stop)

    asyncio.run(compare())
    gone = sum(value is None for value in changed.values())
    assert flow.validated == ValidationCounts(missing=gone, different=len(changed) - gone)
    found = {number_of(finding.key): finding.attributes for finding in sink.kept}
    assert found == {n: () if value is None else ("n",) for n, value in changed.items()}
    assert len(sink.kept) == len(changed)
    assert (ledger.segments_done, ledger.settled.read) == (1, count)
    assert flow.rechecks == 0


async def test_what_comes_right_before_the_last_look_is_forgotten() -> None:
    chance = random.Random(1)
    source, target = Memory(9, {}, chance), Memory(9, {4: 7, 5: None}, chance)
    ledger = Ledger(1)
    sink = Sink(ledger)
    flow = lookup_pass(source, target, sink, [0.05, 0.1])
    segments, stop = [Segment(0, 1)], asyncio.Event()
    comparing = asyncio.create_task(
        flow.compare("source", source, target, ledger, segments, ONE, stop)
    )
    async with asyncio.timeout(10):
        while not flow.rechecks:  # noqa: ASYNC110 # the flow has no event for it
            await asyncio.sleep(0.001)
        assert ledger.settled.read < 9
        target.items[4] = item(4)
        await comparing
    assert [(each.kind, number_of(each.key)) for each in sink.kept] == [("missing", 5)]


class Blinking(Memory):
    """A table of one item that is another at every second look."""

    lookups = 0

    async def get(self, keys: Sequence[bytes]) -> Sequence[Item]:
        """The item, right at the second and fourth look."""
        self.lookups += 1
        return [item(0, self.lookups % 2)]


async def test_what_was_right_once_is_not_doubted_again() -> None:
    source, ledger = Memory(1, {}, random.Random(1)), Ledger(1)
    target, sink = Blinking(1, {}, random.Random(1)), Sink(ledger)
    flow = lookup_pass(source, target, sink, [0, 0])
    segments, stop = [Segment(0, 1)], asyncio.Event()
    await flow.compare("source", source, target, ledger, segments, ONE, stop)
    assert (sink.kept, target.lookups) == ([], 2)


class Arriving(Memory):
    """A source that has another item once it was asked for the first time."""

    async def get(self, keys: Sequence[bytes]) -> Sequence[Item]:
        """What is there, nothing at first."""
        found = await super().get(keys)
        self.items[0] = item(0, 5)
        return found


async def test_an_item_of_the_target_that_comes_to_be_on_the_source_is_not_judged() -> None:
    source, ledger = Arriving(0, {}, random.Random(1)), Ledger(1)
    target, sink = Memory(1, {}, random.Random(1)), Sink(ledger)
    flow = lookup_pass(source, target, sink, [0])
    segments, stop = [Segment(0, 1)], asyncio.Event()
    await flow.compare("target", target, source, ledger, segments, ONE, stop)
    assert (sink.kept, ledger.settled.read) == ([], 1)


@pytest.mark.parametrize("wanted", [{2, 3}, set()])
async def test_only_wanted_items_are_looked_up(wanted: set[int]) -> None:
    chance = random.Random(1)
    source, target = Memory(9, {}, chance), Memory(9, dict.fromkeys(range(9), 5), chance)
    ledger = Ledger(1)
    sink = Sink(ledger)
    flow = lookup_pass(source, target, sink, [])
    await flow.compare(
        *("source", source, target, ledger, [Segment(0, 1)], ONE, asyncio.Event()),
        lambda each: number_of(each) in wanted,
    )
    assert {number_of(each.key) for each in sink.kept} == wanted
    assert (ledger.segments_done, ledger.settled.read) == (1, 9)


@pytest.mark.parametrize("stopped", [False, True])
async def test_digests_take_just_the_pages_that_the_ledger_took(stopped: bool) -> None:
    source, ledger, stop = Memory(9, {}, random.Random(1)), Ledger(1), asyncio.Event()
    taken: list[Item] = []

    def take(items: Sequence[Item]) -> None:
        taken.extend(items)
        if stopped:
            stop.set()

    await digest(source, take, ["pk"], ledger, [Segment(0, 1)], ONE, stop)
    assert len(taken) == ledger.settled.read == (3 if stopped else 9)
    rest = Ledger(1, ledger.state)
    if stopped:
        await digest(source, taken.extend, ["pk"], rest, [Segment(0, 1)], ONE, asyncio.Event())
    assert len(taken) == 9
