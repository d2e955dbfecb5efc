"""Child processes and ports that leave nothing behind."""

import os
import random
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import pytest

# Linux gives ports of its own choice from 32,768 on, others from 49,152 on.
NEVER_GIVEN = (10_000, 32_000)
_DIE_WITH_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execvp(sys.argv[1], sys.argv[1:])"
)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on at the moment. No system gives it
    to one who asks for any port, as the servers and connections of other tests do all the time."""
    chance = random.Random(os.urandom(8))  # not the global one, which tests give the same seed
    while True:
        port = chance.randrange(*NEVER_GIVEN)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


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
