"""The control socket: where it is, who is served, and in which order."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from alternator_migrate.core.errors import UsageError
from alternator_migrate.monitor import ControlServer, Reply, ask, open_socket, socket_of

NAME = "control_m"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with room for a short path, and a runtime folder beside it."""
    runtime = tmp_path / "r"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Run:
    """Does commands one after another, each in its time."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.at_once = 0

    async def do(self, words: Sequence[str], channel: str) -> Reply:
        assert channel.startswith("control socket, process ")
        self.at_once += 1
        assert self.at_once == 1
        await asyncio.sleep(0.01)
        self.at_once -= 1
        self.done.append(" ".join(words))
        return Reply(ok=True, text="done", values={"words": [*words]})


@asynccontextmanager
async def serving(folder: Path, run: Run) -> AsyncIterator[Path]:
    """A run that listens in a folder while the block lasts."""
    with open_socket(folder, NAME) as (listening, path):
        task = asyncio.create_task(ControlServer(run.do).serve(listening))
        try:
            yield path
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def talk(path: Path, sent: bytes, lines: int = 1) -> list[str]:
    """The lines of the answer to what is sent; empty ones where the connection is closed."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(sent)
        async with asyncio.timeout(10):
            return [(await reader.readline()).decode().strip() for _ in range(lines)]
    except ConnectionError:
        return [""] * lines
    finally:
        writer.close()


def test_it_is_for_its_owner_only_and_replaces_what_a_killed_run_left(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.path.relpath(folder / f"{NAME}.sock"))
    before = os.umask(0)
    try:
        with open_socket(folder, NAME) as (_, path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert socket_of(folder, NAME) == path
    finally:
        os.umask(before)
    assert socket_of(folder, NAME) is None


def test_where_the_path_is_too_long_it_is_elsewhere_and_that_is_said(folder: Path) -> None:
    deep = folder / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with open_socket(deep, NAME) as (_, path):
        assert path.parent == folder / "r" or len(os.fsencode(folder)) > 70
        assert socket_of(deep, NAME) == path
    assert not path.exists()
    assert socket_of(deep, NAME) is None


def test_without_a_folder_of_its_own_there_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = folder / ("d" * 100)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "nowhere"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(folder))
    mine = folder / f"alternator-migrate-{os.getuid()}"
    mine.symlink_to(folder / "r")
    with pytest.raises(OSError, match="not a folder of this user alone"), open_socket(deep, NAME):
        pass


async def test_two_commands_at_once_are_done_in_turn(folder: Path) -> None:
    run = Run()
    async with serving(folder, run) as path:
        words = [f'{{"id": {n}, "command": "c{n}"}}\n'.encode() for n in range(8)]
        answers = await asyncio.gather(*(talk(path, each) for each in words))
    told = [json.loads(each) for (each,) in answers]
    assert [each["id"] for each in told] == [*range(8)]
    assert [each["words"] for each in told] == [[f"c{n}"] for n in range(8)]
    assert sorted(run.done) == [f"c{n}" for n in range(8)]


async def test_a_program_may_send_many_and_a_person_one(folder: Path) -> None:
    run = Run()
    async with serving(folder, run) as path:
        first, second = await talk(path, b'{"command": "a"}\n{"command": "b"}\n', 2)
        assert (json.loads(first)["ok"], json.loads(second)["ok"]) == (True, True)
        assert await talk(path, b"pause now\nresume\n", 2) == ["done", ""]
        assert run.done == ["a", "b", "pause now"]
        answer = await asyncio.to_thread(ask, path, ["set", "a=1"])
        assert answer["words"] == ["set", "a=1"]
    with pytest.raises(UsageError, match="no run listens"):
        ask(path, ["status"])


async def test_no_more_clients_are_served_than_that(folder: Path) -> None:
    run = Run()
    async with serving(folder, run) as path:
        silent = [await asyncio.open_unix_connection(path) for _ in range(32)]
        assert await talk(path, b"pause\n") == [""]
        silent[0][1].close()
        async with asyncio.timeout(10):
            while await talk(path, b"pause\n") != ["done"]:  # noqa: ASYNC110 # another task's doing
                await asyncio.sleep(0.01)
        for _, writer in silent:
            writer.close()
    assert run.done == ["pause"]


async def test_a_client_that_is_there_at_the_end_of_the_run_is_no_error(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(folder, Run()) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"command": "a"}\n')
        assert await reader.readline()
    assert not await reader.read()
    writer.close()
    assert not caplog.records


@pytest.mark.parametrize(
    "line", [b"x" * 100_000, b'{"command": "a"', b'{"command": 1}\n', b"\xff\n", b"[]\n"]
)
async def test_what_is_no_command_reaches_nothing(folder: Path, line: bytes) -> None:
    run = Run()
    async with serving(folder, run) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        with suppress(OSError):
            writer.write(line)
            writer.write_eof()
            async with asyncio.timeout(10):
                await reader.read()
        writer.close()
    assert not [each for each in run.done if each != "[]"]
