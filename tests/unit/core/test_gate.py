"""The gate: any reason holds, none lifts another, and the clock stands meanwhile."""

import asyncio

import pytest

from alternator_migrate.core.errors import Unavailable
from alternator_migrate.core.gate import DRAIN_SECONDS, Gate
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.retry import Retry
from tests.support import virtual_time
from tests.support.virtual_time import now


def gate_of() -> Gate:
    """A gate on the clock of the running loop."""
    return Gate(asyncio.get_running_loop().time)


def test_any_reason_holds_and_none_lifts_another() -> None:
    async def scene() -> None:
        gate = gate_of()
        assert gate.hold("user", "by you")
        assert gate.hold("file", "a file exists")
        assert not gate.hold("file", "another one exists")
        assert [each.text for each in gate.reasons] == ["by you", "another one exists"]
        assert gate.release("user")
        assert not gate.release("user")
        assert not gate.is_open
        assert gate.release("file")
        assert gate.is_open

    virtual_time.run(scene)


def test_reads_end_at_once_and_writes_when_what_was_read_had_its_time() -> None:
    async def scene() -> None:
        gate = gate_of()
        gate.hold("user", "by you")
        assert (gate.reading.is_set(), gate.writing.is_set()) == (False, True)
        assert gate.state("copying") == "pausing"
        await asyncio.wait_for(gate.shut.wait(), DRAIN_SECONDS + 0.1)
        assert not gate.writing.is_set()
        assert gate.state("copying") == "paused"
        gate.release("user")
        assert gate.reading.is_set() and gate.writing.is_set() and not gate.held.is_set()
        assert gate.state("copying") == "copying"

    virtual_time.run(scene)


def test_a_short_pause_never_ends_writing() -> None:
    async def scene() -> None:
        gate = gate_of()
        gate.hold("user", "by you")
        await asyncio.sleep(DRAIN_SECONDS / 2)
        gate.release("user")
        await asyncio.sleep(DRAIN_SECONDS)
        assert gate.writing.is_set()
        assert not gate.shut.is_set()

    virtual_time.run(scene)


def test_the_clock_stands_while_anything_holds() -> None:
    async def scene() -> None:
        gate = gate_of()
        await asyncio.sleep(10)
        began = gate.clock()
        gate.hold("user", "by you")
        await asyncio.sleep(100)
        gate.hold("url", "busy")
        gate.release("user")
        await asyncio.sleep(50)
        assert gate.clock() == pytest.approx(began, abs=0.001)
        gate.release("url")
        await asyncio.sleep(1)
        assert gate.clock() == pytest.approx(began + 1, abs=0.001)
        assert gate.seconds == pytest.approx(150, abs=0.001)

    virtual_time.run(scene)


def test_a_retry_budget_is_not_spent_in_a_pause() -> None:
    async def scene() -> None:
        gate = gate_of()
        retry, pace = Retry(20.0, clock=gate.clock), Pace(valve=gate.writing)
        asked: list[float] = []

        async def fail(_: str) -> str:
            await pace.take(1)
            asked.append(now())
            if gate.seconds:
                return "stored"
            raise Unavailable("no answer")

        writing = asyncio.create_task(retry(fail))
        await asyncio.sleep(5)
        gate.hold("user", "by you")
        await asyncio.sleep(DRAIN_SECONDS + 10)
        before = len(asked)
        await asyncio.sleep(1000)
        assert len(asked) == before
        gate.release("user")
        assert await writing == "stored"

    virtual_time.run(scene)


def test_what_waits_for_its_units_is_not_let_through_in_a_pause() -> None:
    async def scene() -> None:
        gate = gate_of()
        pace = Pace(10.0, clock=asyncio.get_running_loop().time, valve=gate.reading)
        await pace.take(100)
        waiting = asyncio.create_task(pace.take(100))
        gate.hold("file", "a file exists")
        await asyncio.sleep(60)
        assert not waiting.done()
        assert pace.reason("source") is None
        gate.release("file")
        await asyncio.wait_for(waiting, 1)

    virtual_time.run(scene)


def test_a_limit_that_is_asked_for_is_one_besides_the_allowed_one() -> None:
    async def scene() -> None:
        pace = Pace(100.0, clock=asyncio.get_running_loop().time)
        pace.ask(20.0)
        assert pace.cap == 20.0
        pace.allow(10.0)
        assert pace.cap == 10.0
        pace.allow(None)
        assert pace.cap == 20.0
        await pace.take(60)
        began = now()
        await pace.take(1)
        assert now() - began == pytest.approx(2.5, abs=0.01)
        await pace.take(1000)
        waiting = asyncio.create_task(pace.take(1))
        await asyncio.sleep(0.5)
        reason = pace.reason("target")
        assert reason and reason.text == "target capped at 20 units/s"
        pace.ask(None)
        assert pace.reason("target") is None
        await asyncio.wait_for(waiting, 1.1)

    virtual_time.run(scene)
