"""What a run says: to the letter of the interface."""

import io
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from alternator_migrate import __version__
from alternator_migrate.cli import report
from alternator_migrate.cli.report import Ending, status_line
from alternator_migrate.core.counts import Counts, ValidationCounts
from alternator_migrate.core.progress import Progress, RatesNow, Reason
from alternator_migrate.core.rates import Observer, Rates
from alternator_migrate.core.state import Status
from alternator_migrate.core.texts import duration, size_text

PROGRESS = Progress(
    source="Example",
    target="Copy",
    state="copying",
    segments_total=64,
    segments_done=37,
    items=Counts(30_714_000, 30_713_000, 90, 10),
    expected=43_138_319,
    bytes_read=8_000_000_000,
    batches=1_228_525,
    backlog=12,
    retries=3,
    throttled=2,
    reasons=(Reason("throttled", "target throttles"),),
)


def rates(
    progress: Progress, items: float = 0, size: float = 0, seconds: float = 10, at: float = 1000
) -> RatesNow:
    """Rates of a run that gained `items` a second and `size` bytes a second until `progress`."""
    gained = Counts(0, progress.items.written - round(items * seconds), 90, 10)
    before = replace(progress, items=gained, bytes_read=progress.bytes_read - round(size * seconds))
    found = Rates()
    found.note(before, at - seconds)
    found.note(progress, at)
    return found.now


def test_the_status_line_is_the_one_of_the_interface() -> None:
    assert status_line(PROGRESS, rates(PROGRESS, 48_210, 11_900_000)) == (
        "Copy 71.2% 30,713,100/43,138,319; 48,210 items/s 11.9 MB/s; Segments 37/64; Backlog 12; "
        "Retries 3; State copying (paced: target throttles); ETA 4m18s"
    )


def test_what_is_not_known_is_left_out_of_the_status_line() -> None:
    progress = replace(PROGRESS, expected=0, reasons=(), backlog=0)
    assert status_line(progress, rates(progress)) == (
        "Copy 57.8% 30,713,100; 0 items/s 0 B/s; Segments 37/64; Backlog 0; "
        "Retries 3; State copying; ETA -"
    )


def test_the_first_status_line_has_no_rate_and_no_end() -> None:
    found = Rates()
    found.note(Progress("A", "B"), 5.0)
    assert status_line(Progress("A", "B"), found.now).endswith("; State starting; ETA -")


def test_a_stale_expected_count_that_was_passed_is_not_shown() -> None:
    progress = replace(PROGRESS, expected=30_000_000)
    assert status_line(progress, rates(progress)).startswith("Copy 57.8% 30,713,100; ")


def test_a_finished_copy_is_at_a_hundred_percent_whatever_was_expected() -> None:
    for expected in (0, 43_138_319, 30_713_100):
        progress = replace(
            PROGRESS, segments_done=64, items=Counts(30_713_100, 30_713_100), expected=expected
        )
        assert status_line(progress, rates(progress)).startswith("Copy 100.0% ")


def test_rates_are_those_of_the_last_half_minute() -> None:
    found = Rates()
    for second in range(0, 200, 5):
        done = second * 10 if second < 150 else 1500 + (second - 150) * 100
        progress = Progress("A", "B", items=Counts(done, done), bytes_read=done, expected=10_000)
        found.note(progress, 1000.0 + second)
    assert found.now.items == pytest.approx(100)
    assert found.now.size == pytest.approx(100)
    assert found.now.seconds_left == pytest.approx((10_000 - 6000) / 100)


def test_without_progress_the_end_cannot_be_told() -> None:
    found = Rates()
    found.note(PROGRESS, 10.0)
    assert (found.now.items, found.now.size, found.now.seconds_left) == (0.0, 0.0, None)
    found.note(PROGRESS, 10.0)
    found.note(PROGRESS, 20.0)
    assert (found.now.items, found.now.size, found.now.seconds_left) == (0.0, 0.0, None)


