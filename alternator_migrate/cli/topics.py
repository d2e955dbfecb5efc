"""`help`: the documentation that ships with the package, a page a topic."""

import os
import re
import sys
from pathlib import Path
from typing import Final

import click

_FOLDER: Final = Path(__file__).parents[1] / "docs"
_NEAR: Final = 3
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_WIDTH: Final = 100
_REPOSITORY: Final = "../../"
ANSWERS: Final = {
    "faq": ("code", "codes", "cost", "costs", "exit", "exit-code", "exit-codes", "price", "prices"),
    "permissions": ("grant", "grants", "iam", "policy", "right", "rights"),
    "control": ("pause", "stop", "throttle"),
    "following": ("back", "cutover", "downtime", "rollback", "roll-back", "switch"),
    "performance": ("fast", "limit", "limits", "slow", "speed"),
    "fine-print": ("copied", "indexes", "ttl"),
    "troubleshooting": ("error", "errors"),
    "getting-started": ("install", "start"),
    "containers": ("docker", "kubernetes"),
    "resume": ("rejects", "retry"),
}
"""The words that people look for, by the topic that answers them."""


def topics() -> dict[str, Path]:
    """The page of each topic, in the order of their names."""
    return {page.stem: page for page in sorted(_FOLDER.glob("*.md"))}


def show(topic: str) -> None:
    """Print the page of a topic, or of one that answers a word: rendered on a terminal, as it is
    written elsewhere.

    Raises `click.UsageError` with the nearest topics where there is none of that name.
    """
    pages, name = topics(), named(topic)
    if name is None:
        raise click.UsageError(_unknown(topic, pages))
    text = pages[name].read_text(encoding="utf-8")
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    os.environ.setdefault("LESS", "-FRX")  # colours, and no wait where a page fits the screen
    click.echo_via_pager(_rendered(text), color=True)


def named(topic: str) -> str | None:
    """The topic of this name, or the one that answers this word; None where there is none."""
    word = topic.lower()
    answers = next((page for page, words in ANSWERS.items() if word in words), None)
    return answers or (topic if topic in topics() else None)


def index() -> str:
    """The list of topics, each with the title of its page."""
    pages = topics()
    width = max(map(len, pages))
    lines = [f"  {name:{width}}  {_title(page)}" for name, page in pages.items()]
    return "\n".join(["Topics of `alternator-migrate help TOPIC`:", *lines])


def _title(page: Path) -> str:
    with page.open(encoding="utf-8") as lines:
        return next(lines).removeprefix("# ").strip()


def _unknown(topic: str, pages: dict[str, Path]) -> str:
    near = list(_near(topic, pages))
    meant = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(pages)}."
    return f"there is no topic {topic!r}. {meant}"


def _near(topic: str, pages: dict[str, Path]) -> list[str]:
    """Topics of almost that name, else those whose pages speak of it most."""
    import difflib  # noqa: PLC0415 # for mistakes only

    word = topic.lower()
    close = [name for name in pages if word in name]
    close += difflib.get_close_matches(word, pages, _NEAR)
    if close:
        return list(dict.fromkeys(close))[:_NEAR]
    told = {name: _text(page).count(word) for name, page in pages.items()}
    most = sorted((name for name in told if told[name]), key=lambda name: -told[name])
    return most[:_NEAR]


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8").lower()


def _rendered(markdown: str) -> str:
    """A page for this terminal."""
    from rich.console import Console  # noqa: PLC0415 # keeps -h fast
    from rich.markdown import Markdown  # noqa: PLC0415 # keeps -h fast
    from rich.theme import Theme  # noqa: PLC0415 # keeps -h fast

    plain = Theme({"markdown.code": "bold cyan", "markdown.code_block": "cyan"})
    console = Console(force_terminal=True, theme=plain)
    console.width = min(console.width, _WIDTH)
    told = _LINK.sub(_plain_link, markdown)
    with console.capture() as capture:
        console.print(Markdown(told, hyperlinks=False, code_theme="ansi_dark"))
    return capture.get()


def _plain_link(link: re.Match[str]) -> str:
    """A link to another page, as the command that shows it; one to a file that does not ship with
    the package with its place in the repository; other links with their address."""
    text, target = link.groups()
    if target.startswith(_REPOSITORY):
        place = target.removeprefix(_REPOSITORY)
        return place if place.endswith(text) else f"{text} ({place} in the repository)"
    name = target.partition("#")[0].removesuffix(".md")
    if name not in topics():
        return text if text == target else f"{text} ({target})"
    return f"`help {name}`" if text == name else f"{text} (`help {name}`)"
