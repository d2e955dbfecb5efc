"""Items of every shape as DynamoDB JSON: samples, random ones, and comparison by value.

A *value* is `{"S": "x"}`, an *item* is `{"pk": {"S": "x"}}`. The marks of the samples were
measured: LOCAL is DynamoDB Local 2.6.1, MOTO is moto 5.2.
"""

import base64
import string
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.servers.client import Item

Value = dict[str, Any]

LOCAL = "dynamodb_local"
MOTO = "moto_server"
DIGITS_38 = "12345678901234567890123456789012345678"
LARGEST_ITEM = 400 * 1024
DEEPEST = 31


@dataclass(frozen=True, slots=True)
class Sample:
    """Attributes for an item, without its key. The servers `refused_by` do not take them."""

    name: str
    attributes: Item
    refused_by: frozenset[str] = frozenset()

    def item(self, key: str = "pk") -> Item:
        """Return an item whose only key attribute, a string, is the sample's name."""
        return {key: {"S": self.name}, **self.attributes}


def samples(*servers: str) -> list[Sample]:
    """Return the samples that all `servers` (LOCAL, MOTO) take; without servers, all there are."""
    return [sample for sample in SAMPLES if sample.refused_by.isdisjoint(servers)]


def nested(levels: int, value: Value) -> Value:
    """Wrap `value` in `levels` maps and lists by turns."""
    for level in range(levels):
        value = {"L": [value]} if level % 2 else {"M": {"deeper": value}}
    return value


def levels(value: Value) -> int:
    """How many maps and lists there are one within another, where a value is deepest."""
    inner = [*value.get("M", {}).values(), *value.get("L", [])]
    return ("M" in value or "L" in value) + max(map(levels, inner), default=0)


def numbers(*digits: str) -> Item:
    """Return attributes with each number at the top level, in a map, in a list and in a set."""
    listed: list[Value] = [{"N": text} for text in digits]
    return {
        **{f"n{place}": value for place, value in enumerate(listed)},
        "set": {"NS": list(digits)},
        "list": {"L": [*listed, {"NS": list(digits)}]},
        "map": {"M": {f"n{place}": value for place, value in enumerate(listed)}},
    }


def blob(content: bytes) -> str:
    """Return `content` as a binary value carries it."""
    return base64.b64encode(content).decode()


def of_size(size: int, name: str) -> Item:
    """Return attributes that make the item of sample `name` `size` bytes large."""
    return {"large": {"S": "x" * (size - len("pk") - len(name) - len("large"))}}


def _sample(name: str, attributes: Item, *refused_by: str) -> Sample:
    return Sample(name, attributes, frozenset(refused_by))


ODD_TEXT = {
    "astral": "\U0001f600\U0001f468\u200d\U0001f469 \U00020000",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202eabc\u202c",
    "combining": "e\u0301 \u00e9 \ufb01 \uffff",
    "control": "".join(map(chr, range(32))) + "\x7f\x85",
    "separators": "a\u2028b\u2029c\ufeffd",
    "escapes": '\\ \\\\ \\" "quoted" \\/ / \\u0041 \\n </script> \'',
    "looks like JSON": '{"S":"x"}],"LastEvaluatedKey":{"pk":{"S":"y"}}}',
    "spaces": "  ",
}
ODD_NAMES = (
    *("Items", "Item", "LastEvaluatedKey", "PutRequest", "UnprocessedItems", "Count", "Keys"),
    *("S", "N", "B", "M", "L", "NULL", '"}', '{"S":', "a.b", "a[0]", "#a", ":a", " ", "\\", "/"),
    *("\u2028", "\U0001f600", "\x00", "n" * 300, "__type", "pk2", "ttl", "size"),
)

