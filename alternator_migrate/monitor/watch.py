"""Watches a run for those who look at it from outside: samples, status page, metrics, history."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeAlias

from alternator_migrate.core.errors import UsageError, ungrouped
from alternator_migrate.core.listen import Listen
from alternator_migrate.core.progress import RunProgress
from alternator_migrate.core.summary import live_summary
from alternator_migrate.monitor.history import History, Sampler
from alternator_migrate.monitor.history_file import HistoryFile
from alternator_migrate.monitor.html import Html
from alternator_migrate.monitor.page import page
from alternator_migrate.monitor.style import POLICY
from alternator_migrate.monitor.web import Answer, Asked, Handler, Kept, serving

log = logging.getLogger(__name__)
_SAMPLE_SECONDS: Final = 1.0
_METRICS_SECONDS: Final = 15.0
_HISTORY_SECONDS: Final = 60.0
_PACKAGE: Final = "prometheus_client"
_REMEDY: Final = "Add it: pipx inject alternator-migrate prometheus-client."
Snapshot: TypeAlias = Callable[[], RunProgress]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown, and where: a page at `listen` for clients that know a name which is
    `allowed`, metrics in a file, a report in a file."""

    listen: Listen | None = None
    allowed: tuple[str, ...] = ()
    metrics_file: Path | None = None
    report: Path | None = None

    def check(self) -> None:
        """Raise `UsageError` for what could not be shown."""
        path = self.metrics_file
        if path is None:
            return
        if find_spec(_PACKAGE) is None:
            raise UsageError("--metrics-file needs the package prometheus-client", _REMEDY)
        if path.suffix != ".prom":
            raise UsageError(
                f"--metrics-file: {path} does not end in .prom",
                "The node exporter reads files of that name only.",
            )


class Watch:
    """Keeps the history of a run, and shows it as it is `wanted`.

    `history` are the samples by now. `goes_on()` tells, with the first table, whether the run
    goes on with earlier work, whose history in `file` then is gone on with. `extra` are further
    handlers of the page's port, and `controls` what belongs to them on the page.
    """

    def __init__(
        self,
        wanted: Wanted,
        snapshot: Snapshot,
        file: HistoryFile | None,
        goes_on: Callable[[], bool],
        extra: dict[tuple[str, str], Handler] | None = None,
        controls: Callable[[], Html] = Html,
    ) -> None:
        self._wanted, self._snapshot = wanted, snapshot
        self._file, self._goes_on = file, goes_on
        self._extra, self._controls = extra or {}, controls
        self._sampler = Sampler()
        self._is_begun = False
        self._failed: set[str] = set()
        self.history = History()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch while the block lasts. Raises `UsageError` where the page cannot be served, and
        what the block raises."""
        with ungrouped():
            async with self._watching():
                yield

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if self._wanted.listen:
                url = await stack.enter_async_context(
                    serving(self._wanted.listen, self._wanted.allowed, self.routes())
                )
                log.info("status page: %s", url)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            tasks = [group.create_task(each) for each in self._tasks()]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await self.keep()

    async def keep(self) -> None:
        """Write what is kept in files now."""
        self._sample()
        if self._is_begun and self._file:
            await self._written("history", partial(self._file.write, self.history))
        if path := self._wanted.metrics_file:
            from alternator_migrate.monitor import metrics  # noqa: PLC0415 # an extra

            run = self._snapshot()
            await self._written("metrics", partial(metrics.write_metrics, lambda: run, path))

    def finish(self) -> None:
        """Write the metrics of the end, when how the run ended is known."""
        if path := self._wanted.metrics_file:
            from alternator_migrate.monitor import metrics  # noqa: PLC0415 # an extra

            with self._telling("metrics"):
                metrics.write_metrics(self._snapshot, path)

    def _tasks(self) -> list[Coroutine[Any, Any, None]]:
        pause = _METRICS_SECONDS if self._wanted.metrics_file else _HISTORY_SECONDS
        return [self._by_clock(_SAMPLE_SECONDS, self._sampled), self._by_clock(pause, self.keep)]

    async def _by_clock(
        self, seconds: float, what: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        while True:
            await asyncio.sleep(seconds)
            await what()

    async def _sampled(self) -> None:
        self._sample()

    def _sample(self) -> None:
        """Take a sample, once there is something to be seen."""
        run = self._snapshot()
        if not run.tables:
            return
        if not self._is_begun:
            self._is_begun = True
            if self._file and self._goes_on():
                self.history = self._file.read()
        self.history.add(self._sampler.sample(run))

    async def _written(self, what: str, write: Callable[[], None]) -> None:
        """Write a file beside the loop."""
        with self._telling(what):
            await asyncio.to_thread(write)

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """That a file cannot be written is told once: no reason for the run, which is well, to
        end."""
        try:
            yield
            self._failed.discard(what)
        except OSError as error:
            if what not in self._failed:
                log.warning("warning: the %s cannot be written: %s", what, error)
            self._failed.add(what)

    def routes(self) -> dict[tuple[str, str], Handler]:
        """The handlers of the page's port."""
        whole, recent = (Kept(partial(self._page, whole=each)) for each in (True, False))
        status, metrics = Kept(self._status), Kept(self._metrics)

        async def show(asked: Asked) -> Answer:
            return (whole if asked.query.get("window") == "whole" else recent).answer()

        async def tell(_: Asked) -> Answer:
            return status.answer()

        async def measure(_: Asked) -> Answer:
            return metrics.answer()

        return {
            ("GET", "/"): show,
            ("GET", "/api/v1/status"): tell,
            ("GET", "/metrics"): measure,
            ("GET", "/healthz"): _healthy,
            **self._extra,
        }

    def _page(self, *, whole: bool) -> Answer:
        samples = self.history.whole if whole else self.history.recent
        text = page(self._snapshot(), samples, self._controls())
        headers = {"Content-Security-Policy": POLICY}
        return Answer(text.encode(), "text/html; charset=utf-8", headers=headers)

    def _status(self) -> Answer:
        text = json.dumps(live_summary(self._snapshot()))
        return Answer(text.encode(), "application/json")

    def _metrics(self) -> Answer:
        if find_spec(_PACKAGE) is None:
            return Answer(f"prometheus-client is not installed. {_REMEDY}\n".encode(), status=501)
        from alternator_migrate.monitor import metrics  # noqa: PLC0415 # an extra

        text, kind = metrics.exposition(self._snapshot)
        return Answer(text, kind)


async def _healthy(_: Asked) -> Answer:
    return Answer(b"ok\n")
