"""The picture on a terminal: what it says, and that it keeps to the room there is."""

from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from alternator_migrate.cli.frame import Frame, flow
from alternator_migrate.core.counts import Counts
from alternator_migrate.core.progress import (
    Progress,
    RatesNow,
    Reason,
    RunProgress,
    WorkerProgress,
)
from alternator_migrate.core.requests import SideFigures

TABLE = Progress(
    "orders",
    "orders",
    state="copying",
    step=(2, 5),
    segments_total=8,
    segments_done=2,
    items=Counts(read=900, written=800),
    expected=1000,
    engine="processes, 2 workers (2 cores)",
    workers=(WorkerProgress("process 1", busy=True), WorkerProgress("process 2")),
    sides=(
        ("source", SideFigures()),
        ("target", SideFigures(nodes=(("a", "in use"), ("b", "not answering")))),
    ),
)


def drawn(total: Progress, tables: list[Progress], *, width: int = 120, height: int = 24) -> str:
    """The picture, as a terminal of that size has it."""
    out = StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=True, color_system=None)
    run = RunProgress("Migration", 0.0, 3723.0, tuple(tables), paused_seconds=61.0)
    console.print(Frame(total, run, RatesNow(100.0, 5000.0)))
    return out.getvalue()


def test_it_tells_time_engine_workers_nodes_and_the_step() -> None:
    text = drawn(TABLE, [TABLE])
    for words in (
        "orders -> orders",
        "80.0%",
        "800 items  100/s",
        "step 2 of 5  elapsed 1h2m  paused for 1m1s of it",
        "engine processes, 2 workers (2 cores), 1 busy",
        "target 2 nodes, 1 not answering",
    ):
        assert words in text


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_no_part_is_torn(width: int) -> None:
    lines = drawn(TABLE, [TABLE], width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert any("segments 2/8" in line for line in lines)
    parts = [Text(words) for words in ("a" * 30, "b" * 15, "c" * 20)]
    assert all(set(line) <= set("abc ") for line in flow(parts, width).plain.splitlines())


def test_a_pause_says_who_and_since_when_and_hides_the_pace() -> None:
    reasons = (Reason("user", "by you", pauses=True, since=1.0), Reason("cap", "capped"))
    paused = Progress("orders", "orders", state="paused", reasons=reasons)
    text = drawn(paused, [paused])
    assert "by you since " in text
    assert "capped" not in text


def test_many_tables_have_a_line_each_as_far_as_there_is_room() -> None:
    tables = [Progress(f"t{n}", f"u{n}" if n else "t0", state="copying") for n in range(30)]
    total = Progress("30 tables", "", state="copying", standing="30 running")
    lines = drawn(total, tables, height=20).splitlines()
    assert len(lines) <= 20
    assert lines[0].startswith("t0 ")
    assert lines[1].startswith("t1 -> u1 ")
    assert any("more" in line for line in lines)
    assert any("30 tables: 30 running" in line for line in lines)


def test_tables_that_had_not_begun_have_no_line_while_all_are_held_back() -> None:
    begun = Progress("begun", "begun", state="paused", items=Counts(read=1))
    text = drawn(begun, [begun, Progress("idle", "idle", state="paused")])
    assert "begun" in text
    assert "idle" not in text
