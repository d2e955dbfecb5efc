"""Log output on standard error, as text or as one JSON object a line."""

import logging
from collections import deque
from contextlib import suppress
from typing import Final, Literal

from rich.console import Console
from rich.logging import RichHandler

from alternator_migrate.cli import json_log
from alternator_migrate.cli.table_logs import OfTables
from alternator_migrate.core.progress import Message, Progress
from alternator_migrate.core.summary import live_table

Format = Literal["text", "json"]
_TOLD_BY_US: Final = tuple(
    f"{library}.{part}"
    for library in ("botocore", "aiobotocore")
    for part in ("credentials", "tokens")
)
"""Loggers that print a traceback for what ends in an error of this tool anyway."""
_KEPT: Final = 50
_NOTED: Final = 200
_OF_ITEMS: Final = (
    "alternator_migrate.cli.closing",
    "alternator_migrate.connectors.transform.printed",
)


def configure(console: Console, style: Format, level: str) -> None:
    """Send the tool's log to `console`; other libraries speak from WARNING upwards.

    What cannot be written, because the terminal is gone, is lost in silence.
    """
    console.file = console.file  # the one of now: while a user's code runs there is another
    handler: logging.Handler
    if style == "json":
        handler = _Above(console) if console.is_terminal else logging.StreamHandler(console.file)
        handler.setFormatter(_JsonFormatter())
    elif console.is_terminal:
        handler = RichHandler(
            console=console, show_path=False, show_level=False, log_time_format="%H:%M:%S"
        )
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(console.file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    of_tables = OfTables()
    handler.addFilter(of_tables)
    _RECENT.filters = [of_tables]
    logging.raiseExceptions = False
    _RECENT.kept.clear()
    _RECENT.noted.clear()
    logging.basicConfig(level=logging.WARNING, handlers=[handler, _RECENT], force=True)
    logging.getLogger("alternator_migrate").setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for noisy in _TOLD_BY_US:
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def tell_savepoint(console: Console, path: str) -> None:
    """The last line of a run that was stopped, whatever is logged: where its savepoint is."""
    if tells_json():
        path = json_log.line("info", f"stopped; going on is possible from {path}", savepoint=path)
    console.print(path, soft_wrap=True, markup=False, highlight=False, emoji=False)


def recent() -> tuple[Message, ...]:
    """The last lines that were logged, the oldest first; status lines, and what is said of single
    items, by a transform or at the end of a run, are not among them."""
    return tuple(_RECENT.kept)


def noted() -> tuple[Message, ...]:
    """The last warnings and notes, the oldest first."""
    return tuple(_RECENT.noted)


def tells_json() -> bool:
    """Whether log lines are JSON."""
    return any(isinstance(each.formatter, _JsonFormatter) for each in logging.getLogger().handlers)


class _Recent(logging.Handler):
    """Keeps the last lines."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.kept: deque[Message] = deque(maxlen=_KEPT)
        self.noted: deque[Message] = deque(maxlen=_NOTED)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, unless it says what is shown otherwise."""
        if not hasattr(record, "progress") and record.name not in _OF_ITEMS:
            level, words = record.levelname.lower(), record.getMessage()
            self.kept.append(Message(record.created, level, words))
            if record.levelno >= logging.WARNING or words.startswith("note: "):
                self.noted.append(self.kept[-1])


_RECENT: Final = _Recent()


class _Above(logging.Handler):
    """Prints lines above a live display."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line as it is."""
        with suppress(OSError):
            self._console.print(
                self.format(record), soft_wrap=True, markup=False, highlight=False, emoji=False
            )


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        more: dict[str, object] = {}
        progress = getattr(record, "progress", None)
        if isinstance(progress, Progress):
            more["progress"] = live_table(progress)
        if record.exc_info:
            more["error"] = self.formatException(record.exc_info)
        level, message = record.levelname.lower(), record.getMessage()
        return json_log.line(level, message, record.created, **more)
