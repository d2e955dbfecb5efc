"""What a migration leaves to a validation is in doubt until one has found both tables equal."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alternator_migrate.config import Settings, load, validation_identity, validation_shape
from alternator_migrate.core.state import CopyState, FollowState, Status, ValidationState
from alternator_migrate.migration.doubts import doubts_of
from alternator_migrate.migration.resume import resume_of
from alternator_migrate.savepoints import Savepoint, Store
from tests.support.jobs import alternator, job, write_config
from tests.support.savepoints import point

OVER_ITEMS, FOLLOWED = 1000.0, 2000.0
STAYED, UNFOLLOWED = "those that the source does not have", "the source has changed since"
PAIR: Any = SimpleNamespace(
    inspection=SimpleNamespace(
        source=SimpleNamespace(id="source-id"), existing=SimpleNamespace(id="target-id")
    )
)


def earlier(**more: Any) -> Savepoint:
    """A migration over items, that follows without a copy."""
    stream = FollowState("arn", snapshot=False, placed_at=FOLLOWED)
    return point(over_items_at=OVER_ITEMS, **{"state": CopyState(stream=stream), **more})


def validation(settings: Settings, now: int, **more: Any) -> Savepoint:
    """A whole validation that began at `now` and found both tables equal."""
    fields: dict[str, Any] = {
        "migration": validation_identity(settings),
        "shape": validation_shape(settings),
        "target_id": "target-id",
        "status": Status.COMPLETED,
        "comparison": ValidationState("digests", now, "00", 8, "findings.jsonl"),
    }
    return point(**fields | more)


EQUAL_LATER: dict[str, Any] = {"now": 3000}


@pytest.mark.parametrize(
    ("validations", "told"),
    [
        ([], [STAYED, UNFOLLOWED]),
        ([EQUAL_LATER], []),
        ([{"now": 1500}], [UNFOLLOWED]),
        ([{"now": 500}], [STAYED, UNFOLLOWED]),
        ([{"now": 3000, "status": Status.DIFFERENCES}], [STAYED, UNFOLLOWED]),
        ([{"now": 3000, "status": Status.STOPPED}], [STAYED, UNFOLLOWED]),
        ([{"now": 3000, "source_id": "another"}], [STAYED, UNFOLLOWED]),
        ([{"now": 3000, "target_id": "another"}], [STAYED, UNFOLLOWED]),
        ([{"now": 3000, "transform": "another"}], [STAYED, UNFOLLOWED]),
        ([{"now": 3000, "shape": "that of a sample"}], [STAYED, UNFOLLOWED]),
        ([EQUAL_LATER, {"now": 4000, "status": Status.DIFFERENCES}], [STAYED, UNFOLLOWED]),
        ([EQUAL_LATER, {"now": 4000, "shape": "that of a sample"}], []),
        ([EQUAL_LATER, {"now": 4000, "status": Status.RUNNING}], []),
    ],
    ids=str,
)
async def test_doubts_are_settled_by_a_whole_validation_that_began_later_only(
    tmp_path: Path, validations: list[dict[str, Any]], told: list[str]
) -> None:
    sides = alternator("http://a:8000", "From"), alternator("http://b:8000", "To")
    loaded = load(write_config(tmp_path, job(*sides)), {})
    store = Store(tmp_path / "savepoints", "m")
    for each in validations:
        store.write(validation(loaded.settings, **each))
    doubts = await doubts_of(resume_of(loaded, store), PAIR, earlier())
    assert [words in doubt for words, doubt in zip(told, doubts, strict=True)] == [True] * len(told)


async def test_following_whose_place_is_not_known_yet_is_in_doubt(tmp_path: Path) -> None:
    sides = alternator("http://a:8000", "From"), alternator("http://b:8000", "To")
    loaded = load(write_config(tmp_path, job(*sides)), {})
    store = Store(tmp_path / "savepoints", "m")
    store.write(validation(loaded.settings, 3000))
    unplaced = earlier(state=CopyState(stream=FollowState("", snapshot=False)))
    (doubt,) = await doubts_of(resume_of(loaded, store), PAIR, unplaced)
    assert UNFOLLOWED in doubt


async def test_a_copy_into_an_empty_table_and_its_changes_leave_no_doubt(tmp_path: Path) -> None:
    sides = alternator("http://a:8000", "From"), alternator("http://b:8000", "To")
    loaded = load(write_config(tmp_path, job(*sides)), {})
    resume = resume_of(loaded, Store(tmp_path / "savepoints", "m"))
    copied = point(state=CopyState(stream=FollowState("arn", placed_at=FOLLOWED)))
    for each in (None, point(), copied):
        assert await doubts_of(resume, PAIR, each) == []
