"""When following ends: all that was made until it says so is there, and it takes no longer."""

import asyncio

import pytest

from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.model import ChangePage, Shard
from alternator_migrate.follow.cutover import CaughtUpWatch, Cutover
from alternator_migrate.follow.ledger import ShardLedger
from tests.support.virtual_time import now, run

LISTED_EVERY = 5.0
AT_TIP = ChangePage([], None, at_tip=True, ended=False)


@pytest.mark.parametrize("hook", [False, True])
@pytest.mark.parametrize("every", [0.2, 2.0, 2.5])
@pytest.mark.parametrize("delay", [0.0, 10.0])
def test_all_that_was_made_before_it_is_told_is_there_at_the_end(
    delay: float, every: float, hook: bool
) -> None:
    """An idle stream that shows changes so late, whose shards are read and listed so often."""

    async def scene() -> None:
        ledger = ShardLedger({"a": None}, delay=delay, clock=now)
        ledger.start()
        over, told = asyncio.Event(), list[float]()

        async def lists() -> None:
            while True:
                ledger.listed([Shard("a")])
                ledger.begin()
                await asyncio.sleep(LISTED_EVERY)

        async def reads() -> None:
            while True:
                await asyncio.sleep(every)
                ledger.arrived("a", AT_TIP)
                ledger.settled("a", AT_TIP, ChangeCounts())

        async def tell() -> bool:
            told.append(now())
            return hook

        watch = CaughtUpWatch(lambda: False, bool, ends=True)
        tasks = [lists(), reads(), watch.run(ledger, Cutover(5, 2, delay), over, tell)]
        running = [asyncio.create_task(each) for each in tasks]
        async with asyncio.timeout(300):
            await over.wait()
        for task in running:
            task.cancel()
        watermark, (at,) = ledger.watermark(), told
        assert watermark is not None
        assert watermark >= at
        most = max(LISTED_EVERY, delay + every) + 5.0 * hook
        assert now() - at <= most + every + 1.0

    run(scene)


def test_a_clock_that_is_set_does_not_make_following_last_by_as_much() -> None:
    """For a minute after it was set the old difference counts, too: some hour more than it is."""

    async def scene() -> None:
        def latest() -> float:
            return now() + (3600 if now() < began + 60 else 0)

        began = now()
        ledger = ShardLedger({"a": None}, clock=now, latest=latest)
        ledger.start()
        assert 60 < await ending(ledger, Cutover(5, 2)) - began < 70

    run(scene)


def test_a_list_of_shards_that_takes_long_does_not_keep_from_catching_up() -> None:
    """Longer than the target has to have caught up for."""

    async def scene() -> None:
        ledger, began = ShardLedger({"a": None}, clock=now), now()
        ledger.start()
        assert await ending(ledger, Cutover(5, 2), listing=8.0) - began < 30

    run(scene)


async def ending(ledger: ShardLedger, rule: Cutover, listing: float = 0.0) -> float:
    """When following an idle stream ends, whose list takes so long."""
    over = asyncio.Event()

    async def lists() -> None:
        while True:
            asked = now()
            await asyncio.sleep(listing)
            ledger.listed([Shard("a")], asked)
            ledger.begin()
            await asyncio.sleep(1)

    async def reads() -> None:
        while True:
            await asyncio.sleep(0.2)
            if ledger.open:
                ledger.arrived("a", AT_TIP)
                ledger.settled("a", AT_TIP, ChangeCounts())

    async def tell() -> bool:
        return False

    watch = CaughtUpWatch(lambda: False, bool, ends=True)
    tasks = [lists(), reads(), watch.run(ledger, rule, over, tell)]
    running = [asyncio.create_task(each) for each in tasks]
    async with asyncio.timeout(7200):
        await over.wait()
    for task in running:
        task.cancel()
    return now()
