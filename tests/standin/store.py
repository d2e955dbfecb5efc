"""What all nodes share: the tables, the settings, the clocks; and one request on its way."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.standin.dialect import CURRENT, Dialect
from tests.standin.errors import no_table
from tests.standin.faults import Fault, Faults
from tests.standin.schema import check_table_name, table_name
from tests.standin.state import Table
from tests.standin.tags import WRITE_ISOLATION
from tests.standin.values import Item


@dataclass
class Settings:
    """The server's configuration; sizes in bytes.

    max_batch: alternator_max_items_in_batch_write.
    one_page_below: a Scan without Limit answers a table smaller than this in one page.
    mutation_limit: the largest item, half a segment of the commit log.
    backfill_polls: how many DescribeTable answers show a new GSI as CREATING.
    tablets: refuse streams as versions before 2026.2 do on tablets.
    skew: seconds that each node's clock is ahead, by node number.
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


@dataclass
class Store:
    """The cluster's data. `clock` gives seconds (expiry), `write_clock` microseconds (writes).

    Without a `write_clock` timestamps grow with every request of whatever node, so that only
    `settings.skew` can invert two writes.
    """

    settings: Settings = field(default_factory=Settings)
    dialect: Dialect = CURRENT
    clock: Callable[[], float] = time.time
    write_clock: Callable[[], int] | None = None
    tables: dict[str, Table] = field(default_factory=dict)
    _last: int = 0

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
