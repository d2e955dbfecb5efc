"""Judges from outside: what holds a run back, and what they say."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alternator_migrate.core.gate import Gate
from alternator_migrate.monitor.judges import Judges, Throttle

ENOUGH = 60.0


def allowed(why: str) -> float:
    """The seconds that a judge has: few where it is to use them up."""
    return 0.5 if "within" in why else ENOUGH


async def held(throttle: Throttle) -> str:
    """Why a run is held back at its beginning, or ""."""
    gate = Gate()
    await Judges(gate, throttle).first()
    return "; ".join(each.why for each in gate.holds.values())


@asynccontextmanager
async def serving(answer: bytes | None) -> AsyncIterator[str]:
    """The URL of a server that answers every request so, or never."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if answer is None:
            await reader.read()
        writer.write(answer or b"")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/go?x=1"


async def test_a_file_holds_while_it_is_there(tmp_path: Path) -> None:
    file = tmp_path / "stop"
    assert not await held(Throttle(file=str(file)))
    file.symlink_to("nowhere")
    assert await held(Throttle(file=str(file))) == f"throttle.file {file} exists"
    assert await held(Throttle(host_file=str(file))) == f"throttle.hostFile {file} exists"
    assert not await held(Throttle(file=str(file / "below")))


async def test_the_file_of_all_runs_counts_only_if_its_owner_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shared"
    file.touch()
    owner = file.stat().st_uid
    monkeypatch.setattr("os.getuid", lambda: owner + 1)
    assert bool(await held(Throttle(host_file=str(file)))) is (owner == 0)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("true", ""),
        ("exit 3", r"throttle\.command ended with exit code 3"),
        ("echo a; echo 'load is 9' >&2; exit 1", r".* exit code 1: load is 9"),
        ("printf 'a\\033[31mb'; exit 1", r".* exit code 1: a\[31mb"),
        ("sleep 9", r"throttle\.command did not end within 0\.5 s"),
        ("yes", r"throttle\.command did not end within 0\.5 s"),
        ("no-such-command-at-all", r".* exit code 127: .*not found"),
    ],
)
async def test_a_command_holds_unless_it_ends_well(command: str, why: str) -> None:
    assert re.fullmatch(why, await held(Throttle(command=command, seconds=allowed(why))))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", r"throttle\.url answers with HTTP 503"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", ".* HTTP 302"),
        (b"nonsense\r\n\r\n", r"throttle\.url cannot be asked: .+"),
        (None, r"throttle\.url did not answer within 0\.5 s"),
    ],
)
async def test_a_url_holds_unless_it_is_answered_with_200(answer: bytes | None, why: str) -> None:
    async with serving(answer) as url:
        assert re.fullmatch(why, await held(Throttle(url=url, seconds=allowed(why))))


async def test_a_url_that_nobody_serves_holds() -> None:
    async with serving(b"") as url:
        pass
    assert "cannot be asked" in await held(Throttle(url=url, seconds=ENOUGH))
