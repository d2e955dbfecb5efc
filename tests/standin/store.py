"""What all nodes share: the tables, the settings, the clocks; and one request on its way."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.standin.changelog import Entry, Generation, events, keys_of, squashed
from tests.standin.dialect import CURRENT, Dialect
from tests.standin.errors import no_table
from tests.standin.faults import Fault, Faults
from tests.standin.schema import check_table_name, table_name
from tests.standin.state import Table, Write
from tests.standin.tags import WRITE_ISOLATION
from tests.standin.values import Item

BY_TTL = "expiry"
"""The operation of deletions by the expiry scanner."""


@dataclass
class Settings:
    """The server's configuration; sizes in bytes.

    max_batch: alternator_max_items_in_batch_write.
    one_page_below: a Scan without Limit answers a table smaller than this in one page.
    mutation_limit: the largest item, half a segment of the commit log.
    backfill_polls: how many DescribeTable answers show a new GSI as CREATING.
    tablets: refuse streams as versions before 2026.2 do on tablets.
    skew: seconds that each node's clock is ahead, by node number.
    streams: whether streams can be enabled (the experimental flag of versions before 2026.2).
    stream_shards: how many shards the first generation has.
    stream_delay: seconds before a change is shown, alternator_streams_time_window_s.
    enabling_polls: how many DescribeStream answers show a new stream as ENABLING.
    exact_events: alternator_streams_increased_compatibility.
    trimmed_refused: answer a read of trimmed changes as DynamoDB does; ScyllaDB says nothing.
    """

    max_batch: int = 100
    page_bytes: int = 1 << 20
    one_page_below: int = 0
    body_limit: int = 16 << 20
    mutation_limit: int = 16 << 20
    write_isolation: str = "only_rmw_uses_lwt"
    backfill_polls: int = 1
    tablets: bool = False
    skew: dict[int, float] = field(default_factory=dict)
    streams: bool = True
    stream_shards: int = 128
    stream_delay: float = 10.0
    enabling_polls: int = 0
    exact_events: bool = False
    trimmed_refused: bool = False


@dataclass
class Store:
    """The cluster's data. `clock` gives seconds (expiry), `write_clock` microseconds (writes);
    `applied` is told of every write in the order of arrival.

    Without a `write_clock` timestamps grow with every request of whatever node, so that only
    `settings.skew` can invert two writes.
    """

    settings: Settings = field(default_factory=Settings)
    dialect: Dialect = CURRENT
    clock: Callable[[], float] = time.time
    write_clock: Callable[[], int] | None = None
    tables: dict[str, Table] = field(default_factory=dict)
    generations: list[Generation] = field(default_factory=list)
    applied: Callable[[Write], None] = lambda _: None
    _last: int = 0

    def __post_init__(self) -> None:
        self.new_generation(self.settings.stream_shards)

    def new_generation(self, shards: int) -> None:
        """The ring changes: further changes of all streams go to so many other shards."""
        number = len(self.generations)
        self.generations.append(Generation(self.clock(), shards, number))

    def table(self, name: str) -> Table:
        """The table, or ResourceNotFoundException (ValidationException for an illegal name)."""
        table = self.tables.get(name)
        if table is None:
            check_table_name(name, self.dialect)
            raise no_table(name)
        return table

    def stamp(self, node: int) -> int:
        """The timestamp of a write that `node` coordinates, in microseconds."""
        skew = int(self.settings.skew.get(node, 0.0) * 1_000_000)
        if self.write_clock:
            return self.write_clock() + skew
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last + skew

    def write(self, write: Write, stamp: int, *, arrival_order: bool, operation: str) -> None:
        """Apply a write, and log it where the table has a stream."""
        self._log(write, self._made(write, stamp, arrival_order, operation))

    def write_squashed(self, writes: list[Write], stamp: int, operation: str) -> None:
        """Apply writes of one partition, and log those of one timestamp as one."""
        made = [self._made(write, stamp, True, operation) for write in writes]
        early = [entries[0] for entries in made if len(entries) == 2]
        late = [entries[-1] for entries in made if entries]
        self._log(writes[0], [squashed(each) for each in (early, late) if each])

    def _log(self, write: Write, entries: list[Entry]) -> None:
        shard = self.generations[-1].owner(write.key[0])
        if write.table.stream:
            write.table.stream.add(shard, *entries)

    def _made(self, write: Write, stamp: int, arrival_order: bool, operation: str) -> list[Entry]:
        """Apply a write; what a stream has of it."""
        table = write.table
        before = table.rows.get(write.key)
        table.apply(write, stamp, arrival_order)
        self.applied(write)
        if table.stream is None or not table.stream.enabled:
            return []
        old = before.item if before else None
        two = self.dialect.put_is_remove_and_modify
        names = events(operation, old, write.item, two=two, exact=self.settings.exact_events)
        keys = keys_of(table.columns, write.item or old, write.same)
        made = []
        for name in names:
            early = len(names) == 2 and name == "REMOVE"
            sequence = table.stream.sequence(stamp - early, shared=arrival_order)
            new = None if name == "REMOVE" else write.item
            made.append(Entry(sequence, name, keys, old, new, operation == BY_TTL))
        return made

    def isolation(self, table: Table) -> str:
        """The first letter of the table's write isolation: a, f, o or u."""
        return table.tags.get(WRITE_ISOLATION, self.settings.write_isolation)[0]


@dataclass
class Call:
    """One request that was read, parsed and allowed."""

    store: Store
    faults: Faults
    operation: str
    body: Item
    node: int
    host: str
    fault: Fault | None

    @property
    def dialect(self) -> Dialect:
        """The version that is played."""
        return self.store.dialect

    def table(self) -> Table:
        """The table that TableName names."""
        return self.store.table(table_name(self.body))

    def fails_as(self, kind: str) -> bool:
        """Whether this request is to fail in this way."""
        return self.fault is not None and self.fault.kind == kind
