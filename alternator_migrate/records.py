"""The byte lane of streams: cut answers of GetRecords into changes; images stay bytes.

Field names are those of the DynamoDB Streams API. Of a record only its name, keys, sequence
number, time and author are decoded.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from alternator_migrate import wire
from alternator_migrate.decimals import plain
from alternator_migrate.description import TableSpec
from alternator_migrate.errors import BadAnswer
from alternator_migrate.model import Change, Shard

_ABSENT = msgspec.Raw(b"")
_TTL_AUTHOR: Final = "dynamodb.amazonaws.com"
_ALTERNATOR_SHARD = re.compile(r"H ?([0-9a-f]+):")


@dataclass(frozen=True, slots=True)
class Records:
    """One answer of GetRecords; `iterator` is None where the shard has ended."""

    changes: Sequence[Change]
    iterator: str | None


@dataclass(frozen=True, slots=True)
class StreamPage:
    """One answer of DescribeStream; `last` is where the next begins, None after the last."""

    status: str
    shards: Sequence[Shard]
    last: str | None


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


def record_reader(table: TableSpec) -> RecordReader:
    """A function that reads answers of GetRecords on a stream of `table`.

    It raises `BadAnswer` for anything else, and for a new image that is missing.
    """
    names = table.key_names
    fields = [f"key{number}" for number in range(len(names))]
    kinds = [table.attributes[name] for name in names]
    numeric = [field for field, kind in zip(fields, kinds, strict=True) if kind == "N"]
    decoder = msgspec.json.Decoder(_answer_type(fields, names, kinds))
    encode = msgspec.json.Encoder().encode

    def change(record: Any) -> Change:
        data = record.data
        for field in numeric:
            number = getattr(data.keys, field)
            number.value = plain(number.value)
        image = data.image
        if record.name == "REMOVE":
            image = None
        elif image is _ABSENT:
            raise BadAnswer(
                f"the stream's record {data.sequence} has no new image",
                "The stream's view type must be NEW_IMAGE or NEW_AND_OLD_IMAGES.",
            )
        by_service = record.author is not None and image is None and _is_ttl(record.author)
        return Change(encode(data.keys), image, data.sequence, data.created, by_service)

    def read(body: bytes) -> Records:
        answer = wire.decoded("GetRecords", decoder, body)
        return Records([change(record) for record in answer.records], answer.iterator or None)

    return read


def read_stream(body: bytes) -> StreamPage:
    """One page of a stream's description. Raises `BadAnswer`."""
    found = wire.decoded("DescribeStream", _describe_answer, body).stream
    shards = [Shard(each.id, each.parent or None, _generation(each.id)) for each in found.shards]
    return StreamPage(found.status, shards, found.last or None)


def read_iterator(body: bytes) -> str:
    """The iterator that GetShardIterator gives. Raises `BadAnswer`."""
    return wire.decoded("GetShardIterator", _iterator_answer, body).iterator


def _answer_type(fields: Sequence[str], names: Sequence[str], kinds: Sequence[str]) -> Any:
    """The type of a GetRecords answer whose keys have these attributes, in their order."""
    keys = msgspec.defstruct(
        "_Keys",
        [(field, _KEY_VALUES[kind]) for field, kind in zip(fields, kinds, strict=True)],
        rename=dict(zip(fields, names, strict=True)),
        gc=False,
    )
    data = msgspec.defstruct(
        "_Data",
        [
            ("keys", keys),
            ("sequence", str),
            ("created", float),
            ("image", msgspec.Raw, _ABSENT),
        ],
        rename={
            "keys": "Keys",
            "sequence": "SequenceNumber",
            "created": "ApproximateCreationDateTime",
            "image": "NewImage",
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
    """When the ring was cut into shards as this one, for a shard of Alternator.

    Its parent is only the nearest of those that held its keys before.
    """
    found = _ALTERNATOR_SHARD.match(shard)
    return int(found[1], 16) if found else 0


def _is_ttl(author: _Author) -> bool:
    return _TTL_AUTHOR in (author.principal, author.lower_principal)
