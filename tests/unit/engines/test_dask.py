"""Slices on Dask that nobody wants any more, and how long they may still write."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import alternator_migrate
from alternator_migrate.core.model import Segment
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.work import Slice, SliceResult, SliceRun
from alternator_migrate.engines import dask, dask_worker, wanting
from alternator_migrate.engines.executor import Executor
from alternator_migrate.engines.lateness import (
    ANSWER_SECONDS,
    GIVEN_UP_SECONDS,
    LATE_SECONDS,
    LOOK_SECONDS,
)
from alternator_migrate.engines.lateness import LEASE_SECONDS as LEASE
from alternator_migrate.engines.slice_runner import GRACE_SECONDS
from tests.support.cli import until
from tests.support.slices import Unaccounted

SCALING = Path(alternator_migrate.__file__).parent / "docs" / "scaling.md"
KEY = "the job"
PIECE: Slice[None] = Slice(1, {0: None}, 2.0, None)


class Stubborn(Unaccounted):
    """A job whose work does not heed that it is to stop, as with a batch that is sent again and
    again; `at_work` while it lasts."""

    key = KEY

    def __init__(self, opening: float = 0.0) -> None:
        self.begun = self.at_work = 0
        self._opening = opening
        self.stopped: list[bool] = []

    def check(self) -> None:
        return None

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Stubborn"]:
        await asyncio.sleep(self._opening)
        yield self

    def begin(self, piece: Slice[Any]) -> SliceRun[Any, Any]:
        self.begun += 1
        return SliceRun(piece, self, Retry(1), ())

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        self.at_work += 1
        await asyncio.sleep(0.1)
        self.stopped.append(stop.is_set())
        try:
            await asyncio.Event().wait()
        finally:
            self.at_work -= 1


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


def test_a_slice_that_is_wanted_no_more_when_it_begins_reads_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_worker, "LOOK_SECONDS", 20.0)  # the next look would come too late
    job = Stubborn(opening=1.0)
    job.key = "opened late"
    assert dask_worker.obstacle(job) == ""
    sessions = dask_worker._Sessions.of_this_process()
    sessions.loop.call_soon_threadsafe(sessions.loop.call_later, 0.5, sessions.hurry, job.key)
    done(job)
    assert job.stopped == [True]


class Scheduler:
    """A client of a cluster whose `workers` tests change; None: the scheduler is gone. What it is
    to pass on fails with `failure`."""

    def __init__(self) -> None:
        self.workers: dict[str, int] | None = {"a": 2, "b": 2}
        self.wanted: list[Sequence[str]] = []
        self.recalled: list[Sequence[str]] = []
        self.failure: Exception | None = None

    def subscribe_topic(self, topic: str, told: Callable[..., None]) -> None:
        return None

    async def nthreads(self) -> dict[str, int]:
        if self.workers is None:
            raise OSError
        return self.workers

    async def run(self, call: Any, *_: object, workers: Sequence[str], **__: object) -> Any:
        if self.failure:
            raise self.failure
        if call is dask_worker.want:
            self.wanted.append(workers)
        if call is dask_worker.recall:
            self.recalled.append(workers)
        return dict.fromkeys(
            workers, dask_worker.versions() if call is dask_worker.versions else ""
        )


async def test_writes_of_workers_that_were_lost_are_expected_for_so_long_as_they_may_come() -> None:
    client = Scheduler()
    cluster = dask.Cluster(client, "here", Stubborn())
    assert await cluster.vacant(0) == 4
    assert await cluster.lateness(goes_on=False) == 0.0
    late = await cluster.lateness(goes_on=True)
    assert 0 < LATE_SECONDS - late < 5
    client.workers = {"a": 2, "c": 2}
    assert 0 < await cluster.lateness(goes_on=False) <= LATE_SECONDS
    assert await cluster.vacant(0) == 4
    assert await cluster.lateness(goes_on=False) > LATE_SECONDS - 5
    client.workers = None
    assert await cluster.lateness(goes_on=False) > LATE_SECONDS - 5


@pytest.fixture
async def told_often(monkeypatch: pytest.MonkeyPatch) -> tuple[Scheduler, dask.Cluster]:
    """A cluster whose workers, which are known, are told every moment that they are wanted."""
    monkeypatch.setattr(wanting, "_RENEW_SECONDS", 0.05)
    client = Scheduler()
    cluster = dask.Cluster(client, "here", Stubborn())
    await cluster.vacant(0)
    return client, cluster


async def test_workers_that_are_there_are_told_what_is_wanted_while_there_is_work_only(
    told_often: tuple[Scheduler, dask.Cluster],
) -> None:
    client, cluster = told_often
    async with cluster.at_work():
        assert client.wanted == [["a", "b"]], "before any slice is sent"
        await until(lambda: len(client.wanted) > 2, 10)
        client.workers = {"b": 2}
        await until(lambda: client.wanted[-1] == ["b"], 10)
        cluster.recall()
        await until(lambda: client.recalled == [["b"]], 10)
        cluster.hurry()
        await until(lambda: client.recalled == [["b"], ["b"]], 10)
        client.workers = None
        await asyncio.sleep(0.1)
        client.workers, told = {"a": 2}, len(client.wanted)
        await until(lambda: len(client.wanted) > told, 10)
    told = len(client.wanted)
    await asyncio.sleep(0.2)
    assert len(client.wanted) == told


async def test_a_run_whose_workers_cannot_be_told_that_they_are_wanted_fails(
    told_often: tuple[Scheduler, dask.Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they would give up what they do, and nobody know why."""
    client, cluster = told_often
    executor = Executor(cluster, most=None, shared=False)
    held = asyncio.Event()

    async def do(_: Slice[Any]) -> SliceResult[Any]:
        client.failure = KeyError("unexpected")
        await held.wait()
        raise AssertionError

    monkeypatch.setattr(cluster, "do", do)
    work: Any = SimpleNamespace(position=lambda _: None, params=None)
    with pytest.raises(ExceptionGroup) as failure:
        async with asyncio.timeout(10):
            await executor.run(work, [Segment(0, 1)], asyncio.Event())
    assert failure.group_contains(KeyError)


def test_the_document_has_the_seconds_that_are_waited() -> None:
    text = " ".join(SCALING.read_text().split())
    assert f"hear for {LEASE:.0f} seconds that its slice is wanted" in text
    assert f"gives that up within {GIVEN_UP_SECONDS - LEASE:.0f} more" in text
    assert f"before {LATE_SECONDS:.0f} seconds have passed" in text
    assert f"({ANSWER_SECONDS:.0f} for what the target still answers)" in text
    slowest = LEASE + LOOK_SECONDS + GRACE_SECONDS
    assert slowest == GIVEN_UP_SECONDS