SAMPLES: tuple[Sample, ...] = (
    _sample("key only", {}),
    _sample("integers", numbers("0", "1", "-1", "9007199254740993", "-9007199254740993")),
    _sample("38 digits", numbers(DIGITS_38, f"-{DIGITS_38}", f"0.{DIGITS_38}")),
    _sample("38 digits around a point", numbers(f"{DIGITS_38[:30]}.{DIGITS_38[30:]}")),
    _sample("exponents", numbers("1e3", "2E+5", "-3e-7", "1E125", "1E-130", "9.99E+125")),
    _sample("extreme numbers", numbers(f"9.{'9' * 37}E+125", f"-9.{'9' * 37}E+125", "-1E-130")),
    _sample("trailing zeros", numbers("1.50", "2.0", "100", "3.1400", "0.10")),
    _sample("zeros written out", numbers(f"1{'0' * 60}", f"0.{'0' * 60}1")),
    _sample("negative zero", numbers("-0")),
    _sample("negative zero with a point", numbers("-0.0")),
    _sample("unusual numbers", numbers("+5", "007", ".25", "8.")),
    _sample("39 digits", numbers(f"{DIGITS_38}1"), LOCAL),
    _sample("booleans and null", {"t": {"BOOL": True}, "f": {"BOOL": False}, "n": {"NULL": True}}),
    _sample("empty list and map", {"l": {"L": []}, "m": {"M": {}}, "n": nested(3, {"M": {}})}),
    _sample("empty string", {"e": {"S": ""}}),
    _sample("empty binary", {"e": {"B": ""}}),
    _sample("nested empty string and binary", {"e": {"L": [{"S": ""}, {"B": ""}]}}),
    _sample("string sets", {"one": {"SS": ["a"]}, "many": {"SS": ["z", "a", "\U0001f600", " "]}}),
    _sample("large string set", {"s": {"SS": [f"member {n}" for n in range(500)]}}),
    _sample("number sets", {"one": {"NS": ["1"]}, "many": {"NS": ["30", "2.50", "1e2", "-1"]}}),
    _sample("binary", {"b": {"B": blob(bytes(range(256)))}, "short": {"B": blob(b"\xff")}}),
    _sample(
        "nested binary", {"m": {"M": {"b": {"B": blob(b"\x00")}, "l": {"L": [{"B": "/+8="}]}}}}
    ),
    _sample("binary sets", {"bs": {"BS": [blob(b"\xff"), blob(b"\x00\x01"), blob(b"abc")]}}),
    _sample("nested sets", {"n": nested(2, {"L": [{"SS": ["b", "a"]}, {"NS": ["2.0", "1"]}]})}),
    _sample("nested binary set", {"n": nested(2, {"BS": [blob(b"\xff"), blob(b"\x00")]})}),
    _sample("as deep as it goes", {"deep": nested(DEEPEST, {"S": "bottom"})}),
    _sample("too deep", {"deep": nested(DEEPEST + 1, {"S": "bottom"})}, LOCAL),
    _sample("odd text", {name: {"S": text} for name, text in ODD_TEXT.items()}),
    _sample("odd text in sets", {"s": {"SS": list(ODD_TEXT.values())}}),
    _sample("odd names", {name: {"S": "x"} for name in ODD_NAMES}),
    _sample("odd names nested", {"m": {"M": {name: {"N": "1"} for name in ODD_NAMES}}}),
    _sample("lone surrogate", {"s": {"S": "\ud800"}}, MOTO),
    _sample("type tags", {"m": {"M": {"S": {"S": "x"}, "N": {"N": "1"}, "M": {"M": {}}}}}),
    _sample("a map like a value", {"m": {"M": {"S": {"S": "x"}}}, "l": {"M": {"L": {"L": []}}}}),
    _sample("many attributes", {f"a{n}": {"N": str(n)} for n in range(1000)}),
    _sample("mixed list", {"l": {"L": [{"S": "1"}, {"N": "1"}, {"B": "MQ=="}, {"BOOL": True}]}}),
    _sample("large", of_size(400_000, "large")),
    _sample("largest", of_size(LARGEST_ITEM, "largest"), MOTO),
    _sample("too large", of_size(LARGEST_ITEM + 1, "too large"), LOCAL, MOTO),
)
# Keys that differ by value, as texts that a server may write in another way.
KEYS: Mapping[str, tuple[Value, ...]] = {
    "S": tuple({"S": text} for text in ("a", "B", "key/with/slashes", *ODD_TEXT.values())),
    "N": tuple({"N": text} for text in ("0", "-1", "1.50", "1e3", "7E-7", "-2.50", DIGITS_38)),
    "B": tuple({"B": blob(content)} for content in (b"\x00", b"\xff", b"a", bytes(range(200)))),
}


def canonical(item: Mapping[str, Value]) -> Hashable:
    """Return a stand-in for `item`, equal for two items that hold the same values.

    Sets are unordered, numbers count by their decimal value, everything else is exact.
    """
    return frozenset((name, _canonical(value)) for name, value in item.items())


