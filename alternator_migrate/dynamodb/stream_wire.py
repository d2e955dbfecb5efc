"""Answers of the streams API as bytes: GetRecords is cut into changes; images stay bytes.

Field names are those of the DynamoDB Streams API. Of a record only its name, keys, sequence
number, time and author are decoded.
"""

import binascii
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from alternator_migrate.core.errors import BadAnswer
from alternator_migrate.core.model import Change, Shard
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.decimals import plain
from alternator_migrate.dynamodb.table_schema import TableSpec

_ABSENT = msgspec.Raw(b"")
_NO_IMAGES: Final = (b"", b"null", b"{}")
REMEDY: Final = (
    "Changes may be missing from this stream: stop the writers, and make the target equal with "
    "`validate --repair --delete-extra`."
)
_TTL_AUTHOR: Final = "dynamodb.amazonaws.com"
_ALTERNATOR_SHARD = re.compile(r"H ?([0-9a-f]+):")


@dataclass(frozen=True, slots=True)
class Records:
    """One answer of GetRecords; `iterator` is None where the shard has ended."""

    changes: Sequence[Change]
    iterator: str | None


@dataclass(frozen=True, slots=True)
class StreamPage:
    """One answer of DescribeStream; `last` is where the next begins, None after the last. `created`
    is when the stream was made, by the server's clock (epoch seconds), None where it is not told.
    """

    status: str
    shards: Sequence[Shard]
    last: str | None
    created: float | None = None


RecordReader = Callable[[bytes], Records]


class _Author(msgspec.Struct):
    principal: str = msgspec.field(name="PrincipalId", default="")
    lower_principal: str = msgspec.field(name="principalId", default="")


class _Shard(msgspec.Struct):
    id: str = msgspec.field(name="ShardId")
    parent: str | None = msgspec.field(name="ParentShardId", default=None)


class _Description(msgspec.Struct):
    status: str = msgspec.field(name="StreamStatus", default="ENABLED")
    shards: list[_Shard] = msgspec.field(name="Shards", default_factory=list)
    last: str | None = msgspec.field(name="LastEvaluatedShardId", default=None)
    created: float | None = msgspec.field(name="CreationRequestDateTime", default=None)


class _DescribeAnswer(msgspec.Struct):
    stream: _Description = msgspec.field(name="StreamDescription")


class _IteratorAnswer(msgspec.Struct):
    iterator: str = msgspec.field(name="ShardIterator")


class _String(msgspec.Struct, gc=False):
    value: str = msgspec.field(name="S")


class _Number(msgspec.Struct, gc=False):
    value: str = msgspec.field(name="N")


class _Binary(msgspec.Struct, gc=False):
    value: str = msgspec.field(name="B")


_KEY_VALUES: Final = {"S": _String, "N": _Number, "B": _Binary}
_describe_answer = msgspec.json.Decoder(_DescribeAnswer)
_iterator_answer = msgspec.json.Decoder(_IteratorAnswer)


def record_reader(
    table: TableSpec, remedy: str = REMEDY, *, keep_old: bool = False
) -> RecordReader:
    """A function that reads answers of GetRecords on a stream of `table`; changes `keep_old` images
    or not.

    It raises `BadAnswer` for anything else, for a new image that is missing, and, with `remedy`,
    for a record that contradicts itself: such a stream lacks changes.
    """
    names = table.key_names
    fields = [f"key{number}" for number in range(len(names))]
    kinds = [table.attributes[name] for name in names]
    keys = _keys_type(fields, names, kinds)
    decoder = msgspec.json.Decoder(_answer_type(keys))
    encode = msgspec.json.Encoder().encode
    numeric = [field for field, kind in zip(fields, kinds, strict=True) if kind == "N"]
    key_in = msgspec.json.Decoder(keys).decode

    def key_of(image: Any) -> Any:
        return _plain_key(key_in(image), numeric)

    def change(record: Any) -> Change:
        data = record.data
        key = _plain_key(data.keys, numeric)
        image = None if data.image is _ABSENT else _given(data.image)
        old = None if data.old is _ABSENT else _given(data.old)
        if why := _contradiction(record.name, key, image, old, key_of):
            raise BadAnswer(
                f"the stream's record {data.sequence} contradicts itself: {why}", remedy
            )
        if image is None and record.name != "REMOVE":
            raise BadAnswer(
                f"the stream's record {data.sequence} has no new image",
                "The stream's view type must be NEW_IMAGE or NEW_AND_OLD_IMAGES.",
            )
        by_service = record.author is not None and image is None and _is_ttl(record.author)
        kept = old if keep_old else None
        return Change(encode(key), image, data.sequence, data.created or 0.0, by_service, kept)

    def read(body: bytes) -> Records:
        answer = wire.decoded("GetRecords", decoder, body)
        if _may_double(body, answer.records):
            _check_names(body, remedy)
        return Records([change(record) for record in answer.records], answer.iterator or None)

    return read


