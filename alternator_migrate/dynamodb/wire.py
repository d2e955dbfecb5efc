"""DynamoDB JSON as bytes: cut into raw items, spliced into request bodies; values stay bytes.

Field names are those of the DynamoDB API (Scan, BatchGetItem, BatchWriteItem). Nothing here
decodes an attribute value, save a TTL where a filter of the user's makes that necessary.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, Literal, TypeVar, cast

import msgspec

from alternator_migrate.core.errors import BadAnswer, Unavailable
from alternator_migrate.core.model import Change, Item, Page, Position
from alternator_migrate.dynamodb.items import UNREADABLE, to_json
from alternator_migrate.dynamodb.reshaping import Reshaper

T = TypeVar("T")
_NOTHING = msgspec.Raw(b"")
_NEXT_ITEM = b'}},{"PutRequest":{"Item":'
_PUT = b'{"PutRequest":{"Item":%b}}'
_DELETE = b'{"DeleteRequest":{"Key":%b}}'
_NO_KEY = re.compile(rb"|null|\{\s*\}")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BATCH_WRITE = "BatchWriteItem"
_NONE_UNPROCESSED = (b'{"UnprocessedItems":{}}', b'{"UnprocessedItems": {}}')


class _Consumed(msgspec.Struct):
    units: float = msgspec.field(name="CapacityUnits", default=0.0)


class _ScanAnswer(msgspec.Struct, Generic[T]):
    count: int = msgspec.field(name="Count")
    scanned: int = msgspec.field(name="ScannedCount")
    items: list[T] = msgspec.field(name="Items", default_factory=list)
    last_key: msgspec.Raw = msgspec.field(name="LastEvaluatedKey", default=_NOTHING)
    consumed: _Consumed | None = msgspec.field(name="ConsumedCapacity", default=None)


class _Put(msgspec.Struct):
    item: msgspec.Raw = msgspec.field(name="Item")


class _Delete(msgspec.Struct):
    key: msgspec.Raw = msgspec.field(name="Key")


class _PutRequest(msgspec.Struct):
    put: _Put = msgspec.field(name="PutRequest")


class _WriteRequest(msgspec.Struct):
    put: _Put | None = msgspec.field(name="PutRequest", default=None)
    delete: _Delete | None = msgspec.field(name="DeleteRequest", default=None)


class _Keys(msgspec.Struct):
    keys: list[msgspec.Raw] = msgspec.field(name="Keys")


class _GetAnswer(msgspec.Struct):
    responses: dict[str, list[msgspec.Raw]] = msgspec.field(name="Responses")
    unprocessed: dict[str, _Keys] = msgspec.field(name="UnprocessedKeys", default_factory=dict)
    consumed: list[_Consumed] = msgspec.field(name="ConsumedCapacity", default_factory=list)


class _BatchAnswer(msgspec.Struct):
    unprocessed: dict[str, list[msgspec.Raw]] = msgspec.field(name="UnprocessedItems")
    consumed: list[_Consumed] = msgspec.field(name="ConsumedCapacity", default_factory=list)


class _ErrorAnswer(msgspec.Struct):
    type: str = msgspec.field(name="__type", default="")
    message: str | None = None
    Message: str | None = None


class _ThrottlingReason(msgspec.Struct):
    reason: str = ""


class _ThrottledAnswer(msgspec.Struct):
    """Errors of throttling; ThrottlingException alone begins the name with a small letter."""

    most: list[_ThrottlingReason] = msgspec.field(name="ThrottlingReasons", default_factory=list)
    one: list[_ThrottlingReason] = msgspec.field(name="throttlingReasons", default_factory=list)


_scan_answer = msgspec.json.Decoder(_ScanAnswer[msgspec.Raw])
_batch_answer = msgspec.json.Decoder(_BatchAnswer)
_get_answer = msgspec.json.Decoder(_GetAnswer)
_put_request = msgspec.json.Decoder(_PutRequest)
_write_request = msgspec.json.Decoder(_WriteRequest)
_error_answer = msgspec.json.Decoder(_ErrorAnswer)
_throttled_answer = msgspec.json.Decoder(_ThrottledAnswer)
_RANGE_REASON: Final = "KeyRangeThroughputExceeded"


def read_page(
    body: bytes, *, filtered_are_skipped: bool, reshape: Reshaper | None = None
) -> tuple[Page, float | None]:
    """Cut a Scan answer into a page of raw items, or of what `reshape` makes of them, and its
    consumed read units where reported.

    With `filtered_are_skipped` the items that the server's filter left out count as read and
    skipped; without it as never read. A LastEvaluatedKey that is absent, null or {}, which some
    emulators send, ends the segment. Raises `Unavailable` for an answer that was cut off, and
    `BadAnswer` for anything else but a Scan answer; `reshape` may raise `MigrateError`.
    """
    answer = _reshaped(body, reshape) if reshape else decoded("Scan", _scan_answer, body)
    if answer.count != len(answer.items) or answer.scanned < answer.count:
        raise BadAnswer(
            f"Scan announced {answer.count} items of {answer.scanned} and sent {len(answer.items)}"
        )
    last_key = bytes(answer.last_key)
    skipped = answer.scanned - answer.count if filtered_are_skipped else 0
    page = Page(
        items=cast("list[Item]", answer.items),
        size=len(body),
        position=None if _NO_KEY.fullmatch(last_key) else last_key,
        read=answer.count + skipped,
        skipped=skipped,
    )
    return page, answer.consumed.units if answer.consumed else None


def _reshaped(body: bytes, reshape: Reshaper) -> _ScanAnswer[Any]:
    """A Scan answer with reshaped items: decoded but once where their names are known."""

    def whole() -> list[Item]:
        return cast("list[Item]", decoded("Scan", _scan_answer, body).items)

    answer: _ScanAnswer[Any]
    try:
        answer = reshape.decoder(_ScanAnswer).decode(body)
    except UNREADABLE:
        answer = decoded("Scan", _scan_answer, body)
        answer.items = [reshape(item) for item in answer.items]
    else:
        answer.items = [*reshape.decoded(answer.items, whole)]
    return answer


def scan_body(request: Mapping[str, object], position: Position | None) -> bytes:
    """A Scan request that goes on at `position`, its bytes spliced in unchanged."""
    body = to_json(request)
    return body if position is None else b'%b,"ExclusiveStartKey":%b}' % (body[:-1], position)


def projection(names: Sequence[str], request: Mapping[str, object]) -> dict[str, object]:
    """The parameters that make a `request` read only attributes of these names."""
    given = request.get("ExpressionAttributeNames", {})
    assert isinstance(given, Mapping)  # noqa: S101 # made by this package
    short = {f"#am_{place}": name for place, name in enumerate(names)}
    return {
        "ProjectionExpression": ",".join(short),
        "ExpressionAttributeNames": {**given, **short},
    }


def batch_body(table: str, items: Sequence[Item], *, ask_capacity: bool) -> bytes:
    """A BatchWriteItem request that puts `items` (at least one) by joining their bytes."""
    tail = b'}}]},"ReturnConsumedCapacity":"TOTAL"}' if ask_capacity else b"}}]}}"
    head = b'{"RequestItems":{%b:[{"PutRequest":{"Item":' % to_json(table)
    return b"".join((head, _NEXT_ITEM.join(items), tail))


def get_body(table: str, keys: Sequence[bytes], request: Mapping[str, object]) -> bytes:
    """A BatchGetItem request for `keys` (at least one JSON object); `request` holds what else is
    asked of the table: ConsistentRead, ProjectionExpression and the like."""
    asked = dict(request)
    report = asked.pop("ReturnConsumedCapacity", None)
    tail = b',"ReturnConsumedCapacity":%b}' % to_json(report) if report else b"}"
    options = to_json(asked)[1:-1]
    return b'{"RequestItems":{%b:{%b%b"Keys":[%b]}}%b' % (
        to_json(table),
        options,
        b"," if options else b"",
        b",".join(keys),
        tail,
    )


def read_get_answer(body: bytes) -> tuple[list[Item], list[bytes], float | None]:
    """The items found, the keys that came back unprocessed, and the consumed read units where
    reported. Raises `Unavailable` and `BadAnswer` as `read_page` does."""
    answer = decoded("BatchGetItem", _get_answer, body)
    items = [item for found in answer.responses.values() for item in found]
    back = [bytes(key) for keys in answer.unprocessed.values() for key in keys.keys]
    return cast("list[Item]", items), back, _units(answer.consumed)


def deletion(key: bytes) -> bytes:
    """A WriteRequest that deletes the item of a key."""
    return _DELETE % key


def put(item: Item) -> bytes:
    """A WriteRequest that puts an item."""
    return _PUT % memoryview(item)


def write_request(change: Change) -> bytes:
    """A change as a WriteRequest: a put of its image, or a delete of its key."""
    return deletion(change.key) if change.image is None else put(change.image)


def requests_body(table: str, requests: Sequence[Item], *, ask_capacity: bool) -> bytes:
    """A BatchWriteItem request of WriteRequests (at least one), puts and deletes mixed."""
    tail = b']},"ReturnConsumedCapacity":"TOTAL"}' if ask_capacity else b"]}}"
    return b"".join((b'{"RequestItems":{%b:[' % to_json(table), b",".join(requests), tail))


def item_of_request(request: Item) -> tuple[Item, Literal["put", "delete"]]:
    """The item that a WriteRequest puts, or the key that it deletes. Raises `BadAnswer`."""
    found = decoded(_BATCH_WRITE, _write_request, request)
    if found.put:
        return cast("Item", found.put.item), "put"
    if found.delete:
        return cast("Item", found.delete.key), "delete"
    raise BadAnswer("the answer to BatchWriteItem has neither a put nor a delete")


def read_batch_answer(body: bytes) -> tuple[list[Item], float | None]:
    """The items that came back unprocessed, and the consumed write units where reported.

    Raises `Unavailable` and `BadAnswer` as `read_page` does.
    """
    requests, units = read_requests_answer(body)
    back = [decoded(_BATCH_WRITE, _put_request, request).put.item for request in requests]
    return cast("list[Item]", back), units


def read_requests_answer(body: bytes) -> tuple[list[Item], float | None]:
    """The WriteRequests that came back unprocessed, and the consumed write units where
    reported."""
    if body in _NONE_UNPROCESSED:
        return [], None
    answer = decoded(_BATCH_WRITE, _batch_answer, body)
    back = [request for requests in answer.unprocessed.values() for request in requests]
    return cast("list[Item]", back), _units(answer.consumed)


def _units(consumed: Sequence[_Consumed]) -> float | None:
    return sum(each.units for each in consumed) if consumed else None


def decoded(operation: str, decoder: "msgspec.json.Decoder[T]", body: Item) -> T:
    """An answer to `operation`, or a part of one. Raises `Unavailable` where it was cut off,
    which may not happen again, and `BadAnswer` where it is wrong.

    msgspec says "truncated" of half a surrogate pair near the end too, so brackets are counted.
    """
    try:
        return decoder.decode(body)
    except UNREADABLE as error:
        at_the_end = "truncated" in str(error) or f"(byte {len(body)})" in str(error)
        if at_the_end and is_cut_off(bytes(body)):
            words = f"the answer to {operation} was cut off after {len(body)} bytes"
            raise Unavailable(words) from error
        raise BadAnswer(f"the answer to {operation} cannot be read: {error}") from error


def read_error(body: bytes) -> tuple[str, str]:
    """Error type (without its namespace) and message of a DynamoDB error body; two empty
    strings where the body is not one."""
    try:
        answer = _error_answer.decode(body)
    except UNREADABLE:
        return "", ""
    return answer.type.rpartition("#")[2], answer.message or answer.Message or ""


def throttled_scope(body: bytes) -> Literal["", "range", "table"]:
    """What is throttled, by the reasons that DynamoDB gives since 2025 (ThrottlingReason: resource,
    operation and kind of limit in one word); "" where it gives none."""
    try:
        answer = _throttled_answer.decode(body)
    except UNREADABLE:
        return ""
    reasons = {each.reason for each in (*answer.most, *answer.one)}
    if not reasons:
        return ""
    in_range = all(reason.endswith(_RANGE_REASON) for reason in reasons)
    return "range" if in_range else "table"


def is_cut_off(body: bytes) -> bool:
    """Whether `body` is the beginning of a JSON object that is not closed, or nothing at all."""
    shape = _STRING.sub(b"", body).strip()
    opened, closed = (sum(map(shape.count, marks)) for marks in ((b"{", b"["), (b"}", b"]")))
    return not shape or (shape[:1] == b"{" and (opened > closed or b'"' in shape))
