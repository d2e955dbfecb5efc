"""One export of a table: data files first, each segment into its own, then the manifests."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from alternator_migrate.connectors import (
    DataFileWriter,
    ExportEnds,
    ExportPlace,
    write_manifests,
)
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import (
    Batch,
    Concurrency,
    Page,
    Position,
    Role,
    Segment,
)
from alternator_migrate.core.pace import Pace, reasons, sides_of
from alternator_migrate.core.ports import SavepointKeeper
from alternator_migrate.core.progress import Meter, Progress
from alternator_migrate.core.requests import SideFigures, SideRequests
from alternator_migrate.core.segments import SegmentBoard
from alternator_migrate.core.state import Status
from alternator_migrate.core.steering import Caps, Steering, within
from alternator_migrate.core.supervisor import Show, Supervisor
from alternator_migrate.migration.export_journal import Entry, Journal
from alternator_migrate.migration.same_tables import Known, KnownTables
from alternator_migrate.snapshot import Ledger, Readers, read_segments

log = logging.getLogger(__name__)
OBJECT_BYTES: Final = 64 * 1024 * 1024
"""A data file is closed with the page that brings it to so many compressed bytes."""


@dataclass(slots=True)
class _OpenFile:
    """A data file under way: the pages in it, by their numbers and how many items they gave, and
    the position after them."""

    writer: DataFileWriter
    pages: list[tuple[int, int]] = field(default_factory=list)
    position: Position | None = None
    read: int = 0
    skipped: int = 0
    size: int = 0


class Exporting:
    """Exports one table into a `place` where it is begun, going on from `journal`; `progress()` is
    a snapshot of how it stands. `left` are the keys of data files that are there, and that the
    journal does not have."""

    def __init__(
        self,
        ends: ExportEnds,
        place: ExportPlace,
        journal: Journal,
        keeper: SavepointKeeper,
        steering: Steering,
        *,
        left: Collection[str],
        interval: float,
    ) -> None:
        self._ends, self._journal, self._keeper, self._left = ends, journal, keeper, left
        gate = self._gate = steering.gate
        self._place = place
        self._retry = ends.retry
        self._pace = Pace(ends.read_cap, valve=gate.reading)
        state, own = journal.state, frozenset(each.index for each in ends.segments)
        self._board = SegmentBoard(len(own), own, state.done, gate.clock)
        self._ledger = Ledger(len(own), state, self._board)
        self._table = KnownTables(Known("source", ends.source.table, ends.table.id))
        watch = partial(self._table.watch, gate)
        self._supervisor = Supervisor([*ends.beside, watch], interval, gate)
        self._limiter = Limiter(ends.readers)
        self._steer(steering)
        self._meter, self._state = Meter(gate.clock), "exporting"
        self._open: dict[int, _OpenFile] = {}
        self._stopping = asyncio.Event()

    @property
    def name(self) -> str:
        """Where the summary of the export is, once it is complete."""
        return self._place.name

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Write what is left, then the manifests. Returns how it ended; raises `MigrateError`."""
        self._stopping = stop
        return await self._supervisor.run(
            *(self._export, self._save, stop),
            lambda: show(self.progress),
            lambda: Status.COMPLETED,
        )

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        self._supervisor.save_now()

    def progress(self) -> Progress:
        """A snapshot of the export."""
        ledger, ends = self._ledger, self._ends
        paces: Sequence[tuple[Role, Pace]] = (("source", self._pace),)
        is_stopped = self._stopping.is_set() and self._state != "done"
        return Progress(
            source=ends.table.spec.name,
            target=self._place.name,
            state="stopping" if is_stopped else self._gate.state(self._state),
            segments_total=ledger.segments_total,
            segments_done=ledger.segments_done,
            items=ledger.counts,
            expected=ends.table.items,
            is_export=True,
            bytes_read=ledger.bytes_read,
            batches=ledger.batches,
            backlog=len(self._open),
            retries=self._retry.retries,
            throttled=self._retry.throttled,
            reasons=self._gate.reasons or reasons(paces, self._retry, ()),
            speed=self._meter.speed(ledger.counts.handled),
            segments=self._board.figures(),
            sides=sides_of(
                {"source": ends.source.figures, "target": SideFigures(ends.written.figures)},
                SideRequests(),
                paces,
            ),
        )

    async def _save(self, status: Status) -> None:
        await self._keeper.save(self._ledger.state, status)

    async def _export(self, stop: asyncio.Event) -> bool:
        left = [each for each in self._ends.segments if not self._ledger.is_done(each.index)]
        source = self._ends.items(self._retry, self._pace)
        self._meter.begin(self._ledger.counts.handled)
        try:
            readers = Readers(self._limiter)
            await read_segments(source, self._ledger, left, readers, stop, self._take)
            for segment in [*self._open]:
                await self._close(segment)
        finally:
            self._meter.end()
            for opened in self._open.values():
                await opened.writer.abandon()
        if stop.is_set():
            return False
        self._ledger.check()
        await self._table.check()
        await self._finish()
        return True

    async def _finish(self) -> None:
        self._state = "writing the manifests"
        await self._empty_left()
        files, bucket = self._journal.files, self._ends.bucket
        began, table = self._journal.began, self._ends.target
        await write_manifests(self._place, table, files, began=began, bucket=bucket)
        self._state = "done"

    async def _empty_left(self) -> None:
        """What a run wrote that was killed before it noted it, and what none has written over
        since: data files without an item, as AWS has some, so that nobody reads what was there."""
        for key in sorted({*self._left} - {file.key for file in self._journal.files}):
            file = await self._place.written_empty(key)
            segment = self._place.segment_of(key)
            await asyncio.to_thread(self._journal.add, Entry(segment, file, None, 0, 0, 0))
            log.info("a data file of a run that was killed is empty now: %s", key)

    def _steer(self, steering: Steering) -> None:
        """Keep to what is asked for besides the configuration."""
        most = Concurrency(readers=self._ends.readers)

        def apply(asked: Caps) -> None:
            self._pace.ask(asked.read)
            self._limiter.allow(within(most, asked).readers)

        def allowed() -> Caps:
            return Caps(self._pace.allowed, readers=most.readers)

        steering.begin(allowed, apply, without=("write",))

    async def _take(self, segment: Segment, page: Page) -> None:
        """Add a page to the data file of its segment."""
        if page.rejects:
            raise MigrateError(
                f"the transform refuses an item: {page.rejects[0].message}",
                "An export has no rejects: let the function leave out what it cannot take.",
            )
        index = segment.index
        opened = self._open.get(index)
        if opened is None:
            number = self._journal.number(index)
            opened = self._open[index] = _OpenFile(self._place.data_file(index, number))
        opened.pages.append((self._ledger.page(index, page, 1), len(page.items)))
        await opened.writer.add(page.items)
        opened.position = page.position
        opened.read, opened.size = opened.read + page.read, opened.size + page.size
        opened.skipped += page.skipped
        if page.position is None or opened.writer.size >= OBJECT_BYTES:
            await self._close(index)

    async def _close(self, segment: int) -> None:
        """Put a data file into its place, and only then count what it holds."""
        opened = self._open[segment]
        file = await opened.writer.finish() if opened.writer.items else None
        entry = Entry(segment, file, opened.position, opened.read, opened.skipped, opened.size)
        await asyncio.to_thread(self._journal.add, entry)
        del self._open[segment]
        for number, count in opened.pages:
            self._ledger.acknowledged(Batch(segment, number, _gone(count), 0))


def _gone(count: int) -> Sequence[bytes]:
    """So many items whose bytes are not needed any more."""
    return (b"",) * count
