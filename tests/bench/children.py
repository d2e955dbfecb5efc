"""Child processes, pinned and measured. Linux only: /proc and wait4.

A child's peak memory can't read below that of the process that started it, so nothing in this
harness imports what is heavy; that happens in children.
"""

import json
import os
import select
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
CORES = sorted(os.sched_getaffinity(0))
CLIENT_CORE, SERVER_CORE = CORES[0], CORES[-1]
START_SECONDS = 30
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


class NotMeasuredError(Exception):
    """A figure cannot be had; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a finished child took: seconds of wall and of CPU (user and system), peak RSS in bytes,
    and its standard output."""

    wall: float
    cpu: float
    peak: int
    output: str


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Children started inside run on `core` only."""
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, CORES)


def measure(command: Sequence[str], seconds: float) -> Usage:
    """Run `command` on the client's core, at most so many seconds, from start to exit, with the
    bytecode of its modules kept from run to run, as that of an installed program is.

    Raises NotMeasuredError with the end of its standard error unless it exits 0.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        kept = {name: value for name, value in os.environ.items() if name != _NO_BYTECODE}
        with pinned(CLIENT_CORE):
            process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err, env=kept)
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        finally:
            timer.cancel()
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            words = " | ".join(_text(err).strip().splitlines()[-3:])
            name = " ".join(command[1:4])
            raise NotMeasuredError(f"{name}: exit {process.returncode}, {wall:.1f} s: {words}")
        return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, _text(out))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def cpu_seconds(pid: int) -> float:
    """CPU seconds, user and system, that a running process has taken so far: its clock as
    clock_getcpuclockid(3) numbers it. Raises `OSError` where it is gone."""
    return time.clock_gettime(~pid << 3 | 2)


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of a self-signed certificate for 127.0.0.1 and its key."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Server:
    """A running canned server; `certificate` where it speaks TLS."""

    url: str
    pid: int
    certificate: Certificate | None = None

    def stats(self) -> dict[str, int]:
        """The counts of a sink: requests, items, bytes."""
        context = None
        if self.certificate:
            context = ssl.create_default_context(cafile=self.certificate.cert)
        with urllib.request.urlopen(self.url + "/stats", timeout=10, context=context) as response:
            counts: dict[str, int] = json.load(response)
            return counts


@contextmanager
def server(role: str, *options: str, certificate: Certificate | None = None) -> Iterator[Server]:
    """A canned server on the servers' core and a free port, stopped at the end."""
    command = [sys.executable, "-m", "tests.bench.canned", role, *options]
    if certificate:
        command += ["--tls", str(certificate.cert), str(certificate.key)]
    with started(command, SERVER_CORE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if not select.select([process.stdout], [], [], START_SECONDS)[0]:
            raise NotMeasuredError(f"the canned {role} says nothing")
        port = process.stdout.readline().split()[-1].decode()
        yield Server(
            f"{'https' if certificate else 'http'}://127.0.0.1:{port}", process.pid, certificate
        )


@contextmanager
def started(
    command: Sequence[str], core: int, *, stdout: int, stderr: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on `core` that is terminated at the end."""
    with ExitStack() as stack:
        with pinned(core):
            process = subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=stderr)
        stack.enter_context(process)
        stack.callback(_stop, process)
        yield process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


def make_certificate(folder: Path) -> Certificate:
    """A self-signed certificate in `folder`. NotMeasuredError without the openssl command."""
    if not shutil.which("openssl"):
        raise NotMeasuredError("no openssl command to make a certificate with")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench"
    command = ["openssl", *words.split(), "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(made.key), "-out", str(made.cert)]
    done = subprocess.run([*command, *files], capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise NotMeasuredError(f"openssl: {done.stderr.decode(errors='replace')[-300:]}")
    return made
