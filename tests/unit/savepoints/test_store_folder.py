"""A folder of savepoints that others use too: other migrations, other processes, another tool."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.savepoints import foreign
from alternator_migrate.savepoints.format import decode, encode
from alternator_migrate.savepoints.local import LocalFolder
from alternator_migrate.savepoints.place import Located
from alternator_migrate.savepoints.store import Store
from tests.servers.cli import REPOSITORY
from tests.servers.process import bound
from tests.support.configs import changed, loaded, paths, refused
from tests.support.savepoints import names, path_of, point

WRITE = (
    "import sys; from pathlib import Path; from alternator_migrate.savepoints.store import Store\n"
    "from tests.support.savepoints import point\n"
    "folder, name = Path(sys.argv[1]), sys.argv[2]; store = Store(folder, name)\n"
    "print('ready', flush=True); sys.stdin.readline()\n"
    "for number in range(150):\n    store.write(point(name, done=number % 8, segments=8))\n"
    "print(store.write(point(name, done=5)))"
)
THEIRS = """\
source:
  type: dynamodb
  table: From
  scanSegments: 3
target:
  type: dynamodb
  table: To
renames: null
skipSegments:
- 0
"""
NEWEST = "savepoint_9999999999998_9999999999.yaml"
THEIR_NAMES = ("savepoint_1795885615.yaml", "savepoint_1795885615284_0000000001.yaml", NEWEST)


def theirs(folder: Path) -> list[Located]:
    """The savepoints of ScyllaDB Migrator in a folder, the newest first."""
    return [*foreign.savepoints(LocalFolder(folder))]


def test_two_processes_never_take_the_same_name(tmp_path: Path) -> None:
    """However often they meet, the newest of each is the one that it wrote last."""
    migrations = ["a", "b", "c"]
    processes = [
        subprocess.Popen(
            bound([sys.executable, "-c", WRITE, str(tmp_path), name]),
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in migrations
    ]
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        last = {}
        for process in processes:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        for name, process in zip(migrations, processes, strict=True):
            last[name] = process.communicate(timeout=300)[0].strip()
            assert process.returncode == 0
    finally:
        for process in processes:
            process.kill()
    for name in migrations:
        newest = Store(tmp_path, name).newest()
        assert newest
        assert (str(newest[0]), len(newest[1].state.done)) == (last[name], 5)
    assert len(names(tmp_path)) == 3 * len(migrations)


@pytest.mark.parametrize("links", [True, False], ids=["links", "no-links"])
def test_a_name_that_is_taken_meanwhile_is_left_to_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """On a file system without hard links, too."""
    monkeypatch.setattr(time, "time", lambda: 2e9)
    link = os.link
    taken: list[str] = []

    def late(path: Path, name: Path) -> None:
        if not taken:
            taken.append(Path(name).name)
            Path(name).write_bytes(encode(point("theirs", done=7)))
        if not links:
            raise OSError(errno.EPERM, "no links")
        link(path, name)

    monkeypatch.setattr(os, "link", late)
    ours = path_of(Store(tmp_path, "ours").write(point("ours", done=3)))
    assert names(tmp_path) == sorted([*taken, ours.name])
    theirs = Store(tmp_path, "theirs").newest()
    assert theirs
    assert (theirs[0].name, len(theirs[1].state.done)) == (taken[0], 7)
    assert len(decode(ours.read_bytes()).state.done) == 3
    assert ours.stat().st_mode & 0o077 == 0


def test_a_crash_between_the_names_harms_no_savepoint(tmp_path: Path) -> None:
    """A next one, of a process with the same number, is not written through the name left."""
    first = path_of(Store(tmp_path, "m").write(point(done=3)))
    left = tmp_path / f".savepoint_{os.getpid()}.m.tmp"
    os.link(first, left)
    second = path_of(Store(tmp_path, "m").write(point(done=5)))
    assert not left.exists()
    assert len(decode(first.read_bytes()).state.done) == 3
    assert len(decode(second.read_bytes()).state.done) == 5


def test_a_savepoint_that_is_removed_before_it_is_read_has_newer_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run saves while `validate`, which has none, or `status` looks at the folder."""
    run = Store(tmp_path, "run")
    for done in (1, 2, 3):
        run.write(point("run", done=done))
    listed = LocalFolder.names

    def late(folder: LocalFolder, prefix: str = "savepoint_") -> list[str]:
        there = listed(folder, prefix)
        monkeypatch.setattr(LocalFolder, "names", listed)
        for done in (4, 5, 6):
            run.write(point("run", done=done))
        return there

    monkeypatch.setattr(LocalFolder, "names", late)
    assert Store(tmp_path, "validation").newest() is None
    monkeypatch.setattr(LocalFolder, "names", late)
    newest = Store(tmp_path, "run").newest()
    assert newest
    assert len(newest[1].state.done) == 6


