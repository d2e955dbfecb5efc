"""One migration: its phases in their order, and stopping."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TypeAlias

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.ports import SavepointKeeper
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.state import Status
from alternator_migrate.core.stopping import together
from alternator_migrate.core.supervisor import Show, Supervisor
from alternator_migrate.follow import Follower
from alternator_migrate.migration.commons import Turns
from alternator_migrate.migration.hooks import Hooks, TableHooks
from alternator_migrate.migration.same_tables import SameTables
from alternator_migrate.migration.saver import Saver
from alternator_migrate.migration.table_copy import TableCopy
from alternator_migrate.migration.target_schema import TargetSchema

Phase: TypeAlias = Callable[[asyncio.Event], Awaitable[bool]]
"""One phase of a migration; False where the stop event ended it early."""


class Migration:
    """Copies one table into one of a `schema`, and with a `follower` follows its changes;
    `progress()` is a snapshot of how it stands."""

    def __init__(
        self,
        schema: TargetSchema,
        copy: TableCopy,
        follower: Follower | None,
        keeper: SavepointKeeper,
        supervisor: Supervisor,
        gate: Gate,
        hooks: Hooks,
        turns: Turns,
        tables: SameTables,
    ) -> None:
        self._schema, self._copy, self._follower = schema, copy, follower
        self._keeper, self._supervisor, self._gate = keeper, supervisor, gate
        self._saver = Saver(keeper, copy.rejects, follower, lambda: copy.state)
        self._hooks = TableHooks(hooks, self.progress, lambda: keeper.path)
        self._turns, self._tables = turns, tables
        self._state, self._stopping = "preparing", asyncio.Event()
        self._step, self._goes_on = (0, 0), False

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Prepare the target, copy, build what comes after the data, follow changes, check the
        accounts; meanwhile `show` displays the progress, and savepoints are written.

        Returns how it ended: STOPPED when `stop` ended it early, within a few seconds of being
        set. Raises `MigrateError`; a last savepoint is written whatever the ending.
        Raises `UsageError` before anything is written where no savepoint can be.
        """
        self._stopping = stop
        return await self._hooks.around(
            lambda: self._supervisor.run(
                *(self._migrate, self._saver.save, stop),
                lambda: show(self.progress),
                lambda: Status.REJECTS if self.progress().rejected else Status.COMPLETED,
            )
        )

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        self._supervisor.save_now()

    def progress(self) -> Progress:
        """A snapshot of the migration."""
        follower, is_over = self._follower, self._state == "done"
        copied = self._copy.progress(follower.progress if follower else None)
        is_stopped = self._stopping.is_set() and not is_over
        return replace(
            copied,
            state="stopping" if is_stopped else self._gate.state(self._state),
            step=self._step,
            backlog=copied.backlog + (follower.backlog if follower else 0),
            reasons=self._gate.reasons or (() if is_over else copied.reasons),
            limit=self._limit(copied.limit),
        )

    def _limit(self, lately: str) -> str:
        """What limits the copy of late, unless it is held back; when it is over, what did."""
        if self._state == "copying":
            return lately if self._gate.is_open else ""
        return self._copy.limit if self._state == "done" else ""

    async def _migrate(self, stop: asyncio.Event) -> bool:
        async with together() as group:
            watching = group.create_task(self._tables.watch(self._gate))
            is_done = await self._all_phases(stop)
            watching.cancel()
        return is_done

    async def _all_phases(self, stop: asyncio.Event) -> bool:
        if self._follower:
            self._goes_on = await self._follower.state() is not None
            await self._follower.begin(self._saver.save)
            await self._saver.save()
        phases = self._phases()
        for number, phase in enumerate(phases, 1):
            self._step = number, len(phases)
            await self._let_go_on(stop)
            if not await phase(stop):
                return False
        await self._tables.check()
        self._state = "done"
        return True

    async def _let_go_on(self, stop: asyncio.Event) -> None:
        """Return when nothing holds the run back; changes are kept meanwhile."""
        if self._follower:
            await self._follower.held(stop)
        else:
            await self._gate.reading.wait()

    def _phases(self) -> Sequence[Phase]:
        """The phases that are left, in their order; where changes are followed, and how, is known
        by now. Changes alone are written into a table that has its indexes and its TTL."""
        follower = self._follower
        whole = follower is None or follower.snapshot
        copies = follower is None or follower.copies
        follows = follower is not None and not follower.over
        phases: Sequence[tuple[bool, Phase]] = (
            (True, self._prepare),
            (copies, self._copy_table),
            (whole, self._build_indexes),
            (copies, self._tell_copied),
            (follows, self._replay),
            (whole, self._enable_ttl),
            (follows, self._follow),
            (follows, self._finish),
        )
        return [phase for is_left, phase in phases if is_left]

    async def _prepare(self, stop: asyncio.Event) -> bool:
        """Make the target table; where it is made for changes alone, with what comes after the
        data otherwise."""
        is_alone = self._follower is not None and not self._follower.snapshot
        target = self._schema.existing if is_alone else None
        if target is None:
            self._state = "preparing the target table"
            target = await self._schema.make(all_indexes=is_alone)
            if is_alone:
                await self._enable_ttl(stop)
        self._keeper.found_target(target.id)
        self._tables.found_target(target.id)
        await self._saver.save()
        return True

    async def _copy_table(self, stop: asyncio.Event) -> bool:
        """Copy what is left in its turn, while changes are kept; others may have their turn while
        writes of workers that were lost are waited for."""
        follower = self._follower
        beside = follower.spooling(lambda: self.progress().fraction) if follower else nullcontext()
        self._state = "waiting"
        async with beside:
            async with self._turns.copying(stop) as may:
                if not may:
                    return False
                self._state = "copying"
                await self._copy.run(stop)
            if follower and not stop.is_set():
                self._state = "waiting"
                await self._copy.quiet(stop, goes_on=self._goes_on)
        return not stop.is_set()

    async def _build_indexes(self, stop: asyncio.Event) -> bool:
        """Build the indexes that come after the data, none of them while the run is held back;
        where they come with a copy, changes are kept meanwhile."""
        follower = self._follower
        for index in self._schema.late:
            self._state = f"building index {index.name}"
            await self._let_go_on(stop)
            if stop.is_set():
                return False
            copies = follower is not None and follower.copies
            async with follower.spooling() if follower and copies else nullcontext():
                await self._schema.build(index)
        return True

    async def _tell_copied(self, _: asyncio.Event) -> bool:
        if self._follower:  # which tells that the target has caught up
            await self._tables.check()
        await self._hooks.run("onSnapshotDone", Status.RUNNING)
        return True

    async def _replay(self, stop: asyncio.Event) -> bool:
        self._state = "replaying"
        return await self._following.replay(stop)

    async def _enable_ttl(self, _: asyncio.Event) -> bool:
        attribute = self._schema.ttl_attribute
        if attribute:
            self._state = "enabling TTL"
            await self._schema.enable_ttl(attribute)
        return True

    async def _follow(self, stop: asyncio.Event) -> bool:
        self._state = "following"
        return await self._following.live(stop, self._caught_up)

    async def _finish(self, _: asyncio.Event) -> bool:
        await self._following.finish(self._saver.save)
        return True

    @property
    def _following(self) -> Follower:
        assert self._follower  # noqa: S101 # these phases are there with a follower only
        return self._follower

    async def _caught_up(self) -> bool:
        """Run the hook for it; whether there is one."""
        if self._turns.commons:
            return await self._turns.commons.tell_caught_up()
        failure = await self._hooks.run("onCaughtUp", Status.RUNNING)
        if failure and self._follower and self._follower.ends_caught_up:
            raise MigrateError(failure, "The target has caught up: mend the hook, run again.")
        return self._hooks.has("onCaughtUp")
