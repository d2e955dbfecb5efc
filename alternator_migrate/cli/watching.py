"""What is shown of a session to those who look from outside, and the report that is left of it."""

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alternator_migrate.cli import logs
from alternator_migrate.cli.report import check_destination
from alternator_migrate.config import Loaded
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.listen import Listen
from alternator_migrate.core.progress import RunProgress
from alternator_migrate.monitor.control_web import PATH, WebControl
from alternator_migrate.monitor.history import Sample
from alternator_migrate.monitor.history_file import HistoryFile
from alternator_migrate.monitor.report import Context, report, write_report
from alternator_migrate.monitor.watch import Wanted, Watch

_NOT_SHOWN: Final = ("source.filter.values",)
"""Values of items."""


@dataclass(frozen=True, slots=True)
class Showing:
    """What is `wanted`, of a run of a configuration."""

    wanted: Wanted
    loaded: Loaded

    @property
    def types(self) -> tuple[tuple[str, str], ...]:
        """The kinds of both sides."""
        settings = self.loaded.settings
        return ("source_type", settings.source.type), ("target_type", settings.target.type)

    def watch(
        self,
        snapshot: Callable[[], RunProgress],
        home: tuple[Path, str],
        goes_on: Callable[[], bool],
        control: WebControl,
    ) -> Watch:
        """The watch of a run whose savepoints are at `home`; `control` steers it from the page."""
        return Watch(
            self.wanted,
            snapshot,
            HistoryFile(*home),
            goes_on,
            {("POST", PATH): control},
            control.panel,
        )

    def write_report(
        self, run: RunProgress, samples: Sequence[Sample], verdict: Iterable[str]
    ) -> None:
        """Write the report that is wanted. Raises `MigrateError`."""
        path = self.wanted.report
        if path is None:
            return
        try:
            write_report(path, report(run, samples, self._context(verdict)))
        except OSError as error:
            raise MigrateError(
                f"{run.work} {run.status}, but the report cannot be written to {path}: "
                f"{error.strerror}",
                "`status --report` writes it from the savepoints.",
            ) from error

    def _context(self, verdict: Iterable[str]) -> Context:
        versions = (f"Python {platform.python_version()}", platform.system())
        return Context(settings_rows(self.loaded), tuple(verdict), logs.noted(), versions)


def report_of(loaded: Loaded, run: RunProgress, home: tuple[Path, str], path: Path) -> None:
    """Write the report of a run whose savepoints are at `home`. Raises `MigrateError`."""
    check_destination(str(path), "--report")
    showing = Showing(Wanted(report=path), loaded)
    showing.write_report(run, HistoryFile(*home).read().whole, ())


def showing_of(loaded: Loaded, options: Mapping[str, Any]) -> Showing | None:
    """What `options` and the configuration want to be shown; None for nothing. Raises
    `UsageError` for what could not be."""
    status = loaded.settings.status
    listen: Listen | None = options["status_page"] or status.listen
    metrics_file, report_file = options["metrics_file"], options["report"]
    if not (listen or metrics_file or report_file):
        return None
    for option, path in (("--metrics-file", metrics_file), ("--report", report_file)):
        check_destination(path and str(path), option)
    wanted = Wanted(listen, status.allowed_hosts, metrics_file, report_file)
    wanted.check()
    return Showing(wanted, loaded)


def settings_rows(loaded: Loaded) -> dict[str, str]:
    """The settings as they are written, by their keys, without secrets and values of items."""
    return dict(_flat(loaded.plain, ""))


def _flat(values: Mapping[str, Any], before: str) -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        key = f"{before}{name}"
        if key in _NOT_SHOWN:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{key}.")
        elif isinstance(value, list):
            yield key, ", ".join(map(str, value))
        else:
            yield key, str(value)
