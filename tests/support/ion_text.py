"""DynamoDB items as text Ion, the way AWS's exports write them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.servers.client import Item

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def line(**members: Item) -> bytes:
    """A record: `line(Item=...)`, `line(Keys=..., NewImage=...)`."""
    inner = ",".join(f"{name}:{struct(item)}" for name, item in members.items())
    return f"$ion_1_0 {{{inner}}}".encode()


def struct(item: Mapping[str, Any]) -> str:
    """Attributes as a struct; every other name is quoted, as symbols or as strings may be."""
    return "{" + ",".join(f"{_name(name)}:{value(each)}" for name, each in item.items()) + "}"


def value(each: Mapping[str, Any]) -> str:
    """One value."""
    ((kind, content),) = each.items()
    if kind in ("SS", "NS", "BS"):
        members = ",".join(value({kind[0]: member}) for member in content)
        return f"$dynamodb_{kind}::[{members}]"
    if kind == "L":
        return f"[{','.join(map(value, content))}]"
    if kind == "M":
        return struct(content)
    if kind == "B":
        return f"{{{{{content}}}}}"
    if kind in ("S", "N"):
        return _text(content) if kind == "S" else number(content)
    return "null" if kind == "NULL" else str(content).lower()


def number(text: str) -> str:
    """A decimal, with a point or an exponent: 103 is 103., 600 is 6d2."""
    sign, digits, exponent = Decimal(text).as_tuple()
    whole = "".join(map(str, digits)).lstrip("0") or "0"
    shorter = whole.rstrip("0") or "0"
    power = int(exponent) + (len(whole) - len(shorter) if whole != "0" else 0)
    head = "-" * sign + shorter
    return f"{head}d{power}" if power else f"{head}."


def _name(name: str) -> str:
    if name.isascii() and name.isidentifier() and name not in ("true", "false", "null", "nan"):
        return name
    return "'" + "".join(_escaped(sign, "'") for sign in name) + "'"


def _text(content: str) -> str:
    return '"' + "".join(_escaped(sign, '"') for sign in content) + '"'


def _escaped(sign: str, quote: str) -> str:
    if sign in ("'", '"'):
        return f"\\{sign}" if sign == quote else sign
    if sign in _ESCAPES:
        return _ESCAPES[sign]
    return f"\\x{ord(sign):02x}" if ord(sign) < 32 or ord(sign) == 127 else sign
