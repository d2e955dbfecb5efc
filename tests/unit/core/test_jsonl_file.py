"""A file of JSON lines: what is kept of it, and what a failure or a kill leaves."""

import json
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alternator_migrate.core.jsonl_file import JsonlFile
from tests.support.savepoints import files_of_at_most


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("durable", [False, True])
def test_the_first_line_makes_a_private_file(tmp_path: Path, durable: bool) -> None:
    file = JsonlFile(tmp_path / "new" / "a.jsonl")
    assert [*file.lines()] == []
    file.append(b"{}\n", durable=durable)
    file.append(b"[]\n", durable=durable)
    assert [*file.lines()] == [b"{}", b"[]"]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_what_came_after_the_kept_size_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n2\n3\n")
    file = JsonlFile(path, 4)
    file.append(b"4\n")
    assert (path.read_bytes(), file.size) == (b"1\n2\n4\n", 6)


def test_a_file_that_is_shorter_than_its_kept_size_is_gone_on_with(tmp_path: Path) -> None:
    file = JsonlFile(tmp_path / "a.jsonl", 1000)
    file.append(b"1\n")
    assert (file.path.read_bytes(), file.size) == (b"1\n", 2)


def test_a_file_of_which_nothing_is_kept_is_empty_with_the_next_sync(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n")
    JsonlFile(path, 0).sync()
    assert path.read_bytes() == b"", "its name stays taken"


@pytest.mark.parametrize(("tail", "after"), [(b"[1,", b"0\n2\n"), (b"[1]", b"0\n[1]\n2\n")])
def test_a_tail_is_overwritten_unless_it_is_a_line(
    tmp_path: Path, tail: bytes, after: bytes
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"0\n" + tail)
    file = JsonlFile(path, is_line=is_json)
    assert [*file.lines()] == [b"0", *([tail] if is_json(tail) else [])]
    file.append(b"2\n")
    assert path.read_bytes() == after


@pytest.mark.parametrize("size", [None, 4])
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, size: int | None) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n2\n")
    with files_of_at_most(10), pytest.raises(OSError, match=r"."):
        JsonlFile(path, size).append(b"3\n" * 10)
    assert path.read_bytes() == b"1\n2\n"


def test_a_sync_in_another_thread_takes_no_line_away(tmp_path: Path) -> None:
    """As a savepoint does it, while findings come in."""
    file = JsonlFile(tmp_path / "a.jsonl", 0)
    lines = [b"%d\n" % number for number in range(2000)]
    over = threading.Event()

    def keep_syncing() -> None:
        while not over.is_set():
            file.sync()

    with ThreadPoolExecutor(1) as thread:
        syncing = thread.submit(keep_syncing)
        for line in lines:
            file.append(line)
        over.set()
        syncing.result(timeout=30)
    assert file.path.read_bytes() == b"".join(lines)
    assert file.size == file.path.stat().st_size


@pytest.mark.parametrize("size", [None, 0])
def test_threads_add_their_lines_one_after_the_other(tmp_path: Path, size: int | None) -> None:
    """As the data files of an export do, which end when they like."""
    file = JsonlFile(tmp_path / "a.jsonl", size)
    lines = [b"%d\n" % number for number in range(400)]
    with ThreadPoolExecutor(8) as threads:
        for added in [threads.submit(file.append, line, durable=True) for line in lines]:
            added.result(timeout=30)
    assert sorted(file.path.read_bytes().splitlines(keepends=True)) == sorted(lines)
