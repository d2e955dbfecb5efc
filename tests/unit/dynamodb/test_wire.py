"""Whole bodies: a page is cut and a request is spliced without a byte of a value changed."""

import json
from random import Random
from typing import Any

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.errors import BadAnswer, Unavailable
from alternator_migrate.dynamodb import wire
from tests.servers.client import Item
from tests.support.spelling import items, spelled

KNOWN = ("Count", "ScannedCount", "Items", "LastEvaluatedKey", "ConsumedCapacity")
ITEMS = items()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KNOWN), inner),
    max_leaves=5,
)
UNKNOWN = st.dictionaries(st.sampled_from(("", "items", "Keys", "}}", "Segment")), JSON, max_size=2)


def pairs(text: bytes | str) -> Any:
    """A JSON value with every name and number as it is written."""
    return json.loads(text, object_pairs_hook=tuple, parse_float=str, parse_int=str)


def scan_answer(members: dict[str, str], chance: Random) -> bytes:
    """An answer of members that are JSON texts already, in any order."""
    names = list(members)
    chance.shuffle(names)
    space = chance.choice(("", " ", "\n"))
    inner = f"{space},{space}".join(f'"{name}"{space}:{space}{members[name]}' for name in names)
    return f"{space}{{{space}{inner}{space}}}{space}".encode()


@given(st.lists(ITEMS, max_size=3), st.none() | ITEMS, UNKNOWN, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_items_and_position_leave_a_page_as_the_bytes_they_came_in(
    found: list[Item], last_key: Item | None, unknown: dict[str, Any], chance: Random
) -> None:
    texts = [spelled(item, chance) for item in found]
    members = {name: spelled(value, chance) for name, value in unknown.items()}
    members |= {"Count": str(len(found)), "ScannedCount": str(len(found) + 3)}
    members["Items"] = f"[ {' , '.join(texts)} ]"
    if last_key is not None:
        members["LastEvaluatedKey"] = spelled(last_key, chance)
    body = scan_answer(members, chance)
    page, units = wire.read_page(body, filtered_are_skipped=True)
    assert [bytes(item) for item in page.items] == [text.encode() for text in texts]
    assert [len(item) for item in page.items] == [len(text.encode()) for text in texts]
    wanted = members["LastEvaluatedKey"].encode() if last_key else None
    assert page.position == wanted
    assert (page.size, page.read, page.skipped, units) == (len(body), len(found) + 3, 3, None)


@given(st.lists(ITEMS, min_size=1, max_size=3), st.text(min_size=1), st.booleans(), st.data())
@settings(max_examples=40)
def test_a_request_puts_exactly_the_items_of_the_page(
    found: list[Item], table: str, ask_capacity: bool, data: st.DataObject
) -> None:
    chance = data.draw(st.randoms(use_true_random=False))
    table = table.encode("utf-8", "replace").decode()
    texts = [spelled(item, chance) for item in found]
    answer = f'{{"Count":{len(texts)},"ScannedCount":{len(texts)},"Items":[{",".join(texts)}]}}'
    page, _ = wire.read_page(answer.encode(), filtered_are_skipped=False)
    body = pairs(wire.batch_body(table, page.items, ask_capacity=ask_capacity))
    puts = [(("PutRequest", (("Item", pairs(text)),)),) for text in texts]
    capacity = (("ReturnConsumedCapacity", "TOTAL"),) if ask_capacity else ()
    assert body == (("RequestItems", ((table, puts),)), *capacity)


@given(ITEMS, st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_a_scan_goes_on_at_the_position_as_it_came(key: Item, chance: Random) -> None:
    position = spelled(key, chance).encode()
    request = {"TableName": "T", "Segment": 3, "TotalSegments": 4}
    body = wire.scan_body(request, position)
    assert position in body
    assert json.loads(body) == {**request, "ExclusiveStartKey": key}
    assert json.loads(wire.scan_body(request, None)) == request


@pytest.mark.parametrize("filtered_are_skipped", [True, False])
def test_what_the_servers_filter_left_out_is_skipped_or_never_read(
    filtered_are_skipped: bool,
) -> None:
    page, _ = wire.read_page(
        b'{"Count":1,"ScannedCount":5,"Items":[{"pk":{"S":"a"}}]}',
        filtered_are_skipped=filtered_are_skipped,
    )
    assert (page.read, page.skipped) == ((5, 4) if filtered_are_skipped else (1, 0))


@pytest.mark.parametrize(
    ("consumed", "units"),
    [
        ('{"TableName":"T","CapacityUnits":128.5}', 128.5),
        ('{"CapacityUnits":2}', 2.0),
        ('{"TableName":"T"}', 0.0),
        ("null", None),
    ],
)
def test_consumed_read_units_are_those_reported(consumed: str, units: float | None) -> None:
    body = f'{{"Count":0,"ScannedCount":0,"Items":[],"ConsumedCapacity":{consumed}}}'
    page, found = wire.read_page(body.encode(), filtered_are_skipped=True)
    assert found == units
    assert page.items == []


@pytest.mark.parametrize("last_key", ["null", "{}", "{ }", "{\n\t}"])
def test_a_position_without_a_key_ends_the_segment(last_key: str) -> None:
    body = f'{{"Count":0,"ScannedCount":0,"Items":[],"LastEvaluatedKey":{last_key}}}'.encode()
    assert wire.read_page(body, filtered_are_skipped=True)[0].position is None


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[",
        b"[]",
        b"{}",
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"Count":2,"ScannedCount":2,"Items":[{"pk":{"S":"a"}}]}',
        b'{"Count":0,"ScannedCount":1,"Items":[{"pk":{"S":"a"}}]}',
        b'{"Count":1,"ScannedCount":1}',
        b'{"Items":[{"pk":{"S":"a"}}],"ScannedCount":1}',
        b'{"Items":[{"pk":{"S":"a"}}],"Count":1}',
        b'{"Count":1,"ScannedCount":0,"Items":[{"pk":{"S":"a"}}]}',
        b'{"Count":"0","ScannedCount":0,"Items":[]}',
        b'{"Count":0,"ScannedCount":0,"Items":null}',
        b'{"Count":0,"ScannedCount":0,"Items":{}}',
        b'{"Count":1,"ScannedCount":1,"Items":[{"pk":{"S":"a"}],"LastEvaluatedKey":{}}',
        b'{"Count":1 "ScannedCount":1',
        b'{"Count":0,"ScannedCount":0,"Items":[]}}',
        b'{"Count":1,"ScannedCount":1,"Items":[{"pk":{"S":"\\ud800"}}]}',
        b'{"__type":"InternalFailure","message":"x"}',
    ],
)
def test_anything_but_a_scan_answer_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        wire.read_page(body, filtered_are_skipped=True)


