"""README and the pages of `help` say what the tool does today."""

import re
import shlex
from functools import cache
from itertools import takewhile

import click
import pytest
import yaml

from alternator_migrate.cli.main import cli
from alternator_migrate.cli.topics import topics
from alternator_migrate.config.document import Document
from alternator_migrate.config.reader import read_settings
from tests.conftest import RunCli
from tests.readme.pages import PAGES, PROGRAM, ROOT, Page, all_blocks, all_commands
from tests.readme.reference import PAGE, keys, reference
from tests.readme.said import unsaid
from tests.support.cli import two_ends

LONGEST = 200
MOST_UNSAID = 0.15
VARIABLES = ("ALTERNATOR_SECRET", "S3_SECRET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
ALONE = ("--version", "-h")
# Options of other programs that the prose speaks of.
FOREIGN = {"--nworkers", "--nthreads", "--only", "--endpoint-url", "--read-only", "--build-arg"}


@cache
def options() -> frozenset[str]:
    """Every option of every command."""
    parameters = (each for command in cli.commands.values() for each in command.params)
    known = {option for each in parameters for option in (*each.opts, *each.secondary_opts)}
    return frozenset(known | {"--version", "--help"})


def test_the_readme_is_short() -> None:
    assert PAGES[0].text.count("\n") <= LONGEST


def test_the_reference_of_keys_is_that_of_the_settings() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.endswith(reference()), "run `python -m tests.readme.reference`"


@pytest.mark.parametrize(("page", "line"), all_commands(), ids=str)
def test_every_command_parses(page: Page, line: str) -> None:
    words = shlex.split(line)
    name = next(word for word in (PROGRAM, "migrate") if word in words)
    arguments = [*takewhile(lambda word: word not in ("|", ">"), words[words.index(name) + 1 :])]
    if arguments[0] in ALONE:
        return
    command, context = cli.commands[arguments[0]], click.Context(cli)
    if "-h" in arguments:
        return
    given = command.make_context(command.name, arguments[1:], parent=context)
    assert arguments[0] != "help" or {*given.params["topic"]} <= {*topics(), *cli.commands, "TOPIC"}


async def test_the_command_without_a_file_works_on_a_clean_machine(run_cli: RunCli) -> None:
    (line,) = (line for line in PAGES[0].commands() if "http://localhost:8001" in line)
    async with two_ends(60) as ends:
        line = line.replace("http://localhost:8000", ends.source.url)
        words = shlex.split(line.replace("http://localhost:8001", ends.target.url))
        program = words.index(PROGRAM)
        given = dict(word.split("=") for word in words[:program])
        result = await run_cli(*words[program + 1 :], env=given)
        assert result.code == 0, result.err
        assert len(ends.target.items("Example")) == 60


@pytest.mark.parametrize(("page", "text"), all_blocks("yaml"), ids=str)
def test_every_configuration_loads(page: Page, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "s")
    given = yaml.safe_load(text)
    document = Document(page.path.name)
    document.read(text)
    for side, table in (("source", "Example"), ("target", "Example2")):
        if "type" not in given.get(side, {}):
            document.override(f"{side}.type", "dynamodb", "test")
        if "table" not in given.get(side, {}) and "tables" not in given:
            document.override(f"{side}.table", table, "test")
    settings, warnings = read_settings(document)
    assert settings.source.type
    assert not warnings


@pytest.mark.parametrize("name", [*cli.commands])
def test_every_command_of_the_tool_is_told(name: str) -> None:
    assert any(f"{PROGRAM} {name}" in page.text for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_option_told_is_one(page: Page) -> None:
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.prose))
    told |= {word for line in page.commands() for word in re.findall(r"(?<= )--[a-z][a-z-]+", line)}
    foreign = {
        word
        for line in page.command_lines()
        if line not in page.commands() or re.match(r"docker|kubectl", line)
        for word in re.findall(r"--[a-z][a-z-]+", line)
    }
    assert told - options() - FOREIGN - foreign == set()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_key_told_is_one(page: Page) -> None:
    known = keys()
    parts = {key[: end.start()] for key in known for end in re.finditer(r"\.|$", key)}
    tops = "|".join(sorted({key.partition(".")[0] for key in known if "." in key}))
    told = set(re.findall(rf"`((?:{tops})(?:\.[A-Za-z]+)+)(?:: [^`]*)?`", page.prose))
    told |= set(re.findall(r"--set (?!PATH)([A-Za-z.]+)=", page.text))
    assert {key for key in told if key not in parts and not _is_within(key)} == set()


def _is_within(key: str) -> bool:
    """Whether a key is an entry of one that holds a user's own names."""
    return key.rpartition(".")[0] in {"target.tags", "source.filter.values", "source.filter.names"}


@pytest.mark.parametrize(("page", "text"), all_blocks("text"), ids=str)
def test_every_output_is_made_of_what_the_tool_says(page: Page, text: str) -> None:
    strange = [line for line in text.splitlines() if unsaid(line) > MOST_UNSAID]
    assert strange == [], f"{page}: no text of the tool is like this; show what it says today"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_files_named_exist(page: Page) -> None:
    named = {page.path.parent / path for path in re.findall(r"\]\(((?!http)[^)#]+)", page.prose)}
    pattern = r"`((?:examples|compose|tests|alternator_migrate)/[^` ]*)`"
    named |= {ROOT / path for path in re.findall(pattern, page.text)}
    assert [str(path) for path in sorted(named) if not path.exists()] == []


@pytest.mark.parametrize("name", topics())
def test_the_readme_lists_every_topic(name: str) -> None:
    assert f"[{name}](alternator_migrate/docs/{name}.md)" in PAGES[0].text


@pytest.mark.parametrize("page", PAGES[1:], ids=str)
def test_a_page_begins_with_its_title(page: Page) -> None:
    first, blank, *_ = page.text.splitlines()
    assert re.match(r"# \S", first)
    assert len(first) <= 75, "it stands in the list of topics"
    assert blank == ""
