"""Answers of the streams API, cut into changes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternator_migrate.core.errors import BadAnswer, Unavailable
from alternator_migrate.core.model import Shard
from alternator_migrate.dynamodb import decimals, stream_wire
from alternator_migrate.dynamodb.table_schema import KeyElement, TableSpec

Item = dict[str, Any]


def table(**kinds: str) -> TableSpec:
    """A table with these key attributes, HASH first."""
    types: tuple[Any, ...] = ("HASH", "RANGE")
    keys = tuple(KeyElement(name, kind) for name, kind in zip(kinds, types, strict=False))
    return TableSpec("Example", keys, kinds)


def record(key: Item, image: Item | None, **more: Any) -> Item:
    """A stream record as DynamoDB sends it."""
    data = {
        "ApproximateCreationDateTime": 1_700_000_000,
        "Keys": key,
        "SequenceNumber": "100000000000000000001",
        "SizeBytes": 59,
        "StreamViewType": "NEW_IMAGE",
        **({} if image is None else {"NewImage": image}),
    }
    name = "REMOVE" if image is None else "MODIFY"
    return {"eventName": name, "eventSource": "aws:dynamodb", "dynamodb": data, **more}


def body(*found: Item, **more: Any) -> bytes:
    """An answer of GetRecords."""
    return json.dumps({"Records": found, **more}, ensure_ascii=False).encode()


def test_an_answer_becomes_changes_in_their_order() -> None:
    key: Item = {"id": {"S": "a"}}
    image = {"id": {"S": "a"}, "deep": {"M": {"x": {"L": [{"N": "1e3"}, {"NULL": True}]}}}}
    answer = body(record(key, image), record(key, None), NextShardIterator="next")
    found = stream_wire.record_reader(table(id="S"))(answer)
    stored, removed = found.changes
    assert found.iterator == "next"
    assert stored.image is not None
    assert bytes(stored.image) == json.dumps(image).encode(), "an image is a slice of its answer"
    assert (stored.key, removed.key) == (b'{"id":{"S":"a"}}',) * 2
    assert (stored.sequence, stored.created) == ("100000000000000000001", 1_700_000_000.0)
    assert removed.image is None


@pytest.mark.parametrize("more", [{}, {"NextShardIterator": None}, {"NextShardIterator": ""}])
def test_a_closed_shard_has_no_next_iterator(more: Item) -> None:
    assert stream_wire.record_reader(table(id="S"))(body(**more)).iterator is None


@pytest.mark.parametrize(
    ("author", "image", "by_service"),
    [
        ({"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}, None, True),
        ({"principalId": "dynamodb.amazonaws.com", "type": "Service"}, None, True),
        ({"PrincipalId": "AIDAEXAMPLE", "Type": "User"}, None, False),
        ({"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}, {"id": {"S": "a"}}, False),
        (None, None, False),
    ],
)
def test_deletions_by_ttl_are_marked(author: Any, image: Item | None, by_service: bool) -> None:
    answer = body(record({"id": {"S": "a"}}, image, userIdentity=author))
    [change] = stream_wire.record_reader(table(id="S"))(answer).changes
    assert change.by_service is by_service


def test_equal_keys_are_equal_bytes() -> None:
    read = stream_wire.record_reader(table(id="N", at="S"))
    texts = [
        '{"id": {"N": "1000"}, "at": {"S": "\\u00e9/"}}',
        '{"at":{"S":"é\\/"},"id":{"N":"1e3"}}',
        '{"at":{"S":"\u00e9/"},"id":{"N":"1000.00"}}',
    ]
    empty = json.dumps(record({}, None))
    listed = ",".join(empty.replace('"Keys": {}', f'"Keys": {text}') for text in texts)
    keys = {change.key for change in read(f'{{"Records":[{listed}]}}'.encode()).changes}
    assert keys == {'{"id":{"N":"1000"},"at":{"S":"é/"}}'.encode()}


def test_names_of_keys_may_be_any_text() -> None:
    read = stream_wire.record_reader(table(**{"my key": "S", "class": "B"}))
    answer = body(record({"class": {"B": "AQI="}, "my key": {"S": ""}}, None))
    assert read(answer).changes[0].key == b'{"my key":{"S":""},"class":{"B":"AQI="}}'


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("0E+5", "0"),
        ("007", "7"),
        ("+5", "5"),
        ("1e3", "1000"),
        ("1E-7", "0.0000001"),
        ("-1.50", "-1.5"),
        ("100", "100"),
        (".5", "0.5"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("0.10000000000000000000000000000000000010", "0.1000000000000000000000000000000000001"),
        ("9.9E125", "99" + "0" * 124),
        ("1e1000000000", "1e1000000000"),
        ("no number", "no number"),
        ("NaN", "NaN"),
    ],
)
def test_numbers_have_one_text(text: str, plain: str) -> None:
    assert decimals.plain(text) == plain


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6), st.integers(0, 3))
def test_trailing_zeros_and_exponents_do_not_matter(number: Any, zeros: int) -> None:
    plain = decimals.plain(str(number))
    padded = f"{number:f}" + "0" * zeros
    assert decimals.plain(padded) == decimals.plain(f"{number:e}") == plain
    assert decimals.plain(plain) == plain


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        b'{"Records":null}',
        b"{}",
        body({**record({"id": {"S": "a"}}, None), "eventName": "RENAME"}),
        body(record({"other": {"S": "a"}}, None)),
        body(record({"id": {"N": "1"}}, None)),
        body({"eventName": "REMOVE"}),
        b'{"Records":[]}\xff',
    ],
)
def test_anything_else_is_refused(answer: bytes) -> None:
    with pytest.raises(BadAnswer, match="GetRecords cannot be read"):
        stream_wire.record_reader(table(id="S"))(answer)


@pytest.mark.parametrize("end", [0, 1, 12, 80, -1])
def test_an_answer_that_is_cut_off_is_worth_another_try(end: int) -> None:
    whole = body(record({"id": {"S": "a"}}, {"id": {"S": "a"}}))
    with pytest.raises(Unavailable, match="GetRecords was cut off"):
        stream_wire.record_reader(table(id="S"))(whole[:end])


def test_a_change_without_its_image_is_no_removal() -> None:
    answer = record({"id": {"S": "a"}}, None) | {"eventName": "INSERT"}
    with pytest.raises(BadAnswer, match="100000000000000000001 has no new image"):
        stream_wire.record_reader(table(id="S"))(body(answer))


@pytest.mark.parametrize("time", [{}, {"ApproximateCreationDateTime": None}])
def test_a_record_without_a_time(time: Item) -> None:
    """Emulators leave it out."""
    found = record({"id": {"S": "a"}}, None)
    del found["dynamodb"]["ApproximateCreationDateTime"]
    found["dynamodb"] |= time
    assert stream_wire.record_reader(table(id="S"))(body(found)).changes[0].created == 0


A: Item = {"id": {"S": "a"}, "at": {"N": "1"}}
B: Item = {"id": {"S": "a"}, "at": {"N": "2"}}


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (record(A, A) | {"eventName": "REMOVE"}, "a removal and has a new image"),
        (record(A, B), "new image is of another key"),
        (record(A, {"id": {"S": "a"}}), "new image is of another key"),
        (record(A, {**A, "at": {"S": "1"}}), "new image is of another key"),
    ],
)
def test_a_record_that_contradicts_itself(found: Item, why: str) -> None:
    """Changes were squashed into one, and all but one of them are missing."""
    read = stream_wire.record_reader(table(id="S", at="N"), "what to do")
    with pytest.raises(BadAnswer, match=f"1 contradicts itself: .*{why}") as failure:
        read(body(record(A, A), found))
    assert failure.value.hint == "what to do"


def test_an_old_image_of_another_key() -> None:
    """Two deletions that were squashed have no other sign."""
    read = stream_wire.record_reader(table(id="S", at="N"))
    found = record(A, None)
    for image in (A, {"at": {"N": "1.0"}, **A}, {}, None, {"more": {"S": "x"}}):
        found["dynamodb"]["OldImage"] = image
        assert len(read(body(found)).changes) == 1
    found["dynamodb"]["OldImage"] = B
    with pytest.raises(BadAnswer, match="old image is of another key"):
        read(body(found))


@pytest.mark.parametrize("name", ["eventName", "Keys", "NewImage"])
def test_what_a_record_has_twice(name: str) -> None:
    """A decoder would take the last one, and so would everybody else."""
    text = body(record(A, A)).decode()
    value = {"eventName": '"REMOVE"', "Keys": json.dumps(B), "NewImage": json.dumps(B)}[name]
    doubled = text.replace(f'"{name}":', f'"{name}": {value}, "{name}":')
    with pytest.raises(BadAnswer, match=f"'{name}' more than once"):
        stream_wire.record_reader(table(id="S", at="N"))(doubled.encode())


def test_attributes_may_have_the_names_of_members() -> None:
    names = ("eventName", "Keys", "NewImage")
    image: Item = {**A, **{name: {"S": f'"{name}":'} for name in names}, "Records": {"M": A}}
    changes = stream_wire.record_reader(table(id="S", at="N"))(body(record(A, image))).changes
    assert changes[0].image is not None
    assert json.loads(bytes(changes[0].image)) == image


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [("N", "1E+2", "100.0", True), ("B", "AQJ=", "AQI=", True), ("B", "AQI=", "AQM=", False)],
)
def test_one_key_may_have_two_texts(kind: str, one: str, other: str, same: bool) -> None:
    read = stream_wire.record_reader(table(id=kind))
    answer = body(record({"id": {kind: one}}, {"id": {kind: other}}))
    if same:
        assert len(read(answer).changes) == 1
    else:
        with pytest.raises(BadAnswer, match="another key"):
            read(answer)


def test_a_page_of_shards() -> None:
    shards = [{"ShardId": "b", "ParentShardId": "a", "SequenceNumberRange": {}}, {"ShardId": "c"}]
    described = {"StreamStatus": "ENABLING", "Shards": shards, "LastEvaluatedShardId": "c"}
    found = stream_wire.read_stream(json.dumps({"StreamDescription": described}).encode())
    assert found == stream_wire.StreamPage("ENABLING", [Shard("b", "a"), Shard("c", None)], "c")
    disabled = stream_wire.read_stream(b'{"StreamDescription":{"StreamStatus":"DISABLED"}}')
    assert disabled == stream_wire.StreamPage("DISABLED", [], None)
    with pytest.raises(BadAnswer, match="DescribeStream"):
        stream_wire.read_stream(b"{}")


def test_shards_of_alternator_have_a_generation() -> None:
    names = ["H 19ab5c2f1d0:95c00000000000009465693030000011", "H19ab5c2f1d0:95c0", "shardId-1"]
    described = {"Shards": [{"ShardId": name} for name in names]}
    found = stream_wire.read_stream(json.dumps({"StreamDescription": described}).encode()).shards
    assert [shard.generation for shard in found] == [0x19AB5C2F1D0, 0x19AB5C2F1D0, 0]


def test_an_iterator() -> None:
    assert stream_wire.read_iterator(b'{"ShardIterator":"x"}') == "x"
    with pytest.raises(BadAnswer, match="GetShardIterator"):
        stream_wire.read_iterator(b"{}")
