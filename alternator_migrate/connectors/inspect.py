"""Looks at both tables before anything is written, and chooses the segments."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from alternator_migrate.connectors import target_table
from alternator_migrate.connectors.target_table import TargetPlan
from alternator_migrate.core.capacity import PAGE_BYTES
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.model import Segment
from alternator_migrate.dynamodb import rights, table_schema
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import TableState

_SEGMENT_BYTES: Final = 100_000_000
_MOST_SEGMENTS: Final = 4096
_UNKNOWN_SIZE_SEGMENTS: Final = 64


@dataclass(frozen=True, slots=True)
class Inspection:
    """Both tables before anything is written: the source, the target's plan, the target table if it
    exists, the segments to read, and notes on what could not be read (`unknown`). `barriers` are
    segments that are begun, as those after them, when all before them are written."""

    source: TableState
    plan: TargetPlan
    existing: TableState | None
    segments: tuple[Segment, ...]
    unknown: tuple[str, ...] = ()
    barriers: tuple[int, ...] = ()

    def waves(self) -> Iterator[Sequence[Segment]]:
        """The segments in groups, of which each is to be written before the next is read."""
        first: float = 0
        for end in (*self.barriers, math.inf):
            if wave := [each for each in self.segments if first <= each.index < end]:
                yield wave
            first = end

    @property
    def foreign_ttl(self) -> str | None:
        """The attribute by which an existing target expires items, where the source does not."""
        attribute = self.existing.spec.ttl_attribute if self.existing else None
        return None if attribute == self.plan.expires else attribute


def choose_segments(
    size: int, cores: int, wanted: int | None, *, beside_others: bool = False
) -> tuple[Segment, ...]:
    """The segments of a Scan: `wanted` exactly, else about 100 MB each for a table of `size`
    bytes, at least two a core, at most 4,096; 64 where the size is not known (0). A table of at
    most a page that is read `beside_others` is one."""
    by_size = math.ceil(size / _SEGMENT_BYTES) if size else _UNKNOWN_SIZE_SEGMENTS
    least = 1 if beside_others and size <= PAGE_BYTES else 2 * cores
    total = wanted or min(max(by_size, least), _MOST_SEGMENTS)
    return tuple(Segment(index, total) for index in range(total))


async def look(
    state: TableState,
    target: Table,
    planned: Callable[[TableState], TargetPlan],
    chosen: Callable[[TableState], tuple[Segment, ...]],
    needs: rights.Needs,
    *,
    makes_keys: bool,
) -> Inspection:
    """Inspect the target of a source in this state; writes nothing. An existing target may have
    another key where something on the way `makes_keys`.

    Raises `UsageError` where an existing target does not fit or is the source itself, or where
    the right to know what `needs` says is lacking.
    """
    rights.check_source(state, needs)
    plan = planned(state)
    existing = await target.inspect()
    if existing:
        if table_schema.same_table(state, existing):
            raise UsageError(
                f"source and target are the same table: {state.arn}, id {state.id}",
                "Check the table, region, endpoint and credentials of both.",
            )
        rights.check_target(existing, needs)
        plan = _with_keys_of(plan, existing) if makes_keys else plan
        target_table.check_existing(plan, existing)
    unknown = tuple(rights.notes(state, existing, needs))
    return Inspection(state, plan, existing, chosen(state), unknown)


def _with_keys_of(plan: TargetPlan, existing: TableState) -> TargetPlan:
    """The same plan for a table that exists with a key of its own, which a transform makes: a local
    index, which shares the key, it may lack."""
    spec, there = plan.spec, existing.spec
    types = {name: there.attributes[name] for name in there.key_names}
    if spec.keys == there.keys and types.items() <= spec.attributes.items():
        return plan
    keys = ", ".join(f"{each.name} ({types[each.name]}) {each.type}" for each in there.keys)
    notes = [f"the target's key is another than the source's: {keys}; the transform has to make it"]
    notes += [
        f"index {index.name}: local, not looked for on a target with another key"
        for index in spec.indexes
        if index.local
    ]
    spec = replace(spec, keys=there.keys, attributes={**spec.attributes, **types})
    spec = spec.with_indexes([index for index in spec.indexes if not index.local])
    return replace(plan, spec=spec, notes=(*plan.notes, *notes))


def check_ttl(inspection: Inspection, *, copied: bool) -> None:
    """Raise `UsageError` for an existing target that would delete what the source keeps, unless
    its TTL is the user's own affair (not `copied` from the source)."""
    if copied and (attribute := inspection.foreign_ttl):
        raise UsageError(
            f"the target table {inspection.plan.spec.name} expires items by {attribute!r}, which "
            "the source does not: it would delete items that the source keeps",
            "Disable TTL on the target, or set target.copyTtl: false to write into it all the "
            "same.",
        )
