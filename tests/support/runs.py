"""Snapshots of runs, made by hand."""

from dataclasses import replace
from typing import Any, Final

from alternator_migrate.core.counts import ChangeCounts, Counts
from alternator_migrate.core.durations import Stopwatch
from alternator_migrate.core.progress import (
    FollowProgress,
    Message,
    Progress,
    RatesNow,
    Reason,
    RunProgress,
    SettingInForce,
)
from alternator_migrate.core.requests import (
    OperationFigures,
    RequestFigures,
    RetryCause,
    SideFigures,
)
from alternator_migrate.core.segments import SegmentBoard
from alternator_migrate.core.state import Status

BEGAN: Final = 1_790_000_000.0
THROTTLED: Final = Reason("throttled", "source throttles")
EVIL: Final = "<script>alert(1)</script>"
CAUSE: Final = RetryCause("down", False, 12, f"refused {EVIL}", BEGAN, BEGAN + 5)
LATE: Final = FollowProgress(ChangeCounts(100, 90, 10), waiting=7, lag=1.5)


def side(count: int, *causes: RetryCause, throttled: int = 0) -> SideFigures:
    """A side that answered so many scans of 10 ms, at one node."""
    stopwatch = Stopwatch()
    for _ in range(count):
        stopwatch.note(0.01)
    figures = OperationFigures(count, 0, throttled, 1, 2.5 * count, stopwatch.durations)
    requests = RequestFigures((("Scan", figures),), causes)
    return SideFigures(requests, (("http://a:8000", "in use"),), 100.0)


def a_table(name: str = "Orders", **more: Any) -> Progress:
    """A table that is being copied, a quarter done."""
    board = SegmentBoard(8, range(8), [0, 1])
    board.begins(2)
    board.throttling.add(3)
    table = Progress(
        name,
        f"{name}_v2",
        "copying",
        segments_total=8,
        segments_done=2,
        items=Counts(110, 90, 9, 1),
        expected=400,
        bytes_read=5000,
        retries=13,
        reasons=(THROTTLED,),
        limit="source",
        speed=10.0,
        now=RatesNow(12.0, 600.0, 0.0, 25.0),
        segments=board.figures(),
        sides=(("source", side(4, CAUSE, throttled=3)), ("target", side(2))),
    )
    return replace(table, **more)


def a_run(*tables: Progress, status: Status = Status.RUNNING, **more: Any) -> RunProgress:
    """A run of these tables, twelve seconds old."""
    known: dict[str, Any] = {
        "savepoint": "savepoints/savepoint_1790000000000_0000000001.yaml",
        "saved_at": BEGAN + 3,
        "settings": (SettingInForce("source.readThroughput", "100", "200", BEGAN + 4),),
        "messages": (Message(BEGAN, "warning", 'refused {"pk":{"S":"secret-key"}} today'),),
    }
    return RunProgress("Migration", BEGAN, 12.0, tables, status, **{**known, **more})
