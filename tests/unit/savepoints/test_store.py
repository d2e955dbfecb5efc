"""Savepoints on disk: whole or not there, the newest found, none of another migration touched."""

import errno
import json
import os
import re
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.counts import Counts
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.state import CopyState, ExportState
from alternator_migrate.savepoints.format import Savepoint, decode, encode
from alternator_migrate.savepoints.store import Store, found
from tests.support.cli import read_only_folder
from tests.support.savepoints import (
    OF_VALIDATIONS,
    SAVEPOINTS,
    files_of_at_most,
    names,
    path_of,
    point,
)


class PowerCutError(BaseException):
    """The machine stops here."""


def stored(store: Store) -> Savepoint:
    """The newest savepoint of a store, which there must be."""
    newest = store.newest()
    assert newest
    return newest[1]


@given(SAVEPOINTS)
@settings(max_examples=100)
def test_what_is_decoded_is_what_was_encoded(savepoint: Savepoint) -> None:
    back = decode(encode(savepoint))
    kept = ("migration", "shape", "segments", "source_id", "target_id", "state", "status")
    for name in (*kept, "seconds", "written", "config_file", "rejects", "export"):
        assert getattr(back, name) == getattr(savepoint, name)
    ours = ("skipSegments", "source")
    assert {k: v for k, v in back.configuration.items() if k not in ours} == {
        k: v for k, v in savepoint.configuration.items() if k not in ours
    }


@given(OF_VALIDATIONS)
@settings(max_examples=100)
def test_that_of_a_validation_keeps_its_comparison_and_the_configuration(
    savepoint: Savepoint,
) -> None:
    back = decode(encode(savepoint))
    assert back.comparison == savepoint.comparison
    assert back.configuration == savepoint.configuration, "nothing of it is to be skipped"
    assert back.segments == savepoint.segments


@given(SAVEPOINTS | OF_VALIDATIONS)
@settings(max_examples=100)
def test_it_is_json_that_yaml_reads_alike(savepoint: Savepoint) -> None:
    text = encode(savepoint).decode()
    assert yaml.safe_load(text) == json.loads(text)


def test_scylladb_migrator_finds_its_own_keys_on_top() -> None:
    configuration = {
        "source": {"type": "dynamodb", "table": "From", "scanSegments": 1},
        "target": {"table": "To"},
        "savepoints": {"path": "/here"},
    }
    state = CopyState(done=frozenset({5, 0, 3}), positions={1: b'{"pk":{"S":"a"}}'})
    text = encode(point(configuration=configuration, state=state))
    top = yaml.safe_load(text)
    assert top.pop("progress")["positions"] == {"1": {"pk": {"S": "a"}}}
    assert top == {
        "source": {"type": "dynamodb", "table": "From", "scanSegments": 8},
        "target": {"table": "To"},
        "savepoints": {"path": "/here"},
        "skipSegments": [0, 3, 5],
    }
    assert configuration["source"] == {"type": "dynamodb", "table": "From", "scanSegments": 1}


def test_scylladb_migrator_finds_no_segments_of_a_table_that_is_copied_from_an_export() -> None:
    state = CopyState(done=frozenset({0, 1}))
    top = json.loads(encode(point(state=state, export=ExportState("asked", arn="arn"))))
    assert top.pop("progress")["done"] == [0, 1]
    assert top == {"source": {"table": "From"}, "target": {"table": "To"}}


def test_the_progress_has_all_that_the_interface_promises() -> None:
    state = CopyState(
        done=frozenset({2}),
        positions={0: b'{"id":{"N":"7"}}'},
        items=Counts(10, 7, 2, 1),
        bytes_read=1234,
        batches=3,
    )
    progress = json.loads(encode(point(state=state, rejects="r.jsonl")))["progress"]
    assert progress["sourceTableId"] == "source-id"
    assert progress["positions"] == {"0": {"id": {"N": "7"}}}
    assert progress["items"] == {"read": 10, "written": 7, "skipped_expired": 2, "rejected": 1}
    assert (progress["bytesRead"], progress["batches"]) == (1234, 3)
    assert progress["rejects"] == "r.jsonl"


