"""Items with exactly one thing changed: what a comparison must find."""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from tests.servers.client import Item
from tests.support.shapes import Value, blob, canonical

Change = Callable[[Any, Random], Value]


def mutated(item: Item, key_names: tuple[str, ...], chance: Random) -> tuple[Item, str]:
    """A copy of `item` with one change, anywhere but in its key, and the attribute's name."""
    while True:
        other = json.loads(json.dumps(item))  # no two values are one object
        free = [name for name in other if name not in key_names]
        kind = chance.randrange(4) if free else 0
        name = _new_name(other) if kind == 0 else chance.choice(free)
        if kind == 0:
            other[name] = {"S": "extra"}
        elif kind == 1:
            del other[name]
        else:
            _change_one(chance.choice(list(_values(other[name]))), chance)
        if canonical(other) != canonical(item):
            return other, name


def _new_name(content: dict[str, Any]) -> str:
    return next(name for name in ("extra", "extra 2", "extra 3") if name not in content)


def _values(value: Value) -> Iterator[Value]:
    """A value and all within it."""
    yield value
    for content in value.values():
        inner = content.values() if isinstance(content, dict) else content
        for each in inner if isinstance(inner, list) or isinstance(content, dict) else ():
            if isinstance(each, dict):
                yield from _values(each)


def _change_one(value: Value, chance: Random) -> None:
    ((kind, content),) = value.items()
    changed = chance.choice(_CHANGES[kind])(content, chance)
    value.clear()
    value.update(changed)


def _digit(text: str, chance: Random) -> str:
    """The number with another last digit before its exponent: the 38th, where it has so many."""
    end = len(text) - len(text.lower().partition("e")[2]) - ("e" in text.lower())
    last = max(place for place in range(end) if text[place].isdigit())
    digit = (int(text[last]) + chance.randint(1, 9)) % 10
    return f"{text[:last]}{digit}{text[last + 1 :]}"


def _negative(text: str) -> str:
    return text[1:] if text.startswith("-") else f"-{text.removeprefix('+')}"


def _member(texts: list[str], chance: Random, change: Callable[[str, Random], str]) -> list[str]:
    place = chance.randrange(len(texts))
    return [change(text, chance) if at == place else text for at, text in enumerate(texts)]


def _longer(text: str, chance: Random) -> str:
    return text + chance.choice(("x", " ", "\u0301"))


def _other_bytes(_: str, chance: Random) -> str:
    return blob(chance.randbytes(21))


def _without_one(content: list[Any], chance: Random) -> list[Any]:
    place = chance.randrange(len(content)) if content else 0
    return content[:place] + content[place + 1 :]


def _map_without_one(content: dict[str, Value], chance: Random) -> dict[str, Value]:
    gone = chance.choice([*content, None])
    return {name: value for name, value in content.items() if name != gone}


_CHANGES: Final[dict[str, tuple[Change, ...]]] = {
    "N": (
        lambda content, chance: {"N": _digit(content, chance)},
        lambda content, _: {"N": _negative(content)},
        lambda content, _: {"S": content},
    ),
    "S": (
        lambda content, chance: {"S": _longer(content, chance)},
        lambda content, _: {"S": content.swapcase()},
        lambda content, _: {"B": blob(content.encode())},
    ),
    "B": (
        lambda content, chance: {"B": _other_bytes(content, chance)},
        lambda content, _: {"S": content},
    ),
    "BOOL": (lambda content, _: {"BOOL": not content}, lambda *_: {"NULL": True}),
    "NULL": (lambda *_: {"BOOL": True}, lambda *_: {"S": ""}),
    "NS": (
        lambda content, chance: {"NS": _member(content, chance, _digit)},
        lambda content, _: {"NS": [*content, "987654321"]},
        lambda content, _: {"SS": content},
    ),
    "SS": (
        lambda content, chance: {"SS": _member(content, chance, _longer)},
        lambda content, chance: {"SS": _without_one(content, chance)},
        lambda content, _: {"L": [{"S": text} for text in content]},
    ),
    "BS": (
        lambda content, chance: {"BS": _member(content, chance, _other_bytes)},
        lambda content, _: {"SS": content},
    ),
    "L": (
        lambda content, chance: {"L": _without_one(content, chance)},
        lambda content, _: {"L": content[::-1]},
        lambda content, _: {"L": [*content, {"NULL": True}]},
        lambda content, _: {"L": [{"L": content}]},
    ),
    "M": (
        lambda content, chance: {"M": _map_without_one(content, chance)},
        lambda content, _: {"M": {**content, _new_name(content): {"NULL": True}}},
        lambda content, _: {"M": {"m": {"M": content}}},
    ),
}
