"""Tells the workers of a Dask cluster whether what they do is wanted."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.engines import dask_worker
from alternator_migrate.engines.lateness import LEASE_SECONDS

_RENEW_SECONDS: Final = 4.0


class Wanting:
    """Tells `workers()` of a cluster's `client`, the addresses of those that can be reached, that
    the slices of the job with this `key` are wanted, or are to end."""

    def __init__(
        self, client: Any, key: str, workers: Callable[[], Awaitable[Sequence[str]]]
    ) -> None:
        self._client, self._key, self._workers = client, key, workers
        self._recalled = asyncio.Event()
        self._renewed_at = time.monotonic()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """See `Pool.at_work`: what is not wanted, workers give up."""
        self._recalled.clear()
        await self._renew()
        async with asyncio.TaskGroup() as group:
            keep = self._keep_renewing, self._keep_ending
            beside = [group.create_task(each()) for each in keep]
            yield
            for each in beside:
                each.cancel()

    async def still(self) -> None:
        """Tell it at once where that has not been done for long: this process was stopped."""
        if time.monotonic() - self._renewed_at > LEASE_SECONDS / 2:
            await self._renew()

    def recall(self) -> None:
        """The slices under way are to end, as soon as their workers hear of it."""
        self._recalled.set()

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            await self._renew()

    async def _renew(self) -> None:
        self._renewed_at = time.monotonic()
        await self._tell(dask_worker.want)

    async def _keep_ending(self) -> None:
        while await self._recalled.wait():
            self._recalled.clear()
            await self._tell(dask_worker.recall)

    async def _tell(self, call: Callable[[str], None]) -> None:
        """Make a call in all workers. That one of them, or the scheduler, is gone is found out by
        whoever looks for its next worker."""
        with suppress(MigrateError, OSError, ValueError, AttributeError, TimeoutError):
            async with asyncio.timeout(_RENEW_SECONDS):
                if workers := await self._workers():
                    await self._client.run(call, self._key, workers=workers, on_error="ignore")
