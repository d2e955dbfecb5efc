"""The stages of a comparison as work for an engine: both sides in one, numbered through.

Segment n of a comparison of `total` segments a side is segment n of the source, or, from `total`
on, segment n - `total` of the target.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.model import Difference, Item, Position, Role, Segment
from alternator_migrate.core.ports import FindingSink, Lookup, Source
from alternator_migrate.core.segments import WorkerSegments
from alternator_migrate.core.state import CopyState
from alternator_migrate.core.work import SliceResult
from alternator_migrate.snapshot import Ledger, Readers
from alternator_migrate.validate.digests import Digests
from alternator_migrate.validate.lookups import LookupPass, digest

ROLES: Final[tuple[Role, Role]] = ("source", "target")


@dataclass(frozen=True, slots=True)
class StageSide:
    """One side to go through: `items` reads all of them, `brief` what is needed to look them up
    on the `other` side; `expected` is the server's own count of them, 0 if it has none."""

    items: Source
    brief: Source
    other: Lookup
    expected: int


@dataclass(frozen=True, slots=True)
class StageParams:
    """Parameters of a slice of a comparison: its stage, and in the second of two the buckets that
    differ."""

    stage: Literal["digests", "details"]
    differing: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class StageFindings:
    """The result of a slice of a comparison: how far each side is settled, the sums of its items in
    the first stage of two, and differences."""

    sides: Mapping[Role, CopyState]
    digests: Digests | None
    validated: ValidationCounts
    findings: tuple[Difference, ...]


class StageWork:
    """One stage of a comparison, and the account of it. Without `digests` every item is looked up,
    with them those of the buckets that differ, where `params` names such."""

    def __init__(
        self,
        params: StageParams,
        sides: Mapping[Role, StageSide],
        ledgers: Mapping[Role, Ledger],
        digests: Digests | None,
        details: LookupPass,
        findings: FindingSink,
        *,
        total: int,
        readers: Mapping[Role, Readers],
    ) -> None:
        self.params = params
        self._sides, self._ledgers = sides, ledgers
        self._digests, self._details, self._findings = digests, details, findings
        self._total, self._readers = total, readers

    def left(self, segments: Sequence[Segment]) -> list[Segment]:
        """The segments of both sides that are not done, of `segments`, by turns."""
        return [
            Segment(segment.index + turn * self._total, self._total)
            for segment in segments
            for turn, role in enumerate(ROLES)
            if not self._ledgers[role].is_done(segment.index)
        ]

    def position(self, segment: int) -> Position | None:
        """The position in a segment; None at its beginning."""
        role, index = self._of(segment)
        return self._ledgers[role].position(index)

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        """Go through `segments`, both sides at once. Raises an exception group."""
        async with asyncio.TaskGroup() as group:
            for role in ROLES:
                own = [
                    Segment(index, self._total)
                    for which, index in (self._of(segment.index) for segment in segments)
                    if which == role
                ]
                group.create_task(self._go_through(role, own, stop))

    @property
    def segments(self) -> WorkerSegments:
        """Where the segments of both sides stand, numbered through."""
        sides = (self._ledgers[role].segments for role in ROLES)
        return sum(
            (side.moved(turn * self._total) for turn, side in enumerate(sides)), WorkerSegments()
        )

    def take(self, result: SliceResult[StageFindings]) -> None:
        """Keep what a worker found, then count how far it got. Raises `MigrateError`."""
        checked = result.kept
        if checked is None:
            return
        if checked.findings:
            self._findings.keep(checked.findings)
        self._details.validated += checked.validated
        if self._digests and checked.digests:
            self._digests.merge(checked.digests)
        for role, state in checked.sides.items():
            self._ledgers[role].absorb(state)

    def state(self) -> CopyState:
        """The settled part of both sides, numbered through; its counts are those of both."""
        both = CopyState()
        for turn, role in enumerate(ROLES):
            own, offset = self._ledgers[role].state, turn * self._total
            both = CopyState(
                both.done | {index + offset for index in own.done},
                {**both.positions, **{n + offset: key for n, key in own.positions.items()}},
                both.items + own.items,
                both.bytes_read + own.bytes_read,
            )
        return both

    def checked(self, findings: Sequence[Difference]) -> StageFindings:
        """The settled part by now, with its `findings`."""
        sides = {role: ledger.state for role, ledger in self._ledgers.items()}
        sums = self._digests if self.params.stage == "digests" else None
        return StageFindings(
            sides, sums, replace(self._details.validated, compared=0), tuple(findings)
        )

    def _of(self, segment: int) -> tuple[Role, int]:
        return ROLES[segment // self._total], segment % self._total

    async def _go_through(
        self, role: Role, segments: Sequence[Segment], stop: asyncio.Event
    ) -> None:
        side, ledger, sums = self._sides[role], self._ledgers[role], self._digests
        if sums and self.params.stage == "digests":
            take = sums.add if role == "source" else sums.subtract
            names, readers = self._details.key_names, self._readers[role]
            await digest(side.items, take, names, ledger, segments, readers, stop)
            return
        await self._details.compare(
            role,
            side.brief,
            side.other,
            ledger,
            segments,
            self._readers[role],
            stop,
            self._wanted,
        )

    @property
    def _wanted(self) -> Callable[[Item], bool] | None:
        sums, differing = self._digests, self.params.differing
        if sums is None or differing is None:
            return None
        return lambda item: sums.bucket_of(item) in differing


def begun(total: int, places: Mapping[int, Position | None]) -> dict[Role, CopyState]:
    """Where each side goes on, from places that are numbered through."""
    positions: dict[Role, dict[int, Position]] = {role: {} for role in ROLES}
    for segment, key in places.items():
        if key is not None:
            positions[ROLES[segment // total]][segment % total] = key
    return {role: CopyState(positions=own) for role, own in positions.items()}
