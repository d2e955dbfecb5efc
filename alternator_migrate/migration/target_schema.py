"""The schema of the target table: what is made before the first item, and what after the last."""

from collections.abc import Sequence
from dataclasses import replace

from alternator_migrate.connectors import Inspection, prepare_target
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import Index, TableState
from alternator_migrate.migration.commons import Turns


class TargetSchema:
    """Makes a target `table` as it was `found` to be needed, in its turn among those of the run."""

    def __init__(self, table: Table, found: Inspection, turns: Turns) -> None:
        self._table, self._plan, self._turns = table, found.plan, turns
        self.existing = found.existing

    @property
    def late(self) -> Sequence[Index]:
        """The indexes that come after the data."""
        return self._plan.late

    @property
    def ttl_attribute(self) -> str | None:
        """The attribute of the TTL that comes after the data; None where there is none."""
        return self._plan.spec.ttl_attribute

    async def make(self, *, all_indexes: bool) -> TableState:
        """Create the table, or bring the tags of the existing one up to date; with `all_indexes`
        those that come after the data otherwise are there at once. Raises `UsageError` where the
        right to is lacking."""
        plan = replace(self._plan, late=()) if all_indexes else self._plan
        async with self._turns.creating():
            return await prepare_target(self._table, plan, self.existing)

    async def build(self, index: Index) -> None:
        """Add an index, and return once it is built."""
        await self._table.indexes.add(index, self._plan.spec)

    async def enable_ttl(self, attribute: str) -> None:
        """Have items expire by an attribute."""
        await self._table.enable_ttl(attribute)
