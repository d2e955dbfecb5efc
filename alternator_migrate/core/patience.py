"""Waiting for what a server makes ready in its own time."""

import asyncio
import logging
import time
from typing import Final

from alternator_migrate.core.errors import MigrateError

log = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.5
_LATER: Final = "Run again when the server has it ready: nothing was copied, and nothing is lost."


class Patience:
    """Waits, before anything is copied, until something (`what`) is as it is to be (`ready`), for
    so many `seconds`, and says why: at once, and whenever that changes."""

    def __init__(self, what: str, ready: str, seconds: float) -> None:
        self._what, self._ready = what, ready
        self._seconds, self._told = seconds, ""
        self._give_up = time.monotonic() + seconds

    async def wait(self, why: str) -> None:
        """Wait before the next look. Raises `MigrateError` when the time is over."""
        left = self._give_up - time.monotonic()
        if left < 0:
            raise MigrateError(
                f"{self._what} was not {self._ready} after {self._seconds:.0f} s: {why}",
                _LATER,
            )
        if why != self._told:
            log.info("%s is waited for, %.0f s at most: %s", self._what, left, why)
            self._told = why
        await asyncio.sleep(_POLL_SECONDS)
