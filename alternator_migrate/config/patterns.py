"""Patterns of tables' names: a plain name, a glob, or a regular expression between slashes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import Any, Final

from alternator_migrate.config.arns import is_arn
from alternator_migrate.config.kinds import Wrong, any_text, text

_GLOB: Final = re.compile(r"[*?\[]")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_STAR: Final = "*"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern as it is written. A glob matches a whole name, a regular expression any part of
    it; both tell capitals apart, as DynamoDB does."""

    written: str

    def __str__(self) -> str:
        return self.written

    @property
    def is_name(self) -> bool:
        """Whether it is a plain name, which can match itself only."""
        return not self._is_regex and not _GLOB.search(self.written)

    @property
    def _is_regex(self) -> bool:
        return len(self.written) > 1 and self.written[0] == self.written[-1] == "/"

    def matches(self, name: str) -> bool:
        """Whether a table's name is meant."""
        if self.is_name:
            return name == self.written
        if self._is_regex:
            return re.search(self.written[1:-1], name) is not None
        return re.fullmatch(translate(self.written), name) is not None


def is_pattern(written: str) -> bool:
    """Whether a text of the command line may mean more than one table."""
    return not Pattern(written).is_name


def pattern(value: Any) -> Pattern:
    """A pattern of names of tables."""
    written = text(value)
    if is_arn(written):
        raise ValueError("must be a name, a glob or a /regex/: tables by ARN are moved one by one")
    found = Pattern(written)
    if written.startswith("/"):
        _check_regex(written)
    elif found.is_name and not _NAME.fullmatch(written):
        raise ValueError(
            f"{written!r} can be no table's name: these have 3 to 255 letters, digits and _.-"
        )
    return found


def _check_regex(written: str) -> None:
    if len(written) < 3 or not written.endswith("/"):
        raise ValueError(f"{written!r} is no regular expression between two slashes")
    try:
        re.compile(written[1:-1])
    except re.error as error:
        raise ValueError(f"{written!r} is no regular expression: {error}") from error


def tag_globs(value: Any) -> Mapping[str, str]:
    """Tags that a table must have: for each key the value, which may be a glob."""
    if not isinstance(value, dict) or not value:
        raise ValueError("must be a mapping of tags' keys to values, such as {env: prod}")
    return {str(key): any_text(each) for key, each in value.items()}


def has_tags(wanted: Mapping[str, str], tags: Mapping[str, str]) -> bool:
    """Whether a table's tags are those wanted."""
    return all(
        key in tags and re.fullmatch(translate(glob), tags[key]) is not None
        for key, glob in wanted.items()
    )


def rename_rules(value: Any) -> Mapping[str, str]:
    """Rules of renaming: name to name, or a pattern to a pattern with one * each."""
    if not isinstance(value, dict):
        raise ValueError("must be a mapping of names to names")
    wrong = [(f".{key}", why) for key, to in value.items() if (why := _wrong_rule(str(key), to))]
    if wrong:
        raise Wrong(wrong)
    return {str(key): any_text(to) for key, to in value.items()}


def _wrong_rule(old: str, to: Any) -> str:
    if not isinstance(to, str | int | float) or isinstance(to, bool) or to == "":
        return "must be a name"
    new = any_text(to)
    if "?" in old or "[" in old or old.startswith("/"):
        return "must be a name, or have one * and no other wildcard"
    if old.count(_STAR) > 1 or new.count(_STAR) != old.count(_STAR):
        return f"{new!r} and the name before it must both have one *, or both none"
    return ""


def renamed(rules: Mapping[str, str], name: str) -> str:
    """The name on the target: by the rule of just this name, else by the first whose pattern
    matches."""
    if name in rules:
        return rules[name]
    for old, new in rules.items():
        if is_for(old, name):
            head, _, tail = old.partition(_STAR)
            return new.replace(_STAR, name[len(head) : len(name) - len(tail)])
    return name


def is_for(rule: str, name: str) -> bool:
    """Whether the left side of a rule of renaming means a name."""
    head, star, tail = rule.partition(_STAR)
    if not star:
        return rule == name
    fits = len(name) >= len(head) + len(tail)
    return fits and name.startswith(head) and name.endswith(tail)
