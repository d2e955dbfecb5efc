"""Attributes that are left out and renamed by their names; what stays keeps its bytes.

A whole page, several items and one item, known names and new ones: all go the same way.
"""

import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.errors import BadAnswer, MigrateError, Unavailable
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.items import parsed_attributes
from alternator_migrate.dynamodb.reshaping import Reshaper
from tests.servers.client import Item
from tests.support.spelling import items, spelled

Names = dict[str, str | None]
"""What becomes of names; None where they are left out."""


def page_of(texts: Sequence[bytes], reshape: Reshaper) -> list[bytes]:
    """The items of a Scan answer that is read by `reshape`."""
    count = len(texts)
    body = b'{"Items":[%b],"Count":%d,"ScannedCount":%d}' % (b" , ".join(texts), count, count)
    page, _ = wire.read_page(body, filtered_are_skipped=False, reshape=reshape)
    return [bytes(item) for item in page.items]


def each_of(texts: Sequence[bytes], reshape: Reshaper) -> list[bytes]:
    return [bytes(item) for item in reshape.each(texts)]


def one_of(texts: Sequence[bytes], reshape: Reshaper) -> list[bytes]:
    return [bytes(reshape(text)) for text in texts]


WAYS: tuple[Callable[[Sequence[bytes], Reshaper], list[bytes]], ...] = (page_of, each_of, one_of)


def reshaper(names: Names) -> Reshaper:
    renames = {name: new for name, new in names.items() if new is not None}
    return Reshaper(lambda name: name in names and names[name] is None, renames)


@st.composite
def fates(draw: st.DrawFn, found: Sequence[Item]) -> Names:
    """What becomes of the names of some items: left out, renamed to new ones, or as they are."""
    names = sorted({name for item in found for name in item})
    chosen = draw(st.dictionaries(st.sampled_from(names), st.booleans(), max_size=8))
    return {
        name: f"\ue000{number}" if stays else None
        for number, (name, stays) in enumerate(chosen.items())
    }


@given(st.data(), st.lists(items(pk="B", sk="N"), min_size=1, max_size=4), st.permutations(WAYS))
@settings(max_examples=150)
def test_what_stays_keeps_its_bytes(
    data: st.DataObject, found: list[Item], ways: list[Callable[..., list[bytes]]]
) -> None:
    chance = data.draw(st.randoms(use_true_random=False))
    names = data.draw(fates(found))
    texts = [spelled(item, chance).encode() for item in found]
    reshape = reshaper(names)
    if data.draw(st.booleans()):
        reshape(b'{"another":{"S":"item"}}')
    for way in ways:  # as the names are learned, and as they are known
        for text, item, made in zip(texts, found, way(texts, reshape), strict=True):
            _check(text, item, names, made)


def _check(text: bytes, item: Item, names: Names, made: bytes) -> None:
    if not names.keys() & item.keys():
        assert made == text
    before = {name: bytes(raw) for name, raw in parsed_attributes.decode(text).items()}
    after = {name: bytes(raw) for name, raw in parsed_attributes.decode(made).items()}
    wanted = {names.get(name, name): name for name in item}
    wanted.pop(None, None)
    assert after == {new: before[name] for new, name in wanted.items()}
    assert json.loads(made) == {new: item[name] for new, name in wanted.items()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("names", "item", "made"),
    [
        ({"a": None}, '{"a":{"S":"1"},"b":{"M":{"a":{"S":"1"}}}}', '{"b":{"M":{"a":{"S":"1"}}}}'),
        ({"a": None}, '{"\\u0061":{"S":"1"},"b" : {"S":"1"} }', '{"b":{"S":"1"}}'),
        ({"a": None}, '{"a":{"S":"1"},"b":{"S":"1"},"\\u0061":{"S":"2"}}', '{"b":{"S":"1"}}'),
        ({"a": None}, '{"a":{"S":"1"}}', "{}"),
        ({"a": None}, '{"b":{"S":"\\"a\\":{}"}, "aa":{"S":"a"}}', None),
        ({"a": None}, '{"a":{"S":"1"},"b":{\n"S"\n:"1"}}', '{"b":{\n"S"\n:"1"}}'),
        ({"a": None}, "{ }", None),
        ({'"': None}, '{"\\"":{"S":"1"},"\\u0022b":{"S":"1"}}', '{"\\"b":{"S":"1"}}'),
        ({"é": None}, '{"\\u00e9":{"S":"1"},"é":{"S":"2"},"e":{"S":"é"}}', '{"e":{"S":"é"}}'),
        ({"a": "b", "b": "a"}, '{"a":{"N":"1"},"b":{"N":"2"}}', '{"b":{"N":"1"},"a":{"N":"2"}}'),
        ({"a": None, "b": "a"}, '{"a":{"N":"1"},"b":{"N":"2"}}', '{"a":{"N":"2"}}'),
        (dict.fromkeys("abcd"), '{"b":{"N":"1"},"d":{"N":"2"},"e":{"N":"3"}}', '{"e":{"N":"3"}}'),
        (dict.fromkeys("abcd"), '{ "e":{"N":"3"}}', None),
        ({"a": "z"}, '{ "\\u0062":{"N":"3"}}', None),
    ],
)  # fmt: skip
def test_names_as_json_spells_them(
    way: Callable[..., list[bytes]], names: Names, item: str, made: str | None
) -> None:
    text, whole = item.encode(), b'{"zz":{"S":"1"}}'
    wanted = (item if made is None else made).encode()
    reshape = reshaper(names)
    for _ in range(2):
        assert way([text], reshape) == [wanted]
        assert way([whole, text, whole], reshape) == [whole, wanted, whole]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [1, 2, 4, 5, 9])
