"""The spool: nothing durable is lost, what a kill tore off is cut, damage is told."""

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.model import Change
from alternator_migrate.core.state import SpoolState
from alternator_migrate.follow.spool import PARTS, Spool
from alternator_migrate.follow.spool_file import HEAD_BYTES, SpoolFile, encode
from tests.support.savepoints import files_of_at_most

ROOMY = 10_000_000
ONE = 0


def change(key: str, image: str | None, created: float = 1.0, by_service: bool = False) -> Change:
    raw = None if image is None else f'{{"pk":{{"S":"{key}"}},"v":{{"S":"{image}"}}}}'.encode()
    return Change(f'{{"pk":{{"S":"{key}"}}}}'.encode(), raw, "", created, by_service)


def plain(found: Change) -> tuple[bytes, bytes | None, float, bool]:
    image = None if found.image is None else bytes(found.image)
    return found.key, image, found.created, found.by_service


async def held(spool: Spool) -> list[Change]:
    """All that the spool holds, part by part."""
    return [
        each
        for part in range(PARTS)
        async for stored in spool.stored(part)
        for each in stored.changes
    ]


def by_key(changes: list[Change]) -> dict[bytes, list[Any]]:
    found: dict[bytes, list[Any]] = {}
    for each in changes:
        found.setdefault(each.key, []).append(plain(each))
    return found


CHANGES = st.lists(
    st.builds(
        change,
        st.sampled_from("abcdefg"),
        st.none() | st.text("xyz", max_size=40),
        st.integers(0, 2**33).map(float),
        st.booleans(),
    ),
    max_size=60,
)


@given(CHANGES)
@settings(max_examples=50)
async def test_changes_of_a_key_come_back_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, changes: list[Change]
) -> None:
    folder = tmp_path_factory.mktemp("spool") / "s"
    spool = Spool(folder, ROOMY)
    for start in range(0, len(changes), 7):
        assert await spool.add(changes[start : start + 7])
    state = await spool.sync()
    assert state.changes == len(changes)
    assert by_key(await held(spool)) == by_key(changes)
    assert by_key(await held(Spool(folder, ROOMY, state))) == by_key(changes)


