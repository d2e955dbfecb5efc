"""DynamoDB Local is fetched whole and as it was, or not at all; and started on what can run it."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.dynamodb_local import dynamodb_local
from tests.servers.local_command import FETCHED, NotInstalledError, local_command

TESTS = Path(__file__).parents[1]
FILES = {"server.jar": b"the server", "library.so": b"a library"}
COPY = 'for word; do case "$word" in -DoutputDirectory=*) to="${word#*=}";; esac; done; mkdir "$to"'


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script, with a list of `FILES`."""
    lists = tmp_path / "dynamodb_local"
    lists.mkdir()
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in FILES.items()]
    (lists / "sha256sums").write_text("".join(lines))
    return Path(shutil.copy(TESTS / "fetch_dynamodb_local.py", tmp_path))


def command(folder: Path, name: str, body: str) -> None:
    """Put a shell script as command `name` into `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def maven(script: Path, files: dict[str, bytes], code: int = 0) -> None:
    """A Maven that copies `files` and ends with `code`."""
    stock = script.parent / "stock"
    stock.mkdir()
    for name, data in files.items():
        (stock / name).write_bytes(data)
    copy = f'{COPY}; cp "{stock}"/* "$to"; echo "[ERROR] no such host"; exit {code}'
    command(script.parent / "bin", "mvn", copy)


def fetch(script: Path, tools: str = os.defpath) -> tuple[int, str, dict[str, bytes]]:
    """The exit code, what was said, and what is in the destination then."""
    path = f"{script.parent / 'bin'}{os.pathsep}{tools}"
    destination = script.parent / "tools" / "local"
    done = subprocess.run(
        [sys.executable, script, destination],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PATH": path},
    )
    assert list(destination.parent.glob(".*")) == [], "nothing is left beside it"
    found = destination.iterdir() if destination.exists() else []
    return done.returncode, done.stderr, {file.name: file.read_bytes() for file in found}


def there_already(script: Path, files: dict[str, bytes]) -> None:
    folder = script.parent / "tools" / "local"
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def test_what_the_list_names_is_fetched_once(script: Path) -> None:
    maven(script, FILES)
    assert fetch(script) == (0, "", FILES)
    command(script.parent / "bin", "mvn", "exit 1")
    assert fetch(script) == (0, "", FILES)


@pytest.mark.parametrize(
    "old", [{"other.jar": b"of a release before"}, {"server.jar": b"cut short"}, {}], ids=str
)
def test_what_is_another_or_not_whole_is_replaced(script: Path, old: dict[str, bytes]) -> None:
    there_already(script, old)
    maven(script, FILES)
    assert fetch(script) == (0, "", FILES)


@pytest.mark.parametrize(
    "wrong",
    [{**FILES, "library.so": b"changed"}, {"server.jar": b"the server"}, {**FILES, "more": b""}],
    ids=["changed", "missing", "more"],
)
def test_what_is_not_as_listed_is_not_taken(script: Path, wrong: dict[str, bytes]) -> None:
    there_already(script, {"other.jar": b"of a release before"})
    maven(script, wrong)
    code, said, found = fetch(script)
    assert (code, found) == (1, {"other.jar": b"of a release before"})
    assert "not what it was (SHA-256): " in said
    assert ("more" if "more" in wrong else "library.so") in said
    assert "server.jar" not in said


def test_a_failed_maven_is_told_with_its_words(script: Path) -> None:
    maven(script, FILES, code=1)
    code, said, found = fetch(script)
    assert (code, found) == (1, {})
    assert "mvn failed with code 1: [ERROR] no such host" in said


def test_a_missing_maven_is_told(script: Path) -> None:
    code, said, _ = fetch(script, tools=str(script.parent / "nothing"))
    assert (code, said.count("\n")) == (1, 1)
    assert "mvn (Maven) is not installed" in said


def test_the_list_names_what_is_started() -> None:
    names = [line.split()[1] for line in (TESTS / "dynamodb_local/sha256sums").open()]
    assert FETCHED in names
    assert f"<version>{FETCHED.split('-')[1].removesuffix('.jar')}</version>" in (
        TESTS / "dynamodb_local/pom.xml"
    ).read_text(encoding="utf-8")


def test_a_java_that_is_too_old_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FETCHED).touch()
    command(tmp_path / "bin", "java", "echo java.lang.UnsupportedClassVersionError; exit 1")
    monkeypatch.setenv("DYNAMODB_LOCAL_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    with pytest.raises(NotInstalledError, match="needs Java 17 or newer"), dynamodb_local():
        raise AssertionError("it started on an old Java")


@pytest.mark.parametrize("libraries", [".", "DynamoDBLocal_lib"])
def test_another_release_is_taken_as_maven_or_amazon_lays_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, libraries: str
) -> None:
    command(tmp_path / "bin", "java", "")
    (tmp_path / libraries).mkdir(exist_ok=True)
    for name in ("DynamoDBLocal.jar", f"{libraries}/guava.jar"):
        (tmp_path / name).touch()
    monkeypatch.setenv("DYNAMODB_LOCAL_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    whole = local_command()
    (path,) = (word for word in whole if str(tmp_path / "DynamoDBLocal.jar") in word)
    jars = [Path(jar).resolve() for jar in path.split(os.pathsep)]
    assert jars[0] == tmp_path / "DynamoDBLocal.jar"
    assert (tmp_path / libraries / "guava.jar").resolve() in jars
    assert "DDB_LOCAL_TELEMETRY=0" in whole
