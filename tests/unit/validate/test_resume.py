"""Where a validation goes on: by the same rules as a migration, with its own checks."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from alternator_migrate.config.loading import Loaded, load
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.state import Status, ValidationState
from alternator_migrate.savepoints.resume import Resume
from alternator_migrate.validate.mode import ValidateOptions
from alternator_migrate.validate.resume import resume_of
from tests.support.begun import SOURCE, TARGET, begun, written
from tests.support.configs import TEXT
from tests.support.savepoints import path_of

STATE = ValidationState(stage="details", now=1, seed="00", segments=4, findings="f.jsonl")


def resumed(loaded: Loaded, **options: str) -> Resume:
    """Where `validate` with these options goes on."""
    return resume_of(loaded, ValidateOptions(**options))  # type: ignore[arg-type] # a mode


def validated(loaded: Loaded, status: Status = Status.STOPPED) -> Path:
    """The savepoint of a validation that ended so."""
    first = resumed(loaded).first(SOURCE, 4, None)
    point = replace(first, target_id=TARGET.id, comparison=STATE, status=status)
    return path_of(resumed(loaded).store.write(point))


def test_it_goes_on_from_its_newest_and_says_so(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, TEXT), {})
    begun(tmp_path / "config.yaml")
    assert resumed(loaded).earlier(fresh=False) is None
    path = validated(loaded)
    begun(tmp_path / "config.yaml")
    resume = resumed(loaded)
    found = resume.earlier(fresh=False)
    assert found
    assert (found[0], resume.store.latest) == (path, path)
    assert [*resume.beginning(found)] == [f"going on from {path}"]
    assert resumed(loaded).earlier(fresh=True) is None


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.DIFFERENCES])
def test_one_that_came_to_its_end_is_no_beginning(tmp_path: Path, status: Status) -> None:
    loaded = load(written(tmp_path, TEXT), {})
    validated(loaded, status)
    assert resumed(loaded).earlier(fresh=False) is None


def test_a_damaged_one_is_passed_over_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = load(written(tmp_path, TEXT), {})
    older, damaged = validated(loaded), validated(loaded)
    damaged.write_text("{")
    with caplog.at_level(logging.WARNING):
        found = resumed(loaded).earlier(fresh=False)
    assert found
    assert found[0] == older
    assert f"this one cannot be read: {damaged}" in caplog.text


def test_what_another_run_wrote_meanwhile_is_not_overlooked(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, TEXT), {})
    validated(loaded)
    resume = resumed(loaded)
    found = resume.earlier(fresh=False)
    resume.check_newest(found)
    validated(loaded)
    with pytest.raises(UsageError, match="another run of this validation"):
        resume.check_newest(found)


def test_what_is_compared_and_how_may_not_change(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    saved = validated(load(path, {}))
    with pytest.raises(UsageError, match="what is compared, or how, has changed") as raised:
        resumed(load(path, {}, ["source.expiredItems=copy"])).earlier(fresh=False)
    assert str(saved) in str(raised.value)
    with pytest.raises(UsageError, match="not begun with --mode digest"):
        resumed(load(path, {}), mode="digest").earlier(fresh=False)
    with pytest.raises(UsageError, match="source or target are others now"):
        resumed(load(saved, {}, ["source.table=Other"])).earlier(fresh=False)


def test_the_savepoint_of_a_migration_is_a_configuration(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    copied, saved = begun(path), validated(load(path, {}))
    found = resumed(load(copied, {})).earlier(fresh=False)
    assert found
    assert found[0] == saved
