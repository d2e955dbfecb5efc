"""The package as pip makes it: what is in the wheel, what is not, and that its command starts."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import Parser
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from alternator_migrate import __version__
from tests.servers.cli import REPOSITORY, environment
from tests.servers.process import unavailable

LICENSE_EXPRESSIONS = 77
"""The first setuptools that takes `license = "Apache-2.0"`."""

NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info")
OFFLINE = (
    "No matching distribution found for setuptools",
    "Could not find a version that satisfies the requirement setuptools",
    "Temporary failure in name resolution",
    "Failed to establish a new connection",
    "No module named pip",
)


def setuptools_here() -> int:
    """Major version of the installed setuptools; 0 without it."""
    try:
        return int(version("setuptools").partition(".")[0])
    except PackageNotFoundError:
        return 0


@contextmanager
def built(folder: Path) -> Iterator[zipfile.ZipFile]:
    """The wheel, built from a copy of the repository so that this one stays as it is."""
    shutil.copytree(REPOSITORY, folder / "copy", ignore=NOT_COPIED)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-input"]
    command += ["--retries", "0", "--wheel-dir", str(folder), str(folder / "copy")]
    if setuptools_here() >= LICENSE_EXPRESSIONS:
        command.append("--no-build-isolation")
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=300, check=False)
    told = (done.stdout + done.stderr).decode(errors="replace")
    if done.returncode and any(reason in told for reason in OFFLINE):
        unavailable(f"pip cannot build here: {told.strip().splitlines()[-1]}")
    assert not done.returncode, told
    (made,) = folder.glob("*.whl")
    with zipfile.ZipFile(made) as opened:
        yield opened


def holds_the_package_and_its_types(wheel: zipfile.ZipFile) -> None:
    inside = {name for name in wheel.namelist() if not name.partition("/")[0].endswith("-info")}
    package = REPOSITORY / "alternator_migrate"
    modules = {str(path.relative_to(REPOSITORY)) for path in package.rglob("*.py")}
    pages = {str(path.relative_to(REPOSITORY)) for path in package.glob("docs/*.md")}
    assert pages
    assert inside == {*modules, *pages, "alternator_migrate/py.typed"}


def names_the_command_and_what_it_needs(wheel: zipfile.ZipFile) -> None:
    assert wheel.filename is not None
    assert Path(wheel.filename).name == f"alternator_migrate-{__version__}-py3-none-any.whl"
    info = f"alternator_migrate-{__version__}.dist-info"
    points = wheel.read(f"{info}/entry_points.txt").decode()
    assert "[console_scripts]\nalternator-migrate = alternator_migrate.cli:main" in points
    metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    needed = metadata.get_all("Requires-Dist")
    assert needed is not None
    assert any(line.startswith("moto") and "extra ==" in line for line in needed)
    assert any(name.endswith("LICENSE") for name in wheel.namelist())


def starts(wheel: zipfile.ZipFile, folder: Path) -> None:
    site = folder / "site"
    wheel.extractall(site)
    script = "from importlib.metadata import distribution as d; "
    script += "(e,) = d('alternator-migrate').entry_points; e.load()()"
    done = subprocess.run(
        [sys.executable, "-c", script, "--version"],
        cwd=folder,
        env=environment(folder, {"PYTHONPATH": str(site)}),
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().split()[-1] == __version__


@pytest.mark.slow
def test_the_wheel_is_whole_and_its_command_starts(tmp_path: Path) -> None:
    with built(tmp_path) as wheel:
        holds_the_package_and_its_types(wheel)
        names_the_command_and_what_it_needs(wheel)
        starts(wheel, tmp_path)


def test_the_build_asks_for_a_setuptools_that_can() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert isinstance(project["project"]["license"], str), "a license expression"
    (asked,) = project["build-system"]["requires"]
    name, _, lowest = asked.partition(">=")
    assert name == "setuptools"
    assert int(lowest.partition(".")[0]) >= LICENSE_EXPRESSIONS
