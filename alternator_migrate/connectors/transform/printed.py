"""What a user's code prints: lines of the log, in whatever process it runs."""

import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

log = logging.getLogger(__name__)


class _Lines(io.RawIOBase):
    """Logs bytes line by line, unless it `is_dropping` them."""

    name = "<printed>"

    def __init__(self) -> None:
        super().__init__()
        self.is_dropping = False
        self._rest = b""
        self._is_logging = threading.local()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Standard error, for what writes past Python's streams: programs, `faulthandler`."""
        return super().fileno() if sys.__stderr__ is None else sys.__stderr__.fileno()

    def write(self, data: Any, /) -> int:
        """Log the lines that are whole now."""
        given = bytes(data)
        *lines, self._rest = (self._rest + given).split(b"\n")
        for each in lines:
            self._log(each)
        return len(given)

    def end_line(self) -> None:
        """Log a line that was not ended."""
        if self._rest:
            rest, self._rest = self._rest, b""
            self._log(rest)

    def _log(self, line: bytes) -> None:
        # A log handler of the user's that writes here would be told of its own lines for ever.
        if not (self.is_dropping or getattr(self._is_logging, "now", False)):
            self._is_logging.now = True
            try:
                log.info("%s", line.decode("utf-8", "replace"))
            finally:
                self._is_logging.now = False


LINES: Final = _Lines()
PRINTED: Final = io.TextIOWrapper(LINES, "utf-8", "backslashreplace", write_through=True)
"""A stream for the user's code, each line of which is logged."""


@contextmanager
def printing_logged() -> Iterator[None]:
    """What the user's code prints, on either stream, is logged: standard output has what was asked
    for, and standard error what is said in the form that was asked for."""
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = PRINTED
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        LINES.end_line()


@contextmanager
def printing_dropped() -> Iterator[None]:
    """What the user's code prints is logged by nobody."""
    LINES.is_dropping = True
    try:
        yield
    finally:
        LINES.is_dropping = False
