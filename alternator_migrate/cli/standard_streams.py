"""Standard streams that are there and never stop a long run, and signals that must not end it."""

import io
import os
import select
import signal
import sys
from typing import Any, Final

_ERR: Final = 2
_SPARED: Final = (signal.SIGUSR1, signal.SIGUSR2)


class _Forgiving(io.RawIOBase):
    """Standard error; what it cannot take (a closed pipe, a full disk) is lost in silence."""

    name = "<stderr>"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return _ERR

    def isatty(self) -> bool:
        return os.isatty(_ERR)

    def write(self, data: Any, /) -> int:
        """Write what is taken of bytes at once, or drop them."""
        while True:
            try:
                return os.write(_ERR, data)
            except BlockingIOError:
                select.select([], [_ERR], [])
            except OSError:
                return memoryview(data).nbytes


def make_ready() -> None:
    """Give closed standard streams to the null device: else sockets would get their numbers, and
    uvloop ends the process when one of these is closed. An error on standard error is none: it
    must change neither what a run does nor its exit code."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 # stays open
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_Forgiving()),
        encoding=sys.stderr.encoding,
        errors="backslashreplace",
        line_buffering=True,
    )


def outlive_signals() -> None:
    """Let SIGUSR1 and SIGUSR2 do nothing, also while there is no run that hears them: by default
    they kill. What the process starts has them as they were; ignored ones stay so."""
    for each in _SPARED:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, lambda *_: None)


def ignore_signals() -> None:
    """Outlive them while Python takes itself down, too, and with it its handlers."""
    for each in _SPARED:
        signal.signal(each, signal.SIG_IGN)
