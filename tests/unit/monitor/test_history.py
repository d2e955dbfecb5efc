"""The history of a run: constant memory, nothing lost in sums, gaps kept."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from alternator_migrate.core.counts import Counts
from alternator_migrate.monitor.history import MOST, History, Sample, Sampler
from alternator_migrate.monitor.history_file import HistoryFile
from tests.support.runs import LATE, a_run, a_table, side


def lasting(seconds: int, *, resumed_at: int = 0) -> History:
    """A history of so many samples of a second, each of ten items."""
    history = History()
    for second in range(seconds):
        resumes = second in (0, resumed_at)
        history.add(Sample(1000.0 + second, 1.0, items=10, lag=float(second), resumes=resumes))
    return history


@pytest.mark.parametrize("seconds", [1, 599, 600, 601, 5_000, 20_000])
def test_any_time_fits_into_600_samples_and_sums_stay(seconds: int) -> None:
    whole = lasting(seconds).whole
    assert len(whole) <= MOST
    assert len(whole) > min(seconds, MOST // 2) - 1
    assert sum(sample.items for sample in whole) == 10 * seconds
    assert sum(sample.seconds for sample in whole) == seconds
    assert whole[-1].at == 1000.0 + seconds - 1
    assert whole[-1].lag == seconds - 1


def test_a_gap_in_which_nothing_ran_stays_one() -> None:
    whole = lasting(5_000, resumed_at=3_000).whole
    assert [sample.resumes for sample in whole].count(True) == 2


def test_the_last_quarter_of_an_hour_is_kept_as_it_was() -> None:
    recent = lasting(5_000).recent
    assert len(recent) in (900, 901)
    assert {sample.seconds for sample in recent} == {1.0}


def test_a_moment_at_the_end_is_a_part_of_the_sample_before() -> None:
    history = History()
    history.add(Sample(1000.0, 1.0, failed=1, resumes=True))
    history.add(Sample(1000.02, 0.02, failed=1))
    for kept in (history.whole, history.recent):
        assert [(each.seconds, each.failed) for each in kept] == [(1.02, 2)]


def test_a_resumed_run_goes_on_with_it(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, "abc")
    first = lasting(1_000)
    file.write(first)
    again = file.read()
    assert again.whole == first.whole
    again.add(Sample(9_000.0, 1.0, items=1, resumes=True))
    assert sum(sample.items for sample in again.whole) == 10_001
    assert not again.recent[:-1]


@pytest.mark.parametrize("text", ["", "[]", '{"columns": 1}', '{"step": 1, "samples": [[1]]}'])
def test_a_file_that_is_none_is_an_empty_history(tmp_path: Path, text: str) -> None:
    file = HistoryFile(tmp_path, "abc")
    assert file.read().whole == ()
    file.path.write_text(text)
    assert file.read().whole == ()


def test_columns_of_another_version_are_left_out(tmp_path: Path) -> None:
    plain = lasting(3).plain()
    plain["columns"] = [*plain["columns"], "unheard"]
    plain["samples"] = [[*row, 1] for row in plain["samples"]]
    file = HistoryFile(tmp_path, "abc")
    file.path.write_text(json.dumps(plain))
    assert file.read().whole == lasting(3).whole


def test_a_sample_is_what_happened_since_the_one_before() -> None:
    clock = [100.0]
    sampler = Sampler(lambda: clock[0])
    first = a_table(items=Counts(50, 50), changes=LATE)
    sampler.sample(a_run(first))
    clock[0] = 104.0
    later = replace(
        first,
        items=Counts(90, 90),
        sides=(("source", side(9, throttled=5)), ("target", side(2))),
    )
    found = sampler.sample(a_run(later, paused_seconds=1.0))
    assert (found.at, found.seconds, found.items) == (104.0, 4.0, 40)
    assert (found.throttled, found.failed) == (2, 0)
    assert found.source_median == pytest.approx(0.01, rel=0.2)
    assert found.target_median is None
    assert (found.lag, found.waiting, found.paused) == (1.5, 7, 1.0)


def test_what_was_there_before_does_not_count_as_done_now() -> None:
    sampler = Sampler(lambda: 100.0)
    assert sampler.sample(a_run(a_table())).items == 0
    assert sampler.sample(a_run(a_table(), a_table("Other"))).items == 0
