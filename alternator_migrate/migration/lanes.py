"""One table in a run of many: what is done with it, and what is kept of it when it has ended."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from alternator_migrate.config import Loaded
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.state import Status
from alternator_migrate.core.supervisor import Show
from alternator_migrate.migration.commons import Turns
from alternator_migrate.savepoints import Located, RunFile, TableEntry


def lock_name(work: Literal["Migration", "Validation"], file: RunFile) -> str:
    """The name under which a run of many tables holds its lock."""
    return f"{work.lower()}s-{file.run}"


class OneRun(Protocol):
    """The run of one table, as the run of many sees it."""

    @property
    def savepoint(self) -> Located | None:
        """The savepoint that was written last, or is gone on from."""
        ...

    @property
    def rejects(self) -> str | None:
        """The file that holds refused items; None where there are none."""
        ...

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Do the work, to its end or until `stop` is set. Raises `MigrateError`."""
        ...

    def progress(self) -> Progress | None:
        """A snapshot of the run; None while it prepares."""
        ...

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        ...

    def remarks(self) -> Iterator[str]:
        """Lines that a person should read when the run is over."""
        ...

    def verdict(self) -> Iterable[str]:
        """What the run has to say for certain."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What is done with each table: `make` makes the run of one. `work` is its name; of `parts` of
    each table this is the one whose identity ends with `part`. Only what `records` writes the run
    file. Where its runs take no turns of their own, each is one turn as a `whole`; where they
    follow changes, they may end caught up. What a run begins anew goes `into_existing` targets that
    hold items, or does not."""

    work: Literal["Migration", "Validation"]
    make: Callable[[Loaded, Turns, TableEntry], OneRun]
    part: str = ""
    parts: int = 1
    records: bool = True
    whole: bool = False
    ends_caught_up: bool = False
    into_existing: bool = False


@dataclass(slots=True)
class Lane:
    """One table of the run. `size` is in bytes; `ended` what it was when it ended."""

    entry: TableEntry
    items: int = 0
    size: int = 0
    run: OneRun | None = None
    ended: Progress | None = None
    failure: MigrateError | None = None
    savepoint: Located | None = None
    rejects: str | None = None
    remarks: list[str] = field(default_factory=list)
    verdict: list[str] = field(default_factory=list)

    def progress(self) -> Progress:
        """A snapshot of the table, also while it waits."""
        now = self.ended or (self.run.progress() if self.run else None)
        entry = self.entry
        if now is None:
            waits = Progress(entry.source, entry.target, "waiting", segments_total=1)
            now = replace(waits, expected=self.items)
        return replace(now, source=entry.source, status=entry.status, error=entry.reason)

    def end(self, status: Status, reason: str = "") -> None:
        """The table has ended, or will not be begun: only what is told of it is kept."""
        self.entry = replace(self.entry, status=status, reason=reason)
        if status.is_final:
            self.entry = replace(self.entry, fresh_since=0.0, into_existing=False)
        self.ended = self.progress()
        if self.run:
            self.savepoint, self.rejects = self.run.savepoint, self.run.rejects
            self.remarks, self.verdict = [*self.run.remarks()], [*self.run.verdict()]
            self.run = None
