"""Fetch DynamoDB Local: `python tests/fetch_dynamodb_local.py DEST`.

Maven copies its jar, what that needs and SQLite's libraries from its repository, by the list in
tests/dynamodb_local/pom.xml. Does nothing where DEST holds the files of the list `sha256sums`;
otherwise DEST is replaced by just these, whole or not at all. Exit code 1, with one line that says
why, on failure.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

LISTS = Path(__file__).parent / "dynamodb_local"
MAVEN_SECONDS = 300


class FetchError(Exception):
    """Why the fetch failed, in one line."""


def fetch(destination: Path) -> None:
    """Make sure that `destination` holds DynamoDB Local. Raises `FetchError`."""
    wanted = _wanted()
    if not _differing(destination, wanted):
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".fetch-") as name:
        folder = Path(name)
        _copy(folder / "whole")
        if differing := _differing(folder / "whole", wanted):
            raise FetchError(f"not what it was (SHA-256): {', '.join(differing)[:300]}")
        _put_in_place(folder, destination, wanted)


def _wanted() -> dict[str, str]:
    """The SHA-256 of each file, by its name."""
    lines = (LISTS / "sha256sums").read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def _differing(folder: Path, wanted: dict[str, str]) -> list[str]:
    """The names of files that are missing in `folder`, are others, or are not wanted there."""
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    extra = found - wanted.keys()
    return sorted(extra | {name for name in wanted if _digest(folder / name) != wanted[name]})


def _digest(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _copy(folder: Path) -> None:
    command = ["mvn", "--batch-mode", "--quiet", "--file", str(LISTS / "pom.xml")]
    command += ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=MAVEN_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise FetchError("mvn (Maven) is not installed, and it is needed once") from error
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"mvn did not end within {MAVEN_SECONDS} s") from error
    if done.returncode:
        words = " ".join((done.stderr + done.stdout).split())
        raise FetchError(f"mvn failed with code {done.returncode}: {words[:300]}")


def _put_in_place(folder: Path, destination: Path, wanted: dict[str, str]) -> None:
    """Rename `whole` in `folder` to `destination`, and what was there into `folder`."""
    try:
        if destination.exists():
            destination.rename(folder / "replaced")
        (folder / "whole").rename(destination)
    except OSError as error:
        # Another process may have been faster, which is as good.
        if _differing(destination, wanted):
            raise FetchError(f"cannot create {destination}: {error.strerror}") from error


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: fetch_dynamodb_local.py DEST", file=sys.stderr)
        return 1
    try:
        fetch(Path(sys.argv[1]).absolute())
    except (FetchError, OSError) as error:
        print(f"DynamoDB Local was not fetched: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
