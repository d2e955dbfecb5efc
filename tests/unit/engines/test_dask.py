"""Slices on Dask that nobody wants any more, and how long they may still write."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from alternator_migrate.core.model import Segment
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.state import CopyState
from alternator_migrate.core.work import LiveStats, Slice, SliceResult, SliceRun
from alternator_migrate.engines import dask, dask_worker

KEY = "the job"
PIECE: Slice[None] = Slice(1, {0: None}, 2.0, None)


class Stubborn:
    """A job whose work does not heed that it is to stop, as with a batch that is sent again and
    again; `at_work` while it lasts."""

    key = KEY

    def __init__(self) -> None:
        self.begun = self.at_work = 0

    def check(self) -> None:
        return None

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Stubborn"]:
        yield self

    def begin(self, piece: Slice[Any]) -> SliceRun[Any, Any]:
        self.begun += 1
        return SliceRun(piece, self, Retry(1), ())

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        self.at_work += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.at_work -= 1

    def state(self) -> CopyState:
        return CopyState()

    def kept(self) -> None:
        return None

    def live_stats(self) -> LiveStats:
        return LiveStats()

    def times(self) -> Mapping[int, float]:
        return {}


def done(job: Stubborn) -> SliceResult[Any]:
    """The report of a slice, on the loop of this process."""
    sessions = dask_worker._Sessions.of_this_process()
    doing = sessions.do(job, PIECE, logging.NOTSET)
    return asyncio.run_coroutine_threadsafe(doing, sessions.loop).result(20)


def test_a_slice_is_given_up_when_nobody_wants_it_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_worker, "LEASE_SECONDS", 1.0)
    job = Stubborn()
    assert dask_worker.obstacle(job) == ""
    began = time.monotonic()
    report = done(job)
    assert (report.error, report.state.done) == (None, frozenset())
    assert time.monotonic() - began >= 1.0
    assert (job.begun, job.at_work) == (1, 0)
    assert done(job).error is None
    assert job.begun == 1, "what is not wanted is not begun"


class Scheduler:
    """A client of a cluster whose `workers` tests change; None: the scheduler is gone."""

    def __init__(self) -> None:
        self.workers: dict[str, int] | None = {"a": 2, "b": 2}
        self.wanted: list[Sequence[str]] = []

    def subscribe_topic(self, topic: str, told: Callable[..., None]) -> None:
        return None

    async def nthreads(self) -> dict[str, int]:
        if self.workers is None:
            raise OSError
        return self.workers

    async def run(self, call: Any, *_: object, workers: Sequence[str], **__: object) -> Any:
        if call is dask_worker.want:
            self.wanted.append(workers)
        return dict.fromkeys(
            workers, dask_worker.versions() if call is dask_worker.versions else ""
        )


async def test_writes_of_workers_that_were_lost_are_expected_for_so_long_as_they_may_come() -> None:
    client = Scheduler()
    cluster = dask.Cluster(client, "here", Stubborn())
    assert await cluster.vacant(0) == 4
    assert await cluster.lateness(goes_on=False) == 0.0
    late = await cluster.lateness(goes_on=True)
    assert 0 < dask.LATE_SECONDS - late < 5
    client.workers = {"a": 2, "c": 2}
    assert 0 < await cluster.lateness(goes_on=False) <= dask.LATE_SECONDS
    assert await cluster.vacant(0) == 4
    assert await cluster.lateness(goes_on=False) > dask.LATE_SECONDS - 5
    client.workers = None
    assert await cluster.lateness(goes_on=False) > dask.LATE_SECONDS - 5


async def test_workers_are_told_that_their_slices_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask, "_RENEW_SECONDS", 0.01)
    client = Scheduler()
    cluster = dask.Cluster(client, "here", Stubborn())
    await cluster.vacant(0)
    wanting = asyncio.create_task(cluster.keep_wanting())
    async with asyncio.timeout(10):
        while len(client.wanted) < 3:  # noqa: ASYNC110 # what is counted has no event
            await asyncio.sleep(0.01)
    wanting.cancel()
    assert client.wanted[0] == ["a", "b"]
