"""A validation under a person's eyes: where it begins, and what is said of its outcome."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from alternator_migrate import comparing, planning, resume
from alternator_migrate.absence import absent
from alternator_migrate.checkjob import check_job
from alternator_migrate.comparing import Wishes
from alternator_migrate.conduct import Show
from alternator_migrate.config import Loaded
from alternator_migrate.findings import FindingsFile
from alternator_migrate.model import Verdict
from alternator_migrate.remarks import of_servers
from alternator_migrate.resume import Keeper
from alternator_migrate.savepoint import Savepoint, Store, lock
from alternator_migrate.staffing import Wish, open_engine
from alternator_migrate.validation import Validation
from alternator_migrate.wiring import Sides, open_sides

log = logging.getLogger(__name__)


class Check:
    """The validation that a configuration and `wishes` ask for."""

    def __init__(
        self, loaded: Loaded, wishes: Wishes, *, fresh: bool, wish: Wish | None = None
    ) -> None:
        self._loaded, self._wishes, self._fresh = loaded, wishes, fresh
        self._wish = wish or Wish()
        identity = resume.validation_identity(loaded.settings)
        self.store = Store(Path(loaded.settings.savepoints.path), identity)
        self._validation: Validation | None = None
        self._findings: FindingsFile | None = None

    @property
    def verdict(self) -> Verdict | None:
        """What was found; None before it began."""
        return self._validation.verdict if self._validation else None

    async def run(
        self, stop: asyncio.Event, show: Show, begins: Callable[[Validation], None]
    ) -> bool:
        """Compare, from where an earlier validation stopped; `begins` is told of it first. True
        when all is done. Raises `MigrateError`."""
        settings, wishes = self._loaded.settings, self._wishes
        earlier = comparing.earlier(self._loaded, self.store, wishes, fresh=self._fresh)
        if earlier:
            self.store.latest = earlier[0]
        begun = earlier[1].comparison if earlier else None
        segments = begun.segments if begun and not begun.sampled else None
        async with open_sides(settings, segments, self._wish.workers) as sides:
            target = sides.findings.existing
            if target is None:
                remedy = "Run the migration first: `alternator-migrate run`."
                raise await absent(sides.target.table, "target", remedy)
            if earlier:
                resume.check_tables(*earlier, sides.findings.source, target)
                log.info("going on from %s", earlier[0])
            with lock(self.store.folder, self.store.migration):
                first = comparing.first_savepoint(
                    self._loaded, wishes, sides, target, earlier and earlier[1]
                )
                for text in (*sides.findings.unknown, *of_servers(sides)):
                    log.info("note: %s", text)
                if sides.findings.foreign_ttl:
                    log.warning("warning: %s", planning.ttl_text(sides))
                log.info("comparing by %s", comparing.mode_text(settings, wishes, sides, begun))
                return await self._compare(sides, first, stop, show, begins)

    async def _compare(
        self,
        sides: Sides,
        first: Savepoint,
        stop: asyncio.Event,
        show: Show,
        begins: Callable[[Validation], None],
    ) -> bool:
        settings, wishes, begun = self._loaded.settings, self._wishes, first.comparison
        assert begun  # noqa: S101 # the savepoint of a validation has one
        async with open_engine(
            self._wish,
            self._loaded,
            sides,
            lambda configuration: check_job(configuration, sides, wishes, begun),
        ) as engine:
            self._validation, self._findings = comparing.build_validation(
                settings, sides, wishes, begun, Keeper(self.store, first), engine
            )
            begins(self._validation)
            return await self._validation.run(stop, show)

    def remarks(self) -> Iterator[str]:
        """What was found, at most `validation.failuresToFetch` lines of it, and what that says."""
        if self._validation is None or self._findings is None:
            return
        verdict = self._validation.verdict
        shown = self._loaded.settings.validation.failures_to_fetch
        yield from self._findings.first(shown)
        if verdict.found > shown:
            yield f"... and {verdict.found - shown:,} more"
        if self._findings.size:
            yield f"all differences are in {self._findings.path}"
        if self._wishes.sample:
            yield from comparing.sample_text(verdict, self._validation.sampled)
