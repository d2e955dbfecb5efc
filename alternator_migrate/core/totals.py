"""The total of a run of many tables, as one snapshot."""

from collections import Counter
from collections.abc import Iterable, Sequence

from alternator_migrate.core.counts import ChangeCounts, Counts, ValidationCounts
from alternator_migrate.core.progress import Done, FollowProgress, Progress, joined
from alternator_migrate.core.state import Status
from alternator_migrate.core.texts import tables_text


def total(tables: Sequence[Progress]) -> Progress:
    """All tables as one: what is done and left, summed; the least of what must hold for all."""
    running = [each for each in tables if each.status == Status.RUNNING]
    validated = [each.validated for each in tables if each.validated]
    return Progress(
        source=tables_text(len(tables)),
        target=standing(tables),
        standing=standing(tables),
        state=_state(running) or _resting(tables),
        phase="Validate" if any(each.phase == "Validate" for each in tables) else "Copy",
        segments_total=sum(each.segments_total for each in tables),
        segments_done=sum(each.segments_done for each in tables),
        items=sum((each.items for each in tables), Counts()),
        expected=sum(max(each.expected, each.items.read, each.examined) for each in tables)
        if all(each.expected or each.status.is_final for each in tables)
        else 0,
        bytes_read=sum(each.bytes_read for each in tables),
        before=sum((each.before for each in tables), Done()),
        batches=sum(each.batches for each in tables),
        backlog=sum(each.backlog for each in tables),
        retries=sum(each.retries for each in tables),
        throttled=sum(each.throttled for each in tables),
        reasons=joined(reason for each in running for reason in each.reasons),
        limit=", ".join(dict.fromkeys(each.limit for each in running if each.limit)),
        speed=sum(each.speed for each in running),
        examined=sum(each.examined for each in tables),
        validated=sum(validated, ValidationCounts()) if validated else None,
        outages=tuple(dict.fromkeys(outage for each in running for outage in each.outages)),
        engine=", ".join(dict.fromkeys(each.engine for each in running if each.engine)),
        workers=tuple({w.name: w for each in running for w in each.workers}.values()),
        changes=_changes([each.changes for each in tables if each.changes], tables),
    )


def standing(tables: Iterable[Progress]) -> str:
    """How many tables stand how, such as "12 completed, 4 running, 1 failed"; one that is made
    ready ahead of its turn waits still."""
    counts = Counter(
        Status.WAITING if each.status == Status.RUNNING and not each.is_at_work else each.status
        for each in tables
    )
    return ", ".join(f"{counts[each]} {each}" for each in Status if counts[each])


def _state(running: Sequence[Progress]) -> str:
    """What most of the tables at work do, then what others do."""
    at_work = [each for each in running if each.is_at_work or each.is_held]
    states = Counter(each.state for each in at_work if each.state != "done")
    return ", ".join(state for state, _ in states.most_common())


def _resting(tables: Iterable[Progress]) -> str:
    """What a run does of which no table is at work."""
    return "starting" if any(each.status == Status.WAITING for each in tables) else "done"


def _changes(found: Sequence[FollowProgress], tables: Sequence[Progress]) -> FollowProgress | None:
    """The changes of all tables; the target has caught up when it has with every table."""
    if not found:
        return None
    lags = [each.lag for each in found]
    known = [lag for lag in lags if lag is not None]
    return FollowProgress(
        counts=sum((each.counts for each in found), ChangeCounts()),
        waiting=sum(each.waiting for each in found),
        lag=max(known) if len(known) == len(lags) == len(tables) else None,
        shards=sum(each.shards for each in found),
        spool_bytes=sum(each.spool_bytes for each in found),
        caught_up=len(found) == len(tables) and all(each.caught_up for each in found),
    )
