"""Whether the tables of a run stay those that it began with."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from alternator_migrate.connectors import Pair, Service
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.gate import Gate
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.savepoints import ANEW

log = logging.getLogger(__name__)
_LOOKS: Final = 3
_LOOK_SECONDS: Final = 1.0
"""AWS answers DescribeTable from replicas, one of which may not know of a new table yet."""


class OtherTable(MigrateError):
    """A table is not the one that the run began with."""


@dataclass(frozen=True, slots=True)
class Known:
    """A table as it was when the run began: its role, and what tells it from others of its name."""

    role: str
    table: Table
    identity: str

    async def check(self) -> None:
        """Raise `OtherTable` where it is gone, or another one has its name; `MigrateError`."""
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(_LOOK_SECONDS)
            found = await self.table.identity()
            if found is not None:
                break
        name = f"the {self.role} table {self.table.name}"
        if found is None:
            raise OtherTable(f"{name} is gone: it was deleted during this run", ANEW)
        if found and self.identity and found != self.identity:
            raise OtherTable(f"{name} was made anew during this run", ANEW)


class KnownTables:
    """The tables of a run that are `known`."""

    def __init__(self, *known: Known) -> None:
        self._known = [*known]

    async def check(self) -> None:
        """Raise `MigrateError` where a table is not the one that the run began with: what was
        copied is not in it, or not from it. Costs a DescribeTable of each."""
        for each in self._known:
            await each.check()

    async def watch(self, gate: Gate) -> None:
        """Check whenever nothing holds the run back any more, until cancelled: meanwhile a person
        may have done anything. Where that cannot be seen now, it is at the end."""
        while True:
            await gate.held.wait()
            await gate.reading.wait()
            try:
                await self.check()
            except OtherTable:
                raise
            except MigrateError as error:
                log.debug("the tables cannot be looked at: %s", error)


class SameTables(KnownTables):
    """The tables of a run: those that are `known`, and the target once it is found."""

    def __init__(self, target: Table, *known: Known) -> None:
        super().__init__(*known)
        self._target = target

    def found_target(self, identity: str) -> None:
        """The target is there, and is this one."""
        self._known.append(Known("target", self._target, identity))


def source_known(pair: Pair) -> list[Known]:
    """The source where it is read, or followed; none where exports are all that counts."""
    if not isinstance(pair.source, Service) and pair.streams is None:
        return []
    return [Known("source", pair.live.table, pair.inspection.source.id)]
