"""BatchGetItem and deletions: bodies that are spliced, answers that are cut."""

import json

import pytest

from alternator_migrate.core.errors import BadAnswer, Unavailable
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.items import rekeyed

KEYS = [b'{"pk":{"N":"1e3"}}', b'{"pk":{"S":"\\u00e9"}}']


def test_keys_are_asked_for_in_their_own_bytes() -> None:
    body = wire.get_body("T", KEYS, {"ConsistentRead": True})
    assert body == (b'{"RequestItems":{"T":{"ConsistentRead":true,"Keys":[%b,%b]}}}' % tuple(KEYS))
    request = {"ReturnConsumedCapacity": "TOTAL", **wire.projection(["pk", "a.b"], {})}
    asked = json.loads(wire.get_body('"', KEYS[:1], request))
    assert asked == {
        "RequestItems": {
            '"': {
                "ProjectionExpression": "#am_0,#am_1",
                "ExpressionAttributeNames": {"#am_0": "pk", "#am_1": "a.b"},
                "Keys": [{"pk": {"N": "1e3"}}],
            }
        },
        "ReturnConsumedCapacity": "TOTAL",
    }
    assert json.loads(wire.get_body("T", KEYS, {}))["RequestItems"]["T"]["Keys"][1]


def test_a_projection_keeps_names_that_are_there() -> None:
    request = {"ExpressionAttributeNames": {"#am_ttl": "ttl"}, "FilterExpression": "#am_ttl < :a"}
    names = wire.projection(["pk"], request)["ExpressionAttributeNames"]
    assert names == {"#am_ttl": "ttl", "#am_0": "pk"}


def test_an_answer_is_cut_into_items_and_keys_that_came_back() -> None:
    body = (
        b'{"Responses": {"T": [{"pk":{"S":"a"}, "n": {"N":"1.0"}}]},"UnprocessedKeys":{"T":'
        b'{"Keys":[{"pk":{"S":"b"}}],"ConsistentRead":true}},'
        b'"ConsumedCapacity":[{"TableName":"T","CapacityUnits":1.5}]}'
    )
    items, back, units = wire.read_get_answer(body)
    assert [bytes(item) for item in items] == [b'{"pk":{"S":"a"}, "n": {"N":"1.0"}}']
    assert (back, units) == ([b'{"pk":{"S":"b"}}'], 1.5)
    assert wire.read_get_answer(b'{"Responses":{},"UnprocessedKeys":{}}') == ([], [], None)


@pytest.mark.parametrize("body", [b"[]", b"<html>", b'{"UnprocessedKeys":{}}', b'{"Responses":3}'])
def test_anything_else_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        wire.read_get_answer(body)


def test_an_answer_that_was_cut_off_may_be_asked_for_again() -> None:
    with pytest.raises(Unavailable):
        wire.read_get_answer(b'{"Responses":{"T":[{"pk":{"S":"a"}}')


def test_deletions_are_a_batch_of_keys() -> None:
    body = wire.requests_body("T", [*map(wire.deletion, KEYS)], ask_capacity=False)
    assert json.loads(body) == {
        "RequestItems": {"T": [{"DeleteRequest": {"Key": json.loads(key)}} for key in KEYS]}
    }


def test_a_key_gets_other_names_and_keeps_its_values() -> None:
    key = rekeyed(b'{"id":{"N":"1e3"},"at":{"S":"\\u00e9"}}', {"id": "at", "at": "id"})
    assert key == b'{"at":{"N":"1e3"},"id":{"S":"\\u00e9"}}'
