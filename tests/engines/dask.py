"""A real Dask cluster on loopback: `dask scheduler` and `dask worker` as processes of their own."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.cli import environment
from tests.servers.patience import stretched
from tests.servers.process import bound

_SECONDS = 300


class DaskCluster:
    """A scheduler and its workers, which tests start and kill as they like."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", self._file)
        self.workers: list[subprocess.Popen[bytes]] = []
        _until(self._is_written, "the scheduler")

    @property
    def address(self) -> str:
        """The scheduler's address."""
        return str(json.loads(self._file.read_text())["address"])

    def add_worker(self, **variables: str) -> subprocess.Popen[bytes]:
        """Start a worker of one process, with two threads; it is there within a few seconds."""
        options = ("--no-nanny", "--nthreads", "2", "--local-directory", self._folder)
        worker = self._start("worker", self.address, *options, variables=variables)
        self.workers.append(worker)
        return worker

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9."""
        process.kill()
        process.wait(10)

    def stop(self) -> None:
        """Kill all that is left."""
        for process in (*self.workers, self.scheduler):
            self.kill(process)

    def _is_written(self) -> bool:
        """Whether the scheduler's file is there, and whole."""
        with suppress(FileNotFoundError, ValueError):
            return bool(self.address)
        return False

    def _start(
        self, what: str, *options: object, variables: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", what, "--host", "127.0.0.1", "--no-dashboard"]
        with (self._folder / f"{what}.log").open("ab") as log:
            return subprocess.Popen(
                bound([*command, *map(str, options)]),
                env=environment(self._folder, variables or {}),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@contextmanager
def dask_cluster(folder: Path, workers: int) -> Iterator[DaskCluster]:
    """A cluster that lasts as long as the block."""
    cluster = DaskCluster(folder)
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.stop()


def children(pid: int) -> list[int]:
    """The worker processes that a process has started, or had forked. Linux only."""
    spawned = [child for child in _children(pid) if b"spawn_main" in _command(child)]
    return [*spawned, *(child for server in forking(pid) for child in _children(server))]


def forking(pid: int) -> list[int]:
    """The processes from which a process has its workers forked. Linux only."""
    return [child for child in _children(pid) if b"forkserver" in _command(child)]


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text().split()]


def _is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(pids: Sequence[int], seconds: float = 60) -> None:
    """Return when none of these processes is left."""
    async with asyncio.timeout(stretched(seconds)):
        while any(map(_is_alive, pids)):  # noqa: ASYNC110 # another process's doing
            await asyncio.sleep(0.02)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _until(true: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + _SECONDS
    while not true():
        assert time.monotonic() < give_up, f"waited {_SECONDS} s for {what}"
        time.sleep(0.05)
