"""The snapshot of a whole run, and its JSON."""

import json
from dataclasses import replace

import pytest

from alternator_migrate.core.counts import ChangeCounts, Counts, ValidationCounts
from alternator_migrate.core.durations import Stopwatch
from alternator_migrate.core.progress import FollowProgress, Message, Progress, Reason, RunProgress
from alternator_migrate.core.requests import (
    OperationFigures,
    RequestFigures,
    RetryCause,
    SideFigures,
)
from alternator_migrate.core.state import Status
from alternator_migrate.core.summary import live_summary

THROTTLED = Reason("throttled", "source throttles")


def a_run(*tables: Progress, status: Status = Status.RUNNING, **more: object) -> RunProgress:
    return RunProgress("Migration", 1_790_000_000.0, 12.0, tables, status, **more)  # type: ignore[arg-type]


def scans(count: int) -> SideFigures:
    """A source that answered so many scans."""
    stopwatch = Stopwatch()
    for _ in range(count):
        stopwatch.note(0.01)
    figures = OperationFigures(answered=count, latency=stopwatch.durations)
    return SideFigures(RequestFigures((("Scan", figures),)), (("http://a", "in use"),), 100.0)


def test_reasons_are_told_once() -> None:
    run = a_run(Progress("A", "A", reasons=(THROTTLED,)), Progress("B", "B", reasons=(THROTTLED,)))
    assert run.all_reasons == (THROTTLED,)
    assert not run.is_paused


def test_a_pause_is_the_state_whatever_tables_do() -> None:
    pause = Reason("user", "paused by you", pauses=True, since=1_790_000_003.0)
    run = a_run(Progress("A", "A", state="copying"), reasons=(pause,))
    assert run.state == "paused"


def test_the_state_is_what_tables_do_the_most_frequent_first() -> None:
    states = ("following", "copying", "copying")
    run = a_run(
        *(Progress(name, name, name_of) for name, name_of in zip("ABC", states, strict=True))
    )
    assert run.state == "copying, following"
    assert a_run().state == "starting"
    assert a_run(status=Status.FAILED).state == "failed"


def test_the_sides_of_all_tables_add_up() -> None:
    run = a_run(
        Progress("A", "A", sides=(("source", scans(2)),)),
        Progress("B", "B", sides=(("source", scans(3)),)),
    )
    assert run.sides["source"].requests.latency.count == 5
    assert run.sides["source"].nodes == (("http://a", "in use"),)
    assert run.requests.latency.count == 5


@pytest.mark.parametrize(
    ("status", "caught_up", "can"),
    [
        (Status.COMPLETED, True, True),
        (Status.COMPLETED, False, False),
        (Status.RUNNING, True, False),
        (Status.DIFFERENCES, True, False),
    ],
)
def test_clients_may_be_switched_only_when_following_ended_caught_up(
    status: Status, caught_up: bool, can: bool
) -> None:
    changes = FollowProgress(ChangeCounts(), caught_up=caught_up)
    assert a_run(Progress("A", "A", changes=changes), status=status).can_switch is can
    assert not a_run(Progress("A", "A"), status=Status.COMPLETED).can_switch


def test_clients_may_be_switched_once_a_validation_has_settled_all_doubts() -> None:
    caught_up = FollowProgress(ChangeCounts(), caught_up=True)
    sure, doubted = (
        Progress("A", "A", changes=caught_up, is_doubted=each) for each in (False, True)
    )
    assert not a_run(sure, doubted, status=Status.COMPLETED).can_switch
    validated = replace(doubted, validated=ValidationCounts(1))
    assert a_run(sure, validated, status=Status.COMPLETED).can_switch


def test_no_item_and_no_key_is_in_the_json() -> None:
    words = 'refused {"pk":{"S":"secret-key"}} at last'
    cause = RetryCause(words, False, 1, words, 0.0, 0.0)
    side_of = SideFigures(RequestFigures((), (cause,)))
    table = Progress(
        "A", "B", error=words, sides=(("source", side_of),), reasons=(Reason("retry", words),)
    )
    run = a_run(table, error=words, messages=(Message(0.0, "info", words),))
    text = json.dumps(live_summary(run))
    assert "secret-key" not in text
    assert "at last" in text


def test_the_json_of_a_run_is_its_summary_and_how_it_stands() -> None:
    table = Progress(
        "A",
        "B",
        "copying",
        items=Counts(read=12, written=10),
        reasons=(THROTTLED,),
        sides=(("source", scans(4)),),
    )
    found = json.loads(json.dumps(live_summary(a_run(table))))
    assert found["status"] == "running"
    assert found["state"] == "copying"
    assert found["canSwitch"] is False
    assert found["started"] == "2026-09-21T14:13:20Z"
    assert found["reasons"] == [
        {"kind": "throttled", "text": "source throttles", "pauses": False, "since": None}
    ]
    assert found["tables"][0]["items"]["read"] == 10
    assert found["sides"]["source"]["latency"]["p50"] == pytest.approx(0.01, rel=0.2)
    assert found["sides"]["source"]["requests"]["Scan"]["answered"] == 4
