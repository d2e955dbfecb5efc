"""Standard error that takes nothing changes nothing; and as JSON it is JSON throughout."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import on_terminal
from tests.conftest import RunCli
from tests.servers.cli import Cli, Result, environment, running
from tests.servers.client import create_table, fill
from tests.servers.patience import stretched
from tests.servers.process import bound
from tests.support.cli import ONE_AT_A_TIME, TABLE, Ends, signed, until

JSON = ("--log-format", "json")


@contextmanager
def closed_pipe() -> Iterator[int]:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def full_disk() -> Iterator[int]:
    """A file that takes nothing."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


WALLS = {"a closed pipe": closed_pipe, "a full disk": full_disk}


@pytest.fixture(params=WALLS)
def wall(request: pytest.FixtureRequest) -> Iterator[int]:
    """A descriptor that cannot be written."""
    with WALLS[request.param]() as descriptor:
        yield descriptor


async def start(folder: Path, err: int, *args: str) -> asyncio.subprocess.Process:
    """The command with a standard error of ours."""
    return await asyncio.create_subprocess_exec(
        *bound([sys.executable, "-m", "alternator_migrate", *args]),
        cwd=folder,
        env=environment(folder, signed()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=err,
        start_new_session=True,
    )


@pytest.mark.parametrize("style", [(), JSON])
async def test_a_run_that_completes_ends_with_0(
    ends: Ends, tmp_path: Path, wall: int, style: Sequence[str]
) -> None:
    process = await start(tmp_path, wall, "run", *ends.flags(*style))
    assert await asyncio.wait_for(process.wait(), stretched(60)) == 0
    assert len(ends.target.items(TABLE)) == 40


async def test_a_run_that_is_stopped_ends_with_143_and_a_savepoint(
    ends: Ends, tmp_path: Path, wall: int
) -> None:
    ends.slow_down_target(1)
    process = await start(tmp_path, wall, "run", *ends.flags(*ONE_AT_A_TIME))
    await until(lambda: ends.target.requests["BatchWriteItem"] > 0)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), stretched(60)) == 143
    assert list((tmp_path / "savepoints").glob("savepoint_*.yaml"))


@pytest.mark.parametrize("words", [("run", "nowhere.yaml"), ("run", "--no-such-option"), ()])
@pytest.mark.parametrize("style", [(), JSON])
async def test_a_mistake_ends_with_2(
    tmp_path: Path, wall: int, words: Sequence[str], style: Sequence[str]
) -> None:
    process = await start(tmp_path, wall, *words, *(style if words else ()))
    assert await asyncio.wait_for(process.wait(), stretched(60)) == 2


def lines(err: str) -> list[dict[str, Any]]:
    """The lines of standard error, each of which is JSON and says what, when and how bad."""
    found = [json.loads(line) for line in err.splitlines()]
    assert found
    assert all({"time", "level", "message"} <= line.keys() for line in found)
    return found


MISTAKES = {
    "an unknown option": ("run", "--no-such-option"),
    "a bad choice": ("run", "--progress", "sometimes"),
    "options that do not go together": ("run", "--rejects", "x", "--validate"),
    "an unknown command": ("go",),
    "no such file": ("plan", "nowhere.yaml"),
}


@pytest.mark.parametrize("words", MISTAKES.values(), ids=MISTAKES.keys())
@pytest.mark.parametrize("style", [JSON, ("--log-format=json",)])
async def test_mistakes_are_json(
    run_cli: RunCli, words: Sequence[str], style: Sequence[str]
) -> None:
    result = await run_cli(*words, *style)
    assert (result.code, result.out) == (2, "")
    (line,) = lines(result.err)
    assert line["level"] == "error"


@pytest.mark.parametrize("progress", ["auto", "none"])
async def test_a_run_that_is_stopped_ends_with_a_line_that_carries_its_savepoint(
    ends: Ends, tmp_path: Path, progress: str
) -> None:
    ends.slow_down_target(1)
    options = ends.flags(*ONE_AT_A_TIME, *JSON, "--progress", progress, "--log-level", "error")
    async with running(tmp_path, "run", *options, env=signed()) as cli:
        await until(lambda: ends.target.requests["BatchWriteItem"] > 0)
        cli.send_signal(signal.SIGINT)
        result = await cli.wait(20)
    assert result.code == 130
    newest = max((tmp_path / "savepoints").glob("savepoint_*.yaml"))
    assert Path(tmp_path, lines(result.err)[-1]["savepoint"]) == newest


async def test_on_a_terminal_the_closing_is_json_too(ends: Ends, tmp_path: Path) -> None:
    async with on_terminal(tmp_path, "run", *ends.flags(*JSON), env=signed()) as terminal:
        assert await terminal.wait(30) == 0
    assert "items written" not in terminal.text
    closing = [line for line in terminal.text.splitlines() if "Migration completed" in line]
    assert json.loads(closing[0][closing[0].index("{") :])["level"] == "info"


BUG = """
import sys, threading, warnings
from alternator_migrate.cli import main, options
def broken(*_):
    warnings.warn("mind the gap")
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    raise KeyError("a bug")
options.settings_of = broken
sys.argv = ["alternator-migrate", "plan", "--table", "T", "--log-format", "json"]
main()
"""


