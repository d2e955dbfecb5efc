"""The job of a validation as it travels to workers, and the session they open to do it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from alternator_migrate.config import Settings
from alternator_migrate.connectors import Pair, TableJob, TravellingConfig
from alternator_migrate.core.counts import Counts, ValidationCounts
from alternator_migrate.core.model import Difference, Role, Segment
from alternator_migrate.core.state import CopyState, ValidationState
from alternator_migrate.core.work import LiveStats, Slice, SliceRun
from alternator_migrate.snapshot import Ledger
from alternator_migrate.validate.assemble import ValidationSides
from alternator_migrate.validate.digests import Digests
from alternator_migrate.validate.mode import ValidateOptions, mode_of, repairs
from alternator_migrate.validate.stage import StageFindings, StageParams, StageWork, begun


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
        self._sides = ValidationSides(settings, sides, comparison.now)
        self._requests = sides.requests

    def begin(self, piece: Slice[StageParams]) -> SliceRun[StageParams, StageFindings]:
        """Take up a slice."""
        self._sides.allow(piece.share, piece.asked)
        ledgers = {
            role: Ledger(0, state) for role, state in begun(piece.total, piece.places).items()
        }
        findings = _KeptFindings()
        details = self._sides.details(
            findings,
            ValidationCounts(),
            repairs=repairs(self._settings, self._options),
            values=self._options.show_values,
        )
        sums = None
        if mode_of(self._comparison) == "digest":
            seed = bytes.fromhex(self._comparison.seed)
            sums = Digests(self._sides.target_keys, seed=seed)
        stage = StageWork(
            piece.params,
            self._sides.stage_sides(1.0),
            ledgers,
            sums,
            details,
            findings,
            total=piece.total,
            readers=self._sides.readers,
        )
        work = _StageSlice(stage, ledgers, findings)
        return SliceRun(piece, work, self._sides.retry, self._sides.paces.items(), self._requests)


@dataclass(frozen=True, slots=True)
class _StageSlice:
    """A stage over one slice, with an account of its own."""

    stage: StageWork
    ledgers: Mapping[Role, Ledger]
    findings: "_KeptFindings"

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        """Go through `segments`."""
        await self.stage.here(segments, stop)

    def state(self) -> CopyState:
        """The settled part of both sides."""
        return self.stage.state()

    def kept(self) -> StageFindings:
        """The differences by now."""
        return self.stage.checked(self.findings.kept)

    def times(self) -> Mapping[int, float]:
        """Nothing: a segment is one of each side."""
        return {}

    def live_stats(self) -> LiveStats:
        """The figures by now."""
        state = self.stage.state()
        return LiveStats(
            items=Counts(read=state.items.read),
            bytes_read=state.bytes_read,
            backlog=sum(ledger.backlog for ledger in self.ledgers.values()),
            segments=self.stage.segments,
        )


class _KeptFindings:
    """Keeps findings for the report."""

    def __init__(self) -> None:
        self.kept: list[Difference] = []

    def keep(self, findings: Sequence[Difference]) -> None:
        """Keep `findings`."""
        self.kept += findings
