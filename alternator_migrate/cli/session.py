"""A session: runs done one after another under a person's eyes, and how they ended."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from rich.console import Console

from alternator_migrate.cli import closing, logs, report
from alternator_migrate.cli.controls import Controls
from alternator_migrate.cli.display import Display, Mode
from alternator_migrate.cli.outside import Outside
from alternator_migrate.cli.signals import Signals
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.next_steps import next_steps
from alternator_migrate.core.progress import Progress, RatesNow, RunProgress
from alternator_migrate.core.rates import Observer
from alternator_migrate.core.runtime import on_loop, spare_the_collector
from alternator_migrate.core.state import Status
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.stopping import together
from alternator_migrate.core.summary import live_summary
from alternator_migrate.migration import OneRun
from alternator_migrate.monitor import Throttle
from alternator_migrate.savepoints import written_at

if TYPE_CHECKING:
    from alternator_migrate.cli.watching import Showing
    from alternator_migrate.monitor.watch import Watch

log = logging.getLogger(__name__)
_SHOW_CURSOR: Final = "\x1b[?25h"


class Run(OneRun, Protocol):
    """A run, as a session sees it."""

    @property
    def work(self) -> Literal["Migration", "Validation"]:
        """The work that is done."""
        ...

    @property
    def home(self) -> tuple[Path, str]:
        """The folder of this machine for what it shows, and its identity there: it holds the lock
        of that name while it shows anything."""
        ...

    @property
    def beginning(self) -> Iterable[str]:
        """Its first words: what goes where, and how; known when it shows anything."""
        ...

    @property
    def goes_on(self) -> bool:
        """Whether it goes on with what an earlier one did; known when it has begun."""
        ...

    def tables(self) -> Sequence[Progress]:
        """A snapshot of each table, where the run has many of them."""
        ...


class Session:
    """Does runs one after another: reacts to signals and to what reaches it from outside, shows
    progress, tells the ending.

    The runs obey `steering`, which `throttle` has a say in. Without `lasting`, savepoints are gone
    when it is over, and not told, and nobody can steer; `showing` is what those see of it who look
    from outside.
    """

    def __init__(
        self,
        console: Console,
        mode: Mode,
        *,
        lasting: bool = True,
        steering: Steering | None = None,
        throttle: Throttle | None = None,
        showing: "Showing | None" = None,
    ) -> None:
        self._console, self._lasting = console, lasting
        steering = steering or Steering()
        self._display = Display(console, mode, steering.gate.clock)
        self._signals = Signals(self._show_cursor)
        self._steering = steering
        self._controls = Controls(
            steering, self._standing, self._save, self._signals.ask_to_stop, self._report_now
        )
        is_quiet = self._display.mode == "none"
        self._outside = Outside(steering, throttle or Throttle(), self._controls, is_quiet=is_quiet)
        self._run: Run | None = None
        self._before: Progress | None = None
        self._tables_before: Sequence[Progress] = ()
        self._runs: Sequence[Run] = ()
        self._observer = Observer(steering.gate.clock)
        self._began, self._clock = time.time(), time.monotonic()
        self._status, self._error = Status.RUNNING, ""
        self._showing = showing
        self._watch: Watch | None = None

    def to_the_end(self, runs: Sequence[Run], summary_json: str | None) -> int:
        """Do `runs` while each comes to its end, tell how that ended, write the summary.

        Returns the exit code; raises `MigrateError` after all that has been told.
        """
        self._runs, self._began, self._clock = runs, time.time(), time.monotonic()
        if self._showing:
            first = runs[0]
            self._watch = self._showing.watch(
                self.snapshot, first.home, lambda: first.goes_on, self._outside.web()
            )
        status = Status.FAILED
        failure: MigrateError | None = None
        try:
            status = on_loop(lambda: self._watched(runs))
        except MigrateError as error:
            failure = error
        self._signals.listen_no_more()
        self._status, self._error = status, str(failure) if failure else ""
        ending = report.Ending(
            work=runs[0].work,
            status=status,
            began=self._began,
            seconds=time.monotonic() - self._clock,
            progress=self._progress(),
            error=str(failure) if failure else None,
            savepoint=_newest(runs) if self._lasting else None,
            rejects=runs[0].rejects,
            tables=self._tables(),
            paused=self._steering.gate.seconds,
        )
        begun = self._lasting and not isinstance(failure, UsageError)
        steps = next_steps(self.snapshot()) if begun else ()
        closing.tell(ending, runs[-1].remarks(), steps, self._console, self._display.mode)
        failure = self._reported(_summarized(summary_json, ending, failure))
        if failure:
            raise failure
        code = status.exit_code
        return 128 + self._signals.received if code is None else code

    def snapshot(self) -> RunProgress:
        """How all that is done stands now."""
        newest, (total, each) = _newest(self._runs), self._at_work()
        tables = self._observer.observed(self._ended(each or ([total] if total else [])))
        return RunProgress(
            work=self._runs[0].work,
            began=self._began,
            seconds=time.monotonic() - self._clock,
            tables=tables,
            status=self._status,
            error=self._error,
            now=self._observer.now(total) if total else RatesNow(),
            speed=self._speed(total, len(tables)),
            reasons=self._steering.gate.reasons,
            paused_seconds=self._steering.gate.seconds,
            settings=self._controls.settings,
            savepoint=newest if self._lasting else None,
            saved_at=written_at(newest) if newest else None,
            rejects=self._runs[0].rejects,
            types=self._showing.types if self._showing else (),
            messages=logs.recent(),
        )

    def _ended(self, tables: Iterable[Progress]) -> Iterator[Progress]:
        """Tables, none of which is said to run once the run has ended."""
        for table in tables:
            yield replace(table, status=self._status) if table.status == Status.RUNNING else table

    def _speed(self, total: Progress | None, tables: int) -> float:
        """Items a second on average: a single table knows its own, and when it was measured."""
        if total is None:
            return 0.0
        return total.speed if tables == 1 else self._observer.average(total)

    async def _watched(self, runs: Sequence[Run]) -> Status:
        """Do `runs` while those who look from outside see them."""
        async with self._watch.watching() if self._watch else nullcontext():
            return await self._all(runs)

    async def _all(self, runs: Sequence[Run]) -> Status:
        """Do `runs` while listening to signals."""
        stop, status = asyncio.Event(), Status.COMPLETED
        self._signals.listen(stop, self._save, self._tell, lambda: self._is_at_work)
        try:
            await self._outside.judged()
            for run in runs:
                self._run = run
                ended = await run.run(stop, self._show)
                if ended == Status.STOPPED:
                    return ended
                status = status if ended == Status.COMPLETED else ended
                self._before, self._tables_before = self._progress(), self._tables()
        except asyncio.CancelledError:
            if not self._signals.received:
                raise
            return Status.STOPPED
        return status

    async def _show(self, snapshot: Callable[[], Progress]) -> None:
        spare_the_collector()
        run = self._run
        for line in run.beginning if run and self._display.mode != "none" else ():
            log.info("%s", line)
        async with together() as group:
            group.create_task(self._outside.watch(run.home if run and self._lasting else None))
            await self._display.show(snapshot, self.snapshot)

    def _standing(self) -> tuple[str, Mapping[str, Any]]:
        """How it stands, for a person and for a program."""
        progress, _ = self._at_work()
        line = self._display.line(progress) if progress else "being prepared"
        return line, live_summary(self.snapshot())

    @property
    def _is_at_work(self) -> bool:
        """Whether a run looks at the stop signal itself."""
        return self._run is not None and self._run.progress() is not None

    def _at_work(self) -> tuple[Progress | None, Sequence[Progress]]:
        """The total and the tables of the run that is at work, and of all runs once it is not."""
        if self._run and self._status == Status.RUNNING and (now := self._run.progress()):
            return now, self._run.tables()
        return self._progress(), self._tables()

    def _progress(self) -> Progress | None:
        """A snapshot of all runs: a copy's figures, with what the validation after it found."""
        now, before = self._run.progress() if self._run else None, self._before
        return replace(before, validated=now.validated) if before and now else now or before

    def _tables(self) -> Sequence[Progress]:
        """A snapshot of each table of all runs, in the way of `_progress`."""
        now = self._run.tables() if self._run else ()
        if not self._tables_before:
            return now
        validated = {each.source: each for each in now}
        return [
            replace(before, validated=validated[before.source].validated)
            if before.source in validated
            else before
            for before in self._tables_before
        ]

    def _reported(self, failure: MigrateError | None) -> MigrateError | None:
        """Write the report that is asked for; the failure to end with."""
        if self._watch:
            self._watch.finish()
        return _written(self._write_report, failure)

    def _write_report(self) -> None:
        """Write the report, if one is asked for. Raises `MigrateError`."""
        if self._showing and self._watch:
            verdict = [line for run in self._runs for line in run.verdict()]
            samples = self._watch.history.whole
            self._showing.write_report(self.snapshot(), samples, verdict)

    def _report_now(self) -> str | None:
        """Write the report as it stands; where it is, None where none is asked for. Raises
        `MigrateError`."""
        path = self._showing.wanted.report if self._showing else None
        self._write_report()
        return str(path) if path else None

    def _save(self) -> None:
        if self._run:
            self._run.save_now()

    def _tell(self) -> None:
        now = self._run.progress() if self._run else None
        if shown := now or self._before:
            self._display.tell(shown)

    def _show_cursor(self) -> None:
        if self._console.is_terminal:
            self._console.file.write(_SHOW_CURSOR)
            self._console.file.flush()


def _newest(runs: Sequence[Run]) -> str | None:
    """The savepoint of the last run that has one."""
    known = [run.savepoint for run in runs if run.savepoint]
    return str(known[-1]) if known else None


def _summarized(
    path: str | None, ending: report.Ending, failure: MigrateError | None
) -> MigrateError | None:
    """Write the summary that is asked for; the failure to end with."""
    if path is None:
        return failure
    return _written(lambda: report.write_summary(path, ending), failure)


def _written(write: Callable[[], None], failure: MigrateError | None) -> MigrateError | None:
    """Write what is asked for; the failure to end with. A second one is told."""
    try:
        write()
    except MigrateError as error:
        if failure is None:
            return error
        log.error("%s", error)
    return failure
