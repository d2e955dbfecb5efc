"""The man pages, from the help texts of the commands.

python -m tests.readme.man .man        # writes them there; `make dist` packs them into the wheel
"""

import re
import sys
from copy import deepcopy
from pathlib import Path

from click_man.core import write_man_pages

from alternator_migrate import __version__
from alternator_migrate.cli.main import cli

NAME = "alternator-migrate"
_TITLE = re.compile(r'^\.TH "([^"]+)" "1" "([^"]*)" "([^"]*)" "[^"]*"')


def write(folder: Path) -> list[Path]:
    """Write a page for the program and one for each command; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    # a copy: a command remembers its option of help, which is not made as the program makes it here
    write_man_pages(NAME, deepcopy(cli), version=__version__, target_dir=str(folder), date="")
    pages = sorted(folder.glob(f"{NAME}*.1"))
    for page in pages:
        page.write_text(_titled(page.read_text(encoding="utf-8")), encoding="utf-8")
    return pages


def _titled(page: str) -> str:
    """A page whose head fits 80 columns, and which says no day: the version does."""
    told = _TITLE.search(page)
    assert told, page.partition("\n")[0]
    title, _, version = told.groups()
    head = f'.TH "{title.replace(" ", "-")}" "1" "" "{version}" "{NAME}"'
    return head + page[told.end() :]


if __name__ == "__main__":
    for written in write(Path(sys.argv[1])):
        print(written)
