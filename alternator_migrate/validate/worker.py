"""Joinery of workers: a comparison's job as it travels to them, and what they open to do it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from alternator_migrate.config import Settings
from alternator_migrate.connectors import Pair, TableJob, TravellingConfig
from alternator_migrate.core.counts import Counts, ValidationCounts
from alternator_migrate.core.model import Difference, Role
from alternator_migrate.core.pace import reasons
from alternator_migrate.core.state import ValidationState
from alternator_migrate.core.work import LiveStats, Slice, SliceResult
from alternator_migrate.snapshot import Ledger
from alternator_migrate.validate.assemble import ValidationSides, readers
from alternator_migrate.validate.digests import Digests
from alternator_migrate.validate.mode import ValidateOptions, mode_of, repairs
from alternator_migrate.validate.stage import StageParams, StageWork, begun


@dataclass(frozen=True, slots=True)
class ValidationJob(TableJob):
    """The comparison of two tables, for workers."""

    options: ValidateOptions
    comparison: ValidationState

    @asynccontextmanager
    async def open(self) -> AsyncIterator["ValidationSession"]:
        """Connect to both sides. Raises `MigrateError`."""
        async with self.connected() as (settings, sides):
            yield ValidationSession(settings, sides, self.options, self.comparison)


def validation_job(
    configuration: TravellingConfig,
    sides: Pair,
    options: ValidateOptions,
    comparison: ValidationState,
) -> ValidationJob:
    """The job of a comparison between open `sides`."""
    bare = replace(comparison, sides={}, digests=b"")
    mode_kept = replace(bare, stage="digests" if mode_of(comparison) == "digest" else "details")
    return ValidationJob.between(configuration, sides, options, mode_kept)


class ValidationSession:
    """Both sides, open, and what is learned about them from slice to slice."""

    def __init__(
        self, settings: Settings, sides: Pair, options: ValidateOptions, comparison: ValidationState
    ) -> None:
        self._settings, self._options = settings, options
        self._comparison = comparison
        self._ends = ValidationSides(settings, sides, comparison.now)
        self._readers = readers(sides)

    def begin(self, piece: Slice) -> "ValidationSliceRun":
        """Take up a slice."""
        self._ends.allow(piece.share)
        ledgers = {
            role: Ledger(0, state) for role, state in begun(piece.total, piece.places).items()
        }
        params = piece.params if isinstance(piece.params, StageParams) else StageParams("details")
        findings = _KeptFindings()
        details = self._ends.details(
            findings,
            ValidationCounts(),
            repairs=repairs(self._settings, self._options),
            values=self._options.show_values,
        )
        sums = None
        if mode_of(self._comparison) == "digest":
            seed = bytes.fromhex(self._comparison.seed)
            sums = Digests(self._ends.target_keys, seed=seed)
        stage = StageWork(
            params,
            self._ends.sides(1.0),
            ledgers,
            sums,
            details,
            findings,
            total=piece.total,
            readers=self._readers,
        )
        return ValidationSliceRun(piece, stage, ledgers, findings, self._ends)


class ValidationSliceRun:
    """One slice of a comparison, with an account of its own."""

    def __init__(
        self,
        piece: Slice,
        stage: StageWork,
        ledgers: dict[Role, Ledger],
        findings: "_KeptFindings",
        ends: ValidationSides,
    ) -> None:
        self._piece, self._stage = piece, stage
        self._ledgers, self._findings, self._ends = ledgers, findings, ends
        self._before = ends.retry.retries, ends.retry.throttled

    async def work(self, stop: asyncio.Event) -> None:
        """Go through the slice's segments. Raises an exception group."""
        await self._stage.here(self._piece.segments, stop)

    def live_stats(self) -> LiveStats:
        """What is done by now."""
        state, report = self._stage.state(), self.report()
        return LiveStats(
            segments_done=len(state.done),
            items=Counts(read=state.items.read),
            bytes_read=state.bytes_read,
            backlog=sum(ledger.backlog for ledger in self._ledgers.values()),
            retries=report.retries,
            throttled=report.throttled,
            paced=report.paced,
        )

    def report(self) -> SliceResult:
        """What is settled by now."""
        return SliceResult(
            state=self._stage.state(),
            kept=self._stage.checked(self._findings.kept),
            retries=self._ends.retry.retries - self._before[0],
            throttled=self._ends.retry.throttled - self._before[1],
            paced=reasons(self._ends.paces.items(), self._ends.retry),
        )


class _KeptFindings:
    """Keeps findings for the report."""

    def __init__(self) -> None:
        self.kept: list[Difference] = []

    def keep(self, findings: Sequence[Difference]) -> None:
        """Keep `findings`."""
        self.kept += findings
