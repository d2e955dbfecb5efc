"""The history of a run: samples of its progress over any time, in constant memory."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from alternator_migrate.core.durations import Durations
from alternator_migrate.core.model import Role
from alternator_migrate.core.progress import RunProgress
from alternator_migrate.core.requests import RequestFigures

MOST: Final = 600
RECENT_SECONDS: Final = 900.0
_STEP_SECONDS: Final = 1.0
_SHORT: Final = 0.25
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """A stretch of a run that ended at `at` (epoch seconds) and lasted `seconds`.

    What was done in it: `items`, `size` in bytes, `changes`, `throttled` answers, other `failed`
    ones; and its worst: `lag` and latencies in seconds (None where there was none), `waiting`
    changes. `paused` are the seconds of it that the run was paused. Before one that `resumes`
    nothing ran.
    """

    at: float
    seconds: float
    items: int = 0
    size: int = 0
    changes: int = 0
    throttled: int = 0
    failed: int = 0
    waiting: int = 0
    lag: float | None = None
    source_median: float | None = None
    source_slow: float | None = None
    target_median: float | None = None
    target_slow: float | None = None
    paused: float = 0.0
    resumes: bool = False

    def joined(self, later: "Sample") -> "Sample":
        """Both stretches as one."""
        return Sample(
            later.at,
            self.seconds + later.seconds,
            self.items + later.items,
            self.size + later.size,
            self.changes + later.changes,
            self.throttled + later.throttled,
            self.failed + later.failed,
            max(self.waiting, later.waiting),
            _worst(self.lag, later.lag),
            _worst(self.source_median, later.source_median),
            _worst(self.source_slow, later.source_slow),
            _worst(self.target_median, later.target_median),
            _worst(self.target_slow, later.target_slow),
            self.paused + later.paused,
            self.resumes,
        )


class History:
    """Samples of a whole run, at most 600, each twice as long whenever they would be more; and
    those of the last quarter of an hour beside them."""

    def __init__(self, whole: Iterable[Sample] = (), step: float = _STEP_SECONDS) -> None:
        self._whole, self._step = list(whole), step
        self._recent: deque[Sample] = deque()

    @property
    def whole(self) -> Sequence[Sample]:
        """The samples of the whole run, earlier runs of the same work included."""
        return tuple(self._whole)

    @property
    def recent(self) -> Sequence[Sample]:
        """The samples of the last quarter of an hour of this run, at most 900 of them."""
        return tuple(self._recent)

    def add(self, sample: Sample) -> None:
        """Add a sample; a far shorter one, such as the last of a run, is a part of the one before:
        what happened within some milliseconds tells no rate."""
        is_short = sample.seconds < _STEP_SECONDS * _SHORT and not sample.resumes
        if is_short and self._recent:
            self._recent[-1] = self._recent[-1].joined(sample)
        else:
            self._recent.append(sample)
        while sample.at - self._recent[0].at > RECENT_SECONDS or len(self._recent) > MOST * 1.5:
            self._recent.popleft()
        last = self._whole[-1] if self._whole else None
        fits = last is not None and last.seconds + sample.seconds <= self._step
        if last and not sample.resumes and (fits or is_short):
            self._whole[-1] = last.joined(sample)
        else:
            self._whole.append(sample)
        if len(self._whole) > MOST:
            self._step *= 2
            self._whole = list(_halved(self._whole))[-MOST:]

    def plain(self) -> dict[str, Any]:
        """The history of the whole run as plain values."""
        names = [field.name for field in fields(Sample)]
        rows = [list(asdict(sample).values()) for sample in self._whole]
        return {"version": _VERSION, "step": self._step, "columns": names, "samples": rows}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "History":
        """A history from its plain values, columns that are not known left out. Raises
        `ValueError` for anything else."""
        known = {field.name for field in fields(Sample)}
        try:
            rows = [dict(zip(plain["columns"], row, strict=True)) for row in plain["samples"]]
            samples = [
                Sample(**{name: value for name, value in row.items() if name in known})
                for row in rows
            ]
            return cls(samples[-MOST:], float(plain["step"]))
        except (TypeError, LookupError) as error:
            raise ValueError(f"it is no history ({error!r})") from error


class Sampler:
    """Makes samples out of snapshots; `clock` is in epoch seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._before: RunProgress | None = None
        self._sides: dict[Role, RequestFigures] = {}
        self._at = clock()

    def sample(self, run: RunProgress) -> Sample:
        """What happened since the snapshot before; the first one resumes."""
        now, before = self._clock(), self._before
        sides = {role: side.requests for role, side in run.sides.items()}
        since = {
            role: requests - self._sides.get(role, RequestFigures())
            for role, requests in sides.items()
        }
        source, target = (_latency(since, role) for role in ("source", "target"))
        operations = [each for side in since.values() for _, each in side.operations]
        made = Sample(
            now,
            max(now - self._at, 0.001),
            items=_grown(run, before, lambda table: table.handled),
            size=_grown(run, before, lambda table: table.bytes_read),
            changes=_grown(run, before, lambda t: t.changes.counts.read if t.changes else 0),
            throttled=sum(each.throttled + each.partly for each in operations),
            failed=sum(each.failed for each in operations),
            waiting=sum(table.changes.waiting for table in run.tables if table.changes),
            lag=run.lag,
            source_median=source.percentile(0.5),
            source_slow=source.percentile(0.95),
            target_median=target.percentile(0.5),
            target_slow=target.percentile(0.95),
            paused=max(run.paused_seconds - (before.paused_seconds if before else 0.0), 0.0),
            resumes=before is None,
        )
        self._before, self._sides, self._at = run, sides, now
        return made


def _latency(since: Mapping[Role, RequestFigures], role: Role) -> Durations:
    found = since.get(role)
    return found.latency if found else Durations()


def _grown(run: RunProgress, before: RunProgress | None, figure: Callable[[Any], int]) -> int:
    """By how much a figure of the tables grew; what they had at the beginning does not count."""
    if before is None:
        return 0
    had = {(table.source, table.target, table.phase): figure(table) for table in before.tables}
    return sum(
        max(figure(table) - had.get((table.source, table.target, table.phase), figure(table)), 0)
        for table in run.tables
    )


def _worst(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _halved(samples: Sequence[Sample]) -> Iterable[Sample]:
    """Neighbours as one, but not over a gap in which nothing ran."""
    waiting: Sample | None = None
    for sample in samples:
        if waiting is None or sample.resumes:
            if waiting:
                yield waiting
            waiting = sample
        else:
            yield waiting.joined(sample)
            waiting = None
    if waiting:
        yield waiting