def _plain_key(key: Any, numeric: Sequence[str]) -> Any:
    """A decoded key, with its numbers in their one spelling."""
    for field in numeric:
        number = getattr(key, field)
        number.value = plain(number.value)
    return key


def _contradiction(name: str, key: Any, new: Any, old: Any, key_of: Callable[[Any], Any]) -> str:
    """The contradiction in a record; "" without one."""
    if name == "REMOVE" and new is not None:
        return "it is a removal and has a new image"
    for image, kind in ((new, "new"), (old, "old")):
        if image is None:
            continue
        try:
            same = _same_key(key_of(image), key)
        except msgspec.DecodeError:  # an old image need not have a key
            same = kind == "old"
        if not same:
            return f"its {kind} image is of another key"
    return ""


def _given(image: msgspec.Raw) -> msgspec.Raw | None:
    """An image, unless it is none or an empty one."""
    return None if len(image) <= len("null") and bytes(image) in _NO_IMAGES else image


def _same_key(one: Any, other: Any) -> bool:
    """Whether two keys are equal; a binary value has more than one text."""
    if one == other:
        return True
    pairs = [(getattr(one, field), getattr(other, field)) for field in one.__struct_fields__]
    return all(a == b or (isinstance(a, _Binary) and _same_bytes(a, b)) for a, b in pairs)


def _same_bytes(one: _Binary, other: _Binary) -> bool:
    try:
        return binascii.a2b_base64(one.value) == binascii.a2b_base64(other.value)
    except binascii.Error:
        return False


def _may_double(body: bytes, found: Sequence[Any]) -> bool:
    """Whether an answer names what a record has more often than its records have it, which may
    also be the names of attributes."""
    images = sum(record.data.image is not _ABSENT for record in found)
    counts = ((b'"eventName"', len(found)), (b'"Keys"', len(found)), (b'"NewImage"', images))
    return any(body.count(name) != count for name, count in counts)


def _check_names(body: bytes, remedy: str) -> None:
    """Raise `BadAnswer` where an object has two members of one name, of which a decoder takes
    the last one."""

    def check(members: list[tuple[str, object]]) -> None:
        names = [name for name, _ in members]
        if len(set(names)) < len(names):
            doubled = next(name for name in names if names.count(name) > 1)
            raise BadAnswer(
                f"a record of the stream contradicts itself: it has {doubled!r} more than once",
                remedy,
            )

    json.loads(body, object_pairs_hook=check)


def read_stream(body: bytes) -> StreamPage:
    """One page of a stream's description. Raises `BadAnswer`."""
    found = wire.decoded("DescribeStream", _describe_answer, body).stream
    shards = [Shard(each.id, each.parent or None, _generation(each.id)) for each in found.shards]
    return StreamPage(found.status, shards, found.last or None, found.created)


def read_iterator(body: bytes) -> str:
    """The iterator that GetShardIterator gives. Raises `BadAnswer`."""
    return wire.decoded("GetShardIterator", _iterator_answer, body).iterator


def _keys_type(fields: Sequence[str], names: Sequence[str], kinds: Sequence[str]) -> Any:
    """The type of keys that have these attributes, in their order."""
    return msgspec.defstruct(
        "_Keys",
        [(field, _KEY_VALUES[kind]) for field, kind in zip(fields, kinds, strict=True)],
        rename=dict(zip(fields, names, strict=True)),
        gc=False,
    )


def _answer_type(keys: Any) -> Any:
    """The type of a GetRecords answer with keys of this type."""
    data = msgspec.defstruct(
        "_Data",
        [
            ("keys", keys),
            ("sequence", str),
            ("created", float | None, None),
            ("image", msgspec.Raw, _ABSENT),
            ("old", msgspec.Raw, _ABSENT),
        ],
        rename={
            "keys": "Keys",
            "sequence": "SequenceNumber",
            "created": "ApproximateCreationDateTime",
            "image": "NewImage",
            "old": "OldImage",
        },
        gc=False,
    )
    record = msgspec.defstruct(
        "_Record",
        [
            ("name", Literal["INSERT", "MODIFY", "REMOVE"]),
            ("data", data),
            ("author", _Author | None, None),
        ],
        rename={"name": "eventName", "data": "dynamodb", "author": "userIdentity"},
        gc=False,
    )
    return msgspec.defstruct(
        "_RecordsAnswer",
        [("records", list[record]), ("iterator", str | None, None)],  # type: ignore[valid-type]
        rename={"records": "Records", "iterator": "NextShardIterator"},
    )


def _generation(shard: str) -> int:
    """The time at which Alternator cut its ring into shards such as this one; 0 for DynamoDB.

    Its parent is only the nearest of those that held its keys before.
    """
    found = _ALTERNATOR_SHARD.match(shard)
    return int(found[1], 16) if found else 0


def _is_ttl(author: _Author) -> bool:
    return _TTL_AUTHOR in (author.principal, author.lower_principal)
