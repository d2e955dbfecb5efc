"""`help`: the list of topics, a page plain and on a terminal, and a topic that does not exist."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alternator_migrate.cli.main import cli
from alternator_migrate.cli.topics import ANSWERS, topics
from tests.cli.terminal import on_terminal


def asked(*words: str) -> Result:
    """What `alternator-migrate help ...` says without a terminal."""
    return CliRunner().invoke(cli, ["help", *words], prog_name="alternator-migrate")


def test_the_list_names_each_topic_with_its_title() -> None:
    result = asked()
    assert result.exit_code == 0
    for name, page in topics().items():
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert any(line.split() == [name, *title.split()] for line in result.output.splitlines())


def test_the_help_of_the_program_names_each_topic() -> None:
    shown = CliRunner().invoke(cli, ["-h"]).output
    told = shown.partition("Topics of")[2]
    assert {word.strip(",") for word in told.split()} >= set(topics())


@pytest.mark.parametrize("name", topics())
def test_a_page_is_plain_when_it_is_piped(name: str) -> None:
    result = asked(name)
    assert result.exit_code == 0
    assert result.output == topics()[name].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("resum", "resume"),
        ("Validate-all", "validation"),
        ("config", "configuration"),
        ("manifest", "containers"),
    ],
)
def test_a_topic_that_does_not_exist_gets_the_near_ones(word: str, near: str) -> None:
    result = asked(word)
    assert result.exit_code == 2
    assert f"there is no topic '{word}'" in result.output
    assert near in result.output.partition("Did you mean")[2]


@pytest.mark.parametrize(
    ("word", "topic"),
    [
        ("exit", "faq"),
        ("exit-codes", "faq"),
        ("cost", "faq"),
        ("Rights", "permissions"),
        ("pause", "control"),
        ("rollback", "following"),
        ("slow", "performance"),
    ],
)
def test_a_word_that_people_look_for_gets_the_page_that_answers_it(word: str, topic: str) -> None:
    assert asked(word).output == asked(topic).output


@pytest.mark.parametrize(
    ("words", "topic"),
    [
        ("exit codes", "faq"),
        ("many tables", "many-tables"),
        ("Exit 3", "faq"),
        ("why slow", "performance"),
        ("run", "run"),
        ("of run", "run"),
    ],
)
def test_several_words_are_one_topic_or_speak_of_one(words: str, topic: str) -> None:
    result = asked(*words.split())
    assert result.exit_code == 0
    assert result.output == asked(topic).output


def test_several_words_that_stand_nowhere_are_told_as_they_were_given() -> None:
    result = asked("xyzzy", "plugh")
    assert result.exit_code == 2
    assert "there is no topic 'xyzzy plugh'" in result.output


def test_no_word_hides_a_topic_or_a_command_and_each_has_its_page() -> None:
    words = [word for known in ANSWERS.values() for word in known]
    assert len(set(words)) == len(words)
    assert not {*words} & {*topics(), *cli.commands}
    assert {*ANSWERS} <= {*topics()}


def test_a_word_that_stands_nowhere_gets_all_topics() -> None:
    result = asked("xyzzy")
    assert result.exit_code == 2
    assert ", ".join(topics()) in result.output


def test_the_name_of_a_command_gets_its_options() -> None:
    result = asked("run")
    assert result.exit_code == 0
    assert "--into-existing" in result.output
    assert result.output.startswith("Usage: alternator-migrate run")


async def test_a_page_is_rendered_on_a_terminal(tmp_path: Path) -> None:
    size = 100, 400
    async with on_terminal(tmp_path, "help", "resume", env={"PAGER": "cat"}, size=size) as terminal:
        assert await terminal.wait(30) == 0
    assert "\x1b[1m" in terminal.raw
    assert "# Stop at any time" not in terminal.text
    assert "```" not in terminal.text
    assert "alternator-migrate run config.yaml --fresh" in terminal.text


async def test_files_that_are_not_installed_are_named_by_their_place(tmp_path: Path) -> None:
    size = 160, 400
    page = "help", "permissions"
    async with on_terminal(tmp_path, *page, env={"PAGER": "cat"}, size=size) as terminal:
        assert await terminal.wait(30) == 0
    assert "examples/iam/source-plan.json" in terminal.text
    assert "../.." not in terminal.text
