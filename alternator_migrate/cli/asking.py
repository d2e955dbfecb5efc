"""Questions to the person at the terminal, asked while a run goes on."""

import asyncio
import logging
import sys
from collections.abc import Sequence

from alternator_migrate.cli import json_log, logs
from alternator_migrate.validate import Ask

log = logging.getLogger(__name__)


def deletion_of(table: str) -> Ask:
    """The question whether the items of `table` that the source does not have may be deleted."""

    async def ask(count: int, keys: Sequence[str]) -> bool:
        log.info("extra on the target table %s, not on the source: %s", table, f"{count:,}")
        for key in keys:
            log.info("  %s", key)
        if count > len(keys):
            log.info("  ... and %s more", f"{count - len(keys):,}")
        _tell(f"Delete what is extra ({count:,}) from the target? [y/N]")
        agreed = (await _line()).strip().lower() in ("y", "yes")
        if not agreed:
            log.info("nothing was deleted")
        return agreed

    return ask


def one_at_a_time(ask: Ask, asking: asyncio.Lock) -> Ask:
    """The same question, asked while no other one is."""

    async def alone(count: int, keys: Sequence[str]) -> bool:
        async with asking:
            return await ask(count, keys)

    return alone


def _tell(question: str) -> None:
    """Write a question to standard error, whatever the level of the log."""
    if logs.tells_json():
        json_log.tell("info", question)
    else:
        sys.stderr.write(f"{question}: ")
        sys.stderr.flush()


async def _line() -> str:
    """The next line of standard input, which is a terminal; "" at its end."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ready.set)
    try:
        await ready.wait()
        return sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin.fileno())
