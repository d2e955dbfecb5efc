"""Caps that follow from a table's provisioned capacity follow its changes while a run lasts."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Final

from alternator_migrate.config import Settings
from alternator_migrate.connectors.caps import at_most, follows_capacity
from alternator_migrate.connectors.pair import Pair
from alternator_migrate.connectors.service import Service
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.model import Role
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import Throughput

log = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 60.0
_WORDS: Final[dict[Role, str]] = {"source": "read", "target": "write"}


@dataclass(slots=True)
class CapacityWatch:
    """Looks at the capacity of the `table` of one side once a minute. `share` of its units are
    used; `apply` is given the cap that follows (None: none, on demand), never more than `most`,
    where several tables share that."""

    side: Role
    table: Table
    share: float
    known: int | None
    apply: Callable[[float | None], None]
    most: float | None = None

    async def run(self) -> None:
        """Follow changes until cancelled. What cannot be asked leaves the cap as it is."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                self.note(await self.table.throughput())
            except MigrateError as error:
                log.warning("the capacity of the %s cannot be read: %s", self.side, error.args[0])

    def note(self, provisioned: Throughput | None) -> None:
        """The table has this capacity now."""
        units: int | None = None
        if provisioned:
            units = provisioned.read if self.side == "source" else provisioned.write
        if units == self.known:
            return
        before, self.known = self.known, units
        cap = at_most(None if units is None else units * self.share, self.most)
        self.apply(cap)
        log.info(
            "pace: the %s has %s now (%s before): %s",
            self.side,
            self._units(units),
            self._units(before),
            "not capped" if cap is None else f"capped at {cap:g} units/s",
        )

    def _units(self, units: int | None) -> str:
        return "capacity on demand" if units is None else f"{units:,} {_WORDS[self.side]} units"


def capacity_watches(
    settings: Settings,
    pair: Pair,
    read: Callable[[float | None], None],
    write: Callable[[float | None], None],
) -> Iterator[Callable[[], Coroutine[Any, Any, None]]]:
    """The watches of both sides, for those on AWS itself whose cap follows from the table's
    capacity, of which `read` and `write` are told. A cap that the user gives is left alone; one
    that several tables share is not exceeded by any."""
    source, target, found = settings.source, settings.target, pair.inspection
    read_by_all, written_by_all = pair.shared.allowed if pair.shared else (None, None)
    units = found.source.spec.throughput
    own = pair.source if isinstance(pair.source, Service) and pair.source.own else None
    if own and units and follows_capacity(source.read_throughput, read_by_all):
        share = source.throughput_read_percent
        yield CapacityWatch("source", own.table, share, units.read, read, read_by_all).run
    units = (found.existing.spec if found.existing else found.plan.spec).throughput
    if pair.target.own and units and follows_capacity(target.write_throughput, written_by_all):
        share, table = target.throughput_write_percent, pair.target.table
        yield CapacityWatch("target", table, share, units.write, write, written_by_all).run
