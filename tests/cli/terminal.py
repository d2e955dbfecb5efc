"""A command on a pseudo-terminal of its own, which is its controlling terminal."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.servers.cli import environment
from tests.servers.patience import stretched
from tests.servers.process import bound

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_ADOPT = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, '-m', 'alternator_migrate', *sys.argv[1:]])"
)
SHOW_CURSOR = "\x1b[?25h"
HIDE_CURSOR = "\x1b[?25l"


class Terminal:
    """What a person has before them: a screen to read, keys to press, a window to resize."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self._process = process
        self._master = master
        self._shown = bytearray()
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(master, self._read)

    @property
    def raw(self) -> str:
        """Everything that was written, escape sequences included."""
        return self._shown.decode(errors="replace")

    @property
    def text(self) -> str:
        """Everything that was written, without escape sequences."""
        return _ESCAPES.sub("", self.raw)

    def resize(self, columns: int, lines: int) -> None:
        """Give the window another size; the command gets SIGWINCH."""
        resize(self._master, columns, lines)

    def press(self, keys: bytes) -> None:
        """Type; b"\\x03" is Ctrl-C."""
        os.write(self._master, keys)

    async def wait_for(self, pattern: str, seconds: float = 30, *, after: int = 0) -> None:
        """Return once `pattern` is in the text from position `after` on.

        Raises `TimeoutError` with the text after so many seconds.
        """
        try:
            async with asyncio.timeout(stretched(seconds)):
                while not re.search(pattern, self.text[after:]):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise TimeoutError(f"{pattern!r} was not shown: {self.text}") from error

    async def wait(self, seconds: float) -> int:
        """The exit code, when the command has ended and all it wrote is read."""
        longest = stretched(seconds)
        try:
            async with asyncio.timeout(longest):
                code = await self._process.wait()
        except TimeoutError as error:
            raise TimeoutError(f"still running after {longest:.0f} s: {self.text}") from error
        self._read_rest()
        return code

    async def close(self) -> None:
        """Kill what is left of the command, and take the terminal away."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            async with asyncio.timeout(stretched(10)):
                await self._process.wait()
        self._loop.remove_reader(self._master)
        os.close(self._master)

    def _read(self) -> None:
        try:
            chunk = os.read(self._master, 65536)
        except OSError:  # Linux says EIO once no process has the other side open
            chunk = b""
        if not chunk:
            self._loop.remove_reader(self._master)
        self._shown += chunk
        self._changed.set()

    def _read_rest(self) -> None:
        os.set_blocking(self._master, False)
        before = -1
        while before != len(self._shown):
            before = len(self._shown)
            self._read()


@asynccontextmanager
async def on_terminal(
    folder: Path, *args: str, env: Mapping[str, str], size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Terminal]:
    """Run the command on a terminal of `size` (columns, lines) while the block lasts."""
    master, slave = pty.openpty()
    try:
        resize(master, *size)
        variables = environment(folder, {"TERM": "xterm-256color", **env})
        for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI"):
            variables.pop(name, None)
        process = await asyncio.create_subprocess_exec(
            *bound([sys.executable, "-c", _ADOPT, *args]),
            cwd=folder,
            env=variables,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    terminal = Terminal(process, master)
    try:
        yield terminal
    finally:
        await terminal.close()


def resize(descriptor: int, columns: int, lines: int) -> None:
    """Set the size of a terminal."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
