"""Keepers that share threads: the savepoints of each are written one after another."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alternator_migrate.core.state import Status
from alternator_migrate.savepoints.keeper import Keeper
from alternator_migrate.savepoints.local import LocalFolder
from alternator_migrate.savepoints.store import Store
from tests.support.savepoints import point

SECONDS = 20.0


class SlowFolder(LocalFolder):
    """A folder that holds up the first file until it is told to go on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.began, self.may = threading.Event(), threading.Event()
        self.held = 0

    def create(self, text: bytes, names: Callable[[], str], owner: str) -> str:
        """Make a file, see `LocalFolder.create`."""
        if not self.began.is_set():
            self.began.set()
            self.held = self.may.wait(SECONDS)
        assert self.may.is_set(), "two savepoints of one run are written at once"
        return super().create(text, names, owner)


async def test_one_that_nobody_waits_for_is_written_before_the_next(tmp_path: Path) -> None:
    place, base = SlowFolder(tmp_path / "slow"), point("slow")
    with ThreadPoolExecutor(4) as threads:
        keeper = Keeper(Store(place, "slow"), base, writer=threads)
        other = Keeper(Store(LocalFolder(tmp_path / "other"), "m"), point(), writer=threads)
        first = asyncio.create_task(keeper.save(point(done=1).state, Status.RUNNING))
        assert await asyncio.to_thread(place.began.wait, SECONDS)
        first.cancel()
        last = asyncio.create_task(keeper.save(point(done=3).state, Status.STOPPED))
        await other.save(point(done=2).state, Status.COMPLETED)
        place.may.set()
        await asyncio.wait_for(last, SECONDS)
    newest = Store(tmp_path / "slow", "slow").newest()
    assert newest
    assert (len(newest[1].state.done), newest[1].status) == (3, Status.STOPPED)
    assert place.held
    assert len(place.names()) == 2
