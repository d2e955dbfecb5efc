"""`${VAR}` and `${VAR:-default}` in a text: kept together while YAML is read, then filled in.

A default may hold variables and pairs of braces; `$${` stands for `${`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

_BRACE: Final = re.compile(r"\$?\$\{|[{}]")
_INNER: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_HIDDEN: Final = {ord(sign): 0x10FF00 + ord(sign) for sign in "{}[],:?#"}
_SHOWN: Final = {hidden: sign for sign, hidden in _HIDDEN.items()}


class Filled(str):
    """A text that variables were filled into; `meant` is the number, the boolean or the text that
    it would be as YAML without quotes."""

    meant: Any


def meant(value: Any) -> Any:
    """A plain value, or what one with variables stands for where no text is wanted."""
    return value.meant if isinstance(value, Filled) else value


def hidden(text: str) -> str:
    """A YAML text whose variables hold nothing that means something to YAML: so they need no
    quotes in [...] and {...}. `shown` is the way back."""
    return "".join(_line_hidden(line) for line in text.splitlines(keepends=True))


def without_comments(text: str) -> str:
    """A YAML text in which # begins no comment. `shown` is the way back."""
    return text.replace("#", chr(_HIDDEN[ord("#")]))


def shown(text: str) -> str:
    """A text with what was hidden in it, as it was written."""
    return text.translate(_SHOWN)


def filled(text: str, environment: Mapping[str, str], complain: Callable[[str], None]) -> str:
    """A text with its variables filled in; `complain` is told what is wrong with each that cannot
    be, which then stands for nothing."""
    parts, done = [], 0
    for start, end in _variables(text):
        parts.append(_literal(text[done:start]))
        if end is None:
            complain("${ has no } that closes it; write $${ for ${ itself")
            return ""
        parts.append(_value(text[start:end], environment, complain))
        done = end
    return "".join(parts) + _literal(text[done:])


def _line_hidden(line: str) -> str:
    parts: list[str] = []
    done = 0
    for start, end in _variables(line):
        if end and _INNER.fullmatch(line[start + 2 : end - 1]):
            parts += line[done:start], line[start:end].translate(_HIDDEN)
            done = end
    return "".join(parts) + line[done:]


def _variables(text: str) -> Iterator[tuple[int, int | None]]:
    """Where each variable begins and ends that is in no other; None for one without an end."""
    begun: list[int | None] = []
    outer: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace[0] == "}":
            start = begun.pop() if begun else None
            if start is not None:
                outer.pop()
                if not outer:
                    yield start, brace.end()
            continue
        begun.append(brace.start() if brace[0] == "${" else None)
        if brace[0] == "${":
            outer.append(brace.start())
    if outer:
        yield outer[0], None


def _literal(text: str) -> str:
    return text.replace("$${", "${")


def _value(variable: str, environment: Mapping[str, str], complain: Callable[[str], None]) -> str:
    named = _INNER.fullmatch(variable[2:-1])
    if named is None:
        complain(f"{variable} is not ${{VAR}} or ${{VAR:-default}}")
        return ""
    name, default = named.groups()
    if environment.get(name):
        return environment[name]
    if default is not None:
        return filled(default, environment, complain)
    if name not in environment:
        complain(f"the environment variable {name} is not set")
    return ""
