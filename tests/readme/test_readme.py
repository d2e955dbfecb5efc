"""The README says what the tool does today."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from alternator_migrate.cli.main import cli
from alternator_migrate.config.document import Document
from alternator_migrate.config.reader import read_settings
from tests.conftest import RunCli
from tests.readme.reference import reference
from tests.support.cli import two_ends

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    shell = "".join(blocks("sh")).replace("\\\n", " ")
    lines = [line.split(" #")[0].strip() for line in shell.splitlines()]
    return [line for line in lines if re.match(r"(.* )?(alternator-migrate|migrate) ", line)]


def test_the_reference_of_keys_is_that_of_the_settings() -> None:
    assert reference() in README, "replace it by what `python -m tests.readme.reference` prints"


@pytest.mark.parametrize("line", commands())
def test_every_command_parses(line: str) -> None:
    words = shlex.split(line)
    name = next(word for word in ("alternator-migrate", "migrate") if word in words)
    arguments = words[words.index(name) + 1 :]
    command, context = cli.commands.get(arguments[0]), click.Context(cli)
    if command is None:
        assert arguments[0] in ("--version", "-h", "completion")
        return
    command.make_context(command.name, arguments[1:], parent=context)


async def test_the_command_without_a_file_works_on_a_clean_machine(run_cli: RunCli) -> None:
    (line,) = (line for line in commands() if "http://localhost:8001" in line)
    async with two_ends(60) as ends:
        line = line.replace("http://localhost:8000", ends.source.url)
        words = shlex.split(line.replace("http://localhost:8001", ends.target.url))
        program = words.index("alternator-migrate")
        given = dict(word.split("=") for word in words[:program])
        result = await run_cli(*words[program + 1 :], env=given)
        assert result.code == 0, result.err
        assert len(ends.target.items("Example")) == 60


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_configuration_loads(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCYLLA_SECRET", "s")
    given = yaml.safe_load(text)
    document = Document("README.md")
    document.read(text)
    if "source" not in given or "target" not in given:
        document.override("source.type", "dynamodb", "test")
        document.override("source.table", "Example", "test")
        document.override("target.type", "dynamodb", "test")
        document.override("target.table", "Example2", "test")
    settings, warnings = read_settings(document)
    assert settings.source.table
    assert not warnings


@pytest.mark.parametrize("name", [*cli.commands])
def test_every_command_of_the_tool_is_told(name: str) -> None:
    assert f"alternator-migrate {name}" in README


def test_every_option_is_told_or_in_the_help() -> None:
    prose = re.sub(r"^```text\n.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
    told = set(re.findall(r"--[a-z][a-z-]+", prose))
    known = {
        option
        for command in cli.commands.values()
        for parameter in command.params
        for option in parameter.opts
    }
    foreign = {
        "--nworkers",
        "--nthreads",
        "--only",
        "--endpoint",
        "--endpoint-url",
        "--table-name",
        "--select",
        "--detach",
        "--wait",
        "--rm",
    }
    assert told - known - foreign == set()


def test_files_named_in_it_exist() -> None:
    named = set(re.findall(r"\]\(((?!http)[^)#]+)\)", README))
    named |= set(re.findall(r"`((?:examples|compose|tests)/[^` ]*)`", README))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