@given(ITEMS, st.data())
@settings(max_examples=40)
def test_an_answer_that_was_cut_off_may_be_whole_the_next_time(
    item: Item, data: st.DataObject
) -> None:
    chance = data.draw(st.randoms(use_true_random=False))
    text = spelled(item, chance)
    members = {"Items": f"[{text}]", "Count": "1", "ScannedCount": "1", "LastEvaluatedKey": text}
    members["ConsumedCapacity"] = '{"CapacityUnits":-1.5e-3}'
    whole = scan_answer(members, chance).rstrip()
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(Unavailable, match="cut off"):
        wire.read_page(part, filtered_are_skipped=True)
    wire.read_page(whole, filtered_are_skipped=True)


def test_a_batch_answer_that_was_cut_off_may_be_whole_the_next_time() -> None:
    item = '{"pk":{"S":"\\u00e9\\ud83d\\ude00é😀"},"n":{"N":"1"}}'
    put = f'{{"PutRequest":{{"Item":{item}}}}}'
    units = '[{"CapacityUnits":1.5e3}]'
    whole = f'{{"ConsumedCapacity":{units},"UnprocessedItems":{{"T":[{put}]}}}}'.encode()
    assert len(wire.read_batch_answer(whole)[0]) == 1
    for end in range(len(whole)):
        with pytest.raises(Unavailable, match=f"cut off after {end} bytes"):
            wire.read_batch_answer(whole[:end])


@given(st.binary(max_size=60) | st.text().map(str.encode))
@settings(max_examples=150)
def test_no_body_breaks_a_reader(body: bytes) -> None:
    with pytest.raises((BadAnswer, Unavailable)):
        wire.read_page(body, filtered_are_skipped=True)
    with pytest.raises((BadAnswer, Unavailable)):
        wire.read_batch_answer(b'{"UnprocessedItems":{"' + body + b'":')
    kind, words = wire.read_error(body)
    assert isinstance(kind, str) and isinstance(words, str)


