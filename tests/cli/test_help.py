"""Help, version, usage errors; and that asking for them costs nothing."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from alternator_migrate import __version__
from alternator_migrate.cli.main import cli
from tests.conftest import RunCli
from tests.servers.cli import REPOSITORY, environment
from tests.support.cli import one_error

COMMANDS = ("run", "plan", "validate", "follow", "status", "control", "demo", "help")
WITHOUT_CHOICES = ("status", "control", "help")
HEAVY = ("aiohttp", "aioboto3", "botocore", "rich", "msgspec", "yaml", "moto", "uvloop", "asyncio")


def examples(text: str) -> list[str]:
    """The command lines under `Examples:`, continuation lines joined."""
    shown = text.partition("Examples:")[2].partition("\n\n")[0].replace("\\\n", " ")
    return [line.strip() for line in shown.splitlines() if line.strip()]


async def test_version_is_told_on_standard_output(run_cli: RunCli) -> None:
    code, out, err = await run_cli("--version")
    assert (code, err) == (0, "")
    assert out.split()[-1] == __version__
    assert out.startswith("alternator-migrate")


@pytest.mark.parametrize("option", ["-h", "--help"])
async def test_help_names_every_command(run_cli: RunCli, option: str) -> None:
    code, out, err = await run_cli(option)
    assert (code, err) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\S", out, re.MULTILINE), out
    told = out.partition("Exit codes:")[2].partition("Topics")[0]
    assert {int(code) for code in re.findall(r"\b\d+\b", told)} == {0, 1, 2, 3, 129, 130, 131, 143}


@pytest.mark.parametrize("command", ["", *COMMANDS])
async def test_help_shows_examples_that_parse(run_cli: RunCli, command: str) -> None:
    code, out, err = await run_cli(*command.split(), "-h")
    assert (code, err) == (0, "")
    found = examples(out)
    assert found, out
    for line in found:
        program, *words = shlex.split(line)
        assert program == "alternator-migrate"
        assert not command or words[0] == command
        parser = cli.commands[words[0]]
        with cli.make_context(program, words) as context:
            parser.make_context(words[0], words[1:], parent=context).close()


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in WITHOUT_CHOICES])
async def test_help_tells_the_default_of_every_choice(run_cli: RunCli, command: str) -> None:
    out = " ".join((await run_cli(command, "-h")).out.split())
    choices = [p for p in cli.commands[command].params if isinstance(p.type, click.Choice)]
    assert choices
    for choice in choices:
        assert choice.opts[0] in out
        assert f"[default: {choice.default}]" in out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--nonsense"], "--nonsense"),
        (["run", "--nonsense"], "--nonsense"),
        (["plan", "--rejects", "x"], "--rejects"),
        (["run", "a.yaml", "b.yaml"], "b.yaml"),
        (["run", "--progress", "loud"], "loud"),
        (["run", "--log-level", "chatty"], "chatty"),
        (["validate", "--sample", "all"], "1% or 0.01"),
        (["validate", "--sample", "101%"], "1% or 0.01"),
        (["validate", "--sample", "nan"], "1% or 0.01"),
        (["validate", "--mode", "guess"], "guess"),
        (["validate", "--mode", "digest", "--sample", "1%"], "--sample"),
        (["run", "--validate", "--rejects", "x"], "--rejects"),
        (["demo", "--items", "0"], "0"),
        (["demo", "--items", "many"], "many"),
    ],
)
async def test_a_wrong_option_is_named_with_the_usage(
    run_cli: RunCli, arguments: list[str], named: str
) -> None:
    result = await run_cli(*arguments)
    assert named in one_error(result)
    assert re.match(r"Usage: .*alternator[-_]migrate ", result.err)
    assert "-h" in result.err


async def test_an_option_without_its_value_is_named(run_cli: RunCli) -> None:
    assert "--table" in one_error(await run_cli("run", "--table"))


async def test_a_mistyped_option_gets_the_nearest_one(run_cli: RunCli) -> None:
    assert "--source-endpoint" in one_error(await run_cli("run", "--source-endpiont", "x"))


async def test_without_arguments_help_is_shown(run_cli: RunCli) -> None:
    code, out, err = await run_cli()
    assert code in {0, 2}
    assert re.match(r"Usage: .*alternator[-_]migrate ", out + err)
    assert "alternator-migrate run" in out + err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [["--version"], ["-h"], ["run", "-h"], ["run", "--nope"]])
def test_nothing_heavy_is_imported_for_it(tmp_path: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "alternator_migrate", *arguments]
    env = environment(tmp_path, {"PYTHONPATH": str(REPOSITORY)})
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, timeout=300, check=False
    )
    lines = [line for line in done.stderr.decode().splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "click" in imported
    assert not imported.intersection(HEAVY)
