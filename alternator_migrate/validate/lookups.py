"""The comparison: one pass that sums digests of a side, one that looks items up on the other."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from alternator_migrate.core.batching import pack
from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import (
    Batch,
    Difference,
    Item,
    Limits,
    Page,
    Reject,
    Role,
    Segment,
)
from alternator_migrate.core.ports import FindingSink, Lookup, Repairer, Source
from alternator_migrate.dynamodb.items import key_of, with_nulls
from alternator_migrate.snapshot import Ledger, Readers, read_segments
from alternator_migrate.validate.compare import ItemComparer, PairLookup

LOOKUP: Final = Limits(100, 4_000_000)
"""The limits of one look-up: keys, and bytes of the items that are looked up."""
LOOKUPS: Final = 64
"""The most look-ups under way at once."""
# Batches of keys that wait to be looked up again; beyond these, reading waits: memory is bounded.
_MOST_RECHECKS: Final = 500


async def digest(
    source: Source,
    take: Callable[[Sequence[Item]], None],
    key_names: Sequence[str],
    ledger: Ledger,
    segments: Sequence[Segment],
    readers: Readers,
    stop: asyncio.Event,
) -> None:
    """Read `segments`, as many at once as `readers` finds; `take` gets the items of each page in
    the step in which the ledger does, and in the place of those that a transform refuses items
    that no table has.

    Returns when all is read, or, once `stop` is set, the pages under way. Raises an exception
    group.
    """

    async def add(segment: Segment, page: Page) -> None:
        refused = [_in_place_of(each, key_names) for each in page.rejects]
        take([*page.items, *refused] if refused else page.items)
        ledger.page(segment.index, page, 0)

    await read_segments(source, ledger, segments, readers, stop, add)


def _in_place_of(reject: Reject, key_names: Sequence[str]) -> Item:
    """An item that no table has, for one of the source that a transform refuses: what the target
    holds does not make up for it. It may have another key than the target's items."""
    return with_nulls(reject.key, ("", *key_names))


def _refused(reject: Reject) -> Difference:
    """The finding of a source item that a transform refuses."""
    return Difference("missing", reject.key, refused=f"{reject.error}: {reject.message}")


