"""Decoded DynamoDB JSON that may hold anything, lone surrogates and values of no type too.

Slower than the typed decoding of `canonical`, which comes here for what that does not take.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from alternator_migrate.dynamodb.decimals import plain


def read(text: bytes) -> Any:
    """The value of a JSON text, lone surrogates as characters.

    Raises `ValueError` for a number with a fraction outside of a text: it would be rounded.
    """
    return json.loads(
        text.decode("utf-8", "surrogatepass"), parse_float=_refuse, parse_constant=_refuse
    )


def written(value: Any) -> bytes:
    """Compact JSON of what `read` returned, names sorted."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def normal(item: Any) -> Any:
    """A decoded item with numbers, sets and binary spelled canonically, where they are such."""
    if not isinstance(item, dict):
        return item
    return {name: _normal(value) for name, value in item.items()}


def _normal(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {kind: _SPELLINGS.get(kind, _as_it_is)(content) for kind, content in value.items()}


def _refuse(number: str) -> NoReturn:
    raise ValueError(f"{number} would be rounded")


def _as_it_is(content: Any) -> Any:
    return content


def _text(spell: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda content: spell(content) if isinstance(content, str) else content


def _set(spell: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda content: sorted(map(spell, content)) if is_texts(content) else content


def is_texts(content: Any) -> bool:
    """Whether this is a list of texts, as sets are."""
    return isinstance(content, list) and all(isinstance(member, str) for member in content)


def _list(content: Any) -> Any:
    return list(map(_normal, content)) if isinstance(content, list) else content


def _base64(text: str) -> str:
    """Standard base64 of the same bytes; what is no base64 stays as it is."""
    bare = "".join(text.split())
    try:
        content = b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except ValueError:
        return text
    return b64encode(content).decode()


_SPELLINGS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "N": _text(plain),
    "B": _text(_base64),
    "SS": _set(str),
    "NS": _set(plain),
    "BS": _set(_base64),
    "M": normal,
    "L": _list,
}
