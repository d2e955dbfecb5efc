"""Child processes and ports that leave nothing behind."""

import os
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

import pytest

_DIE_WITH_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execvp(sys.argv[1], sys.argv[1:])"
)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bound(command: Sequence[str]) -> list[str]:
    """Return `command` so changed that Linux kills it when the process that starts it dies.

    Elsewhere the command is returned as it is. The process id stays the one of the command.
    """
    if sys.platform != "linux":
        return list(command)
    # Not a preexec_fn: the test process has threads, in which Python code after fork may hang.
    return [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, *command]


def unavailable(reason: str) -> NoReturn:
    """Skip the test with `reason`; in CI (variable CI not empty), where all must run, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
