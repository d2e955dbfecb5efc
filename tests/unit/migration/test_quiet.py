"""Writes of workers that were lost are waited for once, and hold no other table up."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from alternator_migrate.core.gate import Gate
from alternator_migrate.core.model import Concurrency
from alternator_migrate.engines import EngineOptions, Local, WorkFacts
from alternator_migrate.engines import in_turn as in_turn_module
from alternator_migrate.engines import local as local_module
from alternator_migrate.engines.choose import WORTH_BYTES
from alternator_migrate.engines.lateness import LATE_SECONDS
from alternator_migrate.migration import commons as commons_module
from alternator_migrate.migration.commons import Commons, Turns
from alternator_migrate.migration.migration import Migration

DASK = EngineOptions("dask", scheduler="tcp://nobody:1")
LARGE = WorkFacts(100, 10 * WORTH_BYTES, None, None, None)
SMALL = WorkFacts(100, 10, None, None, None)
CAPPED = WorkFacts(100, 10 * WORTH_BYTES, 1000.0, None, None)


def commons(tables: int = 1) -> Commons:
    target, settings = SimpleNamespace(options=None), SimpleNamespace(longest=None)
    services: Any = SimpleNamespace(
        target=target, settings=SimpleNamespace(target=settings), concurrency=Concurrency()
    )
    return Commons(services, Local(), tables)


async def test_all_tables_of_a_run_that_goes_on_wait_until_the_same_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also those that are copied here now: before, they may have been copied on the cluster."""
    now = 1000.0
    clock = SimpleNamespace(monotonic=lambda: now)
    for module in (commons_module, in_turn_module, local_module):
        monkeypatch.setattr(module, "time", clock)
    run, job_of = commons(), lambda _: None
    engines = []
    for facts in (LARGE, SMALL, CAPPED, LARGE):
        now += 10
        engines.append(run.engine_of(DASK, facts, job_of))  # type: ignore[arg-type] # never opened
    late = [await engine.lateness(goes_on=True) for engine in engines]
    assert late == [LATE_SECONDS - 40] * 4
    assert [await engine.lateness(goes_on=False) for engine in engines] == [0.0] * 4
    here = run.engine_of(EngineOptions(), SMALL, job_of)  # type: ignore[arg-type] # never opened
    assert await here.lateness(goes_on=True) == 0.0


async def test_a_table_that_waits_for_lost_workers_leaves_its_place_and_keeps_changes() -> None:
    run, stop = commons(), asyncio.Event()
    waiting, over, spooling = asyncio.Event(), asyncio.Event(), []

    class Copy:
        rejects = None

        async def run(self, _: asyncio.Event) -> None:
            return None

        async def quiet(self, _: asyncio.Event, *, goes_on: bool) -> None:
            spooling.append("waits")
            waiting.set()
            await over.wait()

    class Kept:
        """Changes are kept while it lasts."""

        async def __aenter__(self) -> None:
            spooling.append("keeps")

        async def __aexit__(self, *_: object) -> None:
            spooling.append("kept")

    follower: Any = SimpleNamespace(spooling=lambda _: Kept())
    parts: Any = SimpleNamespace(path="", has=bool)
    for table in "ab":
        run.expect(table)
    copy: Any = Copy()
    migration = Migration(
        *(parts, copy, follower, parts, parts, Gate(), parts, Turns(run, "a"), parts)
    )
    copying = asyncio.create_task(migration._copy_table(stop))
    async with asyncio.timeout(10):
        await waiting.wait()
        async with Turns(run, "b").copying(stop) as may:
            assert may
            assert not copying.done()
        over.set()
        assert await copying
    assert spooling == ["keeps", "waits", "kept"]
