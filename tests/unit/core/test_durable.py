"""What holds items or keys is its owner's alone, whatever the umask, temporary files too."""

import asyncio
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.connectors.rejects_file import RejectsFile
from alternator_migrate.connectors.s3_export.sink import Folder, put
from alternator_migrate.core.model import Change, Difference, Reject
from alternator_migrate.follow.spool import Spool
from alternator_migrate.savepoints.format import Savepoint
from alternator_migrate.savepoints.store import Store, lock
from alternator_migrate.validate.findings_file import FindingsFile

ITEM = b'{"id":{"S":"a"}}'


@pytest.fixture(autouse=True)
def all_may_read() -> Iterator[None]:
    """A umask that leaves everything to all."""
    before = os.umask(0)
    yield
    os.umask(before)


@contextmanager
def modes_when_renamed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The modes of files at the moment they are put into their place."""
    seen: list[int] = []
    rename, replace, hardlink_to = Path.rename, Path.replace, Path.hardlink_to

    def note(path: Path, target: Path) -> Path:
        seen.append(stat.S_IMODE(path.stat().st_mode))
        return rename(path, target)

    def note_replacing(path: Path, target: Path) -> Path:
        seen.append(stat.S_IMODE(path.stat().st_mode))
        return replace(path, target)

    def note_link(path: Path, target: Path) -> None:
        seen.append(stat.S_IMODE(target.stat().st_mode))
        hardlink_to(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", note)
        patch.setattr(Path, "replace", note_replacing)
        patch.setattr(Path, "hardlink_to", note_link)
        yield seen


def modes(folder: Path) -> set[int]:
    """The modes of all files in a folder, below it, too."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert files
    return {stat.S_IMODE(each.stat().st_mode) for each in files}


def mode(folder: Path) -> int:
    """The mode of a folder."""
    return stat.S_IMODE(folder.stat().st_mode)


def fill(folder: Path) -> Spool:
    """A spool that has been compacted."""

    async def work() -> Spool:
        spool = Spool(folder, 4000)
        for number in range(300):
            await spool.add([Change(ITEM, b'{"id":{"S":"a"},"n":{"N":"%d"}}' % number, "", 0.0)])
        await spool.sync()
        return spool

    return asyncio.run(work())


def test_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "savepoints" / "spool_1"
    with modes_when_renamed(monkeypatch) as renamed:
        spool = fill(folder)
    assert renamed and set(renamed) == {0o600}, "it was compacted"
    assert modes(folder) == {0o600}
    assert mode(folder) == 0o700
    for each in folder.iterdir():
        each.chmod(0o644)  # as an earlier version left it

    async def reopened() -> None:
        Spool(folder, 4000, await spool.sync())

    asyncio.run(reopened())
    assert modes(folder) == {0o600}


def test_savepoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "savepoints"
    plain: dict[str, Any] = {"source": {}}
    with modes_when_renamed(monkeypatch) as renamed:
        Store(folder, "m").write(Savepoint(plain, "m", "s", 1, "id"))
    assert renamed == [0o600]
    assert modes(folder) == {0o600}
    assert mode(folder) == 0o700


def test_what_a_lock_makes(tmp_path: Path) -> None:
    with lock(tmp_path / "savepoints", "m"):
        assert mode(tmp_path / "savepoints") == 0o700


def test_rejects_and_those_that_are_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = RejectsFile(tmp_path / "savepoints", ["id"], 9)
    file.keep([Reject(ITEM, "e", "m"), Reject(b'{"id":{"S":"b"}}', "e", "m")])
    with modes_when_renamed(monkeypatch) as renamed:
        file.settle({ITEM})
    assert renamed == [0o600]
    assert modes(tmp_path / "savepoints") == {0o600}
    assert mode(tmp_path / "savepoints") == 0o700


def test_findings(tmp_path: Path) -> None:
    FindingsFile(tmp_path / "savepoints" / "findings_1.jsonl").keep([Difference("missing", ITEM)])
    assert modes(tmp_path / "savepoints") == {0o600}
    assert mode(tmp_path / "savepoints") == 0o700


def test_a_local_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exports").mkdir(mode=0o755)
    folder = tmp_path / "exports" / "daily"
    with modes_when_renamed(monkeypatch) as renamed:
        asyncio.run(put(Folder(folder), "AWSDynamoDB/1/data/a.json.gz", ITEM))
    assert renamed == [0o600]
    assert modes(folder) == {0o600}
    made = [folder, *(each for each in folder.rglob("*") if each.is_dir())]
    assert [mode(each) for each in made] == [0o700] * 4
    assert mode(tmp_path / "exports") == 0o755, "it is the user's"


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    Store(tmp_path / "shared", "m").write(Savepoint({}, "m", "s", 1, "id"))
    assert mode(tmp_path / "shared") == 0o755
