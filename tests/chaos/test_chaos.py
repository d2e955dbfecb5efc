"""The short form of the fault suite."""

from pathlib import Path

import pytest

from tests.chaos.play import play
from tests.chaos.schedule import schedule


@pytest.mark.parametrize("seed", range(1, 6))
async def test_nothing_is_lost(seed: int, tmp_path: Path) -> None:
    outcome = await play(schedule(seed), tmp_path)
    assert outcome.runs >= 1


def test_a_seed_is_always_the_same_schedule() -> None:
    assert schedule(7) == schedule(7)
    assert schedule(7) != schedule(8)