@given(SAVEPOINTS, st.data())
@settings(max_examples=50)
def test_a_cut_off_savepoint_is_none(savepoint: Savepoint, data: st.DataObject) -> None:
    text = encode(savepoint)
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(ValueError, match=r"."):
        decode(text[:cut])


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{}", b"[]", b"null", b"7", b'"progress"', b"\xff\xfe", b"[" * 200_000),
        *(b'{"progress": null}', b'{"progress": {}}', b'{"progress": {"version": 1}}'),
        *(b"source: {}", b"\0" * 4096, b"<html></html>"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_whatever_else_is_there_is_no_savepoint(text: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(text)
    store = Store(tmp_path, "m")
    store.write(point(done=3))
    (tmp_path / "savepoint_9999999999999_0000000001.yaml").write_bytes(text)
    assert len(stored(store).state.done) == 3


def test_a_savepoint_of_another_version_names_it() -> None:
    whole = json.loads(encode(point()))
    whole["progress"]["version"] = 99
    with pytest.raises(ValueError, match="version 99"):
        decode(json.dumps(whole))


def test_names_are_13_digits_of_milliseconds_and_a_10_digit_counter(tmp_path: Path) -> None:
    before = int(time.time() * 1000)
    path = path_of(Store(tmp_path, "m").write(point()))
    named = re.fullmatch(r"savepoint_(\d{13})_(\d{10})\.yaml", path.name)
    assert named
    assert before <= int(named[1]) <= int(time.time() * 1000)
    assert path.parent == tmp_path


def test_the_folder_is_made_and_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    store = Store(tmp_path / "a" / "b", "m")
    assert store.newest() is None
    path = path_of(store.write(point()))
    assert store.latest == path
    assert path.stat().st_mode & 0o077 == 0
    assert names(tmp_path / "a" / "b") == [path.name]


def test_the_last_by_name_is_the_newest_whatever_its_times(tmp_path: Path) -> None:
    store = Store(tmp_path, "m")
    first, last = (store.write(point(done=done)) for done in (1, 2))
    os.utime(last, (1, 1))
    assert first.name < last.name
    assert len(stored(Store(tmp_path, "m")).state.done) == 2


def test_three_are_kept_of_each_migration(tmp_path: Path) -> None:
    ours, theirs = Store(tmp_path, "ours"), Store(tmp_path, "theirs")
    other = theirs.write(point("theirs", done=7))
    foreign = tmp_path / "savepoint_notes.yaml"
    foreign.write_text("mine")
    written = [ours.write(point("ours", done=done)) for done in range(6)]
    assert names(tmp_path) == sorted([other.name, foreign.name, *[w.name for w in written[3:]]])
    assert len(stored(theirs).state.done) == 7
    assert len(stored(ours).state.done) == 5


def test_a_clock_set_back_still_gives_a_later_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for number, clock in enumerate((2e9, 1e9, 1.5e9, 2.1e9, 0.0)):
        monkeypatch.setattr(time, "time", lambda clock=clock: clock)
        written.append(Store(tmp_path, "m").write(point(done=number)).name)
    assert written == sorted(set(written))
    assert len(stored(Store(tmp_path, "m")).state.done) == 4


def test_damaged_ones_are_passed_over_and_not_counted_among_the_kept(tmp_path: Path) -> None:
    store = Store(tmp_path, "m")
    written = [path_of(store.write(point(done=done))) for done in range(3)]
    written[-1].write_bytes(written[-1].read_bytes()[:-40])
    assert len(stored(store).state.done) == 1
    assert [path for path, _ in found(tmp_path)] == [written[1], written[0]]
    again = store.write(point(done=5))
    assert again.name > written[-1].name
    assert len(stored(store).state.done) == 5
    assert written[0].exists()


def test_a_power_cut_before_the_name_is_given_leaves_the_older_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, "m")
    store.write(point(done=1))

    def cut(*_: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", cut)
        patched.setattr(Path, "rename", cut)
        patched.setattr(Path, "replace", cut)
        patched.setattr(os, "rename", cut)
        patched.setattr(os, "replace", cut)
        with pytest.raises(PowerCutError):
            store.write(point(done=2))
    after = Store(tmp_path, "m")
    assert len(stored(after).state.done) == 1
    after.write(point(done=3))
    assert len(stored(after).state.done) == 3


def test_data_and_folder_are_synced_around_the_naming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = []
    sync, link = os.fsync, os.link

    def noted_sync(descriptor: int) -> None:
        happened.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def noted_link(path: Path, name: Path) -> None:
        happened.append("name")
        link(path, name)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "link", noted_link)
    Store(tmp_path, "m").write(point())
    assert happened == ["file", "name", "folder"]


def test_a_disk_that_fills_up_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    store = Store(tmp_path, "m")
    good = path_of(store.write(point(done=2)))
    huge = point(configuration={"source": {}, "target": {"words": "x" * 100_000}})
    with files_of_at_most(8192), pytest.raises(MigrateError) as raised:
        store.write(huge)
    assert str(tmp_path) in str(raised.value)
    assert "savepoints.path" in raised.value.hint
    assert names(tmp_path) == [good.name]
    assert store.latest == good
    assert stored(store) == replace(decode(good.read_bytes()))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
def test_a_disk_that_does_not_sync_leaves_the_older_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store = Store(tmp_path, "m")
    good = path_of(store.write(point(done=2)))

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(MigrateError, match=os.strerror(number)) as raised:
            store.write(point(done=3))
    assert raised.value.exit_code == 1
    assert names(tmp_path) == [good.name]
    assert store.write(point(done=4)).name > good.name


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = read_only_folder(tmp_path) / "savepoints"
    with pytest.raises(MigrateError, match=str(folder)):
        Store(folder, "m").write(point())
