"""Attribute values: numbers, sets, binary, nested values, and what they look like when read."""

from typing import Any

import pytest

from tests.contract.conftest import Client, Item

VALIDATION = "ValidationException"
SERIALIZATION = "SerializationException"
MAGNITUDE = "Attempting to store a number with magnitude"


async def stored(alternator: Client, value: Any) -> Any:
    """`value` as it is read back."""
    table = await alternator.table()
    answer = await alternator.write(table, {"id": {"S": "x"}, "value": value})
    assert answer.status == 200, answer.raw
    return (await alternator.get_item(table, id={"S": "x"}))["value"]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("1", "1"),
        ("1e3", "1000"),
        ("1.0", "1"),
        ("-0", "0"),
        ("0.00", "0"),
        ("007", "7"),
        ("+5", "5"),
        ("-1.50", "-1.5"),
        ("1E-3", "0.001"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("1e125", "1" + "0" * 125),
    ],
)
async def test_top_level_numbers_are_plain(alternator: Client, sent: str, read: str) -> None:
    assert await stored(alternator, {"N": sent}) == {"N": read}


@pytest.mark.parametrize(
    "value",
    [
        {"L": [{"N": "1E+2"}, {"N": "1.0"}]},
        {"M": {"n": {"N": "1e3"}}},
        {"NS": ["3", "1.50", "2", "2.0", "2"]},
        {"SS": ["b", "a", "a"]},
        {"BS": ["not base64!"]},
        {"M": {"dog": "cat"}},
        {"L": [{"SS": []}]},
    ],
)
async def test_nested_values_and_sets_are_kept_as_sent(alternator: Client, value: Item) -> None:
    assert await stored(alternator, value) == value


@pytest.mark.parametrize(
    "value",
    [{"S": ""}, {"B": ""}, {"B": "AAEC"}, {"NULL": True}, {"BOOL": False}, {"L": []}, {"M": {}}],
)
async def test_values_that_are_fine(alternator: Client, value: Item) -> None:
    assert await stored(alternator, value) == value


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ({"SS": []}, VALIDATION, "PutItem: empty set not allowed"),
        ({"NS": []}, VALIDATION, "PutItem: empty set not allowed"),
        ({"X": "1"}, VALIDATION, 'PutItem: unknown type X for value {"X":"1"}'),
        ({"N": 1}, SERIALIZATION, "PutItem: number value must be encoded as string '{\"N\":1}'"),
        (
            {"N": "dog"},
            VALIDATION,
            "The parameter cannot be converted to a numeric value: dog",
        ),
        (
            {"N": "NaN"},
            VALIDATION,
            "The parameter cannot be converted to a numeric value: NaN",
        ),
        (
            {"N": " 1"},
            VALIDATION,
            "The parameter cannot be converted to a numeric value:  1",
        ),
    ],
)
async def test_values_that_are_refused(
    alternator: Client, value: Item, kind: str, message: str
) -> None:
    item = {"id": {"S": "x"}, "value": value}
    answer = await alternator.write(await alternator.table(), item)
    assert answer.error == (400, kind, message)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("1e126", f"Number overflow: 1e126. {MAGNITUDE} larger than supported range."),
        ("1e-131", f"Number underflow: 1e-131. {MAGNITUDE} lower than supported range."),
        (
            "1" * 39,
            f"Number too precise: {'1' * 39}. Attempting to store a number with more significant "
            "digits than supported.",
        ),
    ],
)
@pytest.mark.parametrize("attribute", ["value", "at"])
async def test_numbers_have_a_range(
    alternator: Client, number: str, message: str, attribute: str
) -> None:
    await alternator.skip_if_old()
    table = await alternator.table("id:S at:N")
    item = {"id": {"S": "x"}, "at": {"N": "1"}, attribute: {"N": number}}
    assert (await alternator.write(table, item)).error == (400, VALIDATION, message)


async def test_bad_base64(alternator: Client) -> None:
    await alternator.skip_if_old()
    item = {"id": {"S": "x"}, "value": {"B": "!"}}
    answer = await alternator.write(await alternator.table(), item)
    assert answer.error == (400, SERIALIZATION, "Invalid base64 data")


async def test_hash_keys_are_told_apart_by_spelling(alternator: Client) -> None:
    table = await alternator.table("id:N")
    for number in ("1000", "1e3", "1000.0", "1000"):
        await alternator.put(table, {"id": {"N": number}, "sent": {"S": number}})
    found = await alternator.scan(table)
    assert {item["id"]["N"] for item in found} == {"1000"}
    assert {item["sent"]["S"] for item in found} == {"1000", "1e3", "1000.0"}
    assert (await alternator.get_item(table, id={"N": "1e3"}))["sent"] == {"S": "1e3"}


async def test_range_keys_are_told_apart_by_value(alternator: Client) -> None:
    table = await alternator.table("id:S at:N")
    for number in ("1000", "1e3", "1000.0"):
        item = {"id": {"S": "x"}, "at": {"N": number}, "sent": {"S": number}}
        await alternator.put(table, item)
    expected = {"id": {"S": "x"}, "at": {"N": "1000"}, "sent": {"S": "1000.0"}}
    assert await alternator.scan(table) == [expected]


@pytest.mark.parametrize(
    ("kind", "ordered"),
    [
        ("N", ["-10", "-2", "-0.5", "0", "2", "10", "1e2"]),
        ("S", ["A", "B", "a", "\u00e9", "\uffff", "\U0001f600"]),
        ("B", ["AA==", "AAE=", "AQ==", "/w=="]),
    ],
)
async def test_sort_order(alternator: Client, kind: str, ordered: list[str]) -> None:
    table = await alternator.table(f"id:S at:{kind}")
    items = [{"id": {"S": "x"}, "at": {kind: at}, "sent": {"S": at}} for at in ordered]
    await alternator.put(table, *reversed(items))
    assert [item["sent"]["S"] for item in await alternator.scan(table)] == ordered