def test_rates_begin_anew_with_each_phase_and_are_never_negative() -> None:
    found, copied = Rates(), replace(PROGRESS, segments_done=64)
    found.note(PROGRESS, 10.0)
    found.note(copied, 20.0)
    validating = replace(PROGRESS, phase="Validate", bytes_read=0, segments_done=0)
    found.note(validating, 21.0)
    assert found.now == RatesNow()
    found.note(replace(validating, examined=100, bytes_read=500), 22.0)
    assert (found.now.items, found.now.size) == (100, 500)
    found.note(replace(validating, examined=60, bytes_read=300), 23.0)  # a worker was lost
    found.note(replace(validating, examined=0), 24.0)
    assert (found.now.items, found.now.size) == (0, 0)


def test_the_rates_of_all_tables_go_on_when_one_of_them_ends() -> None:
    now = 0.0
    observer = Observer(lambda: now)
    for now, standing in ((10.0, "2 running"), (20.0, "1 running, 1 completed")):
        total = Progress("2 tables", standing, items=Counts(round(now), round(now)))
        rates = observer.now(total)
    assert rates.items == 1.0


@pytest.mark.parametrize("state", ["building index by-city", "following", "done"])
def test_when_all_is_copied_the_end_of_what_goes_on_cannot_be_told(state: str) -> None:
    found = Rates()
    found.note(PROGRESS, 10.0)
    found.note(replace(PROGRESS, segments_done=64, state=state), 20.0)
    assert found.now.seconds_left == (0 if state == "done" else None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0s"),
        (0.04, "0.0s"),
        (2.34, "2.3s"),
        (12.3, "12s"),
        (59, "59s"),
        (59.7, "1m0s"),
        (60, "1m0s"),
        (258, "4m18s"),
        (3599.6, "1h0m"),
        (3600, "1h0m"),
        (7384, "2h3m"),
        (86_400, "1d0h"),
        (200_000, "2d7h"),
    ],
)
def test_a_duration_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_900, "999.9 kB"),
        (1_000_000, "1.0 MB"),
        (11_900_000, "11.9 MB"),
        (2.5e9, "2.5 GB"),
        (7.5e12, "7.5 TB"),
        (3e15, "3.0 PB"),
        (4.2e18, "4200.0 PB"),
    ],
)
def test_a_size_is_in_decimal_units(size: float, text: str) -> None:
    assert size_text(size) == text


DONE = replace(PROGRESS, items=Counts(30_713_100, 30_713_000, 90, 10), speed=48_210.4)
ENDING = Ending("Migration", Status.COMPLETED, 1_800_000_000.9, 12.34567, DONE)


def text_of(ending: Ending) -> str:
    """The closing table as a terminal shows it."""
    console = Console(file=io.StringIO(), width=100)
    console.print(report.closing_table(ending))
    shown: str = console.file.getvalue()  # type: ignore[attr-defined] # a StringIO
    return shown


def test_the_summary_has_the_shape_of_the_interface() -> None:
    table: dict[str, Any] = {
        "source": "Example",
        "target": "Copy",
        "segments": {"total": 64, "done": 37},
        "items": {
            "read": 30_713_100,
            "written": 30_713_000,
            "skipped_expired": 90,
            "rejected": 10,
        },
        "bytes_read": 8_000_000_000,
        "batches": 1_228_525,
        "retries": 3,
        "throttled": 2,
        "changes": None,
        "validation": None,
    }
    found = report.summary(ENDING)
    assert found == {
        "version": __version__,
        "status": "completed",
        "error": None,
        "started": "2027-01-15T08:00:00Z",
        "seconds": 12.346,
        "tables": [table],
        "savepoint": None,
        "rejects": None,
    }
    assert list(found) == [
        *("version", "status", "error", "started", "seconds", "tables", "savepoint", "rejects")
    ]
    assert list(found["tables"][0]) == list(table)
    assert json.loads(json.dumps(found)) == found