def same_item(a: Mapping[str, Value], b: Mapping[str, Value]) -> bool:
    """Say whether two items hold the same values, see `canonical`."""
    return canonical(a) == canonical(b)


def same_items(a: Iterable[Mapping[str, Value]], b: Iterable[Mapping[str, Value]]) -> bool:
    """Say whether `a` and `b` hold the same items, each as often, in any order."""
    return Counter(map(canonical, a)) == Counter(map(canonical, b))


def _canonical(value: Value) -> Hashable:
    ((kind, content),) = value.items()
    read: Callable[[Any], Hashable] = _READERS.get(kind, _as_is)
    return kind, read(content)


def _as_is(content: Any) -> Hashable:
    return content, type(content)


def _set_of(read: Callable[[Any], Hashable]) -> Callable[[Any], Hashable]:
    return lambda content: frozenset(Counter(map(read, content)).items())


_READERS: dict[str, Callable[[Any], Hashable]] = {
    "N": Decimal,
    "NS": _set_of(Decimal),
    "SS": _set_of(str),
    "BS": _set_of(str),
    "L": lambda content: tuple(map(_canonical, content)),
    "M": canonical,
}


def number_texts() -> st.SearchStrategy[str]:
    """Numbers within DynamoDB's limits, written in different ways."""
    digits = st.text(string.digits, min_size=1, max_size=38)
    forms = st.sampled_from(("{}", "-{}", "{}e87", "{}E-90", "0.{}", "-{}.0e+3"))
    return st.builds(lambda form, text: form.format(text), forms, digits)


def values(leaves: int = 20) -> st.SearchStrategy[Value]:
    """Values of every type, with about `leaves` leaves at most."""
    scalars = [scalar(kind, empty=True) for kind in ("S", "N", "B")]
    others = st.sampled_from([{"NULL": True}, {"BOOL": True}, {"BOOL": False}])
    return st.recursive(st.one_of(*scalars, others, _sets()), _containers, max_leaves=leaves)


def items(keys: Mapping[str, str]) -> st.SearchStrategy[Item]:
    """Items with the key attributes `keys`, {name: type}, and up to eight others."""
    others = st.dictionaries(_names().filter(lambda name: name not in keys), values(), max_size=8)
    key = {
        name: st.sampled_from(KEYS[kind]) | scalar(kind, empty=False) for name, kind in keys.items()
    }
    return st.builds(lambda left, right: {**left, **right}, st.fixed_dictionaries(key), others)


def scalar(kind: str, empty: bool) -> st.SearchStrategy[Value]:
    """Values of type S, N or B."""
    return _contents(kind, empty).map(lambda content: {kind: content})


def _contents(kind: str, empty: bool) -> st.SearchStrategy[str]:
    if kind == "N":
        return number_texts()
    least = 0 if empty else 1
    if kind == "B":
        return st.binary(min_size=least, max_size=20).map(blob)
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=least, max_size=20)


def _sets() -> st.SearchStrategy[Value]:
    return st.one_of(*map(_sets_of, ("S", "N", "B")))


def _sets_of(kind: str) -> st.SearchStrategy[Value]:
    by: Callable[[str], Hashable] = Decimal if kind == "N" else str
    members = st.lists(_contents(kind, empty=False), min_size=1, max_size=5, unique_by=by)
    return members.map(lambda content: {f"{kind}S": content})


def _names() -> st.SearchStrategy[str]:
    text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
    return st.one_of(st.sampled_from(ODD_NAMES), text)


def _containers(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    lists = st.lists(inner, max_size=4).map(lambda content: {"L": content})
    maps = st.dictionaries(_names(), inner, max_size=4).map(lambda content: {"M": content})
    return lists | maps


TEXT_OR_BINARY: list[dict[str, str]] = [
    *({"pk": "S"}, {"pk": "B"}),
    *({"pk": "S", "sk": "N"}, {"pk": "B", "sk": "S"}, {"pk": "S", "sk": "B"}),
]


@st.composite
def tables(draw: st.DrawFn, schemas: list[dict[str, str]]) -> tuple[dict[str, str], list[Item]]:
    """A key schema, and up to six items of different keys."""
    schema = draw(st.sampled_from(schemas))

    def key(item: Item) -> object:
        return canonical({name: item[name] for name in schema})

    return schema, draw(st.lists(items(schema), max_size=6, unique_by=key))
