"""Single items and error bodies: keys, renames, the expiry rule, error types and messages."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.connectors.scan import FIVE_YEARS, Expiry
from alternator_migrate.dynamodb import items as dynamodb_items
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.items import key_of
from tests.servers.client import Item
from tests.support.spelling import items, spelled

NOW = 1_800_000_000
NAMESPACE = b"com.amazonaws.dynamodb.v20120810#"
ITEMS = items(pk="B", sk="N")


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b'{"__type":"%bThrottlingException","message":"slow"}', "ThrottlingException", "slow"),
        (b'{"__type":"ThrottlingException","Message":"slow"}', "ThrottlingException", "slow"),
        (b'{"message":"slow","__type":"a.b#c#Odd"}', "Odd", "slow"),
        (b'{"__type":"%bSerializationException"}', "SerializationException", ""),
        (b'{"__type":"%bInternalFailure","message":null}', "InternalFailure", ""),
        (b'{"__type":"%bInternalFailure","Message":null}', "InternalFailure", ""),
        (b'{"__type":"T","message":"","Message":"words"}', "T", "words"),
        (b'{"message":"Missing Authentication Token"}', "", "Missing Authentication Token"),
        ('{"__type":"T","message":"zu groß \\u00fc"}'.encode(), "T", "zu groß ü"),
        (b'{"__type":"T","message":"m","extra":{"__type":"U"}}', "T", "m"),
    ],
)
def test_type_and_message_of_an_error_are_found(body: bytes, kind: str, words: str) -> None:
    assert wire.read_error(body.replace(b"%b", NAMESPACE)) == (kind, words)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><title>503</title></html>",
        b"\xff\xfe\x00",
        b'{"__type":"\xff"}',
        b'{"__type":"T","message":"\xff"}',
        b'"text"',
        b"[1]",
        b"null",
        b"17",
        b'{"__type":5}',
        b'{"__type":"T"',
    ],
)
def test_a_body_that_is_no_error_has_neither_type_nor_message(body: bytes) -> None:
    assert wire.read_error(body) == ("", "")


@given(ITEMS, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_a_key_is_the_key_attributes_in_their_order(item: Item, chance: Random) -> None:
    text = spelled(item, chance).encode()
    assert json.loads(key_of(text, ("pk", "sk"))) == {"pk": item["pk"], "sk": item["sk"]}
    assert list(json.loads(key_of(text, ("sk", "pk")))) == ["sk", "pk"]
    assert json.loads(key_of(text, ("sk", "absent attribute"))) == {"sk": item["sk"]}


def test_a_keys_value_stays_as_it_is_written() -> None:
    item = b'{"other":{"S":"x"},"p\\u006b":{"N" : "1e3"}}'
    assert key_of(item, ("pk",)) == b'{"pk":{"N" : "1e3"}}'


def expired(item: str, attribute: str = "ttl") -> bool:
    """Whether a JSON text is an expired item at NOW."""
    rule = Expiry.at(attribute, NOW + 0.9)
    return dynamodb_items.expired(attribute, after=rule.after, before=rule.before)(item.encode())


@pytest.mark.parametrize(
    ("number", "gone"),
    [
        (str(NOW), False),
        (str(NOW - 1), True),
        (f"{NOW - 1}.999", True),
        (f"{NOW}.001", False),
        (str(NOW + 1), False),
        (str(NOW - FIVE_YEARS), True),
        (f"{NOW - FIVE_YEARS - 1}.999", False),
        (str(NOW - FIVE_YEARS - 1), False),
        ("1.7e9", True),
        ("17000000e+2", True),
        ("+1700000000", True),
        ("1700000000000", False),
        ("0", False),
        ("-1700000000", False),
        ("1E-130", False),
        ("9.99E+125", False),
        ("1e999999999999999999999", False),
        ("NaN", False),
        ("Infinity", False),
        ("soon", False),
        ("", False),
    ],
)
def test_an_item_is_expired_within_five_years_of_its_time(number: str, gone: bool) -> None:
    assert expired(f'{{"pk":{{"S":"a"}},"ttl":{{"N":"{number}"}}}}') is gone
    assert expired(f'{{ "ttl" : {{ "N" : "{number}" }} , "pk":{{"S":"a"}}}}') is gone


@pytest.mark.parametrize(
    "value",
    [
        '{"S":"1700000000"}',
        '{"B":"MTcwMDAwMDAwMA=="}',
        '{"BOOL":true}',
        '{"NULL":true}',
        '{"NS":["1700000000"]}',
        '{"L":[{"N":"1700000000"}]}',
        '{"M":{"N":{"N":"1700000000"}}}',
        '{"M":{"ttl":{"N":"1700000000"}}}',
        "{}",
        '{"N":1700000000}',
        '{"N":null}',
        "null",
        '"1700000000"',
        "[]",
    ],
)
def test_an_attribute_that_is_no_number_never_expires(value: str) -> None:
    assert not expired(f'{{"pk":{{"S":"a"}},"ttl":{value}}}')


def test_an_item_without_the_attribute_never_expires() -> None:
    assert not expired('{"pk":{"N":"1700000000"},"TTL":{"N":"1700000000"}}')
    assert not expired('{"pk":{"S":"a"},"m":{"M":{"ttl":{"N":"1700000000"}}}}')
    assert not expired("{}")


@pytest.mark.parametrize(
    "name", ["ttl", "a.b", "é", "\U0001f600", " ", "N", "value", "__type", 'q"', "back\\", "\n"]
)
def test_the_ttl_attribute_may_have_any_name(name: str) -> None:
    for ascii_only in (True, False):
        item = json.dumps({name: {"N": "1700000000"}}, ensure_ascii=ascii_only)
        assert expired(item, name)
