"""A session: runs done one after another under a person's eyes, and how they ended."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from rich.console import Console

from alternator_migrate.cli import closing, logs, report
from alternator_migrate.cli.controls import Controls
from alternator_migrate.cli.display import Display, Mode
from alternator_migrate.cli.signals import Signals
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.progress import Progress, RunProgress
from alternator_migrate.core.rates import Observer
from alternator_migrate.core.runtime import on_loop, spare_the_collector
from alternator_migrate.core.state import Status
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.summary import live_summary
from alternator_migrate.core.supervisor import Show
from alternator_migrate.monitor import ControlServer, Judges, Throttle, control_name, open_socket
from alternator_migrate.savepoints import Located, written_at

if TYPE_CHECKING:
    from alternator_migrate.cli.watching import Showing
    from alternator_migrate.monitor.watch import Watch

log = logging.getLogger(__name__)
_SHOW_CURSOR: Final = "\x1b[?25h"


class Run(Protocol):
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
    def goes_on(self) -> bool:
        """Whether it goes on with what an earlier one did; known when it has begun."""
        ...

    @property
    def savepoint(self) -> Located | None:
        """The savepoint that was written last, or is gone on from."""
        ...

    @property
    def rejects(self) -> str | None:
        """The file that holds refused items; None where there are none."""
        ...

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Do the work, to its end or until `stop` is set; how it ended. Raises `MigrateError`."""
        ...

    def progress(self) -> Progress | None:
        """A snapshot of the run; None while it prepares, and does not look at `stop`."""
        ...

    def save_now(self) -> None:
        """Write a savepoint as soon as possible."""
        ...

    def remarks(self) -> Iterable[str]:
        """Lines that a person should read when the run is over."""
        ...

    def verdict(self) -> Iterable[str]:
        """What is to be said of the outcome, without any item."""
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
        self._display = Display(console, mode)
        self._signals = Signals(self._show_cursor)
        steering = steering or Steering()
        self._judges = Judges(steering.gate, throttle or Throttle())
        self._steering = steering
        self._controls = Controls(steering, self._standing, self._save, self._signals.ask_to_stop)
        self._run: Run | None = None
        self._before: Progress | None = None
        self._runs: Sequence[Run] = ()
        self._observer = Observer()
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
            self._watch = self._showing.watch(self.snapshot, first.home, lambda: first.goes_on)
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
        )
        closing.tell(ending, runs[-1].remarks(), self._console, self._display.mode)
        failure = self._reported(_summarized(summary_json, ending, failure))
        if failure:
            raise failure
        code = status.exit_code
        return 128 + self._signals.received if code is None else code

    def snapshot(self) -> RunProgress:
        """How all that is done stands now."""
        now, newest = self._progress(), _newest(self._runs)
        return RunProgress(
            work=self._runs[0].work,
            began=self._began,
            seconds=time.monotonic() - self._clock,
            tables=self._observer.observed([now] if now else []),
            status=self._status,
            error=self._error,
            reasons=self._steering.gate.reasons,
            paused_seconds=self._steering.gate.seconds,
            settings=self._controls.settings,
            savepoint=newest if self._lasting else None,
            saved_at=written_at(newest) if newest else None,
            rejects=self._runs[0].rejects,
            types=self._showing.types if self._showing else (),
            messages=logs.recent(),
        )

    async def _watched(self, runs: Sequence[Run]) -> Status:
        """Do `runs` while those who look from outside see them."""
        async with self._watch.watching() if self._watch else nullcontext():
            return await self._all(runs)

    async def _all(self, runs: Sequence[Run]) -> Status:
        """Do `runs` while listening to signals."""
        stop, status = asyncio.Event(), Status.COMPLETED
        self._signals.listen(stop, self._save, self._tell, lambda: self._is_at_work)
        try:
            await self._judges.first()
            for run in runs:
                self._run = run
                ended = await run.run(stop, self._show)
                if ended == Status.STOPPED:
                    return ended
                status = status if ended == Status.COMPLETED else ended
                self._before = self._progress()
        except asyncio.CancelledError:
            if not self._signals.received:
                raise
            return Status.STOPPED
        return status

    async def _show(self, snapshot: Callable[[], Progress]) -> None:
        spare_the_collector()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._judges.watch())
            if self._run and self._lasting:
                group.create_task(self._listen(*self._run.home))
            await self._display.show(snapshot)

    async def _listen(self, folder: Path, identity: str) -> None:
        """Let a run be steered by a socket, until cancelled; one that cannot be is told."""
        try:
            with open_socket(folder, control_name(identity)) as (listening, path):
                if self._display.mode != "none":
                    log.info("steer it with `alternator-migrate control`, or by nc -U %s", path)
                await ControlServer(self._controls.do).serve(listening)
        except OSError as error:
            log.warning("warning: this run cannot be steered by a socket: %s", error)

    def _standing(self) -> tuple[str, Mapping[str, Any]]:
        """How it stands, for a person and for a program."""
        progress = self._progress()
        line = self._display.line(progress) if progress else "being prepared"
        return line, live_summary(self.snapshot())

    @property
    def _is_at_work(self) -> bool:
        """Whether a run looks at the stop signal itself."""
        return self._run is not None and self._run.progress() is not None

    def _progress(self) -> Progress | None:
        """A snapshot of all runs: a copy's figures, with what the validation after it found."""
        now, before = self._run.progress() if self._run else None, self._before
        return replace(before, validated=now.validated) if before and now else now or before

    def _reported(self, failure: MigrateError | None) -> MigrateError | None:
        """Write the report that is asked for; the failure to end with."""
        if self._showing is None or self._watch is None:
            return failure
        verdict = [line for run in self._runs for line in run.verdict()]
        write = partial(self._showing.write_report, self.snapshot(), self._watch.history.whole)
        return _written(lambda: write(verdict), failure)

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
