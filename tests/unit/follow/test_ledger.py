"""The ledger of a stream: the order of its tree, where it resumes, its lag."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternator_migrate.core.batching import fold
from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.model import Change, ChangePage, Shard
from alternator_migrate.follow.cutover import Cutover
from alternator_migrate.follow.ledger import ShardLedger

NONE = ChangeCounts()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def page(
    position: str | None, *created: float, at_tip: bool = False, ended: bool = False
) -> ChangePage:
    changes = [Change(b"k", None, "1", each) for each in created]
    return ChangePage(changes, position, at_tip, ended)


def deal(ledger: ShardLedger, shard: str, found: ChangePage) -> None:
    ledger.arrived(shard, found)
    ledger.settled(shard, found, NONE)


@st.composite
def trees(draw: st.DrawFn) -> list[Shard]:
    """A tree of shards, each after its parent; a parent may not be listed any more."""
    count = draw(st.integers(1, 20))
    shards = []
    for number in range(count):
        parent = draw(st.integers(-2, number - 1)) if number else -1
        name = None if parent == -1 else f"s{parent}" if parent >= 0 else "forgotten"
        shards.append(Shard(f"s{number}", name))
    return shards


@given(trees(), st.randoms(use_true_random=False))
def test_parents_end_before_their_children_begin(shards: list[Shard], chance: Random) -> None:
    ledger = ShardLedger({})
    listed = list(shards)
    chance.shuffle(listed)
    ledger.listed(listed)
    parents = {shard.id: shard.parent for shard in shards}
    begun: list[str] = []
    reading: list[str] = []
    ended: set[str] = set()
    while len(ended) < len(shards):
        for shard in ledger.begin():
            assert shard not in begun
            assert parents[shard] in ended | {None, "forgotten"}
            begun.append(shard)
            reading.append(shard)
        shard = reading.pop(chance.randrange(len(reading)))
        deal(ledger, shard, page("9", ended=True))
        ended.add(shard)
    assert ledger.positions == {}
    assert ledger.ended == ended


@given(trees(), st.data())
def test_a_resumed_ledger_begins_what_the_first_would(
    shards: list[Shard], data: st.DataObject
) -> None:
    ledger = ShardLedger({})
    ledger.listed(shards)
    for _ in range(data.draw(st.integers(0, 10))):
        ledger.begin()
        running = [
            s for s in ledger.positions if ledger.shard(s).position != "old" and _begun(ledger, s)
        ]
        if not running:
            break
        shard = data.draw(st.sampled_from(sorted(running)))
        deal(ledger, shard, page("old", ended=data.draw(st.booleans())))
    again = ShardLedger(ledger.positions, ledger.ended)
    again.listed(shards)
    ledger.start()
    assert sorted(again.begin()) == sorted(ledger.begin())
    assert (again.positions, again.ended) == (ledger.positions, ledger.ended)


def _begun(ledger: ShardLedger, shard: str) -> bool:
    return ledger.shard(shard).begun


def test_ended_shards_are_forgotten_when_no_list_has_had_them_for_a_day() -> None:
    """A list that is cut short must not make a shard new, to be read from its beginning."""
    clock = Clock()
    ledger = ShardLedger({"old": "5"}, clock=clock)
    ledger.listed([Shard("old"), Shard("new", "old")])
    assert ledger.begin() == ["old"]
    deal(ledger, "old", page("9", ended=True))
    assert ledger.begin() == ["new"]
    ledger.listed([Shard("new", "old")])
    clock.now += 80_000
    ledger.listed([Shard("old"), Shard("new", "old")])
    ledger.listed([Shard("new", "old")])
    clock.now += 80_000
    ledger.listed([Shard("new", "old")])
    assert (ledger.ended, ledger.positions) == (frozenset({"old"}), {"new": None})
    clock.now += 10_000
    ledger.listed([Shard("new", "old")])
    assert (ledger.ended, ledger.positions) == (frozenset(), {"new": None})


def test_a_position_that_is_no_longer_listed_is_still_read() -> None:
    ledger = ShardLedger({"gone": "5"})
    ledger.listed([Shard("other")])
    assert sorted(ledger.begin()) == ["gone", "other"]


def test_a_generation_waits_for_all_earlier_ones() -> None:
    ledger = ShardLedger({})
    ledger.listed([Shard("c", "a", 2), Shard("a", None, 1), Shard("b", None, 1)])
    assert sorted(ledger.begin()) == ["a", "b"]
    deal(ledger, "a", page("1", ended=True))
    assert ledger.begin() == []
    deal(ledger, "b", page("1", ended=True))
    assert ledger.begin() == ["c"]


def test_a_page_moves_the_position_when_it_is_dealt_with() -> None:
    ledger = ShardLedger({})
    ledger.listed([Shard("a")])
    ledger.begin()
    ledger.arrived("a", page("7", 1.0, 2.0))
    assert (ledger.pending, ledger.positions) == (2, {"a": None})
    ledger.settled("a", page("7", 1.0, 2.0), ChangeCounts(2, 1, 1))
    assert (ledger.pending, ledger.positions) == (0, {"a": "7"})
    assert ledger.counts == ChangeCounts(2, 1, 1)


def test_lag_is_that_of_the_shard_that_is_furthest_behind() -> None:
    clock = Clock()
    ledger = ShardLedger({}, clock=clock)
    assert ledger.lag() is None
    ledger.listed([Shard("a"), Shard("b")])
    ledger.begin()
    deal(ledger, "a", page("1", at_tip=True))
    assert ledger.lag() is None
    deal(ledger, "b", page("1", clock.now - 60))
    assert ledger.lag() == 60
    clock.now += 5
    deal(ledger, "b", page("2", clock.now - 2))
    assert ledger.lag() == 5
    deal(ledger, "a", page("2", at_tip=True))
    assert ledger.lag() == 2


def test_a_page_that_waits_to_be_written_is_lag() -> None:
    clock = Clock()
    ledger = ShardLedger({}, clock=clock)
    ledger.listed([Shard("a")])
    ledger.begin()
    deal(ledger, "a", page("1", at_tip=True))
    found = page("2", clock.now, at_tip=True)
    ledger.arrived("a", found)
    clock.now += 30
    assert ledger.lag() == 30
    ledger.settled("a", found, NONE)
    assert ledger.lag() == 30
    deal(ledger, "a", page("2", at_tip=True))
    assert ledger.lag() == 0


def test_a_child_begins_with_the_lag_of_its_parent() -> None:
    clock = Clock()
    ledger = ShardLedger({}, clock=clock)
    ledger.listed([Shard("a"), Shard("b", "a")])
    ledger.begin()
    deal(ledger, "a", page("1", clock.now - 3, ended=True))
    ledger.begin()
    assert ledger.lag() == 3
    clock.now += 4
    assert ledger.lag() == 7


def test_the_place_that_is_known_is_where_lag_begins() -> None:
    """Also that of shards that are listed later."""
    clock = Clock()
    ledger = ShardLedger({"a": "5"}, watermark=clock.now - 500, clock=clock)
    assert ledger.lag() == 500
    ledger.listed([Shard("a"), Shard("b")])
    ledger.begin()
    assert (ledger.lag(), ledger.shard("b").watermark) == (500, clock.now - 500)
    deal(ledger, "a", page("6", clock.now - 900))
    assert ledger.lag() == 500
    for name in "ab":
        deal(ledger, name, page("7", at_tip=True))
    assert (ledger.lag(), ledger.shard("b").watermark) == (0, clock.now)


def test_a_shard_that_has_ended_says_nothing_of_its_children() -> None:
    """They may hold changes of the hours since it was closed."""
    clock = Clock()
    ledger = ShardLedger({"a": None}, watermark=clock.now - 5000, clock=clock)
    ledger.listed([Shard("a"), Shard("b", "a")])
    ledger.begin()
    deal(ledger, "a", page("6", clock.now - 4000))
    deal(ledger, "a", page("6", at_tip=True, ended=True))
    assert ledger.watermark() == clock.now - 4000, "a savepoint may be written before they begin"
    assert ledger.begin() == ["b"]
    assert ledger.lag() == 4000


def test_a_shard_at_its_tip_says_nothing_of_those_that_are_to_be_begun() -> None:
    clock = Clock()
    ledger = ShardLedger({"a": None, "c": None}, watermark=clock.now - 5000, clock=clock)
    ledger.listed([Shard("a"), Shard("b", "a"), Shard("c")])
    ledger.begin()
    deal(ledger, "c", page("1", at_tip=True))
    deal(ledger, "a", page("6", clock.now - 4000))
    deal(ledger, "a", page("6", at_tip=True, ended=True))
    assert ledger.watermark() == clock.now - 4000


def test_reading_that_begins_again_knows_no_more_than_before() -> None:
    """Until it has the list, and has read."""
    clock = Clock()
    ledger = ShardLedger({"a": None}, watermark=clock.now - 900, clock=clock)
    ledger.listed([Shard("a")])
    ledger.begin()
    deal(ledger, "a", page("1", clock.now - 800))
    ledger.start()
    assert ledger.watermark() == clock.now - 800
    ledger.listed([Shard("a"), Shard("b")])
    ledger.begin()
    assert ledger.lag() == 800


def test_nothing_is_current_while_the_children_of_a_shard_are_not_listed() -> None:
    clock = Clock()
    ledger = ShardLedger({}, clock=clock)
    ledger.listed([Shard("a")])
    ledger.begin()
    deal(ledger, "a", page("1", at_tip=True, ended=True))
    assert not ledger.current_since(clock.now)
    ledger.listed([Shard("a"), Shard("b", "a")])
    ledger.begin()
    assert not ledger.current_since(clock.now)
    deal(ledger, "b", page("1", at_tip=True))
    assert ledger.current_since(clock.now)


def test_a_stream_that_shows_changes_late_has_caught_up_when_they_are_there() -> None:
    clock = Clock()
    ledger = ShardLedger({}, delay=10, clock=clock)
    ledger.listed([Shard("a")])
    ledger.begin()
    rule, asked = Cutover(5, 3, delay=10), clock.now + 1
    for _ in range(40):
        clock.now += 1
        ledger.listed([Shard("a")])
        deal(ledger, "a", page("1", at_tip=True))
        assert ledger.lag() == 10
        if caught_up(clock, ledger, rule):
            break
    assert clock.now - asked >= 10


def caught_up(clock: Clock, ledger: ShardLedger, rule: Cutover, *, repeating: bool = False) -> bool:
    return rule.reached(ledger, clock.now, waits=repeating)


@pytest.mark.parametrize("trouble", ["none", "lag", "repeating", "unlisted"])
def test_caught_up_is_a_low_lag_for_long_enough_without_trouble(trouble: str) -> None:
    clock = Clock()
    ledger = ShardLedger({}, clock=clock)
    ledger.listed([Shard("a")])
    ledger.begin()
    rule = Cutover(5, 30)
    seen = []
    for second in range(61):
        clock.now += 1
        if not (trouble == "unlisted" and second < 45):
            ledger.listed([Shard("a")])
        if not (trouble == "lag" and 10 <= second < 20):
            deal(ledger, "a", page("1", at_tip=True))
        seen.append(
            caught_up(clock, ledger, rule, repeating=trouble == "repeating" and second == 9)
        )
    first = {"none": 30, "lag": 50, "repeating": 40, "unlisted": 45}[trouble]
    assert seen.index(True) == first
    assert all(seen[first:])


def test_a_busy_shard_is_caught_up_without_ever_being_at_its_tip() -> None:
    clock = Clock()
    ledger = ShardLedger({}, clock=clock)
    rule = Cutover(5, 10)
    ledger.listed([Shard("a")])
    ledger.begin()
    seen = []
    for _ in range(20):
        clock.now += 1
        ledger.listed([Shard("a")])
        deal(ledger, "a", page("1", clock.now - 1))
        seen.append(caught_up(clock, ledger, rule))
    assert seen.index(True) in (10, 11)


def test_a_child_that_waits_keeps_from_being_caught_up() -> None:
    clock = Clock()
    ledger = ShardLedger({}, clock=clock)
    rule = Cutover(5, 10)
    for _ in range(30):
        clock.now += 1
        ledger.listed([Shard("a"), Shard("b", "a")])
        ledger.begin()
        deal(ledger, "a", page("1", at_tip=True))
        assert not caught_up(clock, ledger, rule)


KEYS = st.sampled_from([b"a", b"b", b"c"])


@given(st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=3))))
def test_folding_leaves_the_last_change_of_each_key(pairs: Sequence[tuple[bytes, bytes]]) -> None:
    changes = [Change(key, image, str(n), n) for n, (key, image) in enumerate(pairs)]
    folded = fold(changes)
    assert {each.key: each for each in folded} == {each.key: each for each in changes}
    assert len({each.key for each in folded}) == len(folded)


def test_what_is_gone_before_following_begins_is_not_needed() -> None:
    """It begins with the oldest changes that are left; later, nothing may go."""
    ledger = ShardLedger({"a": None, "b": None}, placed=500.0)
    assert (ledger.shard("a").unneeded, ledger.shard("a").watermark) == (500.0, None)
    deal(ledger, "a", page("7", 0.0))
    assert (ledger.shard("a").unneeded, ledger.shard("b").unneeded) == (None, 500.0)
    assert ShardLedger({"a": None}).shard("a").unneeded is None, "an earlier run may have seen it"


def test_only_what_was_there_before_following_began_may_be_dropped() -> None:
    """A shard is dropped a day after it was closed; its child is listed then, for a while."""
    ledger = ShardLedger({"a": None, "b": None}, watermark=500.0, began=500.0)
    ledger.listed([Shard("a"), Shard("c", "a")])
    ledger.begin()

    def dropped() -> str:
        return "".join(name for name in "abc" if ledger.shard(name).may_be_dropped)

    assert dropped() == "ab"
    ledger.listed([Shard("b"), Shard("c", "a")])
    assert dropped() == "a", "b was there just now, and no child of it"
    ledger.listed([Shard("c", "a"), Shard("d", "b")])
    assert dropped() == "ab"
    deal(ledger, "b", page("7", 501.0))
    assert dropped() == "a", "b was read beyond the beginning, so that it was open then"
    again = ShardLedger({"a": None}, watermark=501.0, began=500.0)
    assert not again.shard("a").may_be_dropped, "an earlier run read all that was before"
    assert not ShardLedger({"a": None}).shard("a").may_be_dropped


def test_changes_without_a_time_make_nothing_fresh() -> None:
    ledger = ShardLedger({"a": None})
    ledger.listed([Shard("a")])
    ledger.begin()
    deal(ledger, "a", page("7", 0.0))
    assert (ledger.watermark(), ledger.lag()) == (None, None)
    deal(ledger, "a", page("7", at_tip=True))
    assert ledger.lag() is not None
