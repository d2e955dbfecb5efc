"""Changes of a table's capacity are followed, once a minute, each told in one line."""

import asyncio
import logging
from typing import cast

import pytest

from alternator_migrate.connectors.capacity_watch import CapacityWatch
from alternator_migrate.connectors.caps import follows_capacity
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.pace import Pace
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import Throughput
from tests.support import virtual_time
from tests.support.virtual_time import now


class Described:
    """A table that has one capacity after another, asked for by and by."""

    def __init__(self, *capacities: Throughput | MigrateError | None) -> None:
        self._capacities = list(capacities)
        self.asked: list[float] = []

    async def throughput(self) -> Throughput | None:
        self.asked.append(now())
        found = self._capacities.pop(0) if len(self._capacities) > 1 else self._capacities[0]
        if isinstance(found, MigrateError):
            raise found
        return found


def test_a_cap_follows_the_capacity_of_the_table(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def scene() -> list[float | None]:
        table = Described(
            Throughput(100, 1),
            Throughput(400, 1),
            MigrateError("denied"),
            None,
            Throughput(50, 7),
        )
        pace, caps = Pace(50.0, clock=now), []
        watch = CapacityWatch("source", cast("Table", table), 0.5, 100, pace.allow)
        watching = asyncio.create_task(watch.run())
        for _ in range(5):
            await asyncio.sleep(60.5)
            caps.append(pace.cap)
        watching.cancel()
        assert [round(at) for at in table.asked] == [60, 120, 180, 240, 300]
        return caps

    assert virtual_time.run(scene) == [50, 200, 200, None, 25]
    assert [record.getMessage() for record in caplog.records] == [
        "pace: the source has 400 read units now (100 read units before): capped at 200 units/s",
        "the capacity of the source cannot be read: denied",
        "pace: the source has capacity on demand now (400 read units before): not capped",
        "pace: the source has 50 read units now (capacity on demand before): capped at 25 units/s",
    ]


def test_what_is_asked_for_besides_is_never_exceeded() -> None:
    async def scene() -> float | None:
        pace = Pace(50.0, clock=now)
        pace.ask(30.0)
        watch = CapacityWatch("target", cast("Table", None), 0.5, 100, pace.allow)
        watch.note(Throughput(1, 1000))
        return pace.cap

    assert virtual_time.run(scene) == 30


def test_one_of_many_tables_gets_no_more_than_all_of_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    caps: list[float | None] = []
    watch = CapacityWatch("source", cast("Table", None), 0.5, 100, caps.append, most=80.0)
    for capacity in (Throughput(120, 1), Throughput(400, 1), None):
        watch.note(capacity)
    assert caps == [60, 80, 80]
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
        "capped at 60 units/s",
        "capped at 80 units/s",
        "capped at 80 units/s",
    ]


@pytest.mark.parametrize(
    ("given", "of_all", "follows"),
    [
        (None, None, True),
        (70.0, None, False),
        (70.0, 70.0, True),  # what all tables share stands in the settings of each
        (30.0, 70.0, False),
    ],
)
def test_a_cap_of_the_user_does_not_follow_a_capacity(
    given: float | None, of_all: float | None, *, follows: bool
) -> None:
    assert follows_capacity(given, of_all) is follows
