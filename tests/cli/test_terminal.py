"""On a terminal: the bar, another window size, Ctrl-C, and what is left on the screen."""

import asyncio
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.cli.terminal import HIDE_CURSOR, SHOW_CURSOR, on_terminal
from tests.servers.cli import environment
from tests.servers.patience import stretched
from tests.standin import StandIn
from tests.support.cli import ONE_AT_A_TIME, TABLE, Ends, counted_source, flags, signed, until

CTRL_C = b"\x03"
TMUX = shutil.which("tmux")


async def test_the_bar_and_then_the_closing_table(tmp_path: Path) -> None:
    async with counted_source(1000) as source, StandIn() as target:
        target.faults.rate("BatchWriteItem", "slow", 1.0, seconds=0.3)
        options = flags(source, target.url, *ONE_AT_A_TIME, "--set=target.maxItemsPerBatch=100")
        async with on_terminal(tmp_path, "run", *options, env=signed()) as terminal:
            await terminal.wait_for(rf"{TABLE} -> {TABLE} .*[1-9]\d?\.\d%")
            await terminal.wait_for(r"[1-9]\d* items +[1-9]\d*/s")
            await terminal.wait_for(r"segments 0/1")
            await terminal.wait_for(r"ETA \d")
            assert await terminal.wait(30) == 0
    closing = terminal.text.rpartition("Migration completed")[2]
    assert re.search(r"items read\W+1,000\W", closing)
    assert re.search(r"items written\W+1,000\W", closing)
    assert re.search(r"segments\W+1/1\W", closing)
    assert HIDE_CURSOR in terminal.raw
    assert terminal.raw.rindex(SHOW_CURSOR) > terminal.raw.rindex(HIDE_CURSOR)
    assert "Traceback" not in terminal.text


async def test_another_window_size_does_no_harm(ends: Ends, tmp_path: Path) -> None:
    ends.slow_down_target(0.4)
    options = ends.flags(*ONE_AT_A_TIME, "--set=target.maxItemsPerBatch=4")
    async with on_terminal(tmp_path, "run", *options, env=signed()) as terminal:
        await terminal.wait_for(r"[1-9]\d* items ")
        for columns, lines in ((40, 10), (120, 40), (1, 1), (80, 24)):
            seen = len(terminal.text)
            terminal.resize(columns, lines)
            await terminal.wait_for(r"\S", after=seen)
        assert await terminal.wait(30) == 0
    assert "Migration completed" in terminal.text
    assert "Traceback" not in terminal.text
    assert len(ends.target.items(TABLE)) == 40


async def test_nothing_is_wider_than_a_narrow_window(ends: Ends, tmp_path: Path) -> None:
    options = ends.flags()
    async with on_terminal(tmp_path, "run", *options, env=signed(), size=(40, 10)) as terminal:
        assert await terminal.wait(30) == 0
    lines = [line.rpartition("\r")[2] for line in terminal.text.replace("\r\n", "\n").split("\n")]
    assert max(map(len, lines)) <= 40
    assert re.search(r"items\s+written\W+40\W", terminal.text)


async def test_ctrl_c_stops_says_what_was_done_and_gives_the_cursor_back(
    ends: Ends, tmp_path: Path
) -> None:
    ends.slow_down_target(0.5)
    async with on_terminal(tmp_path, "run", *ends.flags(*ONE_AT_A_TIME), env=signed()) as terminal:
        await terminal.wait_for(r"[1-9]\d* items ")
        began = time.monotonic()
        terminal.press(CTRL_C)
        assert await terminal.wait(20) == 130
        assert time.monotonic() - began < stretched(5)
    closing = terminal.text.rpartition("Migration stopped")[2]
    (written,) = re.findall(r"items written\W+(\d+)\W", closing)
    assert 0 < int(written) <= len(ends.target.items(TABLE))
    assert "Traceback" not in terminal.text
    assert "Aborted!" not in terminal.text
    assert terminal.raw.rindex(SHOW_CURSOR) > terminal.raw.rindex(HIDE_CURSOR)


async def test_ctrl_c_twice_leaves_at_once_with_the_cursor_shown(
    ends: Ends, tmp_path: Path
) -> None:
    ends.slow_down_target(20)
    async with on_terminal(tmp_path, "run", *ends.flags(*ONE_AT_A_TIME), env=signed()) as terminal:
        await until(lambda: ends.target.requests["BatchWriteItem"] > 0)
        await terminal.wait_for("copying")
        terminal.press(CTRL_C)
        await terminal.wait_for("stopping")
        began = time.monotonic()
        terminal.press(CTRL_C)
        assert await terminal.wait(20) == 130
        assert time.monotonic() - began < stretched(2)
    assert terminal.raw.rindex(SHOW_CURSOR) > terminal.raw.rindex(HIDE_CURSOR)


