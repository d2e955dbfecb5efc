"""What the tool can say, from the texts in its code: an output shown in the documentation must be
made of them."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import alternator_migrate

_HOUSE = Path(alternator_migrate.__file__).parent
_DATA = re.compile(
    r"""\S*[/\\]\S*            # paths, addresses, ratios
      | \{.*\}                 # an item or a key as JSON
      | \S*\d\S*               # figures, times, names of files and tables with a number
      | \S+@\S+
      | [│┌┐└┘├┤┬┴┼─━╸╺…]+    # tables and bars""",
    re.VERBOSE,
)
_NAMES = ("Example", "Orders", "nobody", "team", "col", "city", "id", "Process")
"""What stands in examples of output in place of names that are a user's own."""
_OTHERS = (
    "Permission denied",
    "No space left on device",
    "self-signed certificate",
    "ExpiredTokenException: The security token included in the request is expired",
    "S3NoSuchBucket: The specified bucket does not exist",
)
"""What systems and servers say, as the tool passes it on."""


@cache
def fragments() -> tuple[str, ...]:
    """The constant parts of all texts in the code, the longest first."""
    found = {part for text in _texts() for part in _parts(text)}
    return tuple(sorted(found, key=len, reverse=True))


def unsaid(line: str) -> float:
    """The share of a line's letters that no text of the tool holds: 0 for a line that it says."""
    left = line
    for words in _OTHERS:
        left = left.replace(words, " ")
    left = _DATA.sub(" ", left)
    for name in _NAMES:
        left = re.sub(rf"\b{name}\b", " ", left)
    letters = _letters(left)
    if not letters:
        return 0.0
    for fragment in fragments():
        if fragment in left:
            left = left.replace(fragment, "\0")
    return _letters(left) / letters


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _texts() -> Iterator[str]:
    for path in _HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _parts(text: str) -> Iterator[str]:
    """The lines of a text, and a word where it is all of it."""
    for line in re.split(r"\n|%(?:\.\d)?[sdrf]", _DATA.sub("\n", text)):
        part = line.strip(" .,:;()")
        if len(part) > 3 or (part.isalpha() and len(part) > 1):
            yield part
