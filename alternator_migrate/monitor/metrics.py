"""Metrics for Prometheus: a snapshot of a run as metric families, made when they are asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    generate_latest,
    write_to_textfile,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from alternator_migrate import __version__
from alternator_migrate.core.durations import Durations
from alternator_migrate.core.progress import Progress, RunProgress
from alternator_migrate.core.requests import OperationFigures
from alternator_migrate.core.segments import Cell
from alternator_migrate.core.state import Status

PREFIX: Final = "alternator_migrate"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_Family = TypeVar("_Family", CounterMetricFamily, GaugeMetricFamily)
Labelled: TypeAlias = tuple[Sequence[str], float]
"""The values of the labels, and that of the metric."""


class RunCollector(Collector):
    """The metrics of `snapshot()`, of now."""

    def __init__(self, snapshot: Callable[[], RunProgress]) -> None:
        self._snapshot = snapshot

    def describe(self) -> Iterable[Metric]:
        """Nothing: no snapshot is taken when the collector is registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All metric families."""
        run = self._snapshot()
        yield from _of_run(run)
        yield from _of_tables(run.tables)
        yield from _of_changes(run.tables)
        yield from _of_sides(run)


def exposition(snapshot: Callable[[], RunProgress]) -> tuple[bytes, str]:
    """The metrics as text, and its type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RunCollector(snapshot))
    return generate_latest(registry), CONTENT_TYPE_LATEST


