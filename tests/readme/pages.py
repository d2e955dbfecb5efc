"""README and the pages of `help`, and what stands in their blocks."""

import re
from dataclasses import dataclass
from pathlib import Path

from alternator_migrate.cli.topics import topics

ROOT = Path(__file__).parents[2]
PROGRAM = "alternator-migrate"


@dataclass(frozen=True)
class Page:
    """A text in Markdown."""

    path: Path

    def __str__(self) -> str:
        return self.path.stem

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self, language: str) -> list[str]:
        """The fenced blocks in a language, those within lists too, without their indentation."""
        found = re.findall(
            rf"^( *)```{language}\n(.*?)^\1```$", self.text, re.DOTALL | re.MULTILINE
        )
        return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]

    @property
    def prose(self) -> str:
        """The text without its blocks."""
        return re.sub(r"^( *)```.*?^\1```$", "", self.text, flags=re.DOTALL | re.MULTILINE)

    def command_lines(self) -> list[str]:
        """Every line of a shell block, continuation lines joined, comments left out."""
        shell = "".join(self.blocks("sh")).replace("\\\n", " ")
        return [line.split(" #")[0].strip() for line in shell.splitlines() if line.strip()]

    def commands(self) -> list[str]:
        """The lines that start this tool, and what stands so in the prose."""
        told = re.findall(rf"`({PROGRAM} [^`]+)`", re.sub(r"\s+", " ", self.prose))
        lines = [*self.command_lines(), *told]
        return [line for line in lines if re.match(rf"(.* )?({PROGRAM}|migrate) [a-z-]", line)]


PAGES = [Page(ROOT / "README.md"), *(Page(path) for path in topics().values())]


def all_commands() -> list[tuple[Page, str]]:
    """Each command line with the page that it stands on."""
    return [(page, line) for page in PAGES for line in page.commands()]


def all_blocks(language: str) -> list[tuple[Page, str]]:
    """Each block in a language with the page that it stands on."""
    return [(page, block) for page in PAGES for block in page.blocks(language)]
