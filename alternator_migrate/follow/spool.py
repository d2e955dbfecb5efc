"""The spool: changes kept on disk while the copy lasts, which may be longer than a stream keeps
them. Changes are spread over parts by their key, so that each part holds all of a key's, in order.
"""

import asyncio
import shutil
import threading
import time
import zlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from alternator_migrate.core.durable import private_folder, sync_folder
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.model import Change
from alternator_migrate.core.state import CopyState, SpoolState
from alternator_migrate.follow.spool_file import SpoolFile, Stretch, encode

T = TypeVar("T")
# A part is compacted in memory of its keys, and rewritten as a whole: a sixteenth at a time.
PARTS: Final = 16
# A full spool is compacted until a tenth is free, not for each page again.
_ENOUGH: Final = 0.9
_FIRST_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Stored:
    """Changes of one part, in order, and the byte where they end; `dropped` older ones were left
    out by compaction."""

    part: int
    changes: Sequence[Change]
    end: int
    dropped: int


class Spool:
    """The spool in `folder`, of at most `most` bytes: a new one, or the one of `state`.

    Raises `MigrateError` where the disk fails, or where durable changes are damaged or gone.
    """

    def __init__(self, folder: Path, most: int, state: SpoolState | None = None) -> None:
        self.folder, self._most = folder, most
        self._turn = asyncio.Lock()
        self.count = state.changes if state else 0
        self._replayed = dict(state.replayed) if state else {}
        with self._telling():
            if state is None:
                shutil.rmtree(folder, ignore_errors=True)
                private_folder(folder)
                self._files = [SpoolFile.create(folder, number) for number in range(PARTS)]
                sync_folder(folder)
            else:
                self._files = [self._reopen(n, *state.files[n]) for n in range(PARTS)]

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(file.length for file in self._files)

    async def add(self, changes: Sequence[Change]) -> bool:
        """Append; durable after the next `sync`. False, with nothing appended, where the spool
        has no room for them even when it is compacted."""
        records = [(zlib.crc32(change.key) % PARTS, encode(change)) for change in changes]
        size, most = sum(len(record) for _, record in records), float(self._most)
        while True:
            async with self._turn:  # left after each part, for savepoints
                held = self.size + size
                file = self._to_compact(held, most)
                with self._telling():
                    if file:
                        await self._compact(file)
                    elif held <= most:
                        self._append(records)
                        return True
                    else:
                        return False
            if held > most:
                most = self._most * _ENOUGH

    async def sync(self) -> SpoolState:
        """Make all that was appended durable; what a savepoint keeps of it."""
        async with self._turn:
            files = {n: (each.generation, each.length) for n, each in enumerate(self._files)}
            now = SpoolState(self.folder.name, files, dict(self._replayed), self.count)
            with self._telling():
                await _to_its_end(asyncio.to_thread(self._sync))
        return now

    async def stored(self, part: int) -> AsyncGenerator[Stored, None]:
        """The changes of a part that were not replayed yet, some megabytes at a time."""
        start = self._replayed.get(part, 0)
        file = self._files[part]
        dropped = 0 if start else file.dropped
        async with self._turn:  # for savepoints flush it too
            with self._telling():
                end = await _in_thread(file.flush)
        stretches = file.read(start, end)
        while stretch := await _in_thread(partial(_next, stretches)):
            yield Stored(part, stretch.changes, stretch.end, dropped)
            dropped = 0

    def replayed(self, stored: Stored) -> None:
        """These changes were applied."""
        self._replayed[stored.part] = stored.end
        self.count -= len(stored.changes)

    def remove(self) -> None:
        """Delete the spool."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _reopen(self, part: int, generation: int, length: int) -> SpoolFile:
        file, more = SpoolFile.reopen(self.folder, part, generation, length)
        self.count += more
        return file

    def _sync(self) -> None:
        for file in self._files:
            file.sync()

    def _append(self, records: Sequence[tuple[int, bytes]]) -> None:
        for part, record in records:
            self._files[part].append(record)
            self.count += 1

    def _to_compact(self, held: int, most: float) -> SpoolFile | None:
        """A part to compact before `held` bytes are held, of at most `most`: one that has grown, if
        the spool is half full; any that may shrink, if it is full. Of a part that was replayed to
        some byte none may move."""
        if held <= self._most * _FIRST_SHARE:
            return None
        much = self._most * _FIRST_SHARE / 2 / PARTS
        files = [file for n, file in enumerate(self._files) if n not in self._replayed]
        for file in files:
            if file.length - file.compacted >= max(file.compacted, much):
                return file
        if held <= most:
            return None
        return next((file for file in files if file.length > file.compacted), None)

    async def _compact(self, file: SpoolFile) -> None:
        """Compact a part; where this is cancelled, it may be left as it was."""
        abandon = threading.Event()

        async def work() -> None:
            self.count -= await asyncio.to_thread(file.compact, abandon)

        await _to_its_end(work(), abandon.set)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MigrateError(
                f"cannot keep changes in {self.folder}: {error.strerror}",
                "Give savepoints.path a disk with room, or lower spool.maxBytes.",
            ) from error


async def _to_its_end(
    work: Coroutine[Any, Any, None], cancelled: Callable[[], None] = lambda: None
) -> None:
    """Do `work`, and where this is cancelled, call `cancelled` and wait for the end of it: what a
    thread does cannot be left alone."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        cancelled()
        await asyncio.wait({task})
        raise
    task.result()


async def _in_thread(work: Callable[[], T]) -> T:
    """The result of `work` in a thread, whose end is waited for also where this is cancelled."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _next(stretches: Iterator[Stretch]) -> Stretch | None:
    return next(stretches, None)


def spool_folder(savepoints: Path, migration: str) -> Path:
    """A new folder for the spool of a migration."""
    return savepoints / f"spool_{migration}_{int(time.time() * 1000)}"


def remove_old_spools(savepoints: Path, migration: str, state: CopyState) -> None:
    """Delete what killed runs and earlier migrations have left, save the spool in use."""
    spool = state.stream.spool if state.stream else None
    for folder in savepoints.glob(f"spool_{migration}_*"):
        if spool is None or folder.name != spool.folder:
            shutil.rmtree(folder, ignore_errors=True)
