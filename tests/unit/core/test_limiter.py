"""How many batches are written at once: near the best there is, yielding, and within bounds."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.progress import Reason
from tests.support import virtual_time
from tests.support.busy_servers import Load, Server, Servers, fixed
from tests.support.virtual_time import now

MOST = 64
KINDS: dict[str, Servers] = {
    "fast": lambda: [Server(8, 0.005)],
    "slow": lambda: [Server(16, 0.2)],
    "wide": lambda: [Server(48, 0.02)],
    "narrow": lambda: [Server(4, 0.01)],
    "single-slot": lambda: [Server(1, 0.01)],
    "uneven": lambda: [Server(8, 0.005), Server(8, 0.02), Server(8, 0.05)],
    "jittery": lambda: [Server(32, 0.02, jitter=0.9)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_as_fast_as_nine_tenths_of_the_best_fixed_number(kind: str) -> None:
    async def scene() -> tuple[float, float]:
        best = max([await fixed(KINDS[kind], number, 6) for number in (1, 2, 4, 8, 16, 32, MOST)])
        began = now()
        load = Load(KINDS[kind](), MOST, Limiter(MOST, clock=now))
        await asyncio.sleep(25)
        await load.stop()
        return load.seen.rate(began + 5, began + 25), best

    reached, best = virtual_time.run(scene)
    assert reached >= 0.9 * best


def test_it_stays_fast_over_minutes_with_all_measuring_it_does() -> None:
    async def scene() -> tuple[float, float]:
        best = max([await fixed(KINDS["slow"], number, 20) for number in (8, 16, 32, MOST)])
        began = now()
        load = Load(KINDS["slow"](), MOST, Limiter(MOST, clock=now))
        await asyncio.sleep(400)
        await load.stop()
        return load.seen.rate(began + 10, began + 400), best

    reached, best = virtual_time.run(scene)
    assert reached >= 0.9 * best


@pytest.mark.parametrize(("slots", "seconds"), [(8, 0.01), (16, 0.05), (32, 0.02)])
def test_it_lets_go_when_another_comes_and_comes_back_when_it_leaves(
    slots: int, seconds: float
) -> None:
    async def scene() -> tuple[int, int, int]:
        server = Server(slots, seconds)
        limiter = Limiter(MOST, clock=now)
        load = Load([server], MOST, limiter)
        await asyncio.sleep(15)
        alone = limiter.limit
        other = Load([server], 2 * slots, None)
        await asyncio.sleep(10)
        beside = limiter.limit
        await other.stop()
        await asyncio.sleep(15)
        after = limiter.limit
        await load.stop()
        return alone, beside, after

    alone, beside, after = virtual_time.run(scene)
    assert beside <= alone / 2
    assert after >= 0.75 * alone


def test_it_does_not_queue_what_the_server_cannot_take() -> None:
    async def scene() -> int:
        limiter = Limiter(MOST, clock=now)
        load = Load([Server(8, 0.01)], MOST, limiter)
        await asyncio.sleep(20)
        await load.stop()
        return max(load.seen.limit(10, 20))

    assert virtual_time.run(scene) <= 24


def test_it_grows_to_a_wide_server_within_seconds() -> None:
    async def scene() -> int:
        limiter = Limiter(MOST, clock=now)
        load = Load([Server(1000, 0.02)], MOST, limiter)
        await asyncio.sleep(5)
        await load.stop()
        return limiter.limit

    assert virtual_time.run(scene) >= 48


def test_a_server_that_becomes_wider_is_found_out() -> None:
    async def scene() -> tuple[int, int]:
        limiter, servers = Limiter(MOST, clock=now), [Server(4, 0.02)]
        load = Load(servers, MOST, limiter)
        await asyncio.sleep(10)
        before = limiter.limit
        servers[0] = Server(32, 0.02)
        await asyncio.sleep(20)
        await load.stop()
        return before, limiter.limit

    before, after = virtual_time.run(scene)
    assert before <= 12
    assert after >= 24


@given(
    servers=st.lists(
        st.tuples(st.integers(1, 70), st.sampled_from((0.005, 0.05, 0.5, 2.0))),
        min_size=1,
        max_size=3,
    ),
    lowest=st.integers(1, 8),
    highest=st.integers(1, MOST),
    workers=st.integers(1, 80),
)
@settings(max_examples=20)
def test_it_is_never_below_the_lowest_nor_above_the_highest(
    servers: Sequence[tuple[int, float]], lowest: int, highest: int, workers: int
) -> None:
    async def scene() -> None:
        limiter = Limiter(highest, lowest, clock=now)
        load = Load([Server(slots, seconds) for slots, seconds in servers], workers, limiter)
        await asyncio.sleep(4)
        await load.stop()
        limits = {limit for _, limit in load.seen.limits} | {limiter.limit}
        assert min(limits) >= min(lowest, highest)
        assert max(limits) <= highest
        assert load.seen.peak <= min(highest, workers)

    virtual_time.run(scene)


def test_more_are_let_in_only_up_to_the_limit() -> None:
    async def scene() -> None:
        limiter = Limiter(MOST, 3, clock=now)
        inside = 0

        async def stay() -> None:
            nonlocal inside
            async with limiter.slot():
                inside += 1
                await asyncio.sleep(0.1)
                inside -= 1

        tasks = [asyncio.create_task(stay()) for _ in range(9)]
        await asyncio.sleep(0.05)
        assert inside == limiter.limit == 3
        await asyncio.gather(*tasks)
        assert now() >= 0.2

    virtual_time.run(scene)


@pytest.mark.parametrize("seed", range(5))
def test_cancelled_and_failed_holders_lose_no_slot(seed: int) -> None:
    async def scene() -> None:
        dice = random.Random(seed)
        limiter = Limiter(8, 4, clock=now)

        async def hold() -> None:
            async with limiter.slot():
                await asyncio.sleep(dice.random() / 10)
                if dice.random() < 0.3:
                    raise ConnectionResetError

        tasks: list[asyncio.Task[None]] = []
        for _ in range(400):
            tasks.append(asyncio.create_task(hold()))
            if dice.random() < 0.7:
                await asyncio.sleep(dice.random() / 20)
            if dice.random() < 0.5:
                dice.choice(tasks).cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, ConnectionResetError):
                await asyncio.wait_for(task, 60)
        await all_slots_are_free(limiter)

    virtual_time.run(scene)


async def all_slots_are_free(limiter: Limiter) -> None:
    """Hold as many at once as the limit says."""
    here = asyncio.Barrier(limiter.limit)

    async def meet() -> None:
        async with limiter.slot():
            await here.wait()

    await asyncio.wait_for(asyncio.gather(*(meet() for _ in range(limiter.limit))), 60)


def test_a_cancelled_wait_passes_its_turn_on() -> None:
    async def scene() -> None:
        limiter = Limiter(1, 1, clock=now)
        order = []

        async def hold(name: str) -> None:
            async with limiter.slot():
                order.append(name)
                await asyncio.sleep(1)

        tasks = [asyncio.create_task(hold(name)) for name in "abc"]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        await asyncio.wait_for(asyncio.gather(tasks[0], tasks[2]), 10)
        assert order == ["a", "c"]

    virtual_time.run(scene)


def test_a_turn_that_is_cancelled_as_it_comes_is_passed_on() -> None:
    async def scene() -> None:
        limiter = Limiter(1, 1, clock=now)
        release = asyncio.Event()

        async def hold() -> None:
            async with limiter.slot():
                await release.wait()

        first, second, third = (asyncio.create_task(hold()) for _ in range(3))
        await asyncio.sleep(0.1)
        release.set()
        await asyncio.wait({first})
        second.cancel()
        await asyncio.wait_for(third, 10)
        await all_slots_are_free(limiter)

    virtual_time.run(scene)


def test_the_bound_may_be_moved_while_writes_run() -> None:
    limiter = Limiter(8, lowest=8)
    limiter.allow(2)
    assert (limiter.limit, limiter.highest) == (2, 2)
    limiter.allow(16)
    assert limiter.highest == 16
    assert limiter.limit <= 16


def test_no_newcomer_gets_in_before_those_that_wait() -> None:
    async def scene() -> None:
        limiter, order = Limiter(1, 1, clock=now), list[str]()

        async def hold(name: str, *, first: bool = False) -> None:
            await limiter.enter(first=first)
            order.append(name)
            await asyncio.sleep(1)
            limiter.leave(1.0)

        async def again() -> None:
            for turn in range(3):
                await hold(f"again {turn}")

        tasks = [asyncio.create_task(again())]
        await asyncio.sleep(0.1)
        tasks += [asyncio.create_task(hold(name)) for name in "ab"]
        await asyncio.sleep(0.1)
        tasks.append(asyncio.create_task(hold("back", first=True)))
        await asyncio.wait_for(asyncio.gather(*tasks), 60)
        assert order == ["again 0", "back", "a", "b", "again 1", "again 2"]

    virtual_time.run(scene)


def test_refusals_keep_the_limit_from_growing() -> None:
    async def scene() -> tuple[int, int]:
        free, refused = (Limiter(MOST, clock=now, start=4) for _ in range(2))

        async def use(limiter: Limiter) -> None:
            async with limiter.slot():
                await asyncio.sleep(0.02)
            if limiter is refused:
                limiter.refused()

        async def client(limiter: Limiter) -> None:
            while now() < 5:
                await use(limiter)

        await asyncio.gather(*(client(each) for each in (free, refused) for _ in range(MOST)))
        return free.limit, refused.limit

    free, refused = virtual_time.run(scene)
    assert free == MOST
    assert refused <= 16


async def beside_a_client(
    highest: int, lowest: int, longest: float | None = None
) -> tuple[float, float]:
    """Batches a second of a copy, and the 99th percentile of the answers to another client, which
    sends a request every 20 ms to the same server."""
    server, copied, answers = Server(8, 0.02), 0, list[float]()
    limiter = Limiter(highest, lowest, now, longest=longest)

    async def write() -> None:
        nonlocal copied
        while now() < 14:
            async with limiter.slot():
                await server.serve()
            copied += now() > 5

    async def request() -> None:
        began = now()
        await server.serve()
        if began > 5:
            answers.append(now() - began)

    async with asyncio.TaskGroup() as group:
        for _ in range(MOST):
            group.create_task(write())
        while now() < 14:
            group.create_task(request())
            await asyncio.sleep(0.02)
    return copied / 9, sorted(answers)[int(0.99 * len(answers))]


def test_a_target_that_is_live_is_protected() -> None:
    """Beside the best fixed number that keeps another client's answers within twice the bound."""
    longest = 0.04
    found = [virtual_time.run(partial(beside_a_client, n, n)) for n in (8, 12, 16)]
    best = max(rate for rate, p99 in found if p99 <= 2 * longest)
    rate, p99 = virtual_time.run(partial(beside_a_client, MOST, 4, longest))
    assert p99 <= 2 * longest
    assert rate >= 0.8 * best, (rate, best, found)


def test_a_slow_target_brings_the_limit_down_to_one_and_up_again_within_seconds() -> None:
    async def scene() -> tuple[int, str, int, Reason | None]:
        limiter = Limiter(16, clock=now, longest=0.05)
        servers = [Server(16, 0.02)]
        load = Load(servers, 16, limiter)
        await asyncio.sleep(5)
        servers[0] = Server(16, 0.5)
        await asyncio.sleep(20)
        slow, why = limiter.limit, limiter.reason("target")
        assert why
        servers[0] = Server(16, 0.02)
        await asyncio.sleep(15)
        await load.stop()
        return slow, why.text, limiter.limit, limiter.reason("target")

    slow, why, after, reason = virtual_time.run(scene)
    assert slow == 1
    assert why == "target answers slower than in 50 ms"
    assert after >= 8
    assert reason is None