def write_metrics(snapshot: Callable[[], RunProgress], path: Path) -> None:
    """Put the metrics into a file for the textfile collector of the node exporter, whole. Raises
    `OSError`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RunCollector(snapshot))
    write_to_textfile(str(path), registry)


def _of_run(run: RunProgress) -> Iterator[Metric]:
    info = {"version": __version__, "work": run.work.lower(), "engine": run.engine}
    yield InfoMetricFamily(PREFIX, "This run.", value={**info, **dict(run.types)})
    states = [((str(status),), float(run.status == status)) for status in Status]
    yield _gauges("run_state", "1 for the state that the run is in.", ("state",), states)
    kinds = ("user", "file", "judge")
    paused = {reason.kind for reason in run.reasons if reason.pauses}
    yield _gauges(
        "paused",
        "1 for each reason that pauses the run.",
        ("reason",),
        [((kind,), float(kind in paused)) for kind in kinds],
    )
    yield _gauge("run_seconds", "Time since this run began, in seconds.", run.seconds)
    yield _gauge("paused_seconds", "Time that this run was paused, in seconds.", run.paused_seconds)
    if run.saved_at:
        words = "When the last savepoint was written, in seconds since the epoch."
        yield _gauge("savepoint_timestamp_seconds", words, run.saved_at)
    if run.status == Status.COMPLETED:
        words = "When the run was completed, in seconds since the epoch."
        yield _gauge("last_success_timestamp_seconds", words, run.began + run.seconds)


def _of_tables(tables: Sequence[Progress]) -> Iterator[Metric]:
    for name, words, figure in _TABLE_COUNTERS:
        yield _counters(
            name, words, ("table",), [((each.source,), figure(each)) for each in tables]
        )
    for name, words, gauge in _TABLE_GAUGES:
        yield _gauges(name, words, ("table",), [((each.source,), gauge(each)) for each in tables])
    yield _gauges(
        "table_state",
        "1 for the state that a table is in.",
        ("table", "state"),
        [((t.source, str(status)), float(t.status == status)) for t in tables for status in Status],
    )
    yield _gauges(
        "segments",
        "Segments by state; throttled ones are running or waiting too.",
        ("table", "state"),
        [labelled for table in tables for labelled in _segments(table)],
    )
    kinds = ("missing", "different", "extra", "repaired")
    findings: list[Labelled] = [
        ((table.source, kind), float(getattr(table.validated, kind)))
        for table in tables
        for kind in kinds
        if table.validated
    ]
    words = "Differences that the validation found, by kind, and those that it repaired."
    yield _gauges("validation_findings", words, ("table", "kind"), findings)


def _segments(table: Progress) -> Iterator[Labelled]:
    cells = table.segments.cells
    sums = Cell(*(sum(column) for column in zip(*cells, strict=True))) if cells else Cell(0)
    done, running = table.segments_done, min(sums.running, table.segments_total)
    waiting = max(table.segments_total - done - running, 0)
    for state, count in (
        ("done", done),
        ("running", running),
        ("waiting", waiting),
        ("throttled", sums.throttled),
    ):
        yield (table.source, state), float(count)


def _of_changes(tables: Sequence[Progress]) -> Iterator[Metric]:
    following = [(table.source, table.changes) for table in tables if table.changes]
    for name in ("read", "applied", "superseded", "rejected", "expired"):
        counted: list[Labelled] = [
            ((source,), float(getattr(changes.counts, name))) for source, changes in following
        ]
        yield _counters(f"changes_{name}", f"Changes {name}.", ("table",), counted)
    gauges: dict[str, tuple[str, list[Labelled]]] = {
        "changes_waiting": (
            "Changes that were read and are not applied.",
            [((source,), float(changes.waiting)) for source, changes in following],
        ),
        "lag_seconds": (
            "How far the target is behind the source, in seconds.",
            [((source,), each.lag) for source, each in following if each.lag is not None],
        ),
        "caught_up": (
            "1 where the rule for having caught up holds.",
            [((source,), float(changes.caught_up)) for source, changes in following],
        ),
        "spool_bytes": (
            "What changes take on disk, in bytes.",
            [((source,), float(changes.spool_bytes)) for source, changes in following],
        ),
    }
    for name, (words, labelled) in gauges.items():
        yield _gauges(name, words, ("table",), labelled)


def _of_sides(run: RunProgress) -> Iterator[Metric]:
    yield _requests(run)
    yield _counters(
        "retries",
        "Requests that were to be repeated, in whole or in part, by side and reason.",
        ("side", "reason"),
        [
            ((role, reason), float(count))
            for role, side in run.sides.items()
            for reason, count in _retries([each for _, each in side.requests.operations])
        ],
    )
    yield _request_durations(run)
    words = "Capacity units that requests took, by side: as told by the server, else by their size."
    units: list[Labelled] = [
        ((role,), sum(each.units for _, each in side.requests.operations))
        for role, side in run.sides.items()
    ]
    yield _counters("consumed_units", words, ("side",), units)
    words = "The cap of a side, in capacity units a second."
    caps: list[Labelled] = [
        ((role,), side.cap) for role, side in run.sides.items() if side.cap is not None
    ]
    yield _gauges("pace_limit_units", words, ("side",), caps)
    states = ("in use", "not answering", "spare")
    nodes: list[Labelled] = [
        ((role, state), float(sum(its == state for _, its in side.nodes)))
        for role, side in run.sides.items()
        for state in states
    ]
    yield _gauges("nodes", "Nodes by side and state.", ("side", "state"), nodes)


def _requests(run: RunProgress) -> Metric:
    counted: list[Labelled] = [
        ((role, op, outcome), float(count))
        for role, side in run.sides.items()
        for op, figures in side.requests.operations
        for outcome, count in _outcomes(figures)
    ]
    labels = ("side", "op", "outcome")
    return _counters("requests", "Requests by side, operation and outcome.", labels, counted)


def _request_durations(run: RunProgress) -> Metric:
    histogram = HistogramMetricFamily(
        f"{PREFIX}_request_duration_seconds",
        "How long answered requests took, in seconds.",
        labels=("side", "op"),
    )
    for role, side in run.sides.items():
        for op, figures in side.requests.operations:
            latency = figures.latency
            histogram.add_metric((role, op), _buckets(latency), latency.seconds)
    return histogram


def _outcomes(figures: OperationFigures) -> Iterator[tuple[str, int]]:
    yield "answered", figures.answered
    yield "partly", figures.partly
    yield "throttled", figures.throttled
    yield "failed", figures.failed


def _retries(operations: Sequence[OperationFigures]) -> Iterator[tuple[str, int]]:
    yield "throttled", sum(each.throttled + each.partly for each in operations)
    yield "error", sum(each.failed for each in operations)


def _buckets(latency: Durations) -> list[tuple[str, float]]:
    bounded = [(repr(bound), float(latency.at_most(bound))) for bound in _BUCKETS]
    return [*bounded, ("+Inf", float(latency.count))]


def _counters(
    name: str, words: str, labels: Sequence[str], values: Iterable[Labelled]
) -> CounterMetricFamily:
    return _filled(CounterMetricFamily(f"{PREFIX}_{name}", words, labels=labels), values)


def _gauges(
    name: str, words: str, labels: Sequence[str], values: Iterable[Labelled]
) -> GaugeMetricFamily:
    return _filled(GaugeMetricFamily(f"{PREFIX}_{name}", words, labels=labels), values)


def _filled(family: _Family, values: Iterable[Labelled]) -> _Family:
    for label, value in values:
        family.add_metric(label, value)
    return family


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", words, value=value)


_TABLE_COUNTERS: Final[Sequence[tuple[str, str, Callable[[Progress], float]]]] = (
    ("items_read", "Items read from the source.", lambda t: t.items.read),
    ("items_written", "Items that the target acknowledged.", lambda t: t.items.written),
    ("items_skipped", "Items that had expired.", lambda t: t.items.skipped_expired),
    ("items_dropped", "Items that the transform dropped.", lambda t: t.items.dropped),
    ("items_rejected", "Items that the target refused.", lambda t: t.items.rejected),
    ("items_compared", "Items read by the validation, of both sides.", lambda t: t.examined),
    ("bytes_read", "Bytes read.", lambda t: t.bytes_read),
    ("batches", "Batches that the target acknowledged.", lambda t: t.batches),
)
_TABLE_GAUGES: Final[Sequence[tuple[str, str, Callable[[Progress], float]]]] = (
    (
        "expected_items",
        "Items in the table by the server's own, stale count.",
        lambda t: t.expected,
    ),
    ("progress_ratio", "The share that is done, 0 to 1.", lambda t: t.fraction),
    ("backlog_batches", "Batches read and not acknowledged.", lambda t: t.backlog),
)
