"""What every place of savepoints does, on real servers too."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alternator_migrate.core.errors import UsageError
from alternator_migrate.savepoints.local import LocalFolder
from alternator_migrate.savepoints.place import Place
from alternator_migrate.savepoints.run_file import RunFile, RunRecord, TableEntry
from alternator_migrate.savepoints.store import Store, check_alone, found, holder, lock
from tests.support.buckets import made
from tests.support.names import unique_name
from tests.support.savepoints import point


@pytest.fixture(params=["folder", "moto_server", "seaweedfs"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place of each kind."""
    if request.param == "folder":
        return LocalFolder(tmp_path / "savepoints")
    url = request.getfixturevalue(request.param)
    return (await made(url, f"runs/{unique_name('place')}")).open()


async def test_the_newest_is_found_three_are_kept_and_none_of_others_is_touched(
    place: Place,
) -> None:
    ours, theirs = Store(place, "ours"), Store(place, "theirs")
    assert ours.newest() is None
    other = theirs.write(point("theirs", done=7))
    written = [ours.write(point("ours", done=done)) for done in range(5)]
    assert [path.name for path in written] == sorted({path.name for path in written})
    assert [path for path, _ in Store(place, "ours").readable()] == written[:1:-1]
    assert ours.latest == written[-1]
    newest = Store(place, "ours").newest()
    assert newest
    assert (newest[0], len(newest[1].state.done)) == (written[-1], 4)
    assert str(newest[0]).startswith(str(place))
    assert [path for path, _ in found(place)] == [*written[:1:-1], other]


@pytest.mark.parametrize("place", ["folder", "seaweedfs"], indirect=True)
async def test_no_name_is_given_twice(place: Place) -> None:
    """However many want the same one, of different migrations at that. moto looks and puts in two
    steps: there it may be."""
    name, taken = "savepoint_1790000000000_000000000{}.yaml", list[str]()

    def create(text: bytes) -> None:
        numbers = iter(range(9))
        taken.append(place.create(text, lambda: name.format(next(numbers)), text.decode()))

    threads = [threading.Thread(target=create, args=(text,)) for text in (b"m0", b"m1", b"m2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert len({*taken}) == 3
    assert {place.read(name) for name in taken} == {b"m0", b"m1", b"m2"}


async def test_tables_of_a_run_and_of_its_parts_are_found(place: Place) -> None:
    tables = {"m": "a", "m-0-of-2": "ab", "m-finish-of-2": "c", "m2": "d", "n": "e"}
    assert RunFile(place, "m").tables() == []
    for run, names in tables.items():
        entries = tuple(TableEntry(name, name) for name in names)
        RunFile(place, run).write(RunRecord(run, "", entries))
    assert {each.source for each in RunFile(place, "m").tables()} == {*"abc"}
    assert [each.source for each in RunFile(place, "n").tables()] == ["e"]


async def test_a_file_that_is_gone_is_told_by_its_kind(place: Place) -> None:
    name = Store(place, "m").write(point()).name
    place.remove(name)
    place.remove(name)
    with pytest.raises(FileNotFoundError):
        place.read(name)


async def test_files_that_grow_are_there_with_the_savepoint_and_at_hand_elsewhere(
    place: Place,
) -> None:
    place.work.mkdir(exist_ok=True)
    file = place.work / "rejects_1.jsonl"
    store = Store(place, "m")
    for text in (b'{"a": 1}\n', b'{"a": 1}\n{"b": 2}\n', b"", b"x" * 300_000):
        file.write_bytes(text)
        store.write(point(rejects=place.told(file)))
        newest = Store(place, "m").newest()
        assert newest and newest[1].rejects
        assert place.at_hand(newest[1].rejects).read_bytes() == text


async def test_a_name_is_claimed_once(place: Place, frozen_clock: int) -> None:
    """However many want the same one at once."""
    with ThreadPoolExecutor(3) as threads:
        claiming = [threads.submit(place.claim, "rejects") for _ in range(3)]
        paths = [await asyncio.to_thread(each.result) for each in claiming]
    names = {f"rejects_{frozen_clock + n}.jsonl" for n in range(3)}
    assert {path.name for path in paths} == names
    for path in paths:
        path.write_bytes(path.name.encode())
    Store(place, "m").write(point())
    texts = [place.at_hand(place.told(path)).read_bytes().decode() for path in paths]
    assert {*texts} == names


async def test_one_holder_at_a_time(place: Place) -> None:
    assert holder(place, "m") is None
    with lock(place, "m"):
        assert holder(place, "m")
        with pytest.raises(UsageError, match="running already"), lock(place, "m"):
            raise AssertionError("two hold it")
        with lock(place, "other"):
            pass
    assert holder(place, "m") is None
    check_alone(place, "m")
    with lock(place, "m"):
        Store(place, "m").write(point())