def test_a_savepoint_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / NEWEST).symlink_to(tmp_path / "removed")
    with pytest.raises(UsageError, match="a savepoint cannot be read"):
        Store(tmp_path, "m").newest()


def test_an_old_savepoint_that_cannot_be_removed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, "m")
    first, *_ = [store.write(point(done=done)) for done in range(3)]
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == first:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(MigrateError, match="cannot remove the old savepoint") as raised:
        store.write(point(done=5))
    assert str(first) in str(raised.value)
    newest = Store(tmp_path, "m").newest()
    assert newest
    assert len(newest[1].state.done) == 5


def test_savepoints_of_scylladb_migrator_are_left_alone(tmp_path: Path) -> None:
    for name in THEIR_NAMES:
        (tmp_path / name).write_text(THEIRS)
    store = Store(tmp_path, "m")
    assert store.newest() is None, "they are none of ours, and none that cannot be read"
    ours = [path_of(store.write(point(done=done))) for done in range(5)]
    assert [path.name for path in ours] == sorted(path.name for path in ours)
    assert min(path.name for path in ours) > NEWEST
    assert names(tmp_path) == sorted([*THEIR_NAMES, *[path.name for path in ours[2:]]])
    assert {(tmp_path / name).read_text() for name in THEIR_NAMES} == {THEIRS}
    newest = Store(tmp_path, "m").newest()
    assert newest == (ours[-1], decode(ours[-1].read_bytes()))
    assert [path.name for path in theirs(tmp_path)] == [*THEIR_NAMES][::-1]


@pytest.mark.parametrize("text", ["", "{", "x: 1", "\0" * 9])
def test_what_is_damaged_is_not_taken_for_theirs(tmp_path: Path, text: str) -> None:
    (tmp_path / THEIR_NAMES[1]).write_text(text)
    with pytest.raises(MigrateError, match="cannot be read"):
        Store(tmp_path, "m").newest()
    assert theirs(tmp_path) == []


def test_a_savepoint_tells_what_scylladb_migrator_lacks() -> None:
    def told(**source: object) -> str:
        configuration = {"source": {"table": "a", **source}, "target": {"table": "b"}}
        progress = json.loads(encode(point(configuration=configuration)))["progress"]
        return str(progress.get("scyllaMigrator", ""))

    assert told() == ""
    assert told(credentials={"profile": "me"}) == ""
    left_out = told(credentials={"accessKey": "a"})
    assert "put source.credentials.secretKey back" in left_out
    assert "skipSegments" in left_out
    named = told(credentials={"accessKey": "a", "secretKey": "${SECRET}"})
    assert "secretKey" not in named
    assert "value in place of each ${VARIABLE}" in named


def test_what_scylladb_migrator_left_out_of_its_savepoint_is_asked_for() -> None:
    left_out = {"accessKey": "<redacted>", "secretKey": "<redacted>"}
    mistakes = refused(changed("source.credentials", left_out)).mistakes
    assert paths(mistakes) == {f"source.credentials.{key}" for key in left_out}
    assert all("left out by ScyllaDB Migrator" in each.message for each in mistakes)
    given = [f"source.credentials.{key}=mine" for key in left_out]
    settings, _ = loaded(changed("source.credentials", left_out), *given)
    assert settings.source.credentials
    assert settings.source.credentials.secret_key == "mine"
