"""The short form of the fault suite."""

import json
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.core.state import CopyState
from tests.chaos.exported import play_export
from tests.chaos.many import play_many
from tests.chaos.play import play
from tests.chaos.pursue import pursue
from tests.chaos.pursuits import pursuit
from tests.chaos.schedule import schedule
from tests.servers.client import create_table, fill
from tests.standin import StandIn
from tests.support.reread import Reread


@pytest.mark.parametrize("seed", range(1, 6))
async def test_nothing_is_lost(seed: int, tmp_path: Path) -> None:
    outcome = await play(schedule(seed), tmp_path)
    assert outcome.runs >= 1


@pytest.mark.parametrize("seed", (3, 4))
async def test_nothing_is_lost_of_four_tables(seed: int, tmp_path: Path) -> None:
    outcome = await play_many(schedule(seed), tmp_path)
    assert outcome.runs >= 1


@pytest.mark.parametrize("seed", range(1, 4))
async def test_no_change_is_lost(seed: int, tmp_path: Path, dynamodb_local: str) -> None:
    outcome = await pursue(pursuit(seed), dynamodb_local, tmp_path)
    assert outcome.runs >= 2


async def test_nothing_is_lost_of_exports(tmp_path: Path, moto_server: str) -> None:
    outcome = await play_export(schedule(4), tmp_path, moto_server)
    assert outcome.runs >= 1


async def test_no_change_is_lost_of_a_table_that_is_exported(
    tmp_path: Path, dynamodb_local: str, moto_server: str
) -> None:
    outcome = await pursue(pursuit(26), dynamodb_local, tmp_path, moto_server)
    assert outcome.runs >= 2


async def test_a_page_that_a_savepoint_has_may_not_be_read_again() -> None:
    async with StandIn() as source:
        await create_table(source.url, "Chaos")
        await fill(source.url, "Chaos", [{"pk": {"S": f"{n}"}} for n in range(100)])
        keys = [{"pk": item["pk"]} for item in source.items("Chaos")]
        reread = Reread(source.table("Chaos"))

    def scans(*places: int) -> list[dict[str, Any]]:
        starts = [{"ExclusiveStartKey": keys[place]} if place else {} for place in places]
        return [{}, *({"Segment": 0, **start} for start in starts)]

    assert reread.again(scans(0, 30, 60), CopyState()) == 0
    within_a_page = CopyState(positions={0: json.dumps(keys[45]).encode()})
    assert reread.again(scans(45, 55, 75), within_a_page) == 2
    with pytest.raises(AssertionError):
        reread.again(scans(30), within_a_page)
    with pytest.raises(AssertionError):
        reread.again(scans(75), CopyState(done=frozenset([0])))


def test_a_seed_is_always_the_same_schedule() -> None:
    assert schedule(7) == schedule(7)
    assert schedule(7) != schedule(8)
    assert pursuit(7) == pursuit(7)
    assert pursuit(7) != pursuit(8)
