"""Metrics, as a scraper reads them."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from alternator_migrate.core.progress import Reason
from alternator_migrate.core.state import Status
from alternator_migrate.monitor.metrics import exposition, write_metrics
from tests.support.runs import BEGAN, LATE, a_run, a_table

Found = dict[tuple[str, frozenset[tuple[str, str]]], float]


def found(text: str) -> Found:
    """Every sample by its name and labels."""
    return {
        (sample.name.removeprefix("alternator_migrate_"), frozenset(sample.labels.items())): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def told(*tables: object, **more: object) -> Found:
    """The metrics of a run of these tables."""
    body, kind = exposition(lambda: a_run(*tables, **more))  # type: ignore[arg-type]
    assert kind.startswith("text/plain; version=")
    return found(body.decode())


def at(metrics: Found, name: str, **labels: str) -> float:
    """The value of one metric."""
    return metrics[name, frozenset(labels.items())]


def test_the_names_are_those_of_the_page() -> None:
    metrics = told(a_table(changes=LATE), types=(("source_type", "dynamodb"),))
    assert at(metrics, "items_read_total", table="Orders") == 110
    assert at(metrics, "items_written_total", table="Orders") == 90
    assert at(metrics, "items_skipped_total", table="Orders") == 9
    assert at(metrics, "items_rejected_total", table="Orders") == 1
    assert at(metrics, "expected_items", table="Orders") == 400
    assert at(metrics, "bytes_read_total", table="Orders") == 5000
    assert at(metrics, "changes_applied_total", table="Orders") == 90
    assert at(metrics, "lag_seconds", table="Orders") == 1.5
    assert at(metrics, "caught_up", table="Orders") == 0
    assert at(metrics, "savepoint_timestamp_seconds") == BEGAN + 3
    assert at(metrics, "pace_limit_units", side="source") == 100
    assert at(metrics, "nodes", side="target", state="in use") == 1
    assert ("last_success_timestamp_seconds", frozenset()) not in metrics


def test_segments_requests_and_retries_are_told_by_their_kinds() -> None:
    metrics = told(a_table())
    states = {"done": 2, "running": 1, "waiting": 5, "throttled": 1}
    for state, count in states.items():
        assert at(metrics, "segments", table="Orders", state=state) == count
    scan = {"side": "source", "op": "Scan"}
    assert at(metrics, "requests_total", **scan, outcome="answered") == 4
    assert at(metrics, "requests_total", **scan, outcome="throttled") == 3
    assert at(metrics, "retries_total", side="source", reason="error") == 1
    assert at(metrics, "consumed_units_total", side="source") == 10
    assert at(metrics, "request_duration_seconds_count", **scan) == 4
    assert at(metrics, "request_duration_seconds_bucket", **scan, le="0.005") == 0
    assert at(metrics, "request_duration_seconds_bucket", **scan, le="0.025") == 4


def test_states_and_pauses_are_one_or_nothing() -> None:
    pause = Reason("user", "paused by you", pauses=True)
    metrics = told(a_table(), status=Status.RUNNING, reasons=(pause,))
    assert at(metrics, "run_state", state="running") == 1
    assert at(metrics, "run_state", state="failed") == 0
    assert at(metrics, "paused", reason="user") == 1
    assert at(metrics, "paused", reason="file") == 0


def test_a_name_that_breaks_the_form_is_escaped() -> None:
    name = 'a"b\\c\nd'
    assert at(told(a_table(name)), "items_read_total", table=name) == 110


def test_a_file_for_the_node_exporter_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "migrate.prom"
    write_metrics(lambda: a_run(a_table(), status=Status.COMPLETED), path)
    metrics = found(path.read_text())
    assert at(metrics, "last_success_timestamp_seconds") == BEGAN + 12
    assert [each.name for each in tmp_path.iterdir()] == ["migrate.prom"]


def test_no_message_and_no_error_is_in_it() -> None:
    body, _ = exposition(lambda: a_run(a_table(), error="boom"))
    assert b"secret-key" not in body
    assert b"boom" not in body
