"""Names of attributes, chosen by names and globs."""

import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Final

_MOST_NAMES: Final = 4096
_SIGNS: Final = {"*": ".*", "?": "."}


def is_glob(pattern: str) -> bool:
    """Whether a pattern may stand for more than one name."""
    return any(sign in pattern for sign in _SIGNS)


def left_out(
    drop: Sequence[str], keep: Sequence[str], keys: Collection[str]
) -> Callable[[str], bool]:
    """A test whether an attribute of a name is left out: one that matches `drop`, or, where `keep`
    has any, none of these. The `keys` never are.

    Patterns are names, in which * stands for any characters and ? for one. What the test said of
    the last few thousand names is remembered.
    """
    dropped, kept = _any_of(drop), _any_of(keep)

    @lru_cache(_MOST_NAMES)
    def is_left_out(name: str) -> bool:
        if name in keys:
            return False
        return bool(dropped(name)) or bool(keep and not kept(name))

    return is_left_out


def _any_of(patterns: Sequence[str]) -> Callable[[str], object]:
    whole = "|".join("".join(_SIGNS.get(c) or re.escape(c) for c in each) for each in patterns)
    return re.compile(f"(?:{whole})" if patterns else r"(?!)", re.DOTALL).fullmatch
