"""The protocols of the house: read this page first.

A migration copies a Source to a Target by way of a snapshot flow; a validation compares the
two by Sources and Lookups of both sides. Ports implement these protocols; flows know nothing
else of them. An Engine gets Work done: here, or on workers that each open the Job and do slices
of it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from alternator_migrate.description import TableState
from alternator_migrate.model import (
    Batch,
    Change,
    ChangeBatch,
    ChangePage,
    Comparison,
    Finding,
    Item,
    Limits,
    Page,
    Position,
    Reject,
    Segment,
    Shard,
    Standing,
)
from alternator_migrate.slices import Glimpse, Report, Slice


class Source(Protocol):
    """Where items are read."""

    def pages(self, segment: Segment, position: Position | None) -> AsyncGenerator[Page, None]:
        """The pages of a segment from `position` (None: its start), to its end.

        A page may be empty and not the last. Raises `MigrateError` when reading fails for
        good; what may succeed when repeated has been repeated within the budget.
        """
        ...


class ChangeSource(Protocol):
    """Where changes are read.

    A change is shown up to `delay` seconds after it is made; its time may differ from this
    machine's by `skew` seconds at the most.
    """

    delay: float
    skew: float

    async def shards(self) -> Sequence[Shard]:
        """The whole tree of shards as listed now, in any order. Raises `MigrateError`."""
        ...

    def changes(
        self, shard: str, after: str | None, fresh: Callable[[], float | None]
    ) -> AsyncGenerator[ChangePage, None]:
        """The changes of a shard after a sequence number (None: from the oldest kept), until
        the shard has ended; of one that is open, for ever.

        At the tip, empty pages come at the source's own pace. Raises `TrimmedData` when what
        comes after `after` is gone and may hold a change made after `fresh()` (epoch seconds),
        `MigrateError` when reading fails for good.
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

    async def ready(self, arn: str) -> None:
        """Return when the stream can be read."""
        ...

    def open(self, arn: str) -> ChangeSource:
        """A reader of the stream."""
        ...

    async def disable(self, arn: str) -> bool:
        """Disable it; False where it is not the table's enabled stream any more."""
        ...


class Target(Protocol):
    """Where items are written."""

    @property
    def limits(self) -> Limits:
        """What a batch may carry now; a server's answer may lower it."""
        ...

    async def write(self, batch: Batch) -> Sequence[Reject]:
        """Store all of the batch; what the target refuses as invalid is returned.

        Returns when every other item is stored, else raises `MigrateError`.
        """
        ...

    def key_of(self, item: Item) -> bytes:
        """The item's key, as a JSON object, to name it in messages."""
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
    """Where items are looked up by their keys, strongly consistent."""

    async def get(self, keys: Sequence[bytes]) -> Sequence[Item]:
        """The items of those `keys` that are there now, in any order; keys are JSON objects with
        the names of the target. Raises `MigrateError`."""
        ...


class Mender(Protocol):
    """What makes the target like the source where the two differ."""

    async def mend(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """Repair what may be repaired: the same findings, each `repaired` if both sides were
        equal when looked at afterwards. Raises `MigrateError`."""
        ...


class FindingSink(Protocol):
    """Where findings are kept."""

    def keep(self, findings: Sequence[Finding]) -> None:
        """Append `findings`. Raises `MigrateError`."""
        ...


class RejectSink(Protocol):
    """Where refused items are kept."""

    @property
    def path(self) -> str | None:
        """The file that holds them; None while there are none."""
        ...

    @property
    def left(self) -> int:
        """How many more are allowed."""
        ...

    def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep `rejects` durably. Raises `TooManyRejects` beyond what is allowed."""
        ...


class RejectTally(RejectSink, Protocol):
    """Where the refused items of a whole migration are kept, and counted."""

    @property
    def count(self) -> int:
        """How many items are refused still."""
        ...


class RejectBook(Protocol):
    """Where refused changes are kept, until newer ones of their keys come."""

    def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep `rejects` durably. Raises `TooManyRejects` beyond what is allowed."""
        ...

    def overtaken(self, changes: Sequence[Change], refused: Sequence[Reject]) -> None:
        """Note that `changes` are on the target, save those `refused`. Raises `MigrateError`."""
        ...


class SavepointKeeper(Protocol):
    """Where a run keeps what it did."""

    @property
    def path(self) -> str | None:
        """The newest savepoint; None while there is none."""
        ...

    def found_target(self, target: TableState) -> None:
        """Note which table is written to."""
        ...

    def found_rejects(self, path: str) -> None:
        """Note which file holds rejected items."""
        ...

    async def save(self, standing: Standing, status: str) -> None:
        """Write a savepoint durably. Raises `MigrateError` where that fails."""
        ...


class ComparisonKeeper(Protocol):
    """Where a validation keeps what it did."""

    async def save_comparison(self, comparison: Comparison, status: str) -> None:
        """Write a savepoint durably. Raises `MigrateError` where that fails."""
        ...


class Work(Protocol):
    """Something to do over segments, and the account of it; an engine gets it done."""

    @property
    def errand(self) -> object:
        """What a slice that is sent now has to know."""
        ...

    def position(self, segment: int) -> Position | None:
        """Where to go on in a segment."""
        ...

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        """Do it in this event loop; once `stop` is set, the pages under way only. Raises an
        exception group."""
        ...

    def take(self, report: Report) -> None:
        """Take into the account what a worker did. Raises `MigrateError`."""
        ...


class Shift(Protocol):
    """One slice under way on a worker."""

    async def work(self, stop: asyncio.Event) -> None:
        """Do the slice to its end; once `stop` is set, the pages under way only. Raises an
        exception group."""
        ...

    def glimpse(self) -> Glimpse:
        """What is done by now."""
        ...

    def report(self) -> Report:
        """What is settled by now, also after a failure or a cancellation."""
        ...


class Bench(Protocol):
    """What a worker has open for a job: one slice at a time is done on it."""

    def begin(self, piece: Slice) -> Shift:
        """Take up a slice."""
        ...


class Job(Protocol):
    """What workers of a run need to know. It can be pickled, and its repr tells no secret."""

    @property
    def key(self) -> str:
        """What tells this run's job from all others."""
        ...

    def check(self) -> None:
        """Raise `MigrateError` where this machine lacks what the job names."""
        ...

    def open(self) -> AbstractAsyncContextManager[Bench]:
        """Connect to both sides. Raises `MigrateError`."""
        ...


class Engine(Protocol):
    """Gets work done, on one core or many."""

    async def run(self, work: Work, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        """Do `work` over `segments`; once `stop` is set, what is under way only.

        Returns when no worker does anything any more. Raises an exception (group) of the house.
        """
        ...

    def glimpse(self) -> Glimpse:
        """What workers have done that `work` does not know yet, and the retries of all."""
        ...
