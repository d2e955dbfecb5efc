"""Judges from outside: files, a command and a URL that hold a run back."""

import asyncio
import logging
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from alternator_migrate.core.gate import Gate, HoldName

log = logging.getLogger(__name__)
_FILE_SECONDS: Final = 1.0
_OUTPUT_BYTES: Final = 4096
_LEAVE_SECONDS: Final = 1.0
_WORDS: Final = 200
_GOOD: Final = 200


@dataclass(frozen=True, slots=True)
class Throttle:
    """What holds a run back: a `file` while it exists, and one that all runs of a host share;
    a `command` while its exit code is not 0; a `url` while it is not answered with 200. These two
    are asked every `seconds`, and have as long to answer."""

    file: str | None = None
    host_file: str | None = None
    command: str | None = None
    url: str | None = None
    seconds: float = 10.0


class Judges:
    """Asks the judges of a run, and holds it back at the `gate` as each of them says.

    A judge that cannot be asked, or does not answer in time, holds the run back.
    """

    def __init__(self, gate: Gate, throttle: Throttle) -> None:
        self._gate, self._throttle = gate, throttle
        self._strangers: set[str] = set()

    async def first(self) -> None:
        """Ask all of them once: nothing is to be read before."""
        self._look_at_files()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask_command())
            group.create_task(self._ask_url())

    async def watch(self) -> None:
        """Ask all of them by the clock, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_files())
            if self._throttle.command or self._throttle.url:
                group.create_task(self._watch_others())

    async def _watch_files(self) -> None:
        while True:
            await asyncio.sleep(_FILE_SECONDS)
            self._look_at_files()

    async def _watch_others(self) -> None:
        while True:
            await asyncio.sleep(self._throttle.seconds)
            await self._ask_command()
            await self._ask_url()

    def _look_at_files(self) -> None:
        throttle = self._throttle
        self._judge("file", _of_file("throttle.file", throttle.file))
        shared = throttle.host_file
        if shared and not self._is_strange(shared):
            self._judge("host file", _of_file("throttle.hostFile", shared))

    def _is_strange(self, path: str) -> bool:
        """Whether a file that all users may make is neither this user's nor root's."""
        with suppress(OSError):
            owner = Path(path).lstat().st_uid
            if owner in (0, os.getuid()):
                return False
            if path not in self._strangers:
                self._strangers.add(path)
                log.warning("warning: %s is of another user (%d), and ignored", path, owner)
            return True
        return False

    async def _ask_command(self) -> None:
        throttle = self._throttle
        if throttle.command:
            self._judge("command", await _of_command(throttle.command, throttle.seconds))

    async def _ask_url(self) -> None:
        throttle = self._throttle
        if throttle.url:
            self._judge("url", await _of_url(throttle.url, throttle.seconds))

    def _judge(self, name: HoldName, why: str) -> None:
        if why:
            self._gate.hold(name, why)
        else:
            self._gate.release(name)


def _of_file(key: str, path: str | None) -> str:
    """Why a file holds a run back, or ""."""
    if path is None:
        return ""
    try:
        Path(path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"{key} {path} cannot be looked at: {error.strerror}"
    return f"{key} {path} exists"


async def _of_command(command: str, seconds: float) -> str:
    """Why a command holds a run back, or ""; with the last line that it printed."""
    try:
        process = await asyncio.create_subprocess_shell(
            command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return f"throttle.command cannot be run: {error.strerror}"
    try:
        async with asyncio.timeout(seconds):
            said = await _last_line(process)
            code = await process.wait()
    except TimeoutError:
        return f"throttle.command did not end within {seconds:g} s"
    finally:
        await _end(process)
    return f"throttle.command ended with exit code {code}{said}" if code else ""


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill a process with all that it began, and take leave of it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_LEAVE_SECONDS):
            await process.communicate()


async def _last_line(process: asyncio.subprocess.Process) -> str:
    """ ": " and the last line that a process prints, or "" where there is none."""
    kept, out = b"", process.stdout
    while out and (chunk := await out.read(_OUTPUT_BYTES)):
        kept = (kept + chunk)[-_OUTPUT_BYTES:]
    lines = kept.decode("utf-8", "replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    words = "".join(char for char in said if char.isprintable())[:_WORDS]
    return f": {words}" if words else ""


async def _of_url(url: str, seconds: float) -> str:
    """Why a URL holds a run back, or ""."""
    limit = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=True) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            status = answer.status
    except TimeoutError:
        return f"throttle.url did not answer within {seconds:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"throttle.url cannot be asked: {str(error)[:_WORDS] or type(error).__name__}"
    return "" if status == _GOOD else f"throttle.url answers with HTTP {status}"
