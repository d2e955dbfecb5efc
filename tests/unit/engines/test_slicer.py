"""Slices: every segment is in one of them or waits, whatever becomes of them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternator_migrate.core.errors import MigrateError, WorkerLost
from alternator_migrate.core.state import CopyState
from alternator_migrate.core.work import Slice, SliceResult
from alternator_migrate.engines.slicer import SHORTEST_SECONDS, Slicer

LOSS = WorkerLost("worker process 7 ended by signal 9", "Give it more memory.")


def a_slicer(segments: int, longest: float = 16.0) -> Slicer:
    return Slicer(segments, dict.fromkeys(range(segments)), longest)


def nothing(piece: Slice[None]) -> SliceResult[None]:
    """The report of a slice that has not come forward."""
    return SliceResult(CopyState(positions={n: key for n, key in piece.places.items() if key}))


@given(st.integers(1, 300), st.integers(1, 40), st.randoms())
def test_segments_are_dealt_out_and_come_back_until_all_are_done(
    segments: int, workers: int, chance: st.DrawFn
) -> None:
    slicer = a_slicer(segments)
    done: set[int] = set()
    under_way: list[Slice[None]] = []
    while slicer or under_way:
        while slicer and len(under_way) < workers:
            under_way.append(slicer.cut(workers - len(under_way), 1 / workers, None))
        held = [segment for piece in under_way for segment in piece.places]
        assert len(held) == len(set(held)) == segments - len(done) - len(slicer)
        piece = under_way.pop(0)
        finished = set(list(piece.places)[: max(1, len(piece.places) // 2)])
        positions = {
            segment: b"%d" % segment for segment in piece.places if segment not in finished
        }
        slicer.came_back(piece, SliceResult(CopyState(frozenset(finished), positions)))
        assert not done & finished
        done |= finished
    assert done == set(range(segments))


def test_each_vacant_worker_gets_its_part() -> None:
    slicer = a_slicer(10)
    sizes = [len(slicer.cut(vacant, 0.25, None).places) for vacant in (4, 3, 2, 1)]
    assert sizes == [3, 3, 2, 2]
    assert len(slicer) == 0


def test_slices_grow_longer_and_the_last_ones_are_short() -> None:
    slicer = a_slicer(1000)
    seconds = []
    for _ in range(6):
        piece = slicer.cut(1, 1.0, None)
        seconds.append(piece.seconds)
        slicer.came_back(piece, nothing(piece))
    assert seconds == [2, 4, 8, 16, 16, 16]
    few = a_slicer(3)
    for _ in range(5):
        piece = few.cut(1, 1.0, None)
        assert piece.seconds == SHORTEST_SECONDS
        few.came_back(piece, nothing(piece))


def test_what_is_left_over_goes_on_where_it_was_before_others_begin() -> None:
    slicer = a_slicer(4)
    piece = slicer.cut(2, 0.5, "params")
    assert (piece.total, piece.places, piece.params) == (4, {0: None, 2: None}, "params")
    slicer.came_back(piece, SliceResult(CopyState(frozenset({0}), {2: b"here"})))
    assert slicer.cut(1, 1.0, None).places == {2: b"here", 1: None, 3: None}


@pytest.mark.parametrize("left", [range(512), range(300, 512)])
def test_a_slice_is_as_spread_as_the_whole_and_begins_elsewhere(left: range) -> None:
    slicer = Slicer(512, dict.fromkeys(left), 16.0)
    slices = [list(slicer.cut(vacant, 0.25, None).places) for vacant in (4, 3, 2, 1)]
    for places in slices:
        ordered = sorted(places)
        steps = [after - before for before, after in itertools.pairwise(ordered)]
        assert max(steps) <= 4 * len(left) / len(places)
    assert len({places[0] for places in slices}) == 4


def test_a_lost_slice_is_cut_again_as_it_was() -> None:
    slicer = a_slicer(4)
    piece = slicer.cut(2, 0.5, None)
    slicer.was_lost(piece, LOSS)
    assert slicer.cut(2, 0.5, None).places == piece.places


def test_a_segment_that_loses_its_workers_again_and_again_is_named() -> None:
    slicer = a_slicer(3)
    for _ in range(4):
        slicer.was_lost(slicer.cut(1, 1.0, None), LOSS)
    piece = slicer.cut(1, 1.0, None)
    slicer.came_back(piece, nothing(piece))
    for _ in range(4):
        slicer.was_lost(slicer.cut(1, 1.0, None), LOSS)
    with pytest.raises(MigrateError, match="5 workers in turn were lost with segment 0 of 3"):
        slicer.was_lost(slicer.cut(1, 1.0, None), LOSS)
