"""The short form of the fault suite."""

from pathlib import Path

import pytest

from tests.chaos.many import play_many
from tests.chaos.play import play
from tests.chaos.pursue import pursue
from tests.chaos.pursuits import pursuit
from tests.chaos.schedule import schedule


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


def test_a_seed_is_always_the_same_schedule() -> None:
    assert schedule(7) == schedule(7)
    assert schedule(7) != schedule(8)
    assert pursuit(7) == pursuit(7)
    assert pursuit(7) != pursuit(8)
