"""The tokens of a FilterExpression, one after another."""

import re
from typing import Final, NoReturn

SIGNS: Final = ("=", "<>", "<", "<=", ">", ">=")
_WORDS: Final = ("AND", "OR", "NOT", "IN", "BETWEEN")
_token: Final = re.compile(
    r"[#:]?[A-Za-z][A-Za-z0-9_]*|[#:][A-Za-z0-9_]+|0|[1-9][0-9]*|<>|<=|>=|[][=<>(),.]"
).match
_space: Final = re.compile(r"[ \t\r\n]*").match


class ExpressionError(ValueError):
    """The mistake in an expression, its names or its values: the second half of a sentence."""


class TooDeepError(ExpressionError):
    """Parentheses that a server may take, but that are not followed here."""


class Tokens:
    """The tokens of a `text`, of which those before the next one are taken. Raises
    `ExpressionError` for a text that has others."""

    def __init__(self, text: str) -> None:
        self._text, self._all = text, _tokens(text)
        self._next = 0

    @property
    def seen(self) -> str:
        """The next token, which is left there; "" at the end."""
        return self._all[self._next][0]

    @property
    def word(self) -> str:
        """The next token where it is a keyword, in capitals."""
        word = self.seen.upper()
        return word if word in _WORDS else ""

    def unexpected(self) -> NoReturn:
        """Raise `ExpressionError`: the next token cannot stand there."""
        if not self.seen:
            raise ExpressionError("it ends too early")
        near = self._text[self._all[self._next][1] :][:20]
        raise ExpressionError(f"{self.seen!r} cannot stand where it stands, at {near!r}")

    def take(self, *wanted: str) -> str:
        """The next token, one of those that are `wanted` if any are given. Raises
        `ExpressionError`."""
        token = self.seen
        if not token or (wanted and token.upper() not in wanted):
            self.unexpected()
        self._next += 1
        return token

    @property
    def holds_a_condition(self) -> bool:
        """Whether a condition in parentheses is next, not an operand in them."""
        if self.seen != "(":
            return False
        depth, place = 0, self._next
        for place in range(self._next, len(self._all)):
            depth += {"(": 1, ")": -1}.get(self._all[place][0], 0)
            if not depth:
                break
        after = self._all[min(place + 1, len(self._all) - 1)][0]
        return after.upper() not in (*SIGNS, "BETWEEN", "IN")

    @property
    def calls(self) -> bool:
        """Whether a function is called next."""
        return self.seen[:1].isalpha() and not self.word and self._after == "("

    @property
    def _after(self) -> str:
        """The token after the next one."""
        return self._all[self._next + 1][0]


def _tokens(text: str) -> list[tuple[str, int]]:
    """The tokens of a text, each with its place; an empty one at the end."""
    found, place = [], 0
    while True:
        space = _space(text, place)
        place = space.end() if space else place
        token = _token(text, place)
        if token is None:
            break
        found.append((token[0], place))
        place = token.end()
    if place < len(text):
        raise ExpressionError(f"{text[place:][:20]!r} is not understood")
    return [*found, ("", place)]
