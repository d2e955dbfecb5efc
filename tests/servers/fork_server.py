"""A process that has imported the command line once, and forks for each command: hundreds of tests
start one, and most of its cost is imports. What is forked is a process like any other: it has its
own session, arguments, environment, folder and files, and ends as `python -m` does.

Run as `python -m tests.servers.fork_server` with a socket as standard input. Each message is a JSON
object `{"args": [...], "env": {...}, "cwd": "...", "file_size": [soft, hard], "ignored": [...]}`,
the last the signals that the command ignores from its start, with three descriptors: standard
output, standard error, and a socket that is told the process's id at once and its wait status at
its end, each as a decimal line."""

import atexit
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import resource
import runpy
import select
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import alternator_migrate

_LONGEST = 1 << 18
_NEVER: Final = ("alternator_migrate.__main__", "alternator_migrate.engines.dask_worker")
_PR_SET_PDEATHSIG = 1


def warm_up() -> None:
    """Import what commands import, and have botocore import what its clients do."""
    for module in pkgutil.walk_packages(alternator_migrate.__path__, "alternator_migrate."):
        if module.name not in _NEVER:
            importlib.import_module(module.name)
    for name in ("aioboto3", "distributed"):
        importlib.import_module(name)
    session: Any = importlib.import_module("botocore.session").Session()
    session.create_client(
        "dynamodb", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def serve(orders: socket.socket) -> list[str]:
    """Fork for each order until the other end is closed; then exit. Returns in each child, with
    the arguments of its command."""
    poll, running = select.poll(), dict[int, tuple[int, socket.socket]]()
    poll.register(orders, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready == orders.fileno():
                message, fds, _, _ = socket.recv_fds(orders, _LONGEST, 3)
                if not message:
                    sys.exit()
                out, err, report = fds
                line = socket.socket(fileno=report)
                pid = os.fork()
                if pid == 0:
                    for _, other in running.values():
                        other.detach()
                    line.detach()
                    orders.detach()
                    return _become(json.loads(message), out, err)
                os.close(out)
                os.close(err)
                _tell(line, pid)
                watch = os.pidfd_open(pid)
                running[watch] = pid, line
                poll.register(watch, select.POLLIN)
            else:
                poll.unregister(ready)
                os.close(ready)
                pid, line = running.pop(ready)
                _, status = os.waitpid(pid, 0)
                with line:
                    _tell(line, status)


def _tell(line: socket.socket, number: int) -> None:
    """Tell a number to whoever has asked for the command. A test that was given up asks no more."""
    with suppress(BrokenPipeError):
        line.sendall(b"%d\n" % number)


def _become(order: dict[str, Any], out: int, err: int) -> list[str]:
    """Make this process the command's: nothing of the server is left open in it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    os.dup2(out, 1)
    os.dup2(err, 2)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.closerange(3, max(int(fd.name) for fd in Path("/proc/self/fd").iterdir()) + 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, tuple(order["file_size"]))
    for number in order["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    return list(order["args"])


def run() -> int:
    """Run the command to its exit code, and what waits for its end."""
    try:
        runpy.run_module("alternator_migrate", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 # the interpreter tells whatever it is
        sys.excepthook(*sys.exc_info())
        code = 1
    else:
        code = 0
    threading._shutdown()  # type: ignore[attr-defined] # as multiprocessing ends its forks
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    warm_up()
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as given:
        sys.argv[1:] = serve(given)
    # Taking the interpreter down would copy every page of what was imported.
    os._exit(run())
