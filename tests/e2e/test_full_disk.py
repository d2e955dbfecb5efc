"""Disks that are full or read-only: told before the copy, and never a broken file."""

import asyncio
import json
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.stage import TABLE, Stage, refusing
from tests.servers.cli import Cli
from tests.support.cli import one_error, read_only_folder
from tests.support.savepoints import files_of_at_most
from tests.support.shapes import same_items

PAGE = resource.getpagesize()
ROOM = 4000
LARGER = [{"from": f"unused {number}", "to": f"as unused {number}"} for number in range(100)]
"""Renames that do nothing but make a savepoint outgrow `ROOM` bytes."""


@contextmanager
def small_disk(folder: Path, pages: int) -> Iterator[Path]:
    """A disk of so many pages, mounted at `folder`; skips where this user may not mount."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={pages * PAGE}", "tmpfs", str(folder)]
    done = subprocess.run(["mount", *options], capture_output=True, timeout=10, check=False)
    if done.returncode:
        pytest.skip(f"no disk can be mounted: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], timeout=10, check=True)


def fill_up(folder: Path, leave: int = 0) -> Path:
    """Take all room of a disk but so many pages, with a file that is returned."""
    filler = folder / "filler"
    room = os.statvfs(folder)
    filler.write_bytes(b"\0" * (room.f_bavail * room.f_bsize - leave * PAGE))
    return filler


def limited(cli: Cli) -> None:
    """Let no file of a running command grow beyond `ROOM` bytes."""
    resource.prlimit(cli.pid, resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))


async def test_a_full_disk_is_told_before_the_copy(stage: Stage) -> None:
    with small_disk(stage.folder / "disk", 16) as disk:
        stage.write(savepoints={"path": str(disk / "savepoints")}, renames=LARGER)
        for leave in (0, 1):
            filler = fill_up(disk, leave)
            told = one_error(await stage.ended("run", "config.yaml"))
            assert "No space left on device" in told
            assert "savepoints.path" in told
            assert not stage.target.store.tables
            assert not stage.half_written()
            filler.unlink()
        await stage.completes()


async def test_too_little_room_for_a_savepoint_is_told_before_the_copy(stage: Stage) -> None:
    stage.write(renames=LARGER)
    with files_of_at_most(ROOM):
        told = one_error(await stage.ended("run", "config.yaml"))
    assert "cannot write a savepoint" in told
    assert "savepoints.path" in told
    assert not stage.target.store.tables
    assert not stage.half_written()
    assert not list(stage.savepoints.glob("savepoint*"))


async def test_a_read_only_disk_is_told_before_the_copy(stage: Stage) -> None:
    (stage.folder / "disk").mkdir()
    folder = read_only_folder(stage.folder / "disk")
    stage.write(savepoints={"path": str(folder / "savepoints")})
    told = one_error(await stage.ended("run", "config.yaml"))
    assert str(folder) in told
    assert "savepoints.path" in told
    assert not stage.target.store.tables


async def ends_in_good_order(stage: Stage, fill: Callable[[Cli], object]) -> str:
    """A run whose disk fills up: what is in flight is written, the newest savepoint is a good
    one. Returns what it said."""
    stage.read_slowly(0.3)
    summary = stage.folder / "summary.json"
    async with stage.run("--summary-json", str(summary)) as cli:
        await stage.written(60)
        await asyncio.to_thread(fill, cli)
        result = await cli.wait(20)
    stage.hurry()
    (table,) = json.loads(summary.read_text())["tables"]
    held = len(stage.target.items(TABLE))
    assert table["items"]["read"] == table["items"]["written"] == held < len(stage.items)
    assert not stage.half_written()
    await stage.claims_hold()
    return one_error(result, code=1)


async def test_a_disk_that_fills_up_ends_the_run_and_the_next_goes_on(stage: Stage) -> None:
    with small_disk(stage.folder / "disk", 64) as disk:
        stage.write(savepoints={"path": str(disk / "savepoints"), "intervalSeconds": 0.1})
        told = await ends_in_good_order(stage, lambda _: fill_up(disk))
        assert "No space left on device" in told
        (disk / "filler").unlink()
        await stage.completes()


async def test_room_that_runs_out_ends_the_run_and_the_next_goes_on(stage: Stage) -> None:
    place = {"path": str(stage.savepoints), "intervalSeconds": 0.1}
    stage.write(savepoints=place, renames=LARGER)
    told = await ends_in_good_order(stage, limited)
    assert "cannot write a savepoint" in told
    assert "savepoints.path" in told
    await stage.completes()


async def test_rejects_that_find_no_room_end_the_run_and_are_kept_by_the_next(
    stage: Stage,
) -> None:
    bad = ("item 5", "item 300")
    stage.items[300]["t"] = {"S": "y" * 3 * ROOM}
    await stage.refill()
    async with refusing(stage, *bad):
        with files_of_at_most(ROOM):
            result = await stage.ended("run", "config.yaml")
        told = one_error(result, code=1)
        assert "cannot keep rejected items" in told
        assert "savepoints.path" in told
        assert {line["key"]["pk"]["S"] for line in stage.rejects()} <= {"item 5"}
        await stage.claims_hold()
        assert (await stage.ended("run", "config.yaml")).code == 3
    assert {line["key"]["pk"]["S"] for line in stage.rejects()} == set(bad)
    good = [item for item in stage.items if item["pk"]["S"] not in bad]
    assert same_items(stage.target.items(TABLE), good)
