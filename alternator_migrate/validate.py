"""The comparison: one pass that sums digests of a side, one that looks items up on the other."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from alternator_migrate import wire
from alternator_migrate.batching import pack
from alternator_migrate.concurrency import Limiter
from alternator_migrate.interfaces import FindingSink, Lookup, Mender, Source
from alternator_migrate.judging import Judge
from alternator_migrate.ledger import Ledger
from alternator_migrate.looking import Looks
from alternator_migrate.model import (
    Batch,
    Finding,
    Item,
    Limits,
    Page,
    Role,
    Segment,
    Verdict,
)
from alternator_migrate.reading import read_segments

LOOKUP: Final = Limits(100, 4_000_000)
"""What one look-up asks for: keys, and bytes of the items that are looked up."""

LOOKUPS: Final = 64
"""How many look-ups are under way at once, at the most."""

_DOUBTS: Final = 500


async def digest(
    source: Source,
    take: Callable[[Sequence[Item]], None],
    ledger: Ledger,
    segments: Sequence[Segment],
    readers: int,
    stop: asyncio.Event,
) -> None:
    """Read `segments`; `take` gets the items of each page in the step in which the ledger does.

    Returns when all is read, or, once `stop` is set, the pages under way. Raises an exception
    group.
    """

    async def add(segment: Segment, page: Page) -> None:
        take(page.items)
        ledger.page(segment.index, page, 0)

    await read_segments(source, ledger, segments, readers, stop, add)


class Details:
    """Looks items up one by one; `verdict` counts what was found wrong in settled pages.

    A difference is looked at again after each of `pauses` (seconds), since changes may be under
    way: one that was not there once is forgotten. `now` (epoch seconds) decides which items count
    as expired at the first look. Findings have the items as last seen only with `values`.
    """

    def __init__(
        self,
        judge: Judge,
        looks: Looks,
        sink: FindingSink,
        mender: Mender | None,
        *,
        pauses: Sequence[float],
        now: float,
        verdict: Verdict,
        values: bool = False,
        limiter: Limiter | None = None,
    ) -> None:
        self.verdict = verdict
        self.doubts = 0
        self._judge, self._looks, self._sink, self._mender = judge, looks, sink, mender
        self._pauses, self._now, self._values = tuple(pauses) or (0.0,), now, values
        self._limiter = limiter or Limiter(LOOKUPS)
        self._room = asyncio.Semaphore(_DOUBTS)
        self._unsettled: dict[tuple[Role, int], dict[int, list[Finding]]] = defaultdict(dict)

    async def compare(
        self,
        role: Role,
        source: Source,
        other: Lookup,
        ledger: Ledger,
        segments: Sequence[Segment],
        readers: int,
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
            number = ledger.page(segment.index, page, len(runs))
            async with asyncio.TaskGroup() as looking:
                for run, size in runs:
                    looking.create_task(look_up(Batch(segment.index, number, run, size)))

        async def look_up(batch: Batch) -> None:
            async with self._limiter.slot():
                doubtful = await self._first_look(role, other, batch.items)
            if not doubtful:
                self._settle(role, ledger, batch, ())
                return
            await self._room.acquire()
            doubting.create_task(look_again(replace(batch, items=()), doubtful))

        async def look_again(batch: Batch, keys: Sequence[bytes]) -> None:
            self.doubts += len(keys)
            try:
                findings = await self._further_looks(role, keys)
            finally:
                self.doubts -= len(keys)
                self._room.release()
            self._settle(role, ledger, batch, findings)

        async with asyncio.TaskGroup() as doubting:
            await read_segments(source, ledger, segments, readers, stop, look)

    async def _first_look(self, role: Role, other: Lookup, items: Sequence[Item]) -> list[bytes]:
        """The keys of the items that seem to differ."""
        judge = self._judge
        keys = [wire.key_of(item, judge.key_names) for item in items]
        found = {judge.identity(item): item for item in await other.get(keys)}
        doubtful = []
        for key, item in zip(keys, items, strict=True):
            there = found.get(judge.identity(item))
            if role == "target":
                differs = there is None
            else:
                differs = judge.differ(item, there, self._now) is not None
            if differs:
                doubtful.append(key)
        return doubtful

    async def _further_looks(self, role: Role, keys: Sequence[bytes]) -> Sequence[Finding]:
        """What is wrong still after the last look, and was at each one before; repaired where
        that is wished for."""
        for pause in self._pauses[:-1]:
            keys = [finding.key for finding in await self._look(role, keys, pause)]
        findings = await self._look(role, keys, self._pauses[-1])
        if findings and self._mender:
            findings = await self._mender.mend(findings)
        return [*map(self._shown, findings)]

    async def _look(self, role: Role, keys: Sequence[bytes], pause: float) -> Sequence[Finding]:
        """What is wrong after a pause. An item of the target can but turn out to be extra: what
        else there may be to say of it is said from the source's side."""
        if not keys:
            return ()
        await asyncio.sleep(pause)
        findings = await self._looks.at(keys)
        return [each for each in findings if role == "source" or each.kind == "extra"]

    def _shown(self, finding: Finding) -> Finding:
        """A finding that keeps no page in memory: items are copied, where they are wanted."""
        source, target = finding.source, finding.target
        if not self._values:
            return replace(finding, source=None, target=None)
        return replace(finding, source=source and bytes(source), target=target and bytes(target))

    def _settle(
        self, role: Role, ledger: Ledger, batch: Batch, findings: Sequence[Finding]
    ) -> None:
        """Tell the ledger, and keep the findings of all pages that are settled by that."""
        pages = self._unsettled[role, batch.segment]
        if findings:
            pages.setdefault(batch.page, []).extend(findings)
        ledger.acknowledged(batch)
        for page in [page for page in pages if ledger.is_settled(batch.segment, page)]:
            self._keep(pages.pop(page))

    def _keep(self, findings: Sequence[Finding]) -> None:
        self._sink.keep(findings)
        kinds = [finding.kind for finding in findings]
        self.verdict = self.verdict.plus(
            Verdict(
                missing=kinds.count("missing"),
                different=kinds.count("different"),
                extra=kinds.count("extra"),
                repaired=sum(finding.repaired for finding in findings),
            )
        )
