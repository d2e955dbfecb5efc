"""Parts of a migration that run by themselves, without a scheduler: `--shard I/N`.

Part I copies the segments whose number leaves I when divided by N. The parts know of each other
by a tag on the target table only; what comes after the data is left to a closing run.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from alternator_migrate.config import Loaded, Settings
from alternator_migrate.connectors import Inspection, Pair, check_empty, lacking
from alternator_migrate.core.counts import Counts
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.state import CopyState, Status
from alternator_migrate.dynamodb.rights import TAGS
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import TableSpec, TableState
from alternator_migrate.migration.resume import left, resume_of
from alternator_migrate.savepoints import Earlier, Place, Store, check_tables

log = logging.getLogger(__name__)
TAG: Final = "alternator-migrate:shards"
_WRITTEN = re.compile(r"(\d{1,6}|finish)/(\d{1,6})")


@dataclass(frozen=True, slots=True)
class Part:
    """Part `index` of `count`; without an index the closing run when all are done."""

    index: int | None
    count: int

    @classmethod
    def written(cls, text: str) -> "Part":
        """From `0/4` to `3/4`, or `finish/4`. Raises `ValueError`."""
        found = _WRITTEN.fullmatch(text)
        index = None if found is None or found[1] == "finish" else int(found[1])
        count = int(found[2]) if found else 0
        if found is None or not count or (index is not None and index >= count):
            raise ValueError("must be 0/N to N-1/N for the shards, such as 0/4, or finish/N")
        return cls(index, count)

    def __str__(self) -> str:
        return f"{'finish' if self.index is None else self.index}/{self.count}"

    @property
    def suffix(self) -> str:
        """The end of the identity of this part's savepoints."""
        return f"-{'finish' if self.index is None else self.index}-of-{self.count}"

    def takes(self, segment: int) -> bool:
        """Whether a segment, by its index, is of this part."""
        return segment % self.count == self.index


def check_others(
    part: Part,
    loaded: Loaded,
    place: Place,
    migration: str,
    *,
    transform_changed: bool,
    fresh_since: Mapping[Part, float],
) -> Sequence[Earlier]:
    """The newest savepoints of all parts; that there is none of a part in `place` is told. Raises
    `UsageError` for one that does not fit the configuration, or is not done: so is a part whose
    savepoint is older than it is `fresh_since` (epoch seconds)."""
    known = []
    for each in (Part(index, part.count) for index in range(part.count)):
        store = Store(place, migration + each.suffix)
        newest = store.newest()
        if newest is None:
            log.info(
                "there is no savepoint of shard %s here: it is taken to be done, without rejects",
                each,
            )
            continue
        path, savepoint = newest
        remedy = f"Run it again with --shard {each}."
        if savepoint.written < fresh_since.get(each, 0.0):
            raise UsageError(f"shard {each} is being copied anew, and not done", remedy)
        resume = resume_of(loaded, store, transform_changed=transform_changed)
        resume.check(path, savepoint)
        missing = any(each.takes(n) for n in left(loaded.settings, savepoint))
        if not savepoint.status.is_final or missing:
            raise UsageError(f"shard {each} is not done, says {path}", remedy)
        if savepoint.status == Status.REJECTS:
            log.warning("warning: shard %s rejected items: see %s", each, savepoint.rejects)
        known.append(newest)
    return known


def together(known: Sequence[Earlier]) -> CopyState:
    """The copies of all parts whose savepoints are known, as one."""
    states = [savepoint.state for _, savepoint in known]
    return CopyState(
        done=frozenset[int]().union(*(state.done for state in states)),
        items=sum((state.items for state in states), Counts()),
        bytes_read=sum(state.bytes_read for state in states),
        batches=sum(state.batches for state in states),
    )


def is_finished(pair: Pair, finished: Earlier) -> bool:
    """Whether all that the savepoint of a closing run says is there still; what the target lacks
    is told. Raises `UsageError` where it speaks of other tables."""
    found = pair.inspection
    check_tables(*finished, found.source, found.existing)
    lacks = lacking(found.plan, found.existing) if found.existing else []
    if lacks:
        log.info("these shards were finished, but the target now lacks: %s", ", ".join(lacks))
    return not lacks


