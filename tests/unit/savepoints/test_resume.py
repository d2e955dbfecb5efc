"""Where a run begins: which savepoint fits, which does not, and what it must not hold."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from alternator_migrate.config import identity
from alternator_migrate.config.loading import load
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.state import CopyState, FollowPhase, FollowState, Status
from alternator_migrate.dynamodb.table_schema import TableState
from alternator_migrate.migration import resume
from alternator_migrate.savepoints.format import Savepoint, decode, encode
from alternator_migrate.savepoints.progress import compared_so_far
from alternator_migrate.savepoints.resume import check_tables
from tests.support.begun import SOURCE, STANDING, TARGET, begun, goes_on, resumed, store_of, written
from tests.support.configs import TEXT, changed


def refusal(path: Path, *assignments: str) -> UsageError:
    """What keeps `run path --set ...` from going on."""
    with pytest.raises(UsageError) as raised:
        goes_on(path, *assignments)
    assert raised.value.exit_code == 2
    assert raised.value.hint
    return raised.value


def test_the_first_run_begins_at_the_start(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    assert goes_on(path) is None
    loaded = load(path, {})
    first = resume.first_savepoint(resumed(loaded), SOURCE, 4, None)
    assert (first.state, first.segments, first.source_id) == (CopyState(), 4, "source-1")
    assert first.config_file == str(path)


def test_the_same_configuration_goes_on_from_its_newest(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    begun(path)
    newest = begun(path)
    assert goes_on(path) == newest
    assert goes_on(path, "source.scanSegments=4") == newest
    loaded = load(path, {})
    next_one = resume.first_savepoint(resumed(loaded), SOURCE, 4, decode(newest.read_bytes()))
    assert (next_one.state, next_one.segments, next_one.target_id) == (STANDING, 4, "target-1")


def test_fresh_ignores_whatever_is_there(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    begun(path)
    assert goes_on(path, fresh=True) is None
    assert goes_on(path, "source.scanSegments=9", fresh=True) is None


@pytest.mark.parametrize(
    "assignment",
    [
        *("source.table=Other", "target.table=Other", "source.region=us-east-1"),
        *("target.endpoint.url=http://other:8000", "source.endpoint.url=http://other:8000"),
    ],
)
def test_another_table_or_place_is_another_migration(tmp_path: Path, assignment: str) -> None:
    path = written(tmp_path, TEXT)
    saved = begun(path)
    assert goes_on(path, assignment) is None
    assert str(saved) in str(refusal(saved, assignment))


HARMLESS = (
    *("target.maxConnections=3", "source.readThroughput=5", "maxRejects=7"),
    *("savepoints.intervalSeconds=9", "target.billingMode=PROVISIONED"),
)


@pytest.mark.parametrize("assignment", HARMLESS)
def test_what_decides_nothing_about_the_items_may_change(tmp_path: Path, assignment: str) -> None:
    path = written(tmp_path, TEXT)
    saved = begun(path)
    assert goes_on(path, assignment) == goes_on(saved, assignment) == saved


@pytest.mark.parametrize(
    ("assignment", "named"),
    [
        ("source.scanSegments=5", "4 segments"),
        ("renames=[{from: a, to: b}]", "renames"),
        ("source.filter.expression=attribute_exists(x)", "source.filter"),
        ("source.expiredItems=copy", "source.expiredItems"),
    ],
)
def test_what_decides_which_items_arrive_may_not_change(
    tmp_path: Path, assignment: str, named: str
) -> None:
    path = written(tmp_path, TEXT)
    saved = begun(path)
    for given in (path, saved):
        told = refusal(given, assignment)
        assert named in str(told)
        assert str(saved) in str(told)
        assert "--fresh" in told.hint


def test_skipped_segments_beyond_the_fixed_total_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    begun(path)
    sets = ("source.scanSegments=8", "skipSegments=[7]")
    assert "4 segments" in str(refusal(path, *sets))


def test_the_order_of_renames_decides_nothing(tmp_path: Path) -> None:
    renames = [{"from": "a", "to": "b"}, {"from": "c", "to": "d"}]
    path = written(tmp_path, changed("renames", renames))
    saved = begun(path)
    assert goes_on(written(tmp_path, changed("renames", renames[::-1]))) == saved


@pytest.mark.parametrize(
    ("saved", "source", "target", "named"),
    [
        ({}, replace(SOURCE, id="source-2"), TARGET, "source table From was made anew"),
        ({}, SOURCE, replace(TARGET, id="target-2"), "target table To was made anew"),
        ({}, SOURCE, None, "target table is gone"),
        ({"target_id": ""}, SOURCE, None, "target table is gone"),
    ],
)
def test_tables_made_anew_are_refused(
    tmp_path: Path, saved: dict[str, Any], source: TableState, target: TableState, named: str
) -> None:
    path = begun(written(tmp_path, TEXT), **saved)
    with pytest.raises(UsageError, match=named) as raised:
        check_tables(path, decode(path.read_bytes()), source, target)
    assert raised.value.exit_code == 2
    assert "--fresh" in raised.value.hint


@pytest.mark.parametrize(
    ("saved", "source", "target"),
    [
        ({}, SOURCE, TARGET),
        ({"target_id": "", "state": CopyState()}, SOURCE, None),
        ({"target_id": ""}, SOURCE, TARGET),
        ({"source_id": ""}, SOURCE, TARGET),
        ({}, replace(SOURCE, id=""), replace(TARGET, id="")),
    ],
    ids=["same", "not-made-yet", "made-meanwhile", "unknown-then", "unknown-now"],
)
def test_tables_that_are_the_same_or_unknown_are_accepted(
    tmp_path: Path, saved: dict[str, Any], source: TableState, target: TableState | None
) -> None:
    path = begun(written(tmp_path, TEXT), **saved)
    check_tables(path, decode(path.read_bytes()), source, target)


def test_a_savepoint_of_scylladb_migrator_is_a_configuration(tmp_path: Path) -> None:
    whole = {**yaml.safe_load(changed("source.scanSegments", 6)), "skipSegments": [1, 4]}
    path = written(tmp_path, yaml.safe_dump(whole))
    loaded = load(path, {})
    assert loaded.savepoint is None
    assert goes_on(path) is None
    first = resume.first_savepoint(resumed(loaded), SOURCE, 6, None)
    assert (first.state, first.skipped) == (CopyState(), frozenset({1, 4}))
    assert yaml.safe_load(encode(first))["skipSegments"] == [1, 4]


def test_newly_skipped_segments_are_not_done(tmp_path: Path) -> None:
    path = written(tmp_path, changed("source.scanSegments", 4))
    saved = decode(begun(path).read_bytes())
    first = resume.first_savepoint(
        resumed(load(path, {}, ["skipSegments=[0, 1]"])), SOURCE, 4, saved
    )
    assert (first.state, first.skipped) == (STANDING, frozenset({1})), (
        "0 is done, whatever is skipped"
    )
    assert resume.left(load(path, {}).settings, first) == {1, 3}
    assert yaml.safe_load(encode(first))["skipSegments"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("sets", "left"),
    [((), {3}), (("skipSegments=[3]",), {1}), (("skipSegments=[]",), {1, 3})],
)
def test_a_savepoint_skips_what_its_configuration_did(
    tmp_path: Path, sets: tuple[str], left: set[int]
) -> None:
    """Unless the command line says otherwise."""
    path = written(tmp_path, changed("skipSegments", [1], changed("source.scanSegments", 4)))
    loaded = load(begun(path), {}, sets)
    found = resumed(loaded).earlier(fresh=False)
    assert found
    assert resume.left(loaded.settings, found[1]) == left
    assert found[1].state.done == {0, 2}


def test_following_alone_is_no_copy(tmp_path: Path) -> None:
    """Neither before the stream is known, nor when it is over."""
    path = written(tmp_path, TEXT)
    alone = "target.streamChanges=true", "target.skipInitialSnapshotTransfer=true"
    loaded = load(path, {}, alone)
    first = resume.first_savepoint(resumed(loaded), SOURCE, 4, None)
    store_of(loaded).write(replace(first, status=Status.FAILED))
    assert goes_on(path)
    assert resume.left(load(path, {}).settings, first) == {0, 1, 2, 3}
    over = FollowState("arn", enabled_here=True, snapshot=False, phase=FollowPhase.OVER)
    ended = replace(first, state=CopyState(stream=over), target_id="t", status=Status.COMPLETED)
    store_of(loaded).write(ended)
    assert "without a copy" in str(refusal(path))
    assert goes_on(path, *alone)


def following(path: Path, phase: FollowPhase) -> CopyState:
    """Where a run goes on that had copied all but a skipped segment, 3, which is wanted now."""
    stream = FollowState("arn", enabled_here=True, snapshot=True, phase=phase)
    done = CopyState(done=frozenset({0, 1, 2}), stream=stream)
    begun(path, "target.streamChanges=true", state=done, skipped=frozenset({3}))
    loaded = load(path, {}, ["target.streamChanges=true"])
    found = resumed(loaded).earlier(fresh=False)
    assert found
    return resume.first_savepoint(resumed(loaded), SOURCE, 4, found[1]).state


@pytest.mark.parametrize("phase", [FollowPhase.SPOOL, FollowPhase.LIVE])
def test_changes_are_kept_while_what_was_skipped_is_copied(
    tmp_path: Path, phase: FollowPhase
) -> None:
    stream = following(written(tmp_path, TEXT), phase).stream
    assert stream
    assert stream.phase == FollowPhase.SPOOL


@pytest.mark.parametrize("phase", [FollowPhase.REPLAY, FollowPhase.ENDING, FollowPhase.OVER])
def test_what_was_skipped_is_not_copied_over_changes(tmp_path: Path, phase: FollowPhase) -> None:
    with pytest.raises(UsageError, match="skipSegments leaves out fewer"):
        following(written(tmp_path, TEXT), phase)


EARLIER = Path(__file__).parent / "earlier_savepoints"


@pytest.mark.parametrize("name", ["completed", "followed", "stopped_skipping", "validated"])
def test_savepoints_of_earlier_versions_are_read(name: str) -> None:
    saved = decode((EARLIER / f"{name}.yaml").read_bytes())
    assert saved.skipped is None
    assert (saved.segments, saved.configuration["source"]["table"]) == (3, "Example")
    if saved.comparison:
        assert compared_so_far(saved.comparison).compared == 60
        return
    assert saved.state.done == {0, 1, 2}
    assert saved.state.items.read == {"stopped_skipping": 38}.get(name, 60)
    assert bool(saved.state.stream) == (name == "followed")


@pytest.mark.parametrize("way", ["configuration", "savepoint"])
def test_one_that_does_not_tell_has_skipped_what_is_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    whole = json.loads((EARLIER / "completed_skipping.yaml").read_text())
    whole["savepoints"]["path"] = str(tmp_path)
    path = tmp_path / "savepoint_1795885615284_0000000004.yaml"
    path.write_text(json.dumps(whole))
    del whole["progress"]
    (tmp_path / "config.yaml").write_text(json.dumps({**whole, "skipSegments": [2]}))
    given = path if way == "savepoint" else tmp_path / "config.yaml"
    loaded = load(given, {}, ["skipSegments=[2]"])
    found = resumed(loaded).earlier(fresh=False)
    assert found
    assert found[1].state.done == {0, 1}
    assert found[1].skipped == frozenset({2})
    assert "--fresh" in caplog.text
    next_one = resume.first_savepoint(resumed(loaded), SOURCE, 3, found[1])
    assert resume.left(load(given, {}, ["skipSegments=[]"]).settings, next_one) == {2}


def test_a_savepoint_may_stand_in_place_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, TEXT)
    monkeypatch.chdir(tmp_path)
    saved = begun(path, "savepoints.path=relative").absolute()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    loaded = load(saved, {})
    assert loaded.savepoint == saved
    assert Path(loaded.settings.savepoints.path).is_absolute()
    assert goes_on(saved) == saved
    assert loaded.settings.source.scan_segments == 4


@pytest.mark.parametrize("text", ["${HOME}", "$${x}", "${", "😀", "\x85\u2028", "a: b", "*x"])
def test_keys_of_items_mean_nothing_to_the_configuration(tmp_path: Path, text: str) -> None:
    path = written(
        tmp_path, changed("source.filter", {"expression": "a=:v", "values": {":v": {"S": "😀"}}})
    )
    position = json.dumps({"pk": {"S": text}}, ensure_ascii=False).encode()
    saved = begun(path, state=CopyState(positions={1: position}))
    assert goes_on(saved) == saved
    assert load(saved, {}).settings.source.filter == load(path, {}).settings.source.filter


@pytest.mark.parametrize("content", ["", "progress: {}", '{"progress": {"version": 1}}'])
def test_a_file_that_is_half_a_savepoint_is_refused(tmp_path: Path, content: str) -> None:
    path = written(tmp_path, TEXT)
    whole = {**yaml.safe_load(path.read_text()), "progress": {"version": 1, "positions": {}}}
    broken = path.with_name("broken.yaml")
    broken.write_text(content or yaml.safe_dump(whole))
    with pytest.raises(MigrateError) as raised:
        goes_on(broken)
    assert raised.value.exit_code == 2
    assert "broken.yaml" in str(raised.value)


def test_savepoint_and_configuration_hold_the_same_migration(tmp_path: Path) -> None:
    path = written(tmp_path, changed("target.tags", {"a": "b"}))
    saved: Savepoint = decode(begun(path).read_bytes())
    assert saved.migration == identity.migration_identity(load(path, {}).settings)
    assert saved.shape == identity.migration_shape(load(path, {}).settings)
