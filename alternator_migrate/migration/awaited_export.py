"""The beginning of a migration that copies a table from an export: AWS is asked for it, once the
stream is placed, and it is waited for, while changes are kept."""

import asyncio
import logging
import time
import uuid
from contextlib import nullcontext
from dataclasses import replace
from typing import Final

from alternator_migrate.connectors import OTHER_EXPORT, TableExport, failure_text
from alternator_migrate.core.errors import MigrateError, OutOfTime
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.ports import RejectTally
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.state import CopyState, ExportState, Status
from alternator_migrate.core.stopping import stopped_within
from alternator_migrate.core.supervisor import Show, Supervisor
from alternator_migrate.core.texts import duration, moment
from alternator_migrate.dynamodb.table_export import MadeExport
from alternator_migrate.follow import Follower
from alternator_migrate.migration.saver import Saver
from alternator_migrate.migration.target_schema import TargetSchema
from alternator_migrate.savepoints import Keeper

log = logging.getLogger(__name__)
_FIRST_POLL_SECONDS: Final = 1.0
_LONGEST_POLL_SECONDS: Final = 30.0
_TELL_SECONDS: Final = 300.0
_AGAIN: Final = "Run the same command again: it asks for another one."


class AwaitedExport:
    """Asks for the export of a table as `state` says what was asked for before, and waits until it
    is complete; `copy` is the state of the copy that comes then. With a `follower` the stream is
    placed before, and its changes are kept meanwhile. The target is made by its `schema` before
    that: where that fails, no export was paid for."""

    def __init__(
        self,
        schema: TargetSchema,
        export: TableExport,
        state: ExportState,
        copy: CopyState,
        rejects: RejectTally,
        *,
        keeper: Keeper,
        follower: Follower | None,
        supervisor: Supervisor,
        gate: Gate,
    ) -> None:
        self._schema, self._export, self._keeper = schema, export, keeper
        self._follower, self._gate, self._rejects = follower, gate, rejects
        self.state, self.copy = state, copy
        self._saver = Saver(keeper, rejects, follower, lambda: self.copy)
        self._supervisor = supervisor
        self._doing, self._stopping = "preparing", asyncio.Event()

    async def run(self, stop: asyncio.Event, show: Show) -> bool:
        """Ask and wait; False where `stop` ended it. Raises `MigrateError`; a last savepoint is
        written whatever the ending."""
        self._stopping = stop
        self._keeper.found_export(self.state)
        status = await self._supervisor.run(
            *(self._wait_for_it, self._save, stop),
            lambda: show(self.progress),
            lambda: Status.RUNNING,
        )
        return status == Status.RUNNING

    @property
    def rejects(self) -> str | None:
        """The file of refused changes, None while there are none."""
        return self._rejects.path

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        self._supervisor.save_now()

    def progress(self) -> Progress:
        """A snapshot: of the one segment that there is at least, nothing is done."""
        follower, found = self._follower, self._export.found
        return Progress(
            source=found.source.spec.name,
            target=found.plan.spec.name,
            state="stopping" if self._stopping.is_set() else self._gate.state(self._doing),
            segments_total=1,
            expected=found.source.items,
            reasons=self._gate.reasons,
            changes=follower.progress if follower else None,
        )

    async def _save(self, status: Status) -> None:
        self.copy = await self._saver.save(status)

    async def _save_running(self) -> None:
        await self._save(Status.RUNNING)

    async def _note(self, state: ExportState) -> None:
        """Make durable what is known of the export now."""
        self.state = state
        self._keeper.found_export(state)
        await self._save_running()

    async def _wait_for_it(self, stop: asyncio.Event) -> bool:
        follower = self._follower
        if follower:
            await follower.begin(self._save_running)
            await self._save_running()
            await follower.held(stop)
        else:
            await self._gate.reading.wait()
        self._doing = "preparing the target table"
        self._keeper.found_target((await self._schema.make(all_indexes=False)).id)
        await self._save_running()
        async with follower.spooling(lambda: 0.0) if follower else nullcontext():
            made = await self._made(stop)
            return made is not None and await self._completed(made, stop)

    async def _made(self, stop: asyncio.Event) -> MadeExport | None:
        """The export, asked for unless it was before; None where `stop` came first."""
        self._doing = "asking for the export"
        if self.state.arn:
            return await self._export.describe(self.state.arn)
        began = await self._export.stream_began() if self._follower else None
        if began is not None and not self.state.token and not await self._is_due(began, stop):
            return None
        if not self.state.token:
            await self._note(replace(self.state, token=str(uuid.uuid4())))
        made = await self._ask(began)
        await self._note(replace(self.state, arn=made.arn))
        log.info("the export was asked for: %s", made.arn)
        return made

    async def _is_due(self, began: float, stop: asyncio.Event) -> bool:
        """Wait until the stream that `began` then is old enough; False where `stop` came first."""
        given = self._export.given
        left = began + given.margin_seconds - self._export.now
        if given.export_time is not None or left <= 0:
            return not stop.is_set()
        log.info(
            "the export is asked for in %s: AWS's clocks may differ, and the stream has to begin "
            "before the moment of the export (source.export.marginSeconds)",
            duration(left),
        )
        return not await stopped_within(stop, left)

    async def _ask(self, began: float | None) -> MadeExport:
        """Ask with the token that is kept. What is refused was not made; what may have been is
        asked for again with the same token. Raises `MigrateError` for an export of a moment before
        the stream `began`."""
        try:
            made = await self._export.ask(self.state.token)
        except OutOfTime:
            raise
        except MigrateError:
            await self._note(ExportState(self.state.asked))
            raise
        margin = self._export.given.margin_seconds
        if began is not None and made.moment is not None and made.moment - margin < began:
            await self._note(ExportState(self.state.asked))
            raise MigrateError(
                f"the export {made.arn} is of {moment(made.moment)}, and the stream began at "
                f"{moment(began)}, not {margin:g} s before that: changes would be missing",
                _AGAIN,
            )
        return made

    async def _completed(self, made: MadeExport, stop: asyncio.Event) -> bool:
        """Wait until the export is complete; False where `stop` came first. Raises `MigrateError`
        where it fails."""
        self._doing = "exporting"
        pause, began = _FIRST_POLL_SECONDS, time.monotonic()
        told = began
        while made.status == "IN_PROGRESS":
            if await stopped_within(stop, pause):
                return False
            pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
            made = await self._export.describe(made.arn)
            if time.monotonic() - told >= _TELL_SECONDS:
                told = time.monotonic()
                log.info(
                    "AWS is at the export, for %s by now: %s", duration(told - began), made.arn
                )
        if made.status == "FAILED" or not made.manifest:
            await self._note(ExportState(self.state.asked))
            hint = OTHER_EXPORT if self._export.given.arn else _AGAIN
            raise MigrateError(failure_text(made), hint)
        await self._note(replace(self.state, manifests=(made.manifest,)))
        self._doing = "exported"
        log.info("the export is complete: %s", made.manifest)
        return True
