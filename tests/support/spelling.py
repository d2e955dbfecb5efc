"""Items, and JSON texts of them in all the ways that JSON allows: bytes stay as they came."""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from tests.servers.client import Item
from tests.support import shapes


def _small(*servers: str) -> list[Item]:
    """The small ones of the samples that all `servers` take."""
    found = shapes.samples(*servers)
    return [each.item() for each in found if len(json.dumps(each.attributes)) < 4000]


SAMPLES: Final = _small(shapes.MOTO)
TAKEN: Final = _small(shapes.MOTO, shapes.LOCAL)
"""Those that DynamoDB takes."""
_NAMES: Final = st.sampled_from((*shapes.ODD_NAMES, *map(str, range(9))))
_VALUES: Final = st.dictionaries(_NAMES, shapes.values(leaves=4), max_size=3)

_SPACES = ("", "", "", " ", "\n", "\t", "\r\n  ")


def items(**key: str) -> st.SearchStrategy[Item]:
    """Small items with the key attributes `key`, {name: type}; quicker than `shapes.items`."""
    return _items(key, SAMPLES)


def _items(key: Mapping[str, str], samples: Sequence[Item]) -> st.SearchStrategy[Item]:
    keys = st.fixed_dictionaries({name: shapes.scalar(kind, False) for name, kind in key.items()})
    others = _VALUES | st.sampled_from(samples)
    return st.builds(lambda key, item: {**item, **key}, keys, others)


def nested_items(**key: str) -> st.SearchStrategy[Item]:
    """Items as `items`, and as DynamoDB takes them, with a value that may be as deep as it may."""
    inner = shapes.values(leaves=3)
    deep = inner.flatmap(
        lambda value: st.builds(
            shapes.nested, st.integers(0, shapes.DEEPEST - shapes.levels(value)), st.just(value)
        )
    )
    return st.builds(lambda item, value: {**item, "deep": value}, _items(key, TAKEN), deep)


def spelled(value: Any, chance: Random) -> str:
    """A JSON text of `value`, with spaces and escapes as `chance` has it."""

    def gap() -> str:
        return chance.choice(_SPACES)

    if isinstance(value, dict):
        members = (
            f"{gap()}{_string(name, chance)}{gap()}:{gap()}{spelled(each, chance)}{gap()}"
            for name, each in value.items()
        )
        return "{" + (",".join(members) or gap()) + "}"
    if isinstance(value, list):
        elements = (f"{gap()}{spelled(each, chance)}{gap()}" for each in value)
        return "[" + (",".join(elements) or gap()) + "]"
    return _string(value, chance) if isinstance(value, str) else json.dumps(value)


def _string(text: str, chance: Random) -> str:
    style = chance.randrange(3)
    if style < 2:
        return json.dumps(text, ensure_ascii=bool(style))
    units = text.encode("utf-16-be").hex()
    form = str.upper if chance.random() < 0.5 else str.lower
    return '"' + "".join(f"\\u{form(units[i : i + 4])}" for i in range(0, len(units), 4)) + '"'


def number_in_other_words(text: str, chance: Random) -> str:
    """Another text of the same number: zeros, a plus, an exponent as `chance` has it."""
    sign, digits, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    point = chance.randint(0, len(digits))
    whole = "".join(map(str, digits[:point]))
    fraction = "".join(map(str, digits[point:])) + "0" * chance.randint(0, 3)
    exponent += len(digits) - point
    number = "0" * chance.randint(0 if whole else 1, 3) + whole
    if fraction or chance.random() < 0.2:
        number += "." + fraction
    if exponent or chance.random() < 0.5:
        number += chance.choice("eE") + chance.choice(("", "+", "+0")[: 3 if exponent >= 0 else 1])
        number += str(exponent)
    return ("-" if sign else chance.choice(("", "", "+"))) + number


def in_other_words(value: Any, chance: Random) -> Any:
    """The same item or value: attributes, maps and sets in another order, numbers written in
    another way; lists stay in order."""
    if not isinstance(value, dict):
        return value
    content = {name: _in_other_words(name, each, chance) for name, each in value.items()}
    return dict(shuffled(content.items(), chance))


def shuffled(values: Iterable[Any], chance: Random) -> list[Any]:
    """The same values in another order."""
    found = list(values)
    chance.shuffle(found)
    return found


def _in_other_words(kind: str, content: Any, chance: Random) -> Any:
    if isinstance(content, dict):
        return in_other_words(content, chance)
    if kind == "N":
        return number_in_other_words(content, chance)
    if kind == "NS":
        return shuffled((number_in_other_words(each, chance) for each in content), chance)
    if kind == "L":
        return [in_other_words(each, chance) for each in content]
    return shuffled(content, chance) if isinstance(content, list) else content
