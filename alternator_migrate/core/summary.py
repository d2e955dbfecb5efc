"""The JSON of a run: the summary of its tables, and, while it lasts, how it stands."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from alternator_migrate import __version__
from alternator_migrate.core.durations import Durations
from alternator_migrate.core.progress import (
    FollowProgress,
    Message,
    Progress,
    RatesNow,
    Reason,
    RunProgress,
)
from alternator_migrate.core.requests import RetryCause, SideFigures
from alternator_migrate.core.segments import SegmentFigures
from alternator_migrate.core.texts import moment, without_items
from alternator_migrate.core.totals import total

PERCENTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def table_summary(progress: Progress) -> dict[str, Any]:
    """The counts of a table. What an early end left under way does not count as read: it is to be
    read again."""
    slowest = progress.calls.slowest
    return {
        "source": progress.source,
        "target": progress.target,
        "segments": {"total": progress.segments_total, "done": progress.segments_done},
        "items": replace(progress.items, read=progress.items.handled).figures(),
        "bytes_read": progress.bytes_read,
        "batches": progress.batches,
        "retries": progress.retries,
        "throttled": progress.throttled,
        **({"limit": progress.limit} if progress.limit else {}),
        **({"slowest_call_seconds": round(slowest, 6)} if slowest else {}),
        "changes": _changes(progress.changes),
        "validation": asdict(progress.validated) if progress.validated else None,
    }


def live_summary(run: RunProgress) -> dict[str, Any]:
    """The summary of a run as it stands, with its state, rates, reasons, sides and messages."""
    return {
        "version": __version__,
        "work": run.work,
        "status": run.status,
        "state": run.state,
        "reasons": [_reason(each) for each in run.all_reasons],
        "canSwitch": run.can_switch,
        "error": without_items(run.error) or None,
        "started": moment(run.began),
        "seconds": round(run.seconds, 3),
        "paused_seconds": round(run.paused_seconds, 3),
        "fraction": round(total(run.tables).fraction, 6),
        "rates": _rates(run.now, run.speed),
        "eta_seconds": _left(run.now),
        "tables": [live_table(table) for table in run.tables],
        "sides": {role: _side(side) for role, side in run.sides.items()},
        "engine": run.engine,
        "workers": [asdict(worker) for worker in run.workers],
        "settings": [asdict(setting) for setting in run.settings],
        "messages": [_message(each) for each in run.messages],
        "savepoint": run.savepoint,
        "saved": moment(run.saved_at) if run.saved_at else None,
        "rejects": run.rejects,
    }


def _rates(now: RatesNow, average: float) -> dict[str, float]:
    """What is done in a second, of late and on average."""
    return {
        "items": round(now.items, 1),
        "bytes": round(now.size),
        "changes": round(now.changes, 1),
        "items_on_average": round(average, 1),
    }


def _left(now: RatesNow) -> float | None:
    return None if now.seconds_left is None else round(now.seconds_left, 1)


def live_table(table: Progress) -> dict[str, Any]:
    """The summary of a table, with how it stands."""
    return {
        **table_summary(table),
        "status": table.status,
        "state": table.state,
        "phase": table.phase,
        "reasons": [_reason(each) for each in table.reasons],
        "error": without_items(table.error) or None,
        "fraction": round(table.fraction, 6),
        "expected_items": table.expected,
        "caught_up": table.changes.caught_up if table.changes else None,
        "backlog": table.backlog,
        "rates": _rates(table.now, table.speed),
        "eta_seconds": _left(table.now),
        "segment_seconds": _segments(table.segments),
        "outages": [
            {**asdict(outage), "words": without_items(outage.words)} for outage in table.outages
        ],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    since, text = moment(reason.since) if reason.since else None, without_items(reason.text)
    return {"kind": reason.kind, "text": text, "pauses": reason.pauses, "since": since}


def _message(message: Message) -> dict[str, str]:
    words = without_items(message.words)
    return {"at": moment(message.at), "level": message.level, "words": words}


def _cause(cause: RetryCause) -> dict[str, Any]:
    words, first, last = without_items(cause.words), moment(cause.first), moment(cause.last)
    kind = without_items(cause.kind)
    return {**asdict(cause), "kind": kind, "words": words, "first": first, "last": last}


def _side(side: SideFigures) -> dict[str, Any]:
    return {
        "cap": side.cap,
        "nodes": dict(side.nodes),
        "latency": _percentiles(side.requests.latency),
        "requests": {
            name: {
                "answered": figures.answered,
                "partly": figures.partly,
                "throttled": figures.throttled,
                "failed": figures.failed,
            }
            for name, figures in side.requests.operations
        },
        "causes": [_cause(cause) for cause in side.requests.causes],
    }


def _percentiles(durations: Durations) -> dict[str, float] | None:
    """Some percentiles in seconds; None without any duration."""
    found = {name: durations.percentile(share) for name, share in PERCENTILES.items()}
    return {name: round(value, 6) for name, value in found.items() if value is not None} or None


def _segments(segments: SegmentFigures) -> dict[str, Any] | None:
    """How long segments took: the fastest, the median and the slowest ones."""
    if segments.fastest is None:
        return None
    return {
        "fastest": round(segments.fastest, 3),
        "median": segments.median,
        "slowest": [{"segment": index, "seconds": round(s, 3)} for index, s in segments.slowest],
    }


def _changes(changes: FollowProgress | None) -> Mapping[str, Any] | None:
    """Of all changes `read`, those neither applied, superseded nor rejected are `waiting`."""
    if changes is None:
        return None
    counts = changes.counts
    return {
        **counts.figures(),
        "read": counts.read + changes.waiting,
        "waiting": changes.waiting,
        "lag_seconds": None if changes.lag is None else round(changes.lag, 3),
    }
