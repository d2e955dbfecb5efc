"""The retry policy: what is repeated, how long it waits, when it gives up."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import pytest

from alternator_migrate.core.errors import (
    BadAnswer,
    ItemsRefused,
    MigrateError,
    OutOfTime,
    Retryable,
    ServerRefused,
    Throttled,
    Unavailable,
)
from alternator_migrate.core.retry import Retry
from tests.support import virtual_time
from tests.support.virtual_time import now

FOREVER = 1e6


class Service:
    """Fails as it is told, then answers; notes when it was asked."""

    def __init__(self, failures: Sequence[BaseException]) -> None:
        self.asked: list[float] = []
        self.avoided: list[str] = []
        self._failures = list(failures)

    async def ask(self, avoid: str, question: str, *, twice: bool = False) -> str:
        self.asked.append(now())
        self.avoided.append(avoid)
        if len(self.asked) <= len(self._failures):
            raise self._failures[len(self.asked) - 1]
        return question * (1 + twice)


def test_a_first_success_is_passed_on_and_counts_nothing() -> None:
    async def scene() -> None:
        retry, service = Retry(FOREVER), Service([])
        assert await retry(service.ask, "a", twice=True) == "aa"
        assert len(service.asked) == 1
        assert (retry.retries, retry.throttled) == (0, 0)

    virtual_time.run(scene)


def test_what_is_retryable_is_repeated_with_the_same_arguments_and_counted() -> None:
    async def scene() -> None:
        retry = Retry(FOREVER)
        service = Service([Throttled("slow"), Unavailable("reset"), Throttled("slow")])
        assert await retry(service.ask, "b", twice=True) == "bb"
        assert len(service.asked) == 4
        assert (retry.retries, retry.throttled) == (3, 2)
        retry.note_throttled()
        assert (retry.retries, retry.throttled) == (4, 3)

    virtual_time.run(scene)


def test_each_repeated_attempt_avoids_the_node_that_failed_last() -> None:
    async def scene() -> None:
        failures = [Unavailable("reset", "a"), Throttled("slow", "b"), Unavailable("credentials")]
        service = Service(failures)
        await Retry(FOREVER)(service.ask, "x")
        assert service.avoided == ["", "a", "b", ""]

    virtual_time.run(scene)


@pytest.mark.parametrize(
    "failure",
    [
        ServerRefused("Scan", "AccessDeniedException", "no"),
        ItemsRefused("BatchWriteItem", "ValidationException", "no"),
        BadAnswer("html"),
        MigrateError("other"),
        ValueError("bug"),
        asyncio.CancelledError(),
    ],
    ids=lambda failure: type(failure).__name__,
)
@pytest.mark.parametrize("before", [0, 2])
def test_nothing_else_is_repeated(failure: BaseException, before: int) -> None:
    async def scene() -> None:
        retry = Retry(FOREVER)
        service = Service([*[Unavailable("reset")] * before, failure])
        with pytest.raises(type(failure)) as raised:
            await retry(service.ask, "c")
        assert raised.value is failure
        assert len(service.asked) == before + 1
        assert retry.retries == before

    virtual_time.run(scene)


def test_waits_grow_to_the_longest_with_full_jitter() -> None:
    first, longest, failures = 0.1, 2.0, 8

    async def waits() -> list[float]:
        service = Service([Unavailable("reset")] * failures)
        await Retry(FOREVER, first, longest)(service.ask, "d")
        return [after - before for before, after in pairwise(service.asked)]

    async def scene() -> list[list[float]]:
        return [await waits() for _ in range(150)]

    runs = virtual_time.run(scene)
    for number, same in enumerate(zip(*runs, strict=True)):
        bound = min(longest, first * 2**number)
        assert max(same) <= bound + 1e-3
        assert max(same) > 0.8 * bound
        assert min(same) < 0.2 * bound


def test_a_spent_budget_tells_the_attempts_and_the_last_cause() -> None:
    async def scene() -> None:
        retry = Retry(0.05, 0.001, 0.002)
        service = Service([Throttled(f"failure {number}") for number in range(10_000)])
        with pytest.raises(OutOfTime) as raised:
            await retry(service.ask, "e")
        attempts = len(service.asked)
        assert attempts > 1
        assert isinstance(raised.value.__cause__, Throttled)
        assert f"gave up after {attempts} attempts" in str(raised.value)
        assert f"failure {attempts - 1}" in str(raised.value)
        assert "retryBudgetSeconds" in raised.value.hint
        assert raised.value.exit_code == 1
        assert retry.retries == attempts - 1

    virtual_time.run(scene)


def test_no_wait_reaches_beyond_the_budget() -> None:
    async def scene() -> None:
        retry = Retry(0.001, 1000.0, 1000.0)
        with pytest.raises(OutOfTime):
            await retry(Service([Unavailable("reset")] * 99).ask, "f")
        assert now() < 1

    virtual_time.run(scene)


@pytest.mark.parametrize("budget", [4.0, 30.0, 300.0])
def test_the_last_attempt_is_made_when_the_budget_is_spent(budget: float) -> None:
    async def scene() -> tuple[list[float], str]:
        service = Service([Unavailable("reset")] * 10_000)
        with pytest.raises(OutOfTime) as raised:
            await Retry(budget)(service.ask, "h")
        return service.asked, str(raised.value)

    for _ in range(30):
        asked, told = virtual_time.run(scene)
        assert asked[-1] - asked[0] == pytest.approx(budget, abs=1e-3)
        assert f"in {budget:.0f} s" in told


def test_each_request_has_a_budget_of_its_own() -> None:
    async def scene() -> None:
        retry = Retry(FOREVER)
        services = [Service([Unavailable("reset")] * number) for number in range(5)]
        answers = await asyncio.gather(*(retry(service.ask, "g") for service in services))
        assert answers == ["g"] * 5
        assert [len(service.asked) for service in services] == [1, 2, 3, 4, 5]
        assert retry.retries == 10

    virtual_time.run(scene)


def test_only_throttled_and_unavailable_are_retryable() -> None:
    kinds = {Retryable}
    for kind in list(kinds):
        kinds.update(kind.__subclasses__())
    assert kinds == {Retryable, Throttled, Unavailable}


async def test_attempts_that_are_counted_elsewhere_too() -> None:
    """Those of a stream count, but are no writes that wait to be repeated."""
    all_of_them = Retry(5.0, first_wait=0.001)
    reads = all_of_them.apart()
    failures = [Throttled("slower"), Unavailable("again")]
    seen = []

    async def attempt(_: str) -> None:
        seen.append((all_of_them.repeating, reads.repeating))
        if failures:
            raise failures.pop()

    await reads(attempt)
    assert seen == [(0, 0), (0, 1), (0, 1)]
    assert (reads.retries, reads.throttled) == (2, 1)
    assert (all_of_them.retries, all_of_them.throttled) == (2, 1)


@pytest.mark.parametrize(("failures", "said"), [(8, True), (1000, False)])
def test_only_an_answer_ends_an_outage_in_words(
    failures: int, said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Not that the request was given up by whoever wanted it."""
    caplog.set_level(logging.INFO)

    async def scene() -> None:
        retry = Retry(FOREVER, first_wait=1.0, clock=now)
        service = Service([Unavailable("no")] * failures)
        with suppress(TimeoutError):
            await asyncio.wait_for(retry(service.ask, "a"), 600)

    virtual_time.run(scene)
    assert ("requests are answered again" in caplog.text) is said
