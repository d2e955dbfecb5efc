"""The lock of a migration: one run at a time, and none after its holder died."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alternator_migrate.core.errors import UsageError
from alternator_migrate.savepoints.store import holder, lock
from tests.servers.cli import REPOSITORY
from tests.servers.process import bound
from tests.support.cli import read_only_folder

HOLD = (
    "import sys; from pathlib import Path; from alternator_migrate.savepoints.store import lock\n"
    "with lock(Path(sys.argv[1]), sys.argv[2]):\n    print('held', flush=True); sys.stdin.read()"
)


@contextmanager
def held(folder: Path, migration: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds a lock while the block lasts."""
    process = subprocess.Popen(
        bound([sys.executable, "-c", HOLD, str(folder), migration]),
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def test_a_second_holder_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with held(tmp_path, "m") as process:
        with pytest.raises(UsageError, match=rf"\b{process.pid}\b") as raised, lock(tmp_path, "m"):
            raise AssertionError("two hold it")
        assert "status" in raised.value.hint
        assert raised.value.exit_code == 2
        assert holder(tmp_path, "m") == str(process.pid)


def test_other_migrations_are_not_kept_out(tmp_path: Path) -> None:
    with held(tmp_path, "m"), lock(tmp_path, "other"), lock(tmp_path / "elsewhere", "m"):
        assert holder(tmp_path, "other") == str(os.getpid())


def test_it_is_free_once_its_holder_is_killed(tmp_path: Path) -> None:
    with held(tmp_path, "m") as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        assert holder(tmp_path, "m") is None
        with lock(tmp_path, "m"):
            assert holder(tmp_path, "m") == str(os.getpid())


def test_it_is_free_after_the_block_whatever_happened_in_it(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError), lock(tmp_path, "m"):
            raise RuntimeError
        assert holder(tmp_path, "m") is None


def test_a_longer_process_id_of_before_does_not_show_through(tmp_path: Path) -> None:
    with lock(tmp_path, "m"):
        pass
    (path,) = tmp_path.iterdir()
    path.write_text("123456789012345")
    with lock(tmp_path, "m"):
        assert holder(tmp_path, "m") == str(os.getpid())


def test_nobody_holds_what_was_never_locked(tmp_path: Path) -> None:
    assert holder(tmp_path, "m") is None
    assert holder(tmp_path / "nowhere", "m") is None


def test_looking_who_holds_it_keeps_no_run_out(tmp_path: Path) -> None:
    with lock(tmp_path, "m"):
        pass
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            holder(tmp_path, "m")

    watching = [threading.Thread(target=look) for _ in range(2)]
    for thread in watching:
        thread.start()
    try:
        for _ in range(300):
            with lock(tmp_path, "m"):
                pass
    finally:
        done.set()
        for thread in watching:
            thread.join(timeout=10)


def test_a_folder_that_cannot_be_written_is_refused_before_anything(tmp_path: Path) -> None:
    folder = read_only_folder(tmp_path) / "savepoints"
    with pytest.raises(UsageError, match=str(folder)) as raised, lock(folder, "m"):
        raise AssertionError("held in a folder that is not there")
    assert "savepoints.path" in raised.value.hint
