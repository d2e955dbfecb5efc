"""Example configurations load, example command lines parse, and the seeder seeds."""

import asyncio
import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from alternator_migrate import __version__
from alternator_migrate.cli.main import cli
from alternator_migrate.cli.seed import SeedOptions, seed
from alternator_migrate.cli.topics import topics
from alternator_migrate.config.loading import load
from alternator_migrate.config.settings import Settings
from alternator_migrate.core.errors import UsageError
from tests.servers.cli import REPOSITORY, Result, environment
from tests.servers.client import ROLE, SECRET, Item, scan_all
from tests.servers.guarded import Guarded
from tests.servers.patience import stretched
from tests.servers.process import free_port
from tests.standin import StandIn

EXAMPLES = REPOSITORY / "examples"
COMPOSE = REPOSITORY / "compose"
CONFIGURATIONS = (*sorted(EXAMPLES.glob("*.yaml")), COMPOSE / "config.yaml")
PROGRAM = "alternator-migrate"
# The variables that the examples need; those with a default are left out.
VARIABLES = {
    "ALTERNATOR_ROLE": "role",
    "ALTERNATOR_SECRET": "secret",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}
ITEMS = 500
ALL_TYPES = {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the examples need, and nothing that they have a default for."""
    for name in ("AWS_PROFILE", "AWS_REGION", "TEAM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_configuration_loads(path: Path) -> None:
    assert load(path, {}).warnings == ()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_example_says_what_it_is_for(path: Path) -> None:
    comment = list(takewhile(lambda line: line.startswith("# "), path.read_text().splitlines()))
    assert len(comment) == 2
    assert f"({path.name})" in (EXAMPLES / "README.md").read_text()


def test_no_secret_but_the_dummy_of_the_tutorial() -> None:
    texts = [path.read_text() for path in CONFIGURATIONS]
    found = {value for text in texts for value in re.findall(r"secretKey: *(\S+)", text)}
    assert found == {"dummy", "${ALTERNATOR_SECRET}", "${AWS_SECRET_ACCESS_KEY}"}


def test_compose_runs_the_tutorial() -> None:
    assert _loaded(COMPOSE / "config.yaml") == _loaded(EXAMPLES / "tutorial.yaml")


def test_command_lines_parse() -> None:
    lines = [*_compose_commands(), *_cron_commands(), *_unit_commands(), *_readme_commands()]
    assert len(lines) == 5
    for name, *arguments in lines:
        cli.commands[name].make_context(name, arguments)


def test_scheduled_commands_are_fit_for_it() -> None:
    """Absolute paths, no live display, and no % in the crontab, where it means a line break."""
    for line in (*_cron_lines(), _unit()["ExecStart"]):
        assert f"/usr/local/bin/{PROGRAM} run /etc/" in line
        assert "--progress lines" in line or "--progress none" in line
    assert not any("%" in line for line in _cron_lines())


def test_exit_codes_of_the_unit() -> None:
    """A stop is a success; what needs a person, 3, is not."""
    assert _unit()["KillSignal"] == "SIGTERM"
    assert _unit()["SuccessExitStatus"] == "143"


def test_timer_starts_the_unit() -> None:
    timers = [path.stem for path in EXAMPLES.glob("*.timer")]
    assert timers == [path.stem for path in EXAMPLES.glob("*.service")]


def test_compose_ports_and_names_are_those_of_the_configuration() -> None:
    services, settings = _services(), _loaded(COMPOSE / "config.yaml")
    for name, option, side in (
        ("dynamodb", "-port", settings.source),
        ("scylla", "--alternator-port", settings.target),
    ):
        command = shlex.split(services[name]["command"])
        port = command[command.index(option) + 1]
        assert side.endpoint
        assert side.endpoint.contacts == (f"http://{name}:{port}",)
        assert services[name]["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert "latest" not in services[name]["image"]
    assert settings.target.endpoint
    assert settings.target.endpoint.contacts[0] in str(services["scylla"]["healthcheck"])


def test_compose_mounts_what_the_configuration_names() -> None:
    migrate, settings = _services()["migrate"], _loaded(COMPOSE / "config.yaml")
    assert f"savepoints:{settings.savepoints.path}" in migrate["volumes"]
    assert "./config.yaml:/app/config.yaml:ro" in migrate["volumes"]
    assert migrate["profiles"] == ["tools"]
    build = COMPOSE / migrate["build"]["context"]
    assert (build / migrate["build"]["dockerfile"]).samefile(COMPOSE / "Dockerfile")


def test_image_starts_the_program_itself() -> None:
    """In exec form: a shell in between would keep signals from it."""
    dockerfile = (COMPOSE / "Dockerfile").read_text()
    [entry] = re.findall(r"^ENTRYPOINT (.*)$", dockerfile, re.MULTILINE)
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
    assert json.loads(entry) == [PROGRAM]
    assert PROGRAM in scripts
    assert re.findall(r"^(?:USER|WORKDIR) (.*)$", dockerfile, re.MULTILINE)[-2:] == [
        "10001:10001",
        "/app",
    ]


def test_image_is_pinned_and_says_what_it_is() -> None:
    dockerfile = (COMPOSE / "Dockerfile").read_text()
    (base,) = re.findall(r"^ARG BASE=(.*)$", dockerfile, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)
    assert "--require-hashes" in dockerfile
    assert f"ARG VERSION={__version__}" in dockerfile
    assert "org.opencontainers.image.licenses" in dockerfile
    assert re.search(r"^HEALTHCHECK .*/healthz", dockerfile, re.MULTILINE)


def test_the_lock_has_every_dependency_of_the_package() -> None:
    lock = (COMPOSE / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in ("dask", "metrics", "ion"):
        wanted += project["optional-dependencies"][extra]
    for each in map(Requirement, wanted):
        assert each.specifier.contains(locked[each.name]), "run `make lock`"
    assert lock.count("--hash=sha256:") >= len(locked)


def test_image_is_built_from_files_that_exist() -> None:
    dockerfile = (COMPOSE / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    kept = (COMPOSE / "Dockerfile.dockerignore").read_text().splitlines()
    assert names
    for name in names:
        assert (REPOSITORY / name).exists()
        assert f"!{name}" in kept


async def test_seeded_table_holds_every_item(
    dynamodb_local: str, table_name: str, tmp_path: Path
) -> None:
    place = ("--endpoint", dynamodb_local, "--table", table_name)
    ended = await _seed(tmp_path, *place, "--items", str(ITEMS))
    assert ended.code == 0, ended.err
    assert f"{ITEMS} items in " in ended.err
    assert len(await _items(dynamodb_local, table_name)) == ITEMS


async def test_seeded_table_holds_items_of_all_types(dynamodb_local: str, table_name: str) -> None:
    """Seeded twice: a table that exists is filled further, and a seed gives the same items."""
    mixed = SeedOptions(dynamodb_local, table_name, shape="mixed", seed=7)
    for count in (ITEMS, 25):
        await seed(replace(mixed, items=count))
    items = await _items(dynamodb_local, table_name)
    assert len(items) == ITEMS
    assert {kind for item in items for value in item.values() for kind in value} >= ALL_TYPES
    with pytest.raises(UsageError, match="other keys"):
        await seed(SeedOptions(dynamodb_local, table_name, items=1))


@pytest.mark.parametrize("kind", [StandIn, Guarded])
async def test_an_alternator_is_seeded(kind: type[StandIn]) -> None:
    async with kind() as server:
        await seed(SeedOptions(server.url, items=ITEMS, access_key=ROLE, secret_key=SECRET))
        assert len(server.items("Example")) == ITEMS


async def test_seeder_tells_a_wrong_endpoint(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ended = await _seed(tmp_path, "--endpoint", url, "--wait", "1")
    assert ended.code == 2
    waiting, told, error, *_ = ended.err.splitlines()
    assert waiting.endswith(f"waiting up to 1 s for {url}")
    assert told.endswith("; giving up in 1.0s")
    assert error.startswith("Error: nothing answers: ")


async def test_seeder_waits_for_a_server_that_starts(tmp_path: Path) -> None:
    port = free_port()
    place = ("--endpoint", f"http://127.0.0.1:{port}", "--items", "5")
    process = await _started(tmp_path, *place)
    assert process.stderr is not None
    line = await asyncio.wait_for(process.stderr.readline(), stretched(30))
    assert b"waiting up to 30 s" in line
    async with StandIn(port=port) as server:
        _, told = await asyncio.wait_for(process.communicate(), stretched(60))
        assert process.returncode == 0, told
        assert len(server.items("Example")) == 5


def test_the_first_commands_wait_for_what_they_start() -> None:
    """What was just started is not yet ready; the page and the compose file say so alike."""
    header = (COMPOSE / "compose.yaml").read_text().partition("name:")[0]
    page = topics()["getting-started"].read_text()
    for text in (header, page):
        [line] = re.findall(r"docker compose.* up .*", text)
        assert "--detach --wait" in line


async def _items(url: str, table: str) -> list[Item]:
    return await scan_all(url, table, region="us-west-1")


async def _seed(folder: Path, *arguments: str) -> Result:
    process = await _started(folder, *arguments)
    out, err = await asyncio.wait_for(process.communicate(), stretched(60))
    return Result(process.returncode or 0, out.decode(), err.decode())


async def _started(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "alternator_migrate", "seed"),
        *arguments,
        env=environment(folder, {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def _loaded(path: Path) -> Settings:
    return load(path, {}).settings


def _services() -> dict[str, Any]:
    return dict(yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"])


def _compose_commands() -> Iterator[list[str]]:
    yield _services()["migrate"]["command"]


def _cron_lines() -> list[str]:
    lines = (EXAMPLES / "crontab").read_text().splitlines()
    return [
        line for line in lines if not line.startswith("#") and PROGRAM in line and "* *" in line
    ]


def _cron_commands() -> Iterator[list[str]]:
    for line in _cron_lines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        rest = takewhile(lambda word: not set(word) <= set("|&;<>"), _after_program(list(words)))
        yield list(rest)


def _unit() -> dict[str, str]:
    lines = (EXAMPLES / f"{PROGRAM}.service").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _unit_commands() -> Iterator[list[str]]:
    yield _after_program(shlex.split(_unit()["ExecStart"]))


def _readme_commands() -> Iterator[list[str]]:
    text = (EXAMPLES / "README.md").read_text()
    for words in re.findall(rf"`({PROGRAM} [^`]+)`", text):
        yield _after_program(words.split())


def _after_program(words: list[str]) -> list[str]:
    names = (PROGRAM, f"/usr/local/bin/{PROGRAM}")
    [at] = [at for at, word in enumerate(words) if word in names]
    return words[at + 1 :]