class LookupPass:
    """Looks items up one by one; `validated` counts what was found wrong in settled pages.

    A difference is looked at again after each of `pauses` (seconds), since changes may be under
    way: one that was not there once is forgotten. `now` (epoch seconds) decides which items count
    as expired at the first look. Findings have the items as last seen only with `values`.
    """

    def __init__(
        self,
        comparer: ItemComparer,
        pair_lookup: PairLookup,
        sink: FindingSink,
        repairer: Repairer | None,
        *,
        pauses: Sequence[float],
        now: float,
        validated: ValidationCounts,
        values: bool = False,
        limiter: Limiter | None = None,
    ) -> None:
        self.key_names = comparer.key_names
        self.validated = validated
        self.rechecks = 0
        self._comparer, self._pair_lookup, self._sink, self._repairer = (
            comparer,
            pair_lookup,
            sink,
            repairer,
        )
        self._pauses, self._now, self._values = tuple(pauses) or (0.0,), now, values
        self._limiter = limiter or Limiter(LOOKUPS)
        self._room = asyncio.Semaphore(_MOST_RECHECKS)
        self._unsettled: dict[tuple[Role, int], dict[int, list[Difference]]] = defaultdict(dict)

    async def compare(
        self,
        role: Role,
        source: Source,
        other: Lookup,
        ledger: Ledger,
        segments: Sequence[Segment],
        readers: Readers,
        stop: asyncio.Event,
        wanted: Callable[[Item], bool] | None = None,
    ) -> None:
        """Go through `segments` of one side, and look the `wanted` items up on the `other`: the
        items of the source to be equal, those of the target to be there.

        Returns when the last difference was looked at for the last time: all that there is, or,
        once `stop` is set, those of the pages under way. Raises an exception group.
        """

        async def look(segment: Segment, page: Page) -> None:
            items = [*filter(wanted, page.items)] if wanted else page.items
            runs = list(pack(items, LOOKUP))
            refused = [
                each
                for each in page.rejects
                if wanted is None or wanted(_in_place_of(each, self.key_names))
            ]
            number = ledger.page(segment.index, page, len(runs) + bool(refused))
            if refused:
                findings = [*map(_refused, refused)]
                self._settle(role, ledger, Batch(segment.index, number, (), 0), findings)
            async with asyncio.TaskGroup() as looking:
                for run, size in runs:
                    looking.create_task(look_up(Batch(segment.index, number, run, size)))

        async def look_up(batch: Batch) -> None:
            async with self._limiter.slot():
                suspects = await self._first_lookup(role, other, batch.items)
            if not suspects:
                self._settle(role, ledger, batch, ())
                return
            await self._room.acquire()
            rechecking.create_task(recheck(replace(batch, items=()), suspects))

        async def recheck(batch: Batch, keys: Sequence[bytes]) -> None:
            self.rechecks += len(keys)
            try:
                findings = await self._recheck(role, keys)
            finally:
                self.rechecks -= len(keys)
                self._room.release()
            self._settle(role, ledger, batch, findings)

        async with asyncio.TaskGroup() as rechecking:
            await read_segments(source, ledger, segments, readers, stop, look)

    async def _first_lookup(self, role: Role, other: Lookup, items: Sequence[Item]) -> list[bytes]:
        """The keys of the items that seem to differ."""
        comparer = self._comparer
        keys = [key_of(item, comparer.key_names) for item in items]
        found = {comparer.identity(item): item for item in await other.get(keys)}
        suspects = []
        for key, item in zip(keys, items, strict=True):
            there = found.get(comparer.identity(item))
            if role == "target":
                differs = there is None
            else:
                differs = comparer.differ(item, there, self._now) is not None
            if differs:
                suspects.append(key)
        return suspects

    async def _recheck(self, role: Role, keys: Sequence[bytes]) -> Sequence[Difference]:
        """The differences that remain after the last look-up, and were there at each before;
        repaired where that is asked for."""
        for pause in self._pauses[:-1]:
            keys = [difference.key for difference in await self._look(role, keys, pause)]
        findings = await self._look(role, keys, self._pauses[-1])
        if findings and self._repairer:
            findings = await self._repairer.repair(findings)
        return [*map(self._shown, findings)]

    async def _look(self, role: Role, keys: Sequence[bytes], pause: float) -> Sequence[Difference]:
        """The differences after a pause. An item of the target can but turn out to be extra: any
        other difference is found from the source's side."""
        if not keys:
            return ()
        await asyncio.sleep(pause)
        findings = await self._pair_lookup.at(keys)
        return [each for each in findings if role == "source" or each.kind == "extra"]

    def _shown(self, difference: Difference) -> Difference:
        """A finding that keeps no page in memory: items are copied, where they are wanted."""
        source, target = difference.source, difference.target
        if not self._values:
            return replace(difference, source=None, target=None)
        return replace(difference, source=source and bytes(source), target=target and bytes(target))

    def _settle(
        self, role: Role, ledger: Ledger, batch: Batch, findings: Sequence[Difference]
    ) -> None:
        """Tell the ledger, and keep the findings of all pages that are settled by that."""
        pages = self._unsettled[role, batch.segment]
        if findings:
            pages.setdefault(batch.page, []).extend(findings)
        ledger.acknowledged(batch)
        for page in [page for page in pages if ledger.is_settled(batch.segment, page)]:
            self._keep(pages.pop(page))

    def _keep(self, findings: Sequence[Difference]) -> None:
        self._sink.keep(findings)
        kinds = [difference.kind for difference in findings]
        self.validated += ValidationCounts(
            missing=kinds.count("missing"),
            different=kinds.count("different"),
            extra=kinds.count("extra"),
            repaired=sum(difference.repaired for difference in findings),
        )
