"""What limits a run, from moments that are looked at one by one."""

from dataclasses import dataclass

import pytest

from alternator_migrate.core.bottleneck import Pressure, Recently, Sampler


@dataclass
class Clock:
    """A clock that is moved by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def seen(
    moments: int,
    waits: tuple[str, str] = ("", ""),
    *,
    empty: bool = False,
    full: bool = False,
    busy: float = 0.0,
) -> Pressure:
    """What a sampler saw in so many equal moments."""
    clock, cpu = Clock(), Clock()
    sampler = Sampler(lambda: waits, clock, cpu)
    for _ in range(moments):
        clock.now += 0.25
        cpu.now += 0.25 * busy
        sampler.look(is_empty=empty, is_full=full)
    return sampler.pressure


@pytest.mark.parametrize(
    ("waits", "queue", "busy", "limit"),
    [
        (("", ""), "empty", 0.2, "the source"),
        (("", ""), "full", 0.2, "the target"),
        (("throttled", ""), "empty", 0.2, "the source"),
        (("cap", ""), "empty", 0.2, "the cap on reading"),
        (("", "cap"), "full", 0.2, "the cap on writing"),
        (("cap", "cap"), "full", 0.2, "the cap on writing"),
        (("", ""), "full", 0.95, "this machine"),
        (("", ""), "neither", 0.2, ""),
        (("cap", ""), "neither", 0.2, "the cap on reading"),
    ],
)
def test_what_is_waited_for_limits(
    waits: tuple[str, str], queue: str, busy: float, limit: str
) -> None:
    pressure = seen(20, waits, empty=queue == "empty", full=queue == "full", busy=busy)
    assert pressure.limit == limit


def test_nothing_is_said_by_a_few_moments() -> None:
    assert seen(3, empty=True).limit == ""
    assert Pressure().limit == ""
    assert Pressure(source=10, nothing=11).limit == ""


def test_what_limits_most_of_the_time_is_told() -> None:
    assert (Pressure(source=5, target=9) + Pressure(source=5)).limit == "the source"


def test_of_late_it_may_be_another_than_over_all() -> None:
    clock = Clock()
    recently = Recently(clock)
    whole = Pressure()
    for _ in range(100):
        clock.now += 1
        whole += Pressure(source=4)
        recently.of(whole)
    assert recently.of(whole).limit == "the source"
    for _ in range(20):
        clock.now += 1
        whole += Pressure(target=4)
        lately = recently.of(whole)
    assert lately.limit == "the target"
    assert whole.limit == "the source"
