"""Commands as forks of a process that has imported everything: see `fork_server`."""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from tests.servers.process import bound

_REPOSITORY = Path(__file__).parents[2]
_ENDED = "the fork server has ended; its error stands on standard error"


class Fork:
    """A command that was forked; `line` tells its id and its end."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._end = asyncio.create_task(self._watch(line))

    def send_signal(self, number: int, /) -> None:
        """Send a signal to the command alone. Nothing happens when it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    async def wait(self) -> int:
        """The exit code, or the negative number of the signal that killed it."""
        return await asyncio.shield(self._end)

    async def _watch(self, line: socket.socket) -> int:
        with line:
            said = await asyncio.get_running_loop().sock_recv(line, 64)
        if not said:
            raise EOFError(_ENDED)
        self.returncode = os.waitstatus_to_exitcode(int(said))
        return self.returncode


async def forked(
    args: Sequence[str], folder: Path, env: Mapping[str, str], out: IO[bytes], err: IO[bytes]
) -> Fork:
    """Start the command in a fork of this process's fork server."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # the standard library's signature
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = [n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN]
    order = {
        "args": args,
        "env": dict(env),
        "cwd": str(folder),
        "file_size": limit,
        "ignored": ignored,
    }
    with theirs:
        files = [out.fileno(), err.fileno(), theirs.fileno()]
        socket.send_fds(_server(os.getpid()), [json.dumps(order).encode()], files)
    said = b""
    while not said.endswith(b"\n"):
        more = await asyncio.get_running_loop().sock_recv(ours, 1)
        if not more:
            raise EOFError(_ENDED)
        said += more
    return Fork(int(said), ours)


@cache
def _server(_: int, /) -> socket.socket:
    """The orders of the fork server of the process with this id; it ends with that process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            bound([sys.executable, "-m", "tests.servers.fork_server"]),
            stdin=theirs.fileno(),
            cwd=_REPOSITORY,
            start_new_session=True,
        )
    return ours
