"""The picture of the segments, on a clock of its own."""

from alternator_migrate.core.segments import (
    CELLS,
    Cell,
    SegmentBoard,
    SegmentFigures,
    WorkerSegments,
)


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def running(*segments: int) -> WorkerSegments:
    """Segments that run at workers."""
    return WorkerSegments(running=segments)


def test_it_tells_where_what_is_done_and_runs_and_is_throttled() -> None:
    board = SegmentBoard(4, range(4), [3], Clock())
    board.begins(0)
    board.throttling.add(1)
    assert board.figures(running(2)).cells == (
        Cell(1, 0, 1),
        Cell(1, 0, 0, 1),
        Cell(1, 0, 1),
        Cell(1, 1),
    )


def test_a_segment_that_throttles_at_a_worker_is_throttled_until_it_is_left() -> None:
    board = SegmentBoard(2, range(2))
    board.begins(0)
    board.throttling.add(0)
    assert [cell.throttled for cell in board.figures(WorkerSegments((), (1,), (1,))).cells] == [
        1,
        1,
    ]
    board.ends(0)
    assert [cell.throttled for cell in board.figures(running(1)).cells] == [0, 0]


def test_what_workers_have_done_counts_before_they_report_it() -> None:
    board = SegmentBoard(4, range(4), [0])
    cells = board.figures(WorkerSegments(done=(1,), running=(2,))).cells
    assert cells == (Cell(1, 1), Cell(1, 1), Cell(1, 0, 1), Cell(1))
    assert board.figures().cells == (Cell(1, 1), Cell(1), Cell(1), Cell(1))


def test_both_sides_of_a_comparison_are_numbered_through() -> None:
    both = WorkerSegments((0,), (1,)) + WorkerSegments((2,), (), (3,)).moved(4)
    assert both == WorkerSegments((0, 6), (1,), (7,))
    assert both.within(range(4, 8)) == WorkerSegments((2,), (), (3,))


def test_while_nothing_runs_the_picture_is_not_drawn_again() -> None:
    board = SegmentBoard(2, range(2))
    assert board.figures() is board.figures()
    board.begins(0)
    assert board.figures().cells[0].running == 1
    board.ends(0)
    assert board.figures().cells == (Cell(1, 1), Cell(1))
    assert board.figures() is board.figures()
    board.ends(1)
    assert board.figures().cells[1].done == 1


def test_neighbours_share_a_cell_where_there_are_many() -> None:
    board = SegmentBoard(10_000, range(10_000), range(5_000))
    cells = board.figures().cells
    assert len(cells) == CELLS
    assert sum(cell.total for cell in cells) == 10_000
    assert all(cell.done == cell.total for cell in cells[: CELLS // 2])
    assert not any(cell.done for cell in cells[CELLS // 2 + 1 :])


def test_a_part_of_the_segments_leaves_the_others_empty() -> None:
    assert SegmentBoard(2, [1]).figures().cells == (Cell(0), Cell(1))


def test_rests_do_not_count_and_workers_times_do() -> None:
    clock = Clock()
    board = SegmentBoard(3, range(3), (), clock)
    board.begins(0)
    clock.now = 2.0
    board.rests(0)
    clock.now = 10.0
    board.begins(0)
    clock.now = 11.0
    board.ends(0)
    board.spent_elsewhere({1: 8.0})
    board.ends(1)
    board.begins(2)
    clock.now = 16.0
    found = board.figures()
    assert found.fastest == 3.0
    assert found.slowest == ((1, 8.0), (2, 5.0), (0, 3.0))
    assert found.durations.count == 2


def test_what_was_done_before_this_run_has_no_time() -> None:
    board = SegmentBoard(2, range(2), [0])
    board.ends(1)
    assert board.figures().fastest is None
    assert board.figures().durations.count == 0


def test_two_pictures_add_up() -> None:
    one = SegmentFigures((Cell(1, 1),), fastest=2.0, slowest=((0, 2.0),))
    both = one + SegmentFigures((Cell(1), Cell(1, 0, 1)), slowest=((1, 9.0),))
    assert both.cells == (Cell(2, 1), Cell(1, 0, 1))
    assert (both.fastest, both.slowest) == (2.0, ((1, 9.0), (0, 2.0)))
