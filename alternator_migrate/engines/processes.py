"""Workers that are processes of this machine, and run from here."""

import asyncio
import logging
import multiprocessing
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, Final

from alternator_migrate.core.errors import WorkerLost
from alternator_migrate.core.progress import WorkerProgress
from alternator_migrate.core.work import Job, LiveStats, Slice, SliceResult
from alternator_migrate.engines.pipe import Pipe
from alternator_migrate.engines.slice_runner import OUR_LOGGER
from alternator_migrate.engines.worker_process import Recall, live

LONGEST_SECONDS: Final = 16.0
_FEWER: Final = "If the system kills it for want of memory, give --workers a smaller number."
_LEAVE_SECONDS: Final = 0.5
# On Linux one process imports what workers need, and they are its forks; on macOS forks of what has
# imported so much are not safe, and Windows has none.
_START: Final = (
    multiprocessing.get_context("forkserver")
    if sys.platform == "linux"
    else multiprocessing.get_context("spawn")
)
_OURS: Final = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2),
)


@asynccontextmanager
async def open_processes(count: int, job: Job) -> AsyncIterator["Processes"]:
    """A pool of `count` processes, which end with this context and with this process."""
    pool = Processes(count, job)
    try:
        yield pool
    finally:
        await pool.close()


class Processes:
    """A pool of processes: made when first needed, and again when one has died."""

    longest = LONGEST_SECONDS

    def __init__(self, count: int, job: Job) -> None:
        self._count, self._job = count, job
        self._all: list[_Worker] = []
        self._idle: list[_Worker] = []

    def at_work(self) -> AbstractAsyncContextManager[None]:
        """See `Pool.at_work`: a process learns from its pipe whether it is wanted."""
        return nullcontext()

    async def vacant(self, busy: int) -> int:
        """The number of slices that may be sent now."""
        return self._count - busy

    async def do(self, piece: Slice[Any]) -> SliceResult[Any]:
        """Have a slice done. Raises `WorkerLost`."""
        worker = self._idle.pop() if self._idle else await self._hire()
        try:
            report = await worker.do(piece)
        except (EOFError, OSError) as error:
            self._all.remove(worker)
            raise WorkerLost(
                f"worker process {worker.process.pid} ended{await worker.leave()}", _FEWER
            ) from error
        self._idle.append(worker)
        return report

    def live_stats(self) -> LiveStats:
        """The figures of the slices under way."""
        return sum((worker.seen for worker in self._all), LiveStats())

    def recall(self) -> None:
        """The slices under way are to end; others will follow."""
        for worker in self._all:
            if worker not in self._idle:
                worker.recall()

    def workers(self) -> Sequence[WorkerProgress]:
        """The processes."""
        return [
            WorkerProgress(
                f"process {worker.process.pid}",
                worker not in self._idle,
                worker.seen.items.read,
                len(worker.seen.segments.done),
            )
            for worker in self._all
        ]

    def hurry(self) -> None:
        """No slice will follow those under way."""
        for worker in self._all:
            worker.pipe.say_no_more()

    async def lateness(self, *, goes_on: bool) -> float:
        """None: processes end with the one that has started them."""
        return 0.0

    async def close(self) -> None:
        """End all processes; those with a slice under way are killed."""
        self.hurry()
        async with asyncio.TaskGroup() as leaving:
            for worker in self._all:
                leaving.create_task(worker.leave())
        self._all.clear()

    async def _hire(self) -> "_Worker":
        near, far = socket.socketpair()
        try:
            with far, signals_held_back():
                _START.set_forkserver_preload([live.__module__, type(self._job).__module__])
                process = _START.Process(
                    target=live, args=(far, logging.getLogger(OUR_LOGGER).getEffectiveLevel())
                )
                process.start()
        except (ConnectionError, EOFError) as error:
            near.close()
            # What forks workers may have been killed instead, which is seen when it is gone wholly.
            await asyncio.sleep(_LEAVE_SECONDS)
            raise WorkerLost("a worker process ended as it was started", _FEWER) from error
        worker = _Worker(process, await Pipe.over(near))
        self._all.append(worker)
        with suppress(OSError):
            await worker.pipe.send(self._job)
        return worker


class _Worker:
    """One process and the pipe to it; `seen` is the last that it told of its slice."""

    def __init__(self, process: BaseProcess, pipe: Pipe) -> None:
        self.process, self.pipe = process, pipe
        self.seen = LiveStats()

    async def do(self, piece: Slice[Any]) -> SliceResult[Any]:
        """Send a slice and wait for its report. Raises `EOFError` or `OSError` without one."""
        try:
            await self.pipe.send(piece)
            while True:
                message = await self.pipe.receive()
                if isinstance(message, SliceResult):
                    return message
                if isinstance(message, Exception):
                    raise message
                if isinstance(message, logging.LogRecord):
                    logging.getLogger(message.name).handle(message)
                else:
                    self.seen = message
        finally:
            self.seen = LiveStats()

    def recall(self) -> None:
        """Have the slice under way end."""
        with suppress(ConnectionResetError):  # found out by whoever waits for its report
            self.pipe.post(Recall())

    async def leave(self) -> str:
        """Wait a moment for the process to end, then kill it; " by signal 9" or the like."""
        self.pipe.close()
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(self.process.sentinel, ended.set)
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await ended.wait()
        except TimeoutError:
            self.process.kill()
        finally:
            loop.remove_reader(self.process.sentinel)
        self.process.join()
        code = self.process.exitcode or 0
        return f" by signal {-code}" if code < 0 else f" with exit code {code}"


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Processes started inside never get a signal that is meant for this one, such as Ctrl-C of a
    terminal: they end when their pipe does. What comes meanwhile is delivered afterwards."""
    resource_tracker.ensure_running()  # whose start would let signals through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
