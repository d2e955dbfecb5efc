"""The locks of migrations in a bucket: leases, which are renewed while they are held."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from alternator_migrate.config import BucketFolder
from alternator_migrate.savepoints.place import ObjectName
from alternator_migrate.savepoints.s3.background import Background
from alternator_migrate.savepoints.s3.bucket import Bucket
from alternator_migrate.savepoints.s3.lease import Lease, Lock

T = TypeVar("T")


class S3Locks:
    """An object below `folder` for each migration; the `bucket` has the patience of a lease of
    `seconds`. See `Locks`."""

    def __init__(
        self, background: Background, folder: BucketFolder, bucket: Bucket, seconds: float
    ) -> None:
        self._background, self._folder, self._bucket = background, folder, bucket
        self._seconds = seconds
        self._leases: dict[str, Lease] = {}

    @contextmanager
    def hold(self, migration: str, lost: Callable[[], None]) -> Iterator[None]:
        """Hold the lock of a migration by a lease. Raises `UsageError`, `MigrateError`."""
        lease = Lease(self._lock(migration), self._seconds, _on_this_loop(lost))
        self._background.do(lease.take())
        self._leases[migration] = lease
        try:
            yield
        finally:
            del self._leases[migration]
            self._background.do(lease.release())

    def check(self, migration: str) -> None:
        """Raise `MigrateError` where the lock of a migration was held and is lost."""
        if lease := self._leases.get(migration):
            lease.check()

    def holder(self, migration: str) -> str | None:
        """The process that holds a migration's lock now. Raises `MigrateError`."""
        held = self._background.do(self._lock(migration).holder())
        return held.process if held else None

    def wait_alone(self, migration: str) -> str | None:
        """The process that holds a migration's lock and renews it. Raises `MigrateError`."""
        held = self._background.do(self._lock(migration).living())
        return held.process if held else None

    def unless_lost(self, work: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """The same `work`, which is given up where a lock that is held is lost. Raises what it
        raises, and `MigrateError`."""
        return _unless_lost(work, [*self._leases.values()])

    def _lock(self, migration: str) -> Lock:
        name = f"migration_{migration}.lock"
        where = ObjectName(f"{self._folder}/{name}")
        return Lock(self._bucket, key_of(self._folder, name), where)


def key_of(folder: BucketFolder, name: str) -> str:
    """The key of the object of a name."""
    return f"{folder.prefix}/{name}" if folder.prefix else name


async def _unless_lost(work: Coroutine[Any, Any, T], leases: Sequence[Lease]) -> T:
    task = asyncio.create_task(work)
    losses = [asyncio.create_task(lease.wait_lost()) for lease in leases]
    try:
        await asyncio.wait({task, *losses}, return_when=asyncio.FIRST_COMPLETED)
        for lease in leases if not task.done() else ():
            lease.check()
        return await task
    finally:
        for each in (task, *losses):
            each.cancel()


def _on_this_loop(lost: Callable[[], None]) -> Callable[[], None]:
    """A call from any thread to the event loop that runs here; to nobody where none does."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return lambda: None

    def call() -> None:
        with suppress(RuntimeError):  # the loop may be over
            loop.call_soon_threadsafe(lost)

    return call
