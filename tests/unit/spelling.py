"""Items, and JSON texts of them in all the ways that JSON allows: bytes stay as they came."""

import json
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from tests import shapes
from tests.servers.client import Item

SAMPLES: Final = [
    sample.item()
    for sample in shapes.samples(shapes.MOTO)
    if len(json.dumps(sample.attributes)) < 4000
]
_NAMES: Final = st.sampled_from((*shapes.ODD_NAMES, *map(str, range(9))))
_VALUES: Final = st.dictionaries(_NAMES, shapes.values(leaves=4), max_size=3)

_SPACES = ("", "", "", " ", "\n", "\t", "\r\n  ")


def items(**key: str) -> st.SearchStrategy[Item]:
    """Small items with the key attributes `key`, {name: type}; quicker than `shapes.items`."""
    keys = st.fixed_dictionaries({name: shapes.scalar(kind, False) for name, kind in key.items()})
    others = _VALUES | st.sampled_from(SAMPLES)
    return st.builds(lambda key, item: {**item, **key}, keys, others)


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
