"""The last words of a run: where to look, what was done, and where to go on."""

import logging
from collections.abc import Iterable

from rich.console import Console

from alternator_migrate.cli import logs, report
from alternator_migrate.cli.display import Mode
from alternator_migrate.core.state import Status

log = logging.getLogger(__name__)


def tell(
    ending: report.Ending,
    remarks: Iterable[str],
    steps: Iterable[str],
    console: Console,
    mode: Mode,
) -> None:
    """Tell how a run ended, in the way of its display, and the next steps."""
    if ending.rejects:
        log.warning("rejected items are kept in %s", ending.rejects)
    for remark in remarks:
        log.warning("%s", remark)
    if mode == "bar" and not logs.tells_json():
        if ending.progress:
            console.print(report.closing_table(ending))
    elif mode != "none":
        for line in report.closing_lines(ending):
            log.info(line)
    if mode != "none":
        for step in steps:
            log.info("next: %s", step)
    if ending.status == Status.STOPPED and ending.savepoint:
        logs.tell_savepoint(console, ending.savepoint)
