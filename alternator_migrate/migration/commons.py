"""What the tables of one run have in common: connections, caps, turns in creating and copying."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any, Final

from alternator_migrate.connectors import Pair, Services
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import Page, Position, Segment
from alternator_migrate.core.ports import Source
from alternator_migrate.core.retry import Turn
from alternator_migrate.core.runtime import usable_cores
from alternator_migrate.core.steering import NO_CAPS, Caps, Steering, within
from alternator_migrate.core.work import Engine, Job
from alternator_migrate.engines import (
    EngineOptions,
    InTurn,
    Local,
    WorkFacts,
    in_workers,
    open_engine,
)
from alternator_migrate.savepoints import Keeper, Savepoint, Store

_CREATING: Final = {True: 4, False: 10}
"""By whether the target is an Alternator, whose changes of the schema collide."""
_SAVING: Final = 4
"""Savepoints that are written at once."""
_AHEAD: Final = 8
"""Tables that are looked at and created ahead of those that are copied."""
_MOMENT_SECONDS: Final = 10.0
"""For how long a table that has caught up counts as such for the run."""


class CopySlots:
    """The places of tables that are copied at once, given in the order in which tables were
    expected: the largest first. One that is not ready yet has its place kept free, so that no
    smaller one holds it up."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._pending: dict[str, asyncio.Future[None] | None] = {}

    def expect(self, table: str) -> None:
        """A table will want a place."""
        self._pending[table] = None

    async def enter(self, table: str, stop: asyncio.Event) -> bool:
        """Wait for a place, to be left again; False where `stop` came first."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending[table] = place
        self._give()
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((place, stopping), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._forgo(table, place)
            raise
        finally:
            stopping.cancel()
        if stop.is_set():
            self._forgo(table, place)
            return False
        return True

    def leave(self) -> None:
        """Give the place back."""
        self._free += 1
        self._give()

    def over(self, table: str) -> None:
        """A table has ended, and wants no place any more, or none before it asks for it."""
        self._pending.pop(table, None)
        self._give()

    def _forgo(self, table: str, place: asyncio.Future[None]) -> None:
        if place.done():
            self.leave()
        else:
            self.over(table)

    def _give(self) -> None:
        """Give free places to the first tables that wait, past those whose places are kept."""
        for table, place in list(self._pending.items())[: self._free]:
            if place is not None:
                del self._pending[table]
                self._free -= 1
                place.set_result(None)


class Commons:
    """What all tables of a run share; `tables` are copied at once, the `gate` holds all back."""

    def __init__(
        self, services: Services, engine: Engine, tables: int, gate: Gate | None = None
    ) -> None:
        self.services, self.engine, self.gate = services, engine, gate or Gate()
        writers = services.concurrency.writers
        longest = services.settings.target.longest
        self.limiters = Limiter(writers, longest=longest), Limiter(writers, longest=longest)
        self.readers = asyncio.Semaphore(services.concurrency.readers)
        self.creating = asyncio.Semaphore(_CREATING[services.target.options is not None])
        self.savepoints = ThreadPoolExecutor(_SAVING, "savepoint")
        self.copying = CopySlots(tables)
        self.ahead = asyncio.Semaphore(tables + _AHEAD)
        self.workers, self._are_workers = asyncio.Lock(), False
        self.of_workers = Steering(self.gate)
        self._asked = NO_CAPS
        self._caught_up: dict[str, float] = {}
        self._began = time.monotonic()
        self._telling, self._told, self._hooked = asyncio.Lock(), False, False
        self.hook: Callable[[], Awaitable[bool]] = _no_hook

    def steer(self, asked: Caps) -> None:
        """Have all tables together keep to what is asked for besides the configuration: what is
        copied here, and workers, while there are any, have a half each."""
        self._asked, concurrency = asked, self.services.concurrency
        part = asked.half if self._are_workers else asked
        self.of_workers.ask(part)
        if self.services.shared:
            self.services.shared.reading.all.ask(part.read)
            self.services.shared.writing.all.ask(part.write)
        for limiter in self.limiters:
            limiter.allow(within(concurrency, part).writers)

    @asynccontextmanager
    async def with_workers(
        self, opening: AbstractAsyncContextManager[Engine]
    ) -> AsyncIterator[Engine]:
        """An engine of workers, which leaves the tables that are copied here a half of what is
        asked for; all of it is theirs again once the workers are gone."""
        self._are_workers = True
        self.steer(self._asked)
        try:
            async with opening as engine:
                yield engine
        finally:
            self._are_workers = False
            self.steer(self._asked)

    def engine_of(
        self, options: EngineOptions, facts: WorkFacts, job_of: Callable[[bool], Job]
    ) -> Engine:
        """The engine of one table: that of all, or workers of its own in its turn."""
        choice = in_workers(options, facts, usable_cores())
        late_until = self._began + options.late_seconds
        if choice is None:  # which the run before may have chosen otherwise, without these limits
            return Local(late_until=late_until) if options.late_seconds else self.engine

        def opening() -> AbstractAsyncContextManager[Engine]:
            return self.with_workers(open_engine(options, facts, job_of, self.of_workers))

        return InTurn(opening, self.workers, choice.text, late_until)

    def expect(self, table: str) -> None:
        """A table will be copied, after those before it; the run has caught up only when this
        table has, too."""
        self._caught_up[table] = -math.inf
        self.copying.expect(table)

    def over(self, table: str) -> None:
        """A table has ended: it is not waited for."""
        self._caught_up.pop(table, None)
        self.copying.over(table)

    def caught_up(self, table: str, mine: bool) -> bool:
        """Note whether a table has caught up; whether all that are followed have, a moment ago at
        the earliest: the lag of each rises and falls between two reads of its stream."""
        now = time.monotonic()
        if mine:
            self._caught_up[table] = now
        return all(now - at <= _MOMENT_SECONDS for at in self._caught_up.values())

    async def tell_caught_up(self) -> bool:
        """All have caught up: run the hook for it, once a run; whether there is one. Raises
        `MigrateError` where it fails and following ends with it."""
        async with self._telling:
            if not self._told:
                self._told = True
                self._hooked = await self.hook()
            return self._hooked


async def _no_hook() -> bool:
    return False


class Turns:
    """One table's turns among those of its run; without `commons` it waits for nobody."""

    def __init__(self, commons: Commons | None = None, table: str = "") -> None:
        self.commons, self._table = commons, table
        self._is_ahead = False

    async def enter(self, stop: asyncio.Event) -> bool:
        """Wait until this table may be looked at and created, ahead of its copy; False where
        `stop` came first."""
        assert self.commons  # noqa: S101 # only the tables of a run wait
        self._is_ahead = await _entered(self.commons.ahead, stop)
        return self._is_ahead

    def leave(self) -> None:
        """The copy is over: the next table may be looked at."""
        if self.commons and self._is_ahead:
            self._is_ahead = False
            self.commons.ahead.release()

    def step_back(self) -> None:
        """This table will not be ready for long: others may be copied before it."""
        if self.commons:
            self.commons.copying.over(self._table)

    @asynccontextmanager
    async def creating(self) -> AsyncIterator[None]:
        """The turn to change the target's schema."""
        if self.commons is None:
            yield
            return
        async with self.commons.creating:
            yield

    @asynccontextmanager
    async def copying(self, stop: asyncio.Event) -> AsyncIterator[bool]:
        """The turn to copy; False where `stop` came first."""
        if self.commons is None:
            yield True
            return
        if not await self.commons.copying.enter(self._table, stop):
            yield False
            return
        try:
            yield True
        finally:
            self.commons.copying.leave()
            self.leave()

    @asynccontextmanager
    async def engine(
        self,
        options: EngineOptions,
        facts: WorkFacts,
        job_of: Callable[[bool], Job],
        steering: Steering,
    ) -> AsyncIterator[Engine]:
        """The engine of this table, see `open_engine`; in a run of many as `Commons.engine_of`."""
        if self.commons:
            yield self.commons.engine_of(options, facts, job_of)
            return
        async with open_engine(options, facts, job_of, steering) as engine:
            yield engine

    def keeper(self, store: Store, first: Savepoint, clock: Callable[[], float]) -> Keeper:
        """What writes the savepoints of this table, with those of other tables or by itself."""
        return Keeper(store, first, clock, self.commons.savepoints if self.commons else None)

    def caught_up(self, mine: bool) -> bool:
        """Whether the target has caught up: this table and all others of the run."""
        return self.commons.caught_up(self._table, mine) if self.commons else mine

    def limiters(self, writers: int, longest: float | None) -> tuple[Limiter, Limiter]:
        """The limiters of batches written at once, by a copy and by following, whose answers are
        to take `longest` seconds at most."""
        if self.commons:
            return self.commons.limiters
        return Limiter(writers, longest=longest), Limiter(writers, longest=longest)

    @property
    def steering(self) -> Steering:
        """What holds the table back: what holds back all of the run."""
        return Steering(self.commons.gate) if self.commons else Steering()

    def beside(self, pair: Pair) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What goes on beside the copy: the nodes are watched, in a run of many tables once."""
        return [] if self.commons else [each.watch for each in (pair.source, pair.target)]

    def source(self, source: Source) -> Source:
        """A source whose pages are read in turn with those of other tables."""
        return _InTurn(source, self.commons.readers) if self.commons else source


class _InTurn:
    """Reads pages, of all tables together so many at once."""

    def __init__(self, source: Source, readers: asyncio.Semaphore) -> None:
        self._source, self._readers = source, readers

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a segment; see `Source.pages`."""
        own = turn and _SharedTurn(turn, self._readers)
        async with aclosing(self._source.pages(segment, position, own)) as pages:
            while True:
                async with self._readers:
                    page = await anext(pages, None)
                if page is None:
                    return
                yield page


class _SharedTurn:
    """The turn of a segment, which while it rests leaves its place to other tables, too."""

    def __init__(self, turn: Turn, readers: asyncio.Semaphore) -> None:
        self._turn, self._readers = turn, readers
        self.at = turn.at

    @property
    def is_fresh(self) -> bool:
        """See `Turn.is_fresh`."""
        return self._turn.is_fresh

    async def rest(self, *, wide: bool) -> None:
        """See `Turn.rest`."""
        self._readers.release()
        try:
            await self._turn.rest(wide=wide)
        finally:
            await self._readers.acquire()


async def _entered(turns: asyncio.Semaphore, stop: asyncio.Event) -> bool:
    """Wait for a turn; False where `stop` came first."""
    if stop.is_set():
        return False
    waiting = asyncio.ensure_future(turns.acquire())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((waiting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done() and not stop.is_set():
            return True
    except BaseException:
        _give_back(turns, waiting)
        raise
    finally:
        stopping.cancel()
    _give_back(turns, waiting)
    return False


def _give_back(turns: asyncio.Semaphore, waiting: "asyncio.Task[Any]") -> None:
    if waiting.done() and not waiting.cancelled():
        turns.release()
    else:
        waiting.cancel()