async def test_the_reason_of_a_slow_pace_is_shown(ends: Ends, tmp_path: Path) -> None:
    ends.target.faults.rate("BatchWriteItem", "overload", 0.3)
    ends.slow_down_target(0.2)
    options = ends.flags(*ONE_AT_A_TIME, "--set=target.maxItemsPerBatch=2")
    async with on_terminal(tmp_path, "run", *options, env=signed()) as terminal:
        await terminal.wait_for(r"copying +paced: target throttles")
        await terminal.wait_for(r"retries [1-9]")
        ends.target.faults.clear()
        assert await terminal.wait(60) == 0
    assert re.search(r"retries \(throttled\)\W+[1-9]\d* \([1-9]", terminal.text)
    assert len(ends.target.items(TABLE)) == 40


async def test_throttling_from_the_start_is_told_too(ends: Ends, tmp_path: Path) -> None:
    ends.target.faults.rate("BatchWriteItem", "overload", 1.0)
    async with on_terminal(tmp_path, "run", *ends.flags(), env=signed()) as terminal:
        await terminal.wait_for(r"retries [1-9]")
        await terminal.wait_for(r"copying +paced: target throttles", 20)


async def test_an_error_on_a_terminal_is_told_once(ends: Ends, tmp_path: Path) -> None:
    options = ends.flags(table="Nowhere")
    async with on_terminal(tmp_path, "run", *options, env=signed()) as terminal:
        assert await terminal.wait(30) == 2
    assert terminal.text.count("Error:") == 1
    assert "Nowhere does not exist" in terminal.text
    assert "\x1b" not in terminal.raw.partition("Error:")[2]


async def test_a_dumb_terminal_gets_lines(ends: Ends, tmp_path: Path) -> None:
    env = signed(TERM="dumb")
    async with on_terminal(tmp_path, "run", *ends.flags(), env=env) as terminal:
        assert await terminal.wait(30) == 0
    assert "Segments 64/64; Backlog 0" in terminal.text
    assert "\x1b" not in terminal.raw


@asynccontextmanager
async def tmux_server() -> AsyncIterator[str]:
    """The socket of a tmux server that ends with the block."""
    with tempfile.TemporaryDirectory(prefix="am-") as folder:
        socket = f"{folder}/tmux"
        try:
            yield socket
        finally:
            await tmux(socket, "kill-server", check=False)


async def tmux(socket: str, *command: str, check: bool = True) -> str:
    """What a tmux command prints."""
    process = await asyncio.create_subprocess_exec(
        *(str(TMUX), "-f", os.devnull, "-S", socket, *command),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), stretched(20))
    assert process.returncode == 0 or not check, out
    return out.decode()


@pytest.mark.skipif(TMUX is None, reason="needs tmux")
async def test_in_tmux(ends: Ends, tmp_path: Path) -> None:
    ends.slow_down_target(0.3)
    options = ends.flags(*ONE_AT_A_TIME, "--set=target.maxItemsPerBatch=2")
    command = [sys.executable, "-m", "alternator_migrate", "run", *options]
    variables = environment(tmp_path, signed())
    kept = [f"{name}={variables[name]}" for name in variables if name[:4] in {"AWS_", "PYTH"}]
    # The shell must outlive the Ctrl-C that its whole process group gets.
    line = f'trap : INT; env -u CI {shlex.join([*kept, *command])}; echo "exit=$?."; exec sleep 60'
    async with tmux_server() as socket:
        size = ("-x", "120", "-y", "40")
        await tmux(socket, "new-session", "-d", *size, "-c", str(tmp_path), "sh", "-c", line)

        async def screen_shows(pattern: str) -> str:
            async with asyncio.timeout(stretched(30)):
                while True:
                    shown = await tmux(socket, "capture-pane", "-p", "-S", "-200")
                    if re.search(pattern, shown):
                        return shown
                    await asyncio.sleep(0.1)

        await screen_shows(rf"{TABLE} -> {TABLE}")
        await screen_shows(r"[1-9]\d* items ")
        await tmux(socket, "resize-window", "-x", "40", "-y", "10")
        written = ends.target.requests["BatchWriteItem"]
        await until(lambda: ends.target.requests["BatchWriteItem"] > written + 1)
        await tmux(socket, "resize-window", "-x", "120", "-y", "40")
        await tmux(socket, "send-keys", "C-c")
        shown = await screen_shows(r"exit=\d+\.")
        cursor = await tmux(socket, "display-message", "-p", "#{cursor_flag}")
    assert "exit=130." in shown
    assert "Migration stopped" in shown
    assert "Traceback" not in shown
    assert cursor.strip() == "1"
