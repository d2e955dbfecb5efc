"""Records of data files, in JSON and in Ion, as DynamoDB JSON."""

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alternator_migrate.connectors.s3_export.ion import ion_changes, ion_items, plain
from alternator_migrate.connectors.s3_export.records import BadRecord, json_changes, json_items
from tests.servers.client import Item
from tests.support import ion_text
from tests.support.exports import dumped
from tests.support.shapes import items, same_items

KEY = {"pk": "S"}


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(items(KEY), max_size=2))
def test_any_item_arrives_equal_from_json(found: list[Item]) -> None:
    block = b"".join(dumped({"Item": item}) + b"\n" for item in found)
    cut = [bytes(item) for item in json_items(block)]
    assert cut == [dumped(item) for item in found], "byte for byte"


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(items(KEY), max_size=2))
def test_any_item_arrives_equal_from_ion(found: list[Item]) -> None:
    block = b"".join(ion_text.line(Item=item) + b"\n" for item in found)
    assert same_items([json.loads(item) for item in ion_items(block)], found)


def test_changes_are_the_same_in_both_formats() -> None:
    key, new, old = {"pk": {"S": "a"}}, {"pk": {"S": "a"}, "n": {"N": "600"}}, {"pk": {"S": "a"}}
    records: list[dict[str, Item]] = [
        {"Keys": key, "NewImage": new, "OldImage": old},
        {"Keys": key},
        {"Keys": key, "OldImage": old},
    ]
    meta = {"Metadata": {"WriteTimestampMicros": {"N": "1774379199746598"}}}
    in_json = json_changes(b"\n".join(dumped(meta | each) for each in records))
    in_ion = ion_changes(b"\n".join(ion_text.line(**(meta | each)) for each in records))
    for changes in (in_json, in_ion):
        assert [json.loads(bytes(change.key)) for change in changes] == [key] * 3
        images = [change.image and json.loads(bytes(change.image)) for change in changes]
        assert images == [new, None, None]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("6E+2", "600"),
        ("1.50", "1.5"),
        ("-0", "0"),
        ("0E-7", "0"),
        ("103", "103"),
        (
            "9.9999999999999999999999999999999999999E+125",
            "99999999999999999999999999999999999999E+88",
        ),
        ("-1E-130", "-1E-130"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
    ],
)
def test_a_number_is_spelled_plainly(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text
    assert Decimal(text) == Decimal(number)


@pytest.mark.parametrize(
    ("cut", "good", "bad"),
    [
        (json_items, b'{"Item":{}}', b'{"Items":{}}'),
        (json_items, b'{"Item":{}}', b'{"Item":{"a"'),
        (json_changes, b'{"Keys":{}}', b'{"NewImage":{}}'),
        (ion_items, b"$ion_1_0 {Item:{}}", b"$ion_1_0 {Item:{"),
        (ion_items, b"{Item:{}}", b"{Keys:{}}"),
        (ion_items, b"{Item:{}}", b"2007-01-01T"),
        (ion_items, b"{Item:{}}", b"{Item:{when:2007-01-01T}}"),
        (ion_items, b"{Item:{}}", b"{Item:5}"),
        (ion_changes, b"{Keys:{}}", b"{Item:{}}"),
    ],
)
def test_a_line_that_is_no_record_is_told_by_its_number(cut, good: bytes, bad: bytes) -> None:  # type: ignore[no-untyped-def] # one of four
    block = good + b"\n" + good + b"\n" + bad + b"\n"
    with pytest.raises(BadRecord) as told:
        cut(block)
    assert told.value.number == 3