@pytest.mark.parametrize(
    "body",
    [
        b'{"UnprocessedItems":{}}',
        b'{"UnprocessedItems": {}}',
        b' { "UnprocessedItems" : { } } ',
        b'{"ItemCollectionMetrics":{},"UnprocessedItems":{}}',
        b'{"UnprocessedItems":{"T":[]}}',
    ],
)
def test_a_batch_wholly_stored_leaves_nothing(body: bytes) -> None:
    assert wire.read_batch_answer(body) == ([], None)


@given(st.lists(ITEMS, max_size=3), ITEMS, UNKNOWN, st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_unprocessed_items_come_back_as_the_bytes_they_are(
    found: list[Item], more: Item, unknown: dict[str, Any], chance: Random
) -> None:
    texts = [spelled(item, chance) for item in (*found, more)]
    puts = [f' {{ "PutRequest" :{{"Item": {text} }} }}' for text in texts]
    tables = f'{{"T":[{",".join(puts[:-1])}], "U\\u0022" : [{puts[-1]}]}}'
    members = {name: spelled(value, chance) for name, value in unknown.items()}
    members |= {"UnprocessedItems": tables}
    members["ConsumedCapacity"] = '[{"TableName":"T","CapacityUnits":2.5},{"CapacityUnits":1}]'
    back, units = wire.read_batch_answer(scan_answer(members, chance))
    assert [bytes(item) for item in back] == [text.encode() for text in texts]
    assert units == 3.5
    again = wire.batch_body("T", back, ask_capacity=False)
    puts_again = pairs(again)[0][1][0][1]
    assert [put[0][1][0][1] for put in puts_again] == [pairs(text) for text in texts]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"status":"ok"}',
        b"[]",
        b"<html>",
        b'{"UnprocessedItems":null}',
        b'{"UnprocessedItems":[]}',
        b'{"UnprocessedItems":{"T":[{"DeleteRequest":{"Key":{}}}]}}',
        b'{"UnprocessedItems":{"T":[{"PutRequest":{}}]}}',
        b'{"UnprocessedItems":{"T":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}]}}',
        b'{"UnprocessedItems":{"\xff":[]}}',
    ],
)
def test_anything_but_a_batch_answer_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        wire.read_batch_answer(body)


TOO_FAST = "com.amazonaws.dynamodb.v20120810#ThrottlingException"
TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/Orders"


@pytest.mark.parametrize(
    ("reasons", "scope"),
    [
        (["TableReadKeyRangeThroughputExceeded"], "range"),
        (["TableReadKeyRangeThroughputExceeded", "IndexReadKeyRangeThroughputExceeded"], "range"),
        (["TableReadProvisionedThroughputExceeded"], "table"),
        (["TableWriteMaxOnDemandThroughputExceeded"], "table"),
        (["TableReadAccountLimitExceeded"], "table"),
        (["TableReadKeyRangeThroughputExceeded", "TableReadAccountLimitExceeded"], "table"),
        ([], ""),
    ],
)
def test_what_is_throttled_is_read_off_the_reasons(reasons: list[str], scope: str) -> None:
    listed = [{"reason": reason, "resource": TABLE} for reason in reasons]
    for name in ("ThrottlingReasons", "throttlingReasons"):
        body = {"__type": TOO_FAST, "message": "slow down", name: listed}
        assert wire.throttled_scope(json.dumps(body).encode()) == scope


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"__type":"ProvisionedThroughputExceededException"}',
        b'{"ThrottlingReasons":null}',
        b'{"ThrottlingReasons":"no list"}',
        b'{"ThrottlingReasons":[{"reason":7}]}',
    ],
)
def test_nothing_is_known_of_a_throttling_that_gives_no_reasons(body: bytes) -> None:
    assert wire.throttled_scope(body) == ""


def test_the_reasons_are_called_as_the_sdk_calls_them() -> None:
    model = botocore.session.get_session().get_service_model("dynamodb")
    for error, name in (
        ("ProvisionedThroughputExceededException", "ThrottlingReasons"),
        ("RequestLimitExceeded", "ThrottlingReasons"),
        ("ThrottlingException", "throttlingReasons"),
    ):
        members = model.shape_for(error).members
        assert members[name].member.members.keys() == {"reason", "resource"}
