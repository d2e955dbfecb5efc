"""The man pages: one for each command, with its options."""

from pathlib import Path

import click

from alternator_migrate.cli.main import cli
from tests.readme import man


def test_each_command_has_a_page_with_its_options(tmp_path: Path) -> None:
    pages = {page.stem: page.read_text(encoding="utf-8") for page in man.write(tmp_path)}

    assert set(pages) == {man.NAME, *(f"{man.NAME}-{name}" for name in cli.commands)}
    for name, command in cli.commands.items():
        page = pages[f"{man.NAME}-{name}"]
        assert page.startswith(f'.TH "{man.NAME}-{name}"'.upper())
        told = page.replace("\\-", "-")
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert f"{parameter.opts[-1]}\\fP" in told, (name, parameter.opts)