def test_a_failure_and_its_rejects_are_in_the_summary() -> None:
    ending = replace(ENDING, status=Status.FAILED, error="no", rejects="s/rejects_1.jsonl")
    found = report.summary(ending)
    assert (found["status"], found["error"]) == ("failed", "no")
    assert found["rejects"] == "s/rejects_1.jsonl"
    assert report.summary(replace(ending, progress=None))["tables"] == []


def test_the_closing_line_tells_the_accounts() -> None:
    items = Counts(1_003, 1_000, 2, 1)
    ending = replace(ENDING, progress=replace(PROGRESS, items=items, segments_done=64))
    assert [*report.closing_lines(ending)] == [
        "Migration completed: read 1,003 = written 1,000 + skipped 2 + rejected 1; "
        "64/64 segments in 12s"
    ]


def test_the_closing_line_of_a_stopped_run_does_not_claim_that_all_was_written() -> None:
    stopped = replace(ENDING, status=Status.STOPPED, progress=PROGRESS)
    (line,) = report.closing_lines(stopped)
    assert line == (
        "Migration stopped: read 30,713,100 = written 30,713,000 + skipped 90 + rejected 10 "
        "(900 more are to be read again); 37/64 segments in 12s"
    )
    assert "900" in text_of(stopped)
    (table,) = report.summary(stopped)["tables"]
    assert table["items"] == {
        "read": 30_713_100,
        "written": 30_713_000,
        "skipped_expired": 90,
        "rejected": 10,
    }
    (before,) = report.closing_lines(replace(ENDING, status=Status.FAILED, progress=None))
    assert before == "Migration failed after 12s; nothing was copied"


COMPARED = Progress(
    "Example",
    "Copy",
    state="comparing",
    phase="Validate",
    segments_total=128,
    segments_done=64,
    expected=4_000,
    bytes_read=1_000_000,
    examined=2_500,
    validated=ValidationCounts(1_250, 3, 2, 1, 4),
)


def test_the_status_line_of_a_validation_counts_both_sides() -> None:
    line = report.status_line(COMPARED, rates(PROGRESS))
    assert line.startswith("Validate 62.5% 2,500/4,000; ")
    assert "; Segments 64/128; " in line
    assert "; State comparing; " in line


def test_a_validation_ends_with_what_it_found() -> None:
    said = "compared 1,250; missing 3, different 2, extra 1; repaired 4"
    alone = replace(ENDING, work="Validation", status=Status.DIFFERENCES, progress=COMPARED)
    assert [*report.closing_lines(alone)] == [
        f"Validation differences: {said}; 64/128 segments in 12s"
    ]
    both = replace(ENDING, progress=replace(PROGRESS, validated=COMPARED.validated))
    assert [*report.closing_lines(both)][1] == f"Validation: {said}"
    (nothing,) = report.closing_lines(replace(alone, status=Status.FAILED, progress=None))
    assert nothing == "Validation failed after 12s; nothing was compared"
    found = report.summary(alone)["tables"][0]["validation"]
    assert found == {"compared": 1_250, "missing": 3, "different": 2, "extra": 1, "repaired": 4}
    assert report.summary(alone)["status"] == "differences"


@pytest.mark.parametrize("copied", [True, False])
def test_the_closing_table_of_a_validation_shows_every_count(copied: bool) -> None:
    progress = replace(PROGRESS, validated=COMPARED.validated) if copied else COMPARED
    console = Console(file=io.StringIO(), width=100)
    console.print(report.closing_table(replace(ENDING, work="Validation", progress=progress)))
    shown = console.file.getvalue()  # type: ignore[attr-defined] # a StringIO
    assert ("items written" in shown) is copied
    for what in ("items compared", "1,250", "missing", "different", "extra", "repaired"):
        assert what in shown


def test_the_closing_table_shows_every_count() -> None:
    shown = text_of(ENDING)
    for figure in ("Example -> Copy", "30,713,100", "30,713,000", "90", "10", "37/64", "8.0 GB"):
        assert figure in shown
    assert re.search(r"items per second\W+48,210\W", shown)
    assert "again" not in shown
    assert "12s" in text_of(replace(ENDING, progress=None))