def check_settings(part: Part, settings: Settings) -> None:
    """Raise `UsageError` unless all parts are sure to cut the table alike."""
    segments, exports = settings.source.scan_segments, settings.source.s3_export
    if settings.source.export:
        raise UsageError(
            "--shard does not go with source.export: each part would ask for an export of its own",
            "Copy without --shard, on many machines by --engine dask; or export the table first, "
            "and take type: dynamodb-s3-export for all parts.",
        )
    if exports and len(exports.manifests) > 1:
        raise UsageError(
            "--shard is for one export: each is to be written before the next is read",
            "Copy without --shard, on many machines by --engine dask.",
        )
    if exports is None and (segments is None or segments < part.count):
        raise UsageError(
            f"--shard needs source.scanSegments, of at least {part.count}",
            "All shards must cut the table alike, and its size may change between their starts.",
        )
    if settings.target.stream_changes:
        raise UsageError(
            "--shard goes with target.streamChanges: false",
            "One run follows the changes: copy without --shard, on many machines by --engine dask.",
        )


def part_of(pair: Pair, part: Part, migration: str) -> Pair:
    """The pair of a part: its segments, its share of the table and of the capacity, no index
    that is built after the data, no TTL."""
    if part.index is None:
        return replace(pair, inspection=replace(pair.inspection, segments=()))
    found = pair.inspection
    segments = tuple(each for each in found.segments if part.takes(each.index))
    return replace(
        pair,
        inspection=replace(
            found,
            segments=segments,
            source=_share(found.source, len(segments) / len(found.segments)),
            plan=replace(found.plan, spec=_spec(found, part, migration), late=()),
        ),
        read_cap=pair.read_cap and pair.read_cap / part.count,
        write_cap=pair.write_cap and pair.write_cap / part.count,
    )


async def check_target(
    table: Table, part: Part, pair: Pair, migration: str, earlier: str = ""
) -> None:
    """Raise `UsageError` for a table that holds items of somebody else's; `earlier` as for
    `check_empty`.

    A part tags the table before it writes, so that where items are, their tag is too.
    """
    existing, mark = pair.inspection.existing, _mark(part, pair.inspection, migration)
    if existing and TAGS in existing.denied:
        raise UsageError(
            f"whether other shards fill the target table {table.name} is not known: "
            f"{existing.denied[TAGS]}",
            "Grant that right: shards know of each other by a tag on the target table.",
        )
    tags = existing.spec.tags if existing else {}
    if part.index is None and TAG not in tags:
        raise UsageError(
            f"the target table {table.name} is not being filled by shards",
            "Run the shards first; a run without --shard needs no finish.",
        )
    if existing is None:
        return
    if TAG not in tags and await table.contents.holds_items():
        tags = (await table.inspect() or existing).spec.tags
    if TAG not in tags:
        await check_empty(table, existing, earlier)
    elif tags[TAG] != mark:
        raise UsageError(
            f"the target table {table.name} is being filled by other shards ({tags[TAG]}, and "
            f"these are {mark})",
            "Give all shards the same number, source and source.scanSegments; or finish the "
            "others first.",
        )


def _spec(found: Inspection, part: Part, migration: str) -> TableSpec:
    """The target table as a part creates it."""
    plan = found.plan
    spec = plan.spec.with_indexes([each for each in plan.spec.indexes if each not in plan.late])
    tags = {**spec.tags, TAG: _mark(part, found, migration)}
    return replace(spec, ttl_attribute=None, tags=tags)


def _mark(part: Part, found: Inspection, migration: str) -> str:
    """The value of the tag on the target: that of all parts of a migration, and of no others."""
    total = found.segments[0].total if found.segments else 0
    return f"{migration}.{part.count}.{total}"


def _share(table: TableState, share: float) -> TableState:
    return replace(table, items=round(table.items * share), size=round(table.size * share))