def test_each_item_has_some_of_the_names_or_none(
    way: Callable[..., list[bytes]], count: int
) -> None:
    names = "abcdefghi"[:count]
    reshape = reshaper(dict.fromkeys(names))
    way([b'{"pk":{"S":"1"},%b}' % b",".join(b'"%c":{}' % ord(n) for n in names)], reshape)
    with_one = [b'{ "%c":{},"pk":{"S":"1"}}' % ord(n) for n in names]
    assert way(with_one, reshape) == [b'{"pk":{"S":"1"}}'] * count
    none = b'{ "pk":{"S":"1"}}'
    assert way([with_one[-1], none, with_one[0]], reshape)[1] == none


@pytest.mark.parametrize("way", WAYS)
def test_more_names_than_any_table_should_have(way: Callable[..., list[bytes]]) -> None:
    reshape = Reshaper(lambda name: name.endswith("7"))
    texts = [b'{"pk":{"S":"a"},"n%d":{"N":"1e1"}}' % number for number in range(1000)]
    made = [b'{"pk":{"S":"a"}}' if n % 10 == 7 else text for n, text in enumerate(texts)]
    assert way(texts, reshape) == made
    assert way(texts[900:], reshape) == made[900:]


@pytest.mark.parametrize(
    ("renames", "names"),
    [
        ({"a": "b", "b": "a"}, ["b", "a", "c"]),
        ({"a": "b", "b": "c", "c": "d"}, ["b", "c", "d"]),
        ({"a": "z"}, ["z", "b", "c"]),
        ({"absent": "z"}, ["a", "b", "c"]),
        ({"a": 'q"\\\n\u2028'}, ['q"\\\n\u2028', "b", "c"]),
        ({"a": "a"}, ["a", "b", "c"]),
    ],
)
def test_renames_happen_at_once_and_leave_values_alone(
    renames: dict[str, str], names: list[str]
) -> None:
    values = ['{ "N":"1.50" }', '{"M":{"a":{"S":"\\u0061"}}}', '{"L":[]}']
    item = f'{{"a":{values[0]},"b":{values[1]},"c":{values[2]}}}'.encode()
    members = ",".join(f"{_json(n)}:{v}" for n, v in zip(names, values, strict=True))
    reshape = Reshaper(None, renames)
    for way in WAYS:
        assert way([item], reshape) == [f"{{{members}}}".encode()]


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "renames", [{"a": "b"}, {"a": "x", "b": "x"}, {"a": "b", "b": "c", "x": "y"}]
)
def test_two_attributes_of_one_name_are_refused_not_merged(
    way: Callable[..., list[bytes]], renames: dict[str, str]
) -> None:
    reshape, both = Reshaper(None, renames), b'{"a":{"S":"1"},"b":{"S":"2"},"c":{"S":"3"}}'
    for known in ([b'{"b":{"S":"2"}}'], [b'{"a":{"S":"1"}}'], []):
        way(known, reshape)
        with pytest.raises(MigrateError, match="same name"):
            way([both], reshape)


@pytest.mark.parametrize("item", [b"[]", b'{"\xff":{"S":"x"}}', b'{"a":', b"", b"7"])
def test_an_item_that_is_none_is_a_bad_answer(item: bytes) -> None:
    reshape = Reshaper(lambda name: name == "a")
    for way in (each_of, one_of):
        with pytest.raises(BadAnswer, match="an item cannot be read"):
            way([item], reshape)
    with pytest.raises((BadAnswer, Unavailable)):
        page_of([item], reshape)
