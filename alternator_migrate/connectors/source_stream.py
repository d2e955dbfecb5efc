"""The stream of the source table: enabled, placed, awaited and read."""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from alternator_migrate.connectors.stream import SHARDS_A_PAGE, StreamSource
from alternator_migrate.core.errors import (
    BadAnswer,
    OutOfTime,
    ServerRefused,
    UsageError,
)
from alternator_migrate.core.patience import Patience
from alternator_migrate.core.ports import ChangeSource
from alternator_migrate.dynamodb import rights, stream_wire
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import TableSpec, TableStream

T = TypeVar("T")
VIEW: Final = "NEW_IMAGE"
BOTH_IMAGES: Final = "NEW_AND_OLD_IMAGES"
_WITH_NEW_IMAGES: Final = (VIEW, BOTH_IMAGES)
_BUSY: Final = "ResourceInUseException"
_NOT_YET: Final = "ResourceNotFoundException"
_ALREADY: Final = "already has an enabled stream"
_NO_STREAM: Final = "/stream/1970-01-01T00:00:00.000"
_NO_SHARD: Final = "shardId-00000000000000000000-00000000"
_ENABLE_SECONDS: Final = 300.0
_NEWER: Final = "or upgrade it to ScyllaDB 2026.2"
STREAMS_FEATURE: Final = "ALTERNATOR_STREAMS"
NO_STREAMS: Final = (
    f"its cluster's features lack {STREAMS_FEATURE}. Start it with "
    f"--experimental-features=alternator-streams, {_NEWER}."
)
_HINTS: Final = {
    "using tablets": "Copy the table into one made with the tag system:initial_tablets=none, "
    f"{_NEWER}.",
    "feature not enabled": "Start the cluster with --experimental-features=alternator-streams, "
    f"{_NEWER}.",
}


async def find_stream(table: Table) -> TableStream | None:
    """The stream that changes can be read from; None where one has to be enabled first.

    Raises `UsageError` for an enabled stream without new images, and for an absent table.
    """
    found = await table.stream()
    if found is None or not found.enabled:
        return None
    if found.view not in _WITH_NEW_IMAGES:
        raise UsageError(
            f"the stream of table {table.name} has the view type {found.view}: its records lack "
            "the new images of items",
            "If nothing else reads this stream, disable it and run again: one with the view type "
            f"{VIEW} is then enabled.",
        )
    return found


async def enable_stream(table: Table, view: str = VIEW) -> tuple[str, bool]:
    """Enable a stream of `table` of this view type; its ARN, and False where somebody else was
    faster.

    Raises `UsageError` where none can be enabled, `MigrateError` after five minutes.
    """
    patience = _patience(table)
    enabled = False
    found = await find_stream(table)
    while found is None:
        why = "" if enabled else await _enable(table, view)
        enabled = enabled or not why
        found = await find_stream(table)
        if found is None:
            await patience.wait(why or "the table does not show it yet")
    return found.arn, enabled


async def ready_stream(table: Table, client: DynamoDBClient, arn: str) -> None:
    """Return when the stream `arn` of `table`, asked for through `client`, is ENABLED. Raises
    `MigrateError` after five minutes."""
    patience = _patience(table)
    while why := await _unready(client, arn):
        await patience.wait(why)


async def disable_stream(table: Table, arn: str) -> bool:
    """Disable the stream `arn`; False where it is not the table's enabled stream any more."""
    found = await table.stream()
    if found is None or not found.enabled or found.arn != arn:
        return False
    await table.set_stream({"StreamEnabled": False})
    return True


async def _enable(table: Table, view: str) -> str:
    """Ask for a stream; the server's words where the table is busy, or somebody else was faster,
    else ""."""
    try:
        await table.set_stream({"StreamEnabled": True, "StreamViewType": view})
    except ServerRefused as error:
        if error.code == _BUSY or _ALREADY in error.words:
            return f"{error.code}: {error.words}"
        hints = [hint for words, hint in _HINTS.items() if words in error.words]
        raise UsageError(
            f"no stream can be enabled on table {table.name}: {error.words}",
            hints[0] if hints else error.hint,
        ) from error
    return ""


