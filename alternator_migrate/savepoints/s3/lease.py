"""The lock of a migration as an object: a lease that is renewed, and runs out by itself.

Whether it has run out is told by the clock of the server alone. Its holder counts from before it
asked, by a clock that goes on while the machine sleeps, and gives up a third of the lease early: so
that it has stopped writing when another one may begin.
"""

import asyncio
import json
import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.savepoints.local_locks import held_by
from alternator_migrate.savepoints.s3.bucket import NO_CONDITIONS, Bucket, Found, Taken

log = logging.getLogger(__name__)
_RENEWALS: Final = 6
"""Renewals within a lease."""
_SLACK_SECONDS: Final = 2.0
"""For servers that tell times in whole seconds."""
_TRIES: Final = 3
_LOOK_SECONDS: Final = 1.0
_RELEASE_SECONDS: Final = 10.0
_NO_ETAG: Final = '"00000000000000000000000000000000"'


class Holder(NamedTuple):
    """The holder of a lease: its process, and the seconds that are left unless it is renewed; the
    lock's `etag` changes with each renewal."""

    process: str
    left: float
    etag: str


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock of a migration: an object of a bucket, at `url`."""

    bucket: Bucket
    key: str
    url: str

    async def holder(self) -> Holder | None:
        """Who holds it; None where it is free. Raises `MigrateError`."""
        found = await self.bucket.get(self.key)
        return found and _holder(found, self.url)

    async def living(self) -> Holder | None:
        """Who holds it and renews it; None when it is free. Raises `MigrateError`."""
        first = now = await self.holder()
        if first:
            log.info(
                "process %s holds %s: waiting until it renews its lease, or for its end in %.0f s",
                first.process,
                self.url,
                first.left,
            )
        while first and now and now.etag == first.etag:
            await asyncio.sleep(_LOOK_SECONDS)
            now = await self.holder()
        return now


class Lease:
    """A lock held for `seconds` after each renewal; where it is lost, `lost` is called, once."""

    def __init__(self, lock: Lock, seconds: float, lost: Callable[[], None]) -> None:
        self._lock, self._seconds, self._lost = lock, seconds, lost
        self._process = f"{os.getpid()} on {socket.gethostname()}"
        self._turn, self._etag, self._since = 0, "", 0.0
        self._failure: MigrateError | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._is_lost = asyncio.Event()

    async def take(self) -> None:
        """Take the lock, and renew it from now on. Raises `UsageError` while another process holds
        it, and where the server does not heed the conditions of a write; `MigrateError`."""
        lock = self._lock
        for _ in range(_TRIES):
            found = await lock.bucket.get(lock.key)
            held = found and _holder(found, lock.url)
            if held:
                raise held_by(
                    held.process, lock.url, f"; unless it is renewed, in {held.left:.0f} s no more"
                )
            with suppress(Taken):
                await self._write(found.etag if found else None)
                break
        else:
            raise UsageError(f"others take {lock.url} at the same time", "Run it again.")
        try:
            await self._check_conditions()
        except BaseException:
            await self.release()
            raise
        self._renewing = asyncio.create_task(self._renew())

    async def release(self) -> None:
        """Give the lock back; one that is lost, or cannot be given back, gets free by itself."""
        try:
            async with asyncio.timeout(_RELEASE_SECONDS), self._writing:
                if self._renewing:
                    self._renewing.cancel()
                if self._failure is None:
                    await self._write(self._etag, free=True)
        except (MigrateError, TimeoutError):
            log.warning(
                "warning: %s could not be given back; it gets free in %.0f s",
                self._lock.url,
                self._seconds,
            )

    async def wait_lost(self) -> None:
        """Return when it is lost."""
        await self._is_lost.wait()

    def check(self) -> None:
        """Raise `MigrateError` where it is lost, or has to be taken for lost."""
        if self._failure is None and self._left() < 0:
            self._failure = self._not_renewed()
        if self._failure:
            raise self._failure

    def _left(self) -> float:
        """Seconds until it has to be taken for lost."""
        return self._since + given_up_after(self._seconds) - _clock()

    async def _write(self, etag: str | None, *, free: bool = False) -> None:
        began = _clock()
        self._turn += 1
        state = {"process": self._process, "lease": self._seconds, "turn": self._turn, "free": free}
        self._etag = await self._lock.bucket.put(self._lock.key, json.dumps(state).encode(), etag)
        self._since = began

    async def _check_conditions(self) -> None:
        """Write against conditions that do not hold. Raises `UsageError` where that succeeds."""
        for etag in (None, _NO_ETAG):
            with suppress(Taken):
                await self._write(etag)
                raise UsageError(
                    f"the server of {self._lock.url} does not heed conditions of writes: nothing "
                    "would keep a second run out",
                    NO_CONDITIONS,
                )

    async def _renew(self) -> None:
        """Renew it until it is lost."""
        try:
            while True:
                await asyncio.sleep(self._seconds / _RENEWALS)
                async with self._writing, asyncio.timeout(max(self._left(), 0.0)):
                    await self._write(self._etag)
        except TimeoutError:
            self._failure = self._not_renewed()
        except Taken:
            self._failure = MigrateError(
                f"the lock of this migration was lost: another run has taken {self._lock.url}",
                "Let one of the two go on: run it again when the other has ended.",
            )
        except MigrateError as error:
            self._failure = MigrateError(
                f"the lock of this migration was lost: {error.args[0]}", error.hint
            )
        self._is_lost.set()
        self._lost()

    def _not_renewed(self) -> MigrateError:
        return MigrateError(
            f"the lock of this migration was lost: its lease could not be renewed for "
            f"{given_up_after(self._seconds):.0f} s ({self._lock.url})",
            "Run it again when S3 can be reached; savepoints.leaseSeconds says how long that may "
            "take.",
        )


def given_up_after(seconds: float) -> float:
    """When a lease of so many seconds that is not renewed has to be taken for lost by its holder,
    who stops then; in seconds since it asked."""
    return seconds * 2 / 3


def free_after(seconds: float) -> float:
    """When such a lease may be taken by another one, in seconds since it was written, by the clock
    of the server, which may tell whole seconds."""
    return seconds + _SLACK_SECONDS


def _holder(found: Found, url: str) -> Holder | None:
    try:
        state: dict[str, Any] = json.loads(found.text)
        left = free_after(float(state["lease"])) - found.age
        return None if state["free"] or left < 0 else Holder(state["process"], left, found.etag)
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"{url} is not a lock of this tool",
            "Move it away, or choose another prefix for savepoints.path.",
        ) from error


def _clock() -> float:
    """Seconds, also while the machine sleeps, where the system counts these."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
