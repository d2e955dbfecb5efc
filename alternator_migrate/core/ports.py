"""The ports: what a copy, a validation and following need of sources, targets and files."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from alternator_migrate.core.model import (
    Batch,
    Change,
    ChangeBatch,
    ChangePage,
    Difference,
    Item,
    Limits,
    Page,
    Position,
    Reject,
    Segment,
    Shard,
)
from alternator_migrate.core.retry import Turn
from alternator_migrate.core.server_clock import ServerClock
from alternator_migrate.core.state import CopyState, Status, ValidationState


class Source(Protocol):
    """Reads the items of a table."""

    def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a segment from `position` (None: its start), to its end.

        A page may be empty and not the last. Raises `MigrateError` when reading fails for
        good; what may succeed when repeated has been repeated within the budget. Before a
        throttled request is repeated, the segment's `turn` rests: another segment is read
        meanwhile.
        """
        ...


class ChangeSource(Protocol):
    """Reads the changes of a stream.

    A change is shown up to `delay` seconds after it is made; its time may differ from this
    machine's by `skew` seconds at the most.
    """

    delay: float
    skew: float

    @property
    def clock(self) -> ServerClock:
        """The source's clock, by which changes are dated."""
        ...

    async def shards(self) -> Sequence[Shard]:
        """The whole tree of shards as listed now, in any order. Raises `MigrateError`."""
        ...

    def changes(
        self,
        shard: str,
        after: str | None,
        watermark: Callable[[], float | None],
        may_be_dropped: Callable[[], bool],
    ) -> AsyncGenerator[ChangePage, None]:
        """The changes of a shard after a sequence number (None: from the oldest kept), until
        the shard has ended; of one that is open, for ever.

        At the tip, empty pages come at the source's own pace. Raises `TrimmedData` when what
        comes after `after` is gone and may hold a change made after `watermark()` (epoch seconds),
        `MigrateError` when reading fails for good, or the shard is not there, and not one that
        `may_be_dropped()`, with all it held, because of its age.
        """
        ...


class Stream(Protocol):
    """The stream of the source table, which may be enabled and disabled."""

    async def find(self) -> str | None:
        """The ARN of the enabled stream; None without one. Raises `UsageError` where it does not
        serve."""
        ...

    async def enable(self) -> tuple[str, bool]:
        """Enable one; its ARN, and False where somebody else was faster."""
        ...

    async def ready(self, arn: str, *, enabled_here: bool) -> None:
        """Return when the stream can be read. Raises `UsageError` as `check` does."""
        ...

    async def check(self, arn: str, *, enabled_here: bool) -> None:
        """Raise `UsageError` where a right to read the stream is lacking, which says whether this
        migration has enabled it."""
        ...

    def open(self, arn: str) -> ChangeSource:
        """A reader of the stream."""
        ...

    async def disable(self, arn: str) -> bool:
        """Disable it; False where it is not the table's enabled stream any more."""
        ...


class Target(Protocol):
    """Writes items."""

    @property
    def limits(self) -> Limits:
        """The limits of a batch now; a server's answer may lower them."""
        ...

    async def write(self, batch: Batch) -> Sequence[Reject]:
        """Store all of the batch; what the target refuses as invalid is returned.

        Returns when every other item is stored, else raises `MigrateError`.
        """
        ...

    def key_of(self, item: Item, *, request: bool = False) -> bytes:
        """The key, as a JSON object, of an item, or of what a WriteRequest puts or deletes."""
        ...

    def batches(self, changes: Sequence[Change]) -> Sequence[ChangeBatch]:
        """Changes, of which no two are of one key, packed; these may be applied all at once."""
        ...

    async def apply(self, batch: ChangeBatch) -> Sequence[Reject]:
        """Store images and delete keys; what the target refuses as invalid is returned.

        Returns when a later change of any of these keys would be the newer one; else raises
        `MigrateError`.
        """
        ...


class Lookup(Protocol):
    """Looks items up by their keys, strongly consistent."""

    async def get(self, keys: Sequence[bytes]) -> Sequence[Item]:
        """The items of those `keys` that are there now, in any order; keys are JSON objects with
        the names of the target. Raises `MigrateError`."""
        ...


class Repairer(Protocol):
    """Makes the target like the source where the two differ."""

    async def repair(self, findings: Sequence[Difference]) -> Sequence[Difference]:
        """Repair what may be repaired: the same findings, each `repaired` if both sides were
        equal when looked at afterwards. Raises `MigrateError`."""
        ...


class FindingSink(Protocol):
    """Keeps findings."""

    def keep(self, findings: Sequence[Difference]) -> None:
        """Append `findings`. Raises `MigrateError`."""
        ...


class RejectSink(Protocol):
    """Keeps refused items."""

    @property
    def path(self) -> str | None:
        """The file that holds them; None while there are none."""
        ...

    @property
    def left(self) -> int:
        """The number of items that may yet be refused."""
        ...

    def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep `rejects` durably. Raises `TooManyRejects` beyond what is allowed."""
        ...


class RejectTally(RejectSink, Protocol):
    """Keeps the refused items of a whole migration, and counts them."""

    @property
    def count(self) -> int:
        """The number of items that are refused still."""
        ...


class RejectBook(Protocol):
    """Keeps refused changes until newer ones of their keys come."""

    def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep `rejects` durably. Raises `TooManyRejects` beyond what is allowed."""
        ...

    def taken(self, keys: Sequence[bytes]) -> None:
        """Note that a transform has taken newer versions of the source items of these keys, in the
        target's names. Raises `MigrateError`."""
        ...

    def overtaken(self, changes: Sequence[Change], refused: Sequence[Reject]) -> None:
        """Note that `changes` are on the target, save those `refused`. Raises `MigrateError`."""
        ...


class SavepointKeeper(Protocol):
    """Keeps the state of a run."""

    @property
    def path(self) -> str | None:
        """The newest savepoint; None while there is none."""
        ...

    def found_target(self, table_id: str) -> None:
        """Note the id of the table that is written to."""
        ...

    def found_rejects(self, path: str) -> None:
        """Note which file holds rejected items."""
        ...

    async def save(self, state: CopyState, status: Status) -> None:
        """Write a savepoint durably. Raises `MigrateError` where that fails."""
        ...


class ValidationKeeper(Protocol):
    """Keeps the state of a validation."""

    async def save_comparison(self, comparison: ValidationState, status: Status) -> None:
        """Write a savepoint durably. Raises `MigrateError` where that fails."""
        ...
