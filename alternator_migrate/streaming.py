"""Joinery of following: the source table's stream, the rules and the hooks, from settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alternator_migrate.config import Settings
from alternator_migrate.description import TableSpec
from alternator_migrate.enabling import disable_stream, prepare_stream
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

    async def prepare(self) -> tuple[str, bool]:
        """Find or enable it: its ARN, and whether it was enabled here."""
        return await prepare_stream(self.control, self.lane, self.retry)

    def open(self, arn: str) -> ChangeSource:
        """A reader of the stream."""
        return StreamSource(self.lane, arn, self.table, self.retry)

    async def disable(self, arn: str) -> bool:
        """Disable it; False where it is not the table's enabled stream any more."""
        return await disable_stream(self.control, arn)


def rules(settings: Settings, until: Until) -> Rules:
    """How to follow."""
    return Rules(
        snapshot=not settings.target.skip_initial_snapshot_transfer,
        spool=spool_folder(Path(settings.savepoints.path), identity(settings)),
        spool_bytes=settings.spool.max_bytes,
        max_lag=settings.cutover.max_lag_seconds,
        caught_up_for=settings.cutover.for_seconds,
        until_caught_up=until.caught_up,
        disable_after=until.disable_stream,
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
