"""Hooks: shell commands of the user's that run when something happens.

A command gets the process's own environment and variables named ALTERNATOR_MIGRATE_...; what it
prints is logged, line by line.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.state import Status

log = logging.getLogger(__name__)
PREFIX: Final = "ALTERNATOR_MIGRATE_"
_LONGEST_LINE: Final = 4096
_AROUND: Final = ("onStart", "onFailure", "onStop")
_LAST_WORDS_SECONDS: Final = 0.5
"""What a command has started may keep its output open for ever."""


class Hooks:
    """Commands by the name of their event; each may take `seconds`."""

    def __init__(self, commands: Mapping[str, str], seconds: float) -> None:
        self._commands, self._seconds = commands, seconds

    @property
    def within(self) -> "Hooks":
        """Those of events within a run: not of its beginning and its end."""
        own = {event: each for event, each in self._commands.items() if event not in _AROUND}
        return Hooks(own, self._seconds)

    def has(self, event: str) -> bool:
        """Whether there is a command for an event."""
        return event in self._commands

    async def run(self, event: str, facts: Mapping[str, object]) -> str | None:
        """Run the command of `event`, if there is one; why it failed, None if it did not.

        `facts` become variables: {"lag_seconds": 1.5} is ALTERNATOR_MIGRATE_LAG_SECONDS=1.5, and
        None an empty text. A command that takes too long is killed, with all it started.
        """
        command = self._commands.get(event)
        if command is None:
            return None
        told = {f"{PREFIX}{name.upper()}": _text(value) for name, value in facts.items()}
        log.info("hook %s", event)
        process = await asyncio.create_subprocess_shell(
            command,
            env={**os.environ, **told, f"{PREFIX}EVENT": event},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._seconds), asyncio.TaskGroup() as group:
                telling = group.create_task(_log_lines(event, process.stdout))
                code = await process.wait()
                await asyncio.wait({telling}, timeout=_LAST_WORDS_SECONDS)
                telling.cancel()
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, TimeoutError):
                return f"hook {event} took longer than {self._seconds:g} s and was killed"
            raise
        return f"hook {event} ended with exit code {code}" if code else None


class TableHooks:
    """The hooks of the run of one table, whose snapshot is `progress()` and whose newest savepoint
    `savepoint()`."""

    def __init__(
        self, hooks: Hooks, progress: Callable[[], Progress], savepoint: Callable[[], str | None]
    ) -> None:
        self._hooks, self._progress, self._savepoint = hooks, progress, savepoint
        self.has = hooks.has

    async def run(self, event: str, status: Status) -> str | None:
        """Run a hook, if there is one; why it failed, which is told as well."""
        if not self.has(event):
            return None
        progress = self._progress()
        facts = {
            "status": status,
            "source_table": progress.source,
            "target_table": progress.target,
            "lag_seconds": progress.changes and progress.changes.lag,
            "savepoint": self._savepoint(),
        }
        failure = await self._hooks.run(event, facts)
        if failure:
            log.warning("warning: %s", failure)
        return failure

    async def around(self, work: Callable[[], Awaitable[Status]]) -> Status:
        """Do `work` between the hooks of its beginning and its end; how it ended. Raises
        `UsageError` where the first one fails, and what `work` raises."""
        if failure := await self.run("onStart", Status.RUNNING):
            raise UsageError(failure, "Nothing was begun: mend the hook, or leave it out.")
        status = Status.FAILED
        try:
            status = await work()
        finally:
            for event in ("onFailure", "onStop") if status == Status.FAILED else ("onStop",):
                await self.run(event, status)
        return status


async def _log_lines(event: str, out: asyncio.StreamReader | None) -> None:
    """Log what a command prints, to the end of it; an overlong line in pieces."""
    rest = b""
    try:
        while out and (chunk := await out.read(_LONGEST_LINE)):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) >= _LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                _log_line(event, line)
    finally:
        if rest:
            _log_line(event, rest)


def _log_line(event: str, line: bytes) -> None:
    words = "".join(each for each in line.decode("utf-8", "replace") if each.isprintable())
    log.info("hook %s: %s", event, words)


def _text(value: object) -> str:
    return "" if value is None else str(value)
