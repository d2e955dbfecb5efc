"""States: which end a run with which exit code, and which phase of following comes after which."""

import json

import pytest

from alternator_migrate.core.state import FollowPhase, Status


def test_each_status_is_told_by_its_word() -> None:
    assert json.dumps([*Status]) == (
        '["waiting", "running", "stopped", "failed", "completed", "rejects", "differences"]'
    )
    assert f"{Status.COMPLETED}" == "completed"


def test_a_run_that_came_to_its_end_has_an_exit_code() -> None:
    codes = {status: status.exit_code for status in Status if status.is_final}
    assert codes == {Status.COMPLETED: 0, Status.REJECTS: 3, Status.DIFFERENCES: 3}
    assert all(status.exit_code is None for status in Status if not status.is_final)


@pytest.mark.parametrize(
    "way", ["spool replay live ending over", "spool live spool", "live replay live", "ending live"]
)
def test_following_goes_through_its_phases(way: str) -> None:
    phase, *later = [FollowPhase(word) for word in way.split()]
    for then in later:
        phase = phase.to(then)
    assert phase == later[-1]


@pytest.mark.parametrize("way", ["live over", "replay spool", "spool over", "over live"])
def test_no_change_is_written_twice_or_never(way: str) -> None:
    phase, then = [FollowPhase(word) for word in way.split()]
    with pytest.raises(ValueError, match=f"from {phase} to {then}"):
        phase.to(then)
