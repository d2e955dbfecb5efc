"""Completion: the script that a shell sources, and what it is told."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from alternator_migrate.cli.main import cli
from tests.readme.reference import keys

COMPLETE = "_ALTERNATOR_MIGRATE_COMPLETE"
CHECKS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "-n"]}


def completed(*words: str) -> list[str]:
    """What fish is told for the last of the words."""
    env = {COMPLETE: "fish_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": words[-1]}
    shown = CliRunner().invoke(cli, [], env=env, prog_name="alternator-migrate").output
    return [line.partition(",")[2].partition("\t")[0] for line in shown.splitlines()]


@pytest.mark.parametrize("shell", CHECKS)
def test_the_script_is_one_of_that_shell(shell: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["completion", shell], prog_name="alternator-migrate")
    assert result.exit_code == 0
    assert COMPLETE in result.output
    script = tmp_path / "script"
    script.write_text(result.output)
    if shutil.which(shell):
        subprocess.run([*CHECKS[shell], str(script)], check=True, timeout=120)


def test_commands_options_and_values_are_completed() -> None:
    assert completed("alternator-migrate", "pl") == ["plan"]
    assert "--into-existing" in completed("alternator-migrate", "run", "--in")
    assert completed("alternator-migrate", "run", "--engine", "p") == ["processes"]


def test_every_key_of_set_is_completed() -> None:
    told = completed("alternator-migrate", "run", "--set", "s")
    wanted = {key for key in keys() if key.startswith("s")}
    assert {key.removesuffix("=") for key in told} == wanted
    assert all(key.endswith("=") for key in told)


def test_a_shell_that_is_not_known_is_refused() -> None:
    result = CliRunner().invoke(cli, ["completion", "csh"])
    assert result.exit_code == 2
