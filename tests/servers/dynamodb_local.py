"""DynamoDB Local 2.6.1 in memory: the real jar on a free port, for as long as a `with` block lasts.

Of the jar's options, -port, -inMemory and -sharedDb matter here. It listens on all interfaces,
which no option changes, and wants a signature-shaped Authorization header, which it never verifies.
"""

import http.client
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tests.servers.client import authorization
from tests.servers.local_command import NotInstalledError, local_command
from tests.servers.process import bound, free_port

START_SECONDS = 300
STARTS = 3
# A short-lived JVM on a shared machine: little memory, and no time for the optimising compiler.
JVM_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class StartError(Exception):
    """The server ended, or did not answer in time; the message ends with its output."""


@contextmanager
def dynamodb_local(shared: bool = True) -> Iterator[str]:
    """Run a server and yield its URL. It is killed at the end of the block, or with this process.

    `shared` gives every client the same tables; otherwise each pair of access key and region has
    its own. Raises `NotInstalledError` or `StartError`.
    """
    command = [*local_command(*JVM_OPTIONS), *(["-sharedDb"] if shared else [])]
    with tempfile.TemporaryFile() as output:
        process, port = _start(command, output)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            _kill(process)


def _start(command: list[str], output: IO[bytes]) -> tuple[subprocess.Popen[bytes], int]:
    """Start until the server answers; a lost race for the port is worth another start."""
    for _ in range(STARTS):
        port = free_port()
        whole = bound([*command, "-port", str(port)])
        process = subprocess.Popen(whole, stdout=output, stderr=subprocess.STDOUT)
        if _answers(process, port):
            return process, port
        _kill(process)
    output.seek(0)
    words = output.read()[-2000:].decode(errors="replace")
    if "UnsupportedClassVersionError" in words:
        raise NotInstalledError("DynamoDB Local needs Java 17 or newer; that on the PATH is older")
    raise StartError(f"DynamoDB Local did not start:\n{words}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if _lists_tables(port):
            return process.poll() is None
        time.sleep(0.05)
    return False


def _lists_tables(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/", b"{}", authorization("ListTables"))
        return b"TableNames" in connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(timeout=60)