async def _unready(client: DynamoDBClient, arn: str) -> str:
    """The reason why the stream cannot be read yet; "" where it can."""
    try:
        status = (await client.describe_stream(arn, limit=1)).status
    except ServerRefused as error:
        if error.code != _NOT_YET:
            raise
        return f"{error.code}: {error.words}"
    return "" if status == "ENABLED" else f"its status is {status}"


def _patience(table: Table) -> Patience:
    return Patience(f"the stream of table {table.name}", "ENABLED", _ENABLE_SECONDS)


@contextmanager
def _needing(table: str, *, enabled_here: bool) -> Iterator[None]:
    """Around requests to a stream of `table`: a right that is lacking is a `UsageError`."""
    try:
        yield
    except ServerRefused as error:
        if not rights.is_denied(error):
            raise
        there = f" The stream of table {table} was enabled, and stays so." if enabled_here else ""
        hint = rights.named(error.operation, table, error) + there
        raise UsageError(str(error.args[0]), hint) from error


async def _unless_refused(asked: Awaitable[T]) -> T | None:
    """An answer; None where there is another reason than a lacking right that there is none."""
    try:
        return await asked
    except ServerRefused as error:
        if rights.is_denied(error):
            raise
        return None


def _unread(_: bytes) -> stream_wire.Records:
    return stream_wire.Records([], None)


@dataclass(frozen=True, slots=True)
class SourceStream:
    """The stream of the source table, as a follower needs it, through a `client` of its API; with
    `old_images`, or without."""

    control: Table
    client: DynamoDBClient
    table: TableSpec
    idle_seconds: float
    old_images: bool = False

    async def find(self) -> str | None:
        """The ARN of the enabled stream; None without one."""
        found = await find_stream(self.control)
        if found and self.old_images and found.view != BOTH_IMAGES:
            raise UsageError(
                f"the stream of table {self.control.name} has no old images any more, by which the "
                "transform is told what to delete",
                f"Enable one with the view type {BOTH_IMAGES}, or define `transform_key`.",
            )
        return found.arn if found else None

    async def enable(self) -> tuple[str, bool]:
        """Enable one; its ARN, and False where somebody else was faster. Raises `UsageError` before
        that where a right to read it is lacking, as far as a server says so of a stream that is not
        there."""
        foreseen = replace(self, client=self.client.within(0))
        with suppress(OutOfTime, BadAnswer):
            await foreseen.check(f"{self.control.arn}{_NO_STREAM}", enabled_here=False)
        return await enable_stream(self.control, BOTH_IMAGES if self.old_images else VIEW)

    async def ready(self, arn: str, *, enabled_here: bool) -> None:
        """Return when the stream can be read."""
        with _needing(self.control.name, enabled_here=enabled_here):
            await ready_stream(self.control, self.client, arn)
        await self.check(arn, enabled_here=enabled_here)

    async def check(self, arn: str, *, enabled_here: bool) -> None:
        """Raise `UsageError` where a right to read the stream is lacking: a record is read."""
        client = self.client
        with _needing(self.control.name, enabled_here=enabled_here):
            found = await _unless_refused(client.describe_stream(arn, limit=SHARDS_A_PAGE))
            shard = found.shards[-1].id if found and found.shards else _NO_SHARD
            iterator = await _unless_refused(client.get_shard_iterator(arn, shard, None))
            if iterator:
                await _unless_refused(client.get_records(iterator, 1, _unread))

    def open(self, arn: str) -> ChangeSource:
        """A reader of the stream."""
        return StreamSource(
            self.client, arn, self.table, self.idle_seconds, keep_old=self.old_images
        )

    async def disable(self, arn: str) -> bool:
        """Disable it; False where it is not the table's enabled stream any more."""
        return await disable_stream(self.control, arn)
