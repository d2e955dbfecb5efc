"""Joinery of following: the source table's stream, the rules and the hooks, from settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alternator_migrate.config import Settings
from alternator_migrate.description import TableSpec
from alternator_migrate.enabling import disable_stream, enable_stream, find_stream, ready_stream
from alternator_migrate.following import Rules
from alternator_migrate.hooks import Hooks
from alternator_migrate.interfaces import ChangeSource
from alternator_migrate.lane import Lane
from alternator_migrate.pacing import Retry
from alternator_migrate.resume import identity
from alternator_migrate.sources.streams import StreamSource
from alternator_migrate.spool import spool_folder
from alternator_migrate.tables import Table


@dataclass(frozen=True, slots=True)
class Until:
    """When following ends by itself, and whether a stream enabled here is disabled then."""

    caught_up: bool = False
    disable_stream: bool = False


FOR_EVER: Final = Until()


@dataclass(frozen=True, slots=True)
class SourceStream:
    """The stream of the source table, as `following` needs it."""

    control: Table
    lane: Lane
    table: TableSpec
    retry: Retry
    idle_seconds: float

    async def find(self) -> str | None:
        """The ARN of the enabled stream; None without one."""
        found = await find_stream(self.control)
        return found.arn if found else None

    async def enable(self) -> tuple[str, bool]:
        """Enable one; its ARN, and False where somebody else was faster."""
        return await enable_stream(self.control)

    async def ready(self, arn: str) -> None:
        """Return when the stream can be read."""
        await ready_stream(self.control, self.lane, self.retry, arn)

    def open(self, arn: str) -> ChangeSource:
        """A reader of the stream."""
        return StreamSource(self.lane, arn, self.table, self.retry, self.idle_seconds)

    async def disable(self, arn: str) -> bool:
        """Disable it; False where it is not the table's enabled stream any more."""
        return await disable_stream(self.control, arn)


def rules(settings: Settings, until: Until, *, target_is_new: bool) -> Rules:
    """How to follow, into a table that this migration makes, or not."""
    snapshot = not settings.target.skip_initial_snapshot_transfer
    return Rules(
        snapshot=snapshot,
        spool=spool_folder(Path(settings.savepoints.path), identity(settings)),
        spool_bytes=settings.spool.max_bytes,
        max_lag=settings.cutover.max_lag_seconds,
        caught_up_for=settings.cutover.for_seconds,
        until_caught_up=until.caught_up,
        disable_after=until.disable_stream,
        whole=snapshot and target_is_new and not settings.skip_segments,
    )


def hooks(settings: Settings) -> Hooks:
    """The commands that the configuration has for events."""
    given = settings.hooks
    commands = {
        "onStart": given.on_start,
        "onSnapshotDone": given.on_snapshot_done,
        "onCaughtUp": given.on_caught_up,
        "onFailure": given.on_failure,
        "onStop": given.on_stop,
    }
    return Hooks({event: each for event, each in commands.items() if each}, given.timeout_seconds)