async def test_warnings_and_tracebacks_are_json(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as err:
        process = await asyncio.create_subprocess_exec(
            *bound([sys.executable, "-c", BUG]), cwd=tmp_path, stderr=err
        )
        assert await asyncio.wait_for(process.wait(), stretched(30)) == 1
        err.seek(0)
        warning, thread, bug = lines(err.read().decode())
    assert "mind the gap" in warning["message"]
    assert thread["message"] == "ZeroDivisionError: division by zero"
    assert bug["message"] == "KeyError: 'a bug'"
    assert "Traceback" in bug["error"] and "broken" in bug["error"]


CHATTY = """
import sys, warnings
print("read")
def transform(item):
    print("one", item["pk"])
    print("two", item["pk"], file=sys.stderr)
    warnings.warn("mind the gap")
    print("three", item["pk"], end="")
    return item
"""


@pytest.mark.parametrize("engine", ["local", "processes", "dask"])
async def test_what_a_transform_prints_is_json(
    ends: Ends, tmp_path: Path, run_cli: RunCli, engine: str
) -> None:
    (tmp_path / "change.py").write_text(CHATTY)
    workers = () if engine == "local" else ("--workers", "1")
    more = ("--set=transform=./change.py", "--engine", engine, *workers, *JSON)
    result = await run_cli("run", *ends.flags(*more), env=signed())
    assert (result.code, result.out) == (0, ""), result.err
    told = [line["message"] for line in lines(result.err)]
    keys = {item["pk"]["S"] for item in ends.source.items(TABLE)}
    assert len(keys) == 40
    assert {"read", *(f"{word} {key}" for word in ("one", "two", "three") for key in keys)} <= {
        *told
    }
    assert any("UserWarning: mind the gap" in each for each in told)


async def test_the_question_is_json(ends: Ends, tmp_path: Path) -> None:
    await create_table(ends.target.url, TABLE)
    await fill(ends.target.url, TABLE, [*ends.source.items(TABLE), {"pk": {"S": "extra"}}])
    options = ends.flags("--set=validation.recheckSeconds=[0.01]", "--delete-extra", *JSON)
    async with on_terminal(tmp_path, "validate", *options, env=signed()) as terminal:
        await terminal.wait_for(r"\[y/N\]", 60)
        terminal.press(b"n\n")
        assert await terminal.wait(60) == 3
    (question,) = [line for line in terminal.text.splitlines() if "[y/N]" in line]
    told = json.loads(question[question.index("{") :])
    assert told["message"] == "Delete what is extra (1) from the target? [y/N]"


HARMLESS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGPIPE, signal.SIGCONT)


@pytest.mark.parametrize("number", HARMLESS)
async def test_signals_that_mean_no_end_end_nothing(
    ends: Ends, tmp_path: Path, number: signal.Signals
) -> None:
    ends.slow_down_target(0.3)
    async with running(tmp_path, "run", *ends.flags(*ONE_AT_A_TIME), env=signed()) as cli:
        await until(lambda: ends.target.requests["BatchWriteItem"] > 0)
        result = await pestered(cli, number)
    assert result.code == 0, result
    assert len(ends.target.items(TABLE)) == 40


async def pestered(cli: Cli, number: signal.Signals) -> Result:
    """How a command ended that got a signal again and again, through its ending, too."""
    while not cli.ended:
        with suppress(ProcessLookupError):
            os.kill(cli.pid, number)  # asyncio's send_signal would take its exit code away
        await asyncio.sleep(0.001)
    return await cli.wait(20)


async def test_usr1_before_a_run_kills_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")
    async with running(tmp_path, "run", "config.yaml", env=signed()) as cli:
        # Opening for writing succeeds once the command has opened the pipe for reading.
        await until(lambda: opened(tmp_path / "config.yaml"))
        cli.send_signal(signal.SIGUSR1)
        cli.send_signal(signal.SIGUSR2)
        result = await cli.wait(20)
    assert result.code == 2, result


def opened(pipe: Path) -> bool:
    """Whether somebody read the pipe, of which this was the only writer."""
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


async def test_usr1_tells_how_it_stands(ends: Ends, tmp_path: Path) -> None:
    ends.slow_down_target(0.5)
    async with running(tmp_path, "run", *ends.flags(*ONE_AT_A_TIME), env=signed()) as cli:
        await until(lambda: ends.target.requests["BatchWriteItem"] > 0)
        cli.send_signal(signal.SIGUSR1)
        await cli.wait_for("State copying", 60)


async def test_a_run_that_was_suspended_goes_on(ends: Ends, tmp_path: Path) -> None:
    ends.slow_down_target(1)
    async with running(tmp_path, "run", *ends.flags(*ONE_AT_A_TIME), env=signed()) as cli:
        await until(lambda: ends.target.requests["BatchWriteItem"] > 0)
        cli.send_signal(signal.SIGSTOP)  # SIGTSTP is for sessions with a shell
        await until(lambda: state_of(cli.pid) == "T")
        cli.send_signal(signal.SIGCONT)
        assert (await cli.wait(30)).code == 0


def state_of(pid: int) -> str:
    """The letter of a process's state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


async def test_quit_stops_in_good_order(ends: Ends, tmp_path: Path) -> None:
    ends.slow_down_target(1)
    async with running(tmp_path, "run", *ends.flags(*ONE_AT_A_TIME), env=signed()) as cli:
        await until(lambda: ends.target.requests["BatchWriteItem"] > 0)
        cli.send_signal(signal.SIGQUIT)
        result = await cli.wait(20)
    assert result.code == 131, result
    newest = max((tmp_path / "savepoints").glob("savepoint_*.yaml"))
    assert Path(tmp_path, result.err.splitlines()[-1]) == newest
