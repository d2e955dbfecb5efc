"""The run of a validation: from a savepoint or the start to what is said of its outcome."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from alternator_migrate import connectors, savepoints
from alternator_migrate.config import Loaded
from alternator_migrate.connectors import (
    Pair,
    Services,
    of_servers,
    open_pair,
    travelling,
    work_facts,
)
from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.state import Status
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.stopping import stopped_by
from alternator_migrate.core.supervisor import Show
from alternator_migrate.dynamodb.absence import absent
from alternator_migrate.engines import EngineOptions, OpenEngine, open_engine
from alternator_migrate.savepoints import Keeper, Savepoint, StoredRun
from alternator_migrate.validate import assemble, mode, sample
from alternator_migrate.validate.deletion import Ask, Deletion
from alternator_migrate.validate.findings_file import FindingsFile
from alternator_migrate.validate.mode import ValidateOptions
from alternator_migrate.validate.resume import first_savepoint, resume_of
from alternator_migrate.validate.validation import Validation
from alternator_migrate.validate.worker import ValidationJob, validation_job

log = logging.getLogger(__name__)


class ValidationRun(StoredRun[Validation]):
    """Compares the tables of a configuration as `options` say, from where an earlier validation
    stopped or from the start; over `services` that are open already, if there are any, on the
    engine that `opening` gives it. With `ask`, nothing is deleted before it has agreed."""

    work: Final = "Validation"
    rejects: Final = None

    def __init__(
        self,
        loaded: Loaded,
        options: ValidateOptions,
        *,
        fresh: bool = False,
        engine_options: EngineOptions | None = None,
        opening: OpenEngine = open_engine,
        services: Services | None = None,
        steering: Steering | None = None,
        ask: Ask | None = None,
    ) -> None:
        self._loaded, self._fresh, self._ask = loaded, fresh, ask
        self._deletes = options.delete_extra
        self._options = replace(options, delete_extra=False) if ask else options
        self._services = services
        self._engine_options, self._opening = engine_options or EngineOptions(), opening
        self._steering = steering or Steering()
        self._resume = resume_of(loaded, options)
        super().__init__(self._resume.store)
        self._findings: FindingsFile | None = None
        self._way = ""
        self.goes_on = False

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Compare until all is done or `stop` is set. Raises `MigrateError`."""
        settings, options = self._loaded.settings, self._options
        earlier = self._resume.earlier(fresh=self._fresh)
        begun = earlier[1].comparison if earlier else None
        self.goes_on = earlier is not None
        segments = begun.segments if begun and not begun.sampled else None
        workers = self._engine_options.workers
        async with open_pair(settings, segments, workers, services=self._services) as pair:
            target = pair.inspection.existing
            if target is None:
                remedy = "Run the migration first: `alternator-migrate run`."
                raise await absent(pair.target.table, "target", remedy)
            if earlier:
                savepoints.check_tables(*earlier, pair.inspection.source, target)
            await connectors.check_transform(settings, pair)
            self._check_way_back(pair)
            for line in self._resume.beginning(earlier):
                log.info(line)
            with self._store.lock(self.save_now):
                self._resume.check_newest(earlier)
                first = first_savepoint(self._resume, options, pair, target, earlier and earlier[1])
                if pair.code:
                    log.info(connectors.transform_text(pair.code))
                for text in (*pair.inspection.unknown, *of_servers(pair)):
                    log.info("note: %s", text)
                for text in self._clock_warnings(pair):
                    log.warning("warning: %s", text)
                if pair.inspection.foreign_ttl:
                    log.warning("warning: %s", connectors.ttl_text(pair))
                self._way = mode.mode_text(settings, options, pair, begun)
                log.info("comparing by %s", self._way)
                return await self._compare(pair, first, stop, show)

    def _clock_warnings(self, pair: Pair) -> Iterator[str]:
        """What a person should know of the clocks; a run of many tables tells it once."""
        judged = connectors.judges_expiry(self._loaded.settings, pair.inspection.source)
        if self._services is None:
            sides, told = (pair.source, pair.target), self._steering.told
            yield from connectors.clock_warnings(*sides, judged=judged, told=told)

    def _check_way_back(self, pair: Pair) -> None:
        """Raise `UsageError` where items would be deleted that a transform may have made."""
        transform = pair.shaping.transform if pair.shaping else None
        if transform and self._deletes and transform.functions.source_key is None:
            raise UsageError(
                f"--delete-extra: whether transform {transform.functions.name} has made an item of "
                "the target cannot be known from its key",
                f"{connectors.NO_WAY_BACK} Where keys stay as they are it returns `key`.",
            )

    async def _compare(
        self, pair: Pair, first: Savepoint, stop: asyncio.Event, show: Show
    ) -> Status:
        settings, options, begun = self._loaded.settings, self._options, first.comparison
        assert begun  # noqa: S101 # the savepoint of a validation has one
        facts = work_facts(settings, pair)

        def job_of(here: bool) -> ValidationJob:
            where = self._engine_options.scheduler
            return validation_job(travelling(self._loaded, where, here=here), pair, options, begun)

        steering = self._steering
        exported = assemble.exported_source(settings, pair, begun.now, steering.gate)
        options_of_engine = EngineOptions("local") if exported else self._engine_options
        async with self._opening(options_of_engine, facts, job_of, steering) as engine:
            self.beginning = (*connectors.beginning(pair, engine.text, self._store.place.beside),)
            keeper = Keeper(self._store, first, self._steering.gate.clock)
            self._under_way, self._findings = assemble.build_validation(
                settings, pair, options, begun, keeper, engine, steering, exported
            )
            status = await self._under_way.run(stop, show)
        if self._ask is None or status != Status.DIFFERENCES:
            return status
        sides = assemble.ValidationSides(settings, pair, begun.now, steering.gate, exported)
        return await self._delete(self._ask, self._under_way, sides, stop, show)

    async def _delete(
        self,
        ask: Ask,
        validation: Validation,
        sides: assemble.ValidationSides,
        stop: asyncio.Event,
        show: Show,
    ) -> Status:
        """Delete what is extra, if there is any and that is agreed to."""
        assert self._findings  # noqa: S101 # made with the validation
        deletion = Deletion(self._findings, sides.deleting())
        keys = deletion.first_keys()
        if not keys or not await stopped_by(
            stop, ask(validation.validated.extra, keys), lambda: 0.0
        ):
            return Status.DIFFERENCES
        return await validation.delete(deletion, stop, show)

    def remarks(self) -> Iterator[str]:
        """The first differences (`validation.failuresToFetch`), and what a sample says."""
        if self._under_way is None or self._findings is None:
            return
        validated = self._under_way.validated
        shown = self._loaded.settings.validation.failures_to_fetch
        yield from self._findings.first(shown)
        if validated.found > shown:
            yield f"... and {validated.found - shown:,} more"
        yield from self._concluded(validated)

    def verdict(self) -> Iterator[str]:
        """How the tables were compared, where the differences are, and what a sample says."""
        if self._under_way is None:
            return
        yield f"compared by {self._way}"
        yield from self._concluded(self._under_way.validated)

    def _concluded(self, validated: ValidationCounts) -> Iterator[str]:
        if self._findings and self._findings.size:
            yield f"all differences are in {self._store.place.told(self._findings.path)}"
        if self._under_way and self._options.sample:
            yield from sample.sample_text(validated, self._under_way.sampled)
