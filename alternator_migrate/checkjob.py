"""Joinery of workers: a comparison's job as it travels to them, and what they open to do it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from alternator_migrate.comparing import Wishes, mends, mode_of
from alternator_migrate.config import Settings
from alternator_migrate.digests import Digests
from alternator_migrate.ends import Ends, readers
from alternator_migrate.jobs import Configuration, TableJob
from alternator_migrate.ledger import Ledger
from alternator_migrate.model import Comparison, Counts, Finding, Role, Verdict
from alternator_migrate.pacing import reasons
from alternator_migrate.slices import Glimpse, Report, Slice
from alternator_migrate.stages import Errand, Stage, begun
from alternator_migrate.wiring import Sides


@dataclass(frozen=True, slots=True)
class CheckJob(TableJob):
    """The comparison of two tables, for workers."""

    wishes: Wishes
    comparison: Comparison

    @asynccontextmanager
    async def open(self) -> AsyncIterator["CheckBench"]:
        """Connect to both sides. Raises `MigrateError`."""
        async with self.connected() as (settings, sides):
            yield CheckBench(settings, sides, self.wishes, self.comparison)


def check_job(
    configuration: Configuration, sides: Sides, wishes: Wishes, comparison: Comparison
) -> CheckJob:
    """The job of a comparison between open `sides`."""
    bare = replace(comparison, sides={}, digests=b"")
    mode_kept = replace(bare, stage="digests" if mode_of(comparison) == "digest" else "details")
    return CheckJob.between(configuration, sides, wishes, mode_kept)


class CheckBench:
    """Both sides, open, and what is learned about them from slice to slice."""

    def __init__(
        self, settings: Settings, sides: Sides, wishes: Wishes, comparison: Comparison
    ) -> None:
        self._settings, self._wishes = settings, wishes
        self._comparison = comparison
        self._ends = Ends(settings, sides, comparison.now)
        self._readers = readers(sides)

    def begin(self, piece: Slice) -> "CheckShift":
        """Take up a slice."""
        self._ends.allow(piece.share)
        ledgers = {
            role: Ledger(0, standing) for role, standing in begun(piece.total, piece.places).items()
        }
        errand = piece.errand if isinstance(piece.errand, Errand) else Errand("details")
        findings = _KeptFindings()
        details = self._ends.details(
            findings,
            Verdict(),
            mends=mends(self._settings, self._wishes),
            values=self._wishes.show_values,
        )
        sums = None
        if mode_of(self._comparison) == "digest":
            seed = bytes.fromhex(self._comparison.seed)
            sums = Digests(self._ends.target_keys, seed=seed)
        stage = Stage(
            errand,
            self._ends.sides(1.0),
            ledgers,
            sums,
            details,
            findings,
            total=piece.total,
            readers=self._readers,
        )
        return CheckShift(piece, stage, ledgers, findings, self._ends)


class CheckShift:
    """One slice of a comparison, with an account of its own."""

    def __init__(
        self,
        piece: Slice,
        stage: Stage,
        ledgers: dict[Role, Ledger],
        findings: "_KeptFindings",
        ends: Ends,
    ) -> None:
        self._piece, self._stage = piece, stage
        self._ledgers, self._findings, self._ends = ledgers, findings, ends
        self._before = ends.retry.retries, ends.retry.throttled

    async def work(self, stop: asyncio.Event) -> None:
        """Go through the slice's segments. Raises an exception group."""
        await self._stage.here(self._piece.segments, stop)

    def glimpse(self) -> Glimpse:
        """What is done by now."""
        standing, report = self._stage.standing(), self.report()
        return Glimpse(
            segments_done=len(standing.done),
            items=Counts(read=standing.items.read),
            bytes_read=standing.bytes_read,
            backlog=sum(ledger.backlog for ledger in self._ledgers.values()),
            retries=report.retries,
            throttled=report.throttled,
            paced=report.paced,
        )

    def report(self) -> Report:
        """What is settled by now."""
        return Report(
            standing=self._stage.standing(),
            kept=self._stage.checked(self._findings.kept),
            retries=self._ends.retry.retries - self._before[0],
            throttled=self._ends.retry.throttled - self._before[1],
            paced=reasons(self._ends.paces.items(), self._ends.retry),
        )


class _KeptFindings:
    """Keeps findings for the report."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []

    def keep(self, findings: Sequence[Finding]) -> None:
        """Keep `findings`."""
        self.kept += findings
