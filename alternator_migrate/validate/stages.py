"""The stages of a comparison, on an engine: what each goes through, and what is known by now."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.model import Item, Role, Segment
from alternator_migrate.core.state import CopyState, ValidationState
from alternator_migrate.core.work import Engine
from alternator_migrate.snapshot import Readers
from alternator_migrate.validate.accounts import SideAccounts
from alternator_migrate.validate.digests import Digests
from alternator_migrate.validate.findings_file import FindingsFile
from alternator_migrate.validate.lookups import LookupPass
from alternator_migrate.validate.stage import StageParams, StageSide, StageWork


class Stages:
    """Goes through `segments` of both sides, on from what was `begun`. With `digests` both are read
    once, and looked at in detail only where the sums differ. `readers` find how many segments of
    each side are read at once; `clock` is in seconds."""

    def __init__(
        self,
        sides: Mapping[Role, StageSide],
        segments: Sequence[Segment],
        begun: ValidationState,
        digests: Digests | None,
        details: LookupPass,
        findings: FindingsFile,
        *,
        engine: Engine,
        readers: Mapping[Role, Readers],
        clock: Callable[[], float],
    ) -> None:
        self._sides, self._segments, self._begun = sides, segments, begun
        self._digests, self._details, self._findings = digests, details, findings
        self._engine, self._readers = engine, readers
        self._stage, self._compared = begun.stage, begun.validated.compared
        states = {role: begun.sides.get(role) or CopyState() for role in sides}
        self.accounts = SideAccounts(segments, states, clock)
        self.expected = sum(side.expected for side in sides.values())

    @property
    def has_sums(self) -> bool:
        """Whether there is a first stage, which sums digests up."""
        return self._digests is not None

    @property
    def is_first(self) -> bool:
        """Whether the first stage of two is under way."""
        return self._digests is not None and self._stage == "digests"

    @property
    def validated(self) -> ValidationCounts:
        """The counts by now."""
        compared = self._compared
        if self._digests is None or self._stage == "digests":
            compared = self.accounts.sampled["source"]
        return replace(self._details.validated, compared=compared)

    @property
    def rechecks(self) -> int:
        """The differences that will be looked at again."""
        return self._details.rechecks

    def count(self, change: ValidationCounts) -> None:
        """Add to the counts what has become of differences."""
        self._details.validated += change

    async def sum_up(self, stop: asyncio.Event) -> None:
        """Sum the digests of both sides up."""
        await self._go_through(StageParams("digests"), stop)

    def differing(self) -> frozenset[int]:
        """The buckets whose sums differ; none where nothing is summed up."""
        return self._digests.differing() if self._digests else frozenset()

    def look_closer(self) -> None:
        """Begin the second stage, or go on with it. Raises `AccountingBroken` where the first is
        not complete."""
        if self._digests:
            self.expected = self._digests.count
        if self._stage == "details":
            return
        self.accounts.check()
        self._compared = self.validated.compared
        self.accounts.begin_anew()
        self._stage = "details"

    def in_buckets(self, differing: frozenset[int]) -> Callable[[Item], bool] | None:
        """The items that are looked at in detail; None is all."""
        digests = self._digests
        return (lambda item: digests.bucket_of(item) in differing) if digests else None

    async def look_up(self, differing: frozenset[int], stop: asyncio.Event) -> None:
        """Look up what is in buckets that differ; everything where nothing was summed up."""
        await self._go_through(StageParams("details", differing if self._digests else None), stop)

    async def kept(self) -> ValidationState:
        """How far everything is settled; what its counts speak of is on disk then."""
        state = replace(
            self._begun,
            stage=self._stage,
            sides=self.accounts.states,
            digests=self._digests.state() if self._digests else b"",
            validated=replace(self._details.validated, compared=self._compared),
            findings_size=self._findings.size,
        )
        await asyncio.to_thread(self._findings.sync)
        return state

    def end(self) -> None:
        """All was looked at. Raises `MigrateError`."""
        self.accounts.check()
        self._findings.end()

    async def _go_through(self, params: StageParams, stop: asyncio.Event) -> None:
        stage = StageWork(
            *(params, self._sides, self.accounts.ledgers),
            *(self._digests, self._details, self._findings),
            total=self.accounts.total,
            readers=self._readers,
        )
        await self._engine.run(stage, stage.left(self._segments), stop)