@given(CHANGES, CHANGES, st.data())
@settings(max_examples=50)
async def test_after_a_kill_all_that_was_durable_is_there_and_nothing_torn(
    tmp_path_factory: pytest.TempPathFactory,
    durable: list[Change],
    more: list[Change],
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("spool") / "s"
    spool = Spool(folder, ROOMY)
    await spool.add(durable)
    state = await spool.sync()
    await spool.add(more)
    await spool.sync()
    for part, (generation, length) in state.files.items():
        path = folder / f"part{part:02}.{generation}"
        os.truncate(path, data.draw(st.integers(length, path.stat().st_size)))
    again = Spool(folder, ROOMY, state)
    found, before, after = by_key(await held(again)), by_key(durable), by_key([*durable, *more])
    assert again.count == sum(map(len, found.values()))
    for key, all_of_it in after.items():
        got = found.get(key, [])
        assert len(got) >= len(before.get(key, []))
        assert got == all_of_it[: len(got)]


async def test_a_record_torn_anywhere_is_cut_and_what_follows_can_be_added(tmp_path: Path) -> None:
    whole = [change("a", "first"), change("a", "second")]
    record = encode(whole[1])
    file = SpoolFile.create(tmp_path, ONE)
    file.append(encode(whole[0]))
    file.append(record)
    file.sync()
    content = file.path.read_bytes()
    safe = len(content) - len(record)
    for length in range(safe, len(content)):
        file.path.write_bytes(content[:length])
        again, more = SpoolFile.reopen(tmp_path, ONE, 0, safe)
        assert (more, again.length) == (0, safe)
        again.append(record)
        again.sync()
        found = [each for stretch in again.read(0, again.flush()) for each in stretch.changes]
        assert [plain(each) for each in found] == [plain(each) for each in whole]


async def test_damage_in_what_was_durable_is_an_error_and_behind_it_is_cut(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path, ONE)
    for number in range(3):
        file.append(encode(change("a", f"v{number}")))
    file.sync()
    content = bytearray(file.path.read_bytes())
    size = (len(content) - HEAD_BYTES) // 3
    for place in range(HEAD_BYTES, len(content)):
        broken = bytearray(content)
        broken[place] ^= 0x40
        file.path.write_bytes(broken)
        again, more = SpoolFile.reopen(tmp_path, ONE, 0, HEAD_BYTES + size)
        if place >= HEAD_BYTES + size:
            whole = (place - HEAD_BYTES) // size
            assert more == whole - 1
            assert sum(len(each.changes) for each in again.read(0, again.flush())) == whole
        else:
            with pytest.raises(MigrateError, match="the spool is damaged"):
                list(again.read(0, again.flush()))


async def test_a_damaged_head_is_an_error(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path, ONE)
    content = bytearray(file.path.read_bytes())
    content[9] ^= 1
    file.path.write_bytes(content)
    with pytest.raises(MigrateError, match="damaged"):
        SpoolFile.reopen(tmp_path, ONE, 0, HEAD_BYTES)


async def test_a_spool_that_is_shorter_or_gone_is_an_error(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", ROOMY)
    await spool.add([change("a", "x" * 50)])
    state = await spool.sync()
    (part,) = [n for n, (_, length) in state.files.items() if length > HEAD_BYTES]
    path = tmp_path / "s" / f"part{part:02}.0"
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(MigrateError, match="lacks changes"):
        Spool(tmp_path / "s", ROOMY, state)
    path.unlink()
    with pytest.raises(MigrateError, match="lacks changes"):
        Spool(tmp_path / "s", ROOMY, state)


async def test_compaction_keeps_the_last_change_of_each_key(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", 20_000)
    added: list[Change] = []
    early: SpoolState | None = None
    for number in range(2000):
        some = [change(f"k{number % 5}", f"v{number}"), change(f"d{number % 5}", None, number)]
        assert await spool.add(some), f"no room after {number}"
        added += some
        if number == 300:
            early = await spool.sync()
    state = await spool.sync()
    assert spool.size <= 20_000
    last = {key: each[-1] for key, each in by_key(added).items()}
    found = by_key(await held(spool))
    assert {key: each[-1] for key, each in found.items()} == last
    dropped = sum([s.dropped for n in range(PARTS) async for s in spool.stored(n)])
    assert dropped + spool.count == len(added)
    for known in (state, early):
        again = by_key(await held(Spool(tmp_path / "s", 20_000, known)))
        assert {key: each[-1] for key, each in again.items()} == last


async def test_a_full_spool_takes_nothing_more_and_loses_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", 10_000)
    taken: list[Change] = []
    for number in range(1000):
        some = [change(f"k{number}", "x" * 100)]
        if not await spool.add(some):
            break
        taken += some
    assert 0 < len(taken) < 1000
    assert spool.size <= 10_000
    assert not await spool.add([change("more", "x" * 2000)])
    assert by_key(await held(spool)) == by_key(taken)


async def test_replaying_goes_on_where_it_was(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", ROOMY)
    changes = [change(f"k{n % 50}", f"v{n}") for n in range(500)]
    await spool.add(changes)
    await spool.sync()
    seen: list[Change] = []
    for part in range(PARTS // 2):
        async for stored in spool.stored(part):
            seen += stored.changes
            spool.replayed(stored)
    state = await spool.sync()
    again = Spool(tmp_path / "s", ROOMY, state)
    assert again.count == len(changes) - len(seen)
    assert by_key([*seen, *await held(again)]) == by_key(changes)


async def test_what_is_not_synced_yet_is_replayed_too(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", ROOMY)
    changes = [change(f"k{n % 5}", f"v{n}") for n in range(20)]
    await spool.add(changes)
    assert by_key(await held(spool)) == by_key(changes)


async def test_a_disk_that_is_full_is_told(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", ROOMY)
    with files_of_at_most(1000), pytest.raises(MigrateError, match="cannot keep changes in"):
        await spool.add([change(f"k{n}", "x" * 1000) for n in range(100)])
        await spool.sync()


@pytest.mark.parametrize("room", [0, 1000, 4000])
async def test_what_a_full_disk_tore_is_cut_before_more_is_written(
    tmp_path: Path, room: int
) -> None:
    spool = Spool(tmp_path / "s", ROOMY)
    changes = [change("a", str(n) * 3000) for n in range(4)]
    await spool.add(changes[:1])
    state = await spool.sync()
    (part,) = [n for n, (_, length) in state.files.items() if length > HEAD_BYTES]
    path, size = tmp_path / "s" / f"part{part:02}.0", state.files[part][1]
    await spool.add(changes[1:3])
    with files_of_at_most(size + room), pytest.raises(MigrateError, match="cannot keep changes"):
        await spool.sync()
    assert path.stat().st_size == size
    await spool.add(changes[3:])
    state = await spool.sync()  # a moment later there is room again
    assert by_key(await held(spool)) == by_key(changes)
    again = Spool(tmp_path / "s", ROOMY, state)
    assert by_key(await held(again)) == by_key(changes)
    assert again.count == spool.count == len(changes)


async def test_what_a_full_disk_has_no_room_for_is_not_kept_by_half(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", ROOMY)
    changes = [change("a", str(n % 10) * 1000) for n in range(400)]
    with files_of_at_most(1000), pytest.raises(MigrateError, match="cannot keep changes"):
        await spool.add(changes)
    found = await held(spool)
    assert 0 < len(found) == spool.count < len(changes)
    assert by_key(found) == by_key(changes[: len(found)])


def test_a_compaction_that_fails_leaves_all_as_it_was(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path, ONE)
    for number in range(9):
        file.append(encode(change(f"k{number % 8}", "x" * 1000)))
    file.sync()
    before = file.length
    with files_of_at_most(4000), pytest.raises(OSError, match="large"):
        file.compact(threading.Event())
    assert [path.name for path in tmp_path.iterdir()] == ["part00.0"]
    assert (file.length, file.generation) == (before, 0)
    assert file.compact(threading.Event()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["part00.1"]
    found = [each for stretch in file.read(0, file.flush()) for each in stretch.changes]
    assert len(found) == 8


async def test_a_savepoint_and_the_replay_do_not_write_the_same_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "s", ROOMY)
    changes = [change("a", "older"), change("a", "newer")]
    await spool.add(changes[:1])
    part = next(n for n in range(PARTS) if spool._files[n].length > HEAD_BYTES)
    flush, under_way = SpoolFile.flush, threading.Semaphore()

    def alone(file: SpoolFile) -> int:
        assert under_way.acquire(blocking=False), "two threads write one file"
        try:
            time.sleep(0.01)  # as long as a disk takes
            return flush(file)
        finally:
            under_way.release()

    monkeypatch.setattr(SpoolFile, "flush", alone)
    seen: list[Change] = []

    async def replay() -> None:
        async for stored in spool.stored(part):
            seen.extend(stored.changes)
            spool.replayed(stored)

    await asyncio.gather(spool.sync(), replay())
    await spool.add(changes[1:])  # the run is held back amid the replay
    await replay()
    assert by_key(seen) == by_key(changes)
    state = await spool.sync()
    assert spool._files[part].path.stat().st_size == state.files[part][1]


async def test_what_is_kept_amid_the_reading_of_a_part_is_read_the_next_time(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path / "s", ROOMY)
    changes = [change("a", "older"), change("a", "newer")]
    await spool.add(changes[:1])
    part = next(n for n in range(PARTS) if spool._files[n].length > HEAD_BYTES)
    seen: list[Change] = []
    async for stored in spool.stored(part):
        await spool.add(changes[1:])
        seen.extend(stored.changes)
        spool.replayed(stored)
    assert by_key(seen) == by_key(changes[:1])
    async for stored in spool.stored(part):
        seen.extend(stored.changes)
        spool.replayed(stored)
    assert by_key(seen) == by_key(changes)
    assert spool.count == 0


async def test_a_compaction_may_be_abandoned_and_savepoints_pass_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "s", 40_000)
    taken: list[Change] = []
    while spool.size < 19_000:
        taken += (some := [change(f"k{len(taken) % 3}", "x" * 200)])
        assert await spool.add(some)
    begun, compact = threading.Event(), SpoolFile.compact

    def slow(file: SpoolFile, abandon: threading.Event) -> int:
        begun.set()
        assert abandon.wait(10)
        return compact(file, abandon)

    monkeypatch.setattr(SpoolFile, "compact", slow)
    adding = asyncio.create_task(spool.add([change("k0", "y" * 2000)]))
    assert await asyncio.to_thread(begun.wait, 10)
    saving = asyncio.create_task(spool.sync())
    adding.cancel()
    state = await asyncio.wait_for(saving, 20)
    assert adding.cancelled() or isinstance(adding.exception(), asyncio.CancelledError)
    assert state.changes == len(taken)
    assert by_key(await held(Spool(tmp_path / "s", 40_000, state))) == by_key(taken)
    assert not list((tmp_path / "s").glob("*.tmp"))


async def test_what_is_replayed_while_a_savepoint_is_written_is_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "s", ROOMY)
    await spool.add([change(f"k{number}", "x") for number in range(100)])
    loop, flush = asyncio.get_running_loop(), spool._sync
    seen = threading.Event()
    stored = [stored for part in range(PARTS) async for stored in spool.stored(part)]

    def meanwhile() -> None:
        for each in stored:
            loop.call_soon_threadsafe(spool.replayed, each)
        loop.call_soon_threadsafe(seen.set)
        assert seen.wait(20)
        flush()

    monkeypatch.setattr(spool, "_sync", meanwhile)
    state = await spool.sync()
    assert seen.is_set()
    assert (state.changes, state.replayed) == (100, {})
    assert spool.count == 0
