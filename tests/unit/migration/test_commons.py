"""Turns of the tables of a run: in order, no more at once than allowed, and none kept for ever."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from alternator_migrate.core.model import Concurrency
from alternator_migrate.core.shares import SharedCaps
from alternator_migrate.core.steering import Caps
from alternator_migrate.core.work import Engine
from alternator_migrate.engines import Local
from alternator_migrate.migration.commons import Commons, CopySlots, Turns


def slots(count: int, tables: str) -> CopySlots:
    found = CopySlots(count)
    for table in tables:
        found.expect(table)
    return found


async def entering(found: CopySlots, tables: str, stop: asyncio.Event) -> list[asyncio.Task[bool]]:
    """Let `tables` ask for a place, one after another."""
    tasks = []
    for table in tables:
        tasks.append(asyncio.create_task(found.enter(table, stop)))
        await asyncio.sleep(0)
    await settled()
    return tasks


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def inside(tasks: Sequence[asyncio.Task[bool]]) -> list[bool]:
    return [task.done() and task.result() for task in tasks]


async def test_places_are_given_in_the_order_of_the_list() -> None:
    found, stop = slots(2, "abcd"), asyncio.Event()
    tasks = await entering(found, "dcba", stop)
    assert inside(tasks) == [False, False, True, True]
    found.leave()
    await settled()
    assert inside(tasks) == [False, True, True, True]
    found.leave()
    assert all(await asyncio.gather(*tasks))


async def test_the_place_of_one_that_is_not_ready_is_kept_until_it_ends() -> None:
    found, stop = slots(2, "abc"), asyncio.Event()
    tasks = await entering(found, "cb", stop)
    assert inside(tasks) == [False, True]
    found.over("a")
    assert all(await asyncio.gather(*tasks))


async def test_one_that_steps_back_while_it_is_exported_holds_no_other_up() -> None:
    target, settings = SimpleNamespace(options=None), SimpleNamespace(longest=None)
    services: Any = SimpleNamespace(
        target=target, settings=SimpleNamespace(target=settings), concurrency=Concurrency()
    )
    commons, stop = Commons(services, Local(), 1), asyncio.Event()
    for table in "ab":
        commons.expect(table)
    Turns(commons, "a").step_back()
    (small, large) = await entering(commons.copying, "ba", stop)
    assert inside([small, large]) == [True, False]
    commons.copying.leave()
    assert await large


async def test_who_is_stopped_or_cancelled_while_waiting_takes_no_place() -> None:
    found, stop, never = slots(1, "abcd"), asyncio.Event(), asyncio.Event()
    (first,) = await entering(found, "a", never)
    assert inside([first]) == [True]
    (stopped,) = await entering(found, "b", stop)
    (cancelled, last) = await entering(found, "cd", never)
    stop.set()
    cancelled.cancel()
    await settled()
    assert (stopped.result(), cancelled.cancelled(), last.done()) == (False, True, False)
    found.leave()
    assert await last


async def test_a_place_that_comes_with_the_stop_is_given_back() -> None:
    found, stop = slots(1, "ab"), asyncio.Event()
    stop.set()
    assert not await found.enter("a", stop)
    assert await found.enter("b", asyncio.Event())


async def test_the_run_has_caught_up_when_every_table_that_is_followed_has() -> None:
    target, settings = SimpleNamespace(options=None), SimpleNamespace()
    settings.target = SimpleNamespace(longest=1.0)
    side: Any = SimpleNamespace(concurrency=Concurrency(), target=target, settings=settings)
    commons = Commons(side, Local(), 1)
    for table in "abc":
        commons.expect(table)
    assert not commons.caught_up("a", True)
    assert not commons.caught_up("b", False)
    assert not commons.caught_up("b", True)
    commons.over("c")
    assert commons.caught_up("b", True)
    assert commons.caught_up("a", False), "it had a moment ago"


async def test_what_is_asked_for_is_halved_while_there_are_workers_and_no_longer() -> None:
    target, settings = SimpleNamespace(options=None), SimpleNamespace()
    settings.target = SimpleNamespace(longest=None)
    shared = SharedCaps(None, None)
    services: Any = SimpleNamespace(
        concurrency=Concurrency(), target=target, settings=settings, shared=shared
    )
    commons = Commons(services, Local(), 2)
    commons.steer(Caps(100, 50))

    @asynccontextmanager
    async def workers() -> AsyncIterator[Engine]:
        yield Local()

    def local() -> tuple[float | None, float | None]:
        return shared.reading.all.cap, shared.writing.all.cap

    assert local() == (100, 50)
    async with commons.with_workers(workers()):
        assert (local(), commons.of_workers.asked.read) == ((50, 25), 50)
        commons.steer(Caps(80, 40))
        assert (local(), commons.of_workers.asked.read) == ((40, 20), 40)
    assert local() == (80, 40)
