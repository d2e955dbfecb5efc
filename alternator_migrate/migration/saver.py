"""Savepoints of a migration: what is acknowledged of its copy and of its changes, and what was
refused."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from alternator_migrate.core.ports import RejectTally, SavepointKeeper
from alternator_migrate.core.state import CopyState, Status
from alternator_migrate.follow import Follower


class Saver:
    """Writes savepoints one after another: the `state` of the copy, with that of the `follower` and
    what `rejects` holds still."""

    def __init__(
        self,
        keeper: SavepointKeeper,
        rejects: RejectTally,
        follower: Follower | None,
        state: Callable[[], CopyState],
    ) -> None:
        self._keeper, self._rejects = keeper, rejects
        self._follower, self._state = follower, state
        self._saving = asyncio.Lock()

    async def save(self, status: Status = Status.RUNNING) -> CopyState:
        """Write one; the state that it keeps. Raises `MigrateError`."""
        async with self._saving:  # a later savepoint stands for more, the end of the spool too
            if self._rejects.path:
                self._keeper.found_rejects(self._rejects.path)
            state = self._state()
            if self._follower:
                state = replace(state, stream=await self._follower.state())
            state = state.settled(self._rejects.count)
            await self._keeper.save(state, status)
        return state
