"""ListStreams, DescribeStream, GetShardIterator and GetRecords."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.standin import changelog
from tests.standin.changelog import Entry, Generation, Stream
from tests.standin.describe import key_schema
from tests.standin.errors import TABLETS_STREAMS, ApiError, validation
from tests.standin.state import Table
from tests.standin.store import Call, Store
from tests.standin.values import Item

INITIAL_TABLETS = "system:initial_tablets"
FEATURE_OFF = "StreamSpecification: alternator streams feature not enabled in cluster."
MISSING = "ResourceNotFoundException"
TRIMMED = "TrimmedDataAccessException"
SHARD = re.compile(r"H ?[0-9a-f]+:[0-9a-f]{32}")
ITERATOR = re.compile(rf"([Ii])([0-9a-f-]{{36}}):([0-9a-f-]{{36}}):({SHARD.pattern})")
POSITIONED = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
MOST_RECORDS = 1000
BY_TTL = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}


def new_stream(call: Call, table: Table) -> Stream:
    """The stream that a StreamSpecification asks for."""
    settings, now = call.store.settings, call.store.clock()
    if not settings.streams:
        raise validation(FEATURE_OFF)
    vnodes = not table.tags.get(INITIAL_TABLETS, "0").isdigit()
    if settings.tablets and not vnodes:
        raise validation(TABLETS_STREAMS)
    label = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    log = str(uuid.uuid4())
    place = f"alternator_{table.name}@{table.name}_scylla_cdc_log"
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{place}/stream/{label}"
    if call.dialect.stream_arn_is_uuid:
        arn = f"S{log}"
    view = call.body["StreamSpecification"].get("StreamViewType", "KEYS_ONLY")
    return Stream(arn, label, view, log, now, enabling=settings.enabling_polls)


def list_streams(call: Call) -> Item:
    """ListStreams in pages; LastEvaluatedStreamArn is there even after the last."""
    limit = _limit(call)
    only = call.body.get("TableName")
    found = sorted(
        (stream.id, stream, name)
        for name, table in call.store.tables.items()
        if (stream := table.stream) and only in {None, name}
    )
    after = call.body.get("ExclusiveStartStreamArn")
    if after is not None:
        arns = [stream.arn for _, stream, _ in found]
        found = found[arns.index(after) + 1 :] if after in arns else []
    shown = [
        {"StreamArn": stream.arn, "StreamLabel": stream.label, "TableName": name}
        for _, stream, name in found[:limit]
    ]
    last = {"LastEvaluatedStreamArn": shown[-1]["StreamArn"]} if shown else {}
    return {"Streams": shown, **last}


def describe_stream(call: Call) -> Item:
    """DescribeStream: neither a label nor a creation time; as many shards as are asked for."""
    limit, (table, stream) = _limit(call), _of_arn(call)
    stream.enabling -= stream.enabling > 0
    status = "ENABLING" if stream.enabling else "ENABLED"
    shown: Item = {
        "StreamStatus": status if stream.enabled else "DISABLED",
        "StreamArn": stream.arn,
        "StreamViewType": stream.view,
        "TableName": table.name,
        "KeySchema": key_schema(table.columns),
    }
    shards = list(_shards(call.store, stream))
    start = call.body.get("ExclusiveStartShardId")
    if start is not None:
        names = [shard["ShardId"] for shard in shards]
        shards = shards[names.index(start) + 1 :] if start in names else []
    shown["Shards"] = shards[:limit]
    if len(shards) > limit:
        shown["LastEvaluatedShardId"] = shards[limit - 1]["ShardId"]
    return {"StreamDescription": shown}


def _limit(call: Call) -> int:
    limit = call.body.get("Limit", 100)
    if limit < 1:
        raise validation("Limit must be 1 or more")
    return int(limit)


def _of_arn(call: Call) -> tuple[Table, Stream]:
    arn = call.body.get("StreamArn")
    for table in call.store.tables.values():
        if table.stream and table.stream.arn == arn:
            return table, table.stream
    raise ApiError(MISSING, "Invalid StreamArn")


def _shards(store: Store, stream: Stream) -> Iterator[Item]:
    """The shards of every generation that the stream can still have changes of."""
    oldest = max(stream.created, store.clock() - changelog.RETENTION)
    before: Generation | None = None
    for generation, later in zip(store.generations, [*store.generations[1:], None], strict=True):
        if later and later.began <= oldest:
            continue
        span = {"StartingSequenceNumber": str(changelog.moment(generation.began))}
        if later or not stream.enabled:
            ended = (later.began if later else store.clock()) + store.settings.stream_delay
            span["EndingSequenceNumber"] = str(changelog.moment(ended))
        for shard, token in sorted(zip(generation.shards, generation.tokens, strict=True)):
            parent = {"ParentShardId": before.parent(token)} if before else {}
            yield {**parent, "ShardId": shard, "SequenceNumberRange": span}
        before = generation


def get_shard_iterator(call: Call) -> Item:
    """GetShardIterator; the shard need not exist."""
    kind, number = call.body["ShardIteratorType"], call.body.get("SequenceNumber")
    if kind in POSITIONED and number is None:
        raise validation('Missing required parameter "SequenceNumber"')
    if kind not in POSITIONED and number is not None:
        raise validation("Iterator of this type should not have sequence number")
    _, stream = _of_arn(call)
    shard = call.body["ShardId"]
    if not SHARD.fullmatch(shard):
        raise ApiError(MISSING, "Invalid ShardId")
    threshold = int(number or 0)
    if kind == "LATEST":
        threshold = changelog.moment(_high(call.store))
    after = kind == POSITIONED[1]
    _check_kept(call, stream, threshold + after)
    return {"ShardIterator": _iterator(stream, threshold, shard, after=after)}


def _iterator(stream: Stream, threshold: int, shard: str, *, after: bool) -> str:
    return f"{'i' if after else 'I'}{stream.id}:{uuid.UUID(int=threshold)}:{shard}"


def _high(store: Store) -> float:
    """Changes from this time on are not shown yet."""
    return store.clock() - store.settings.stream_delay


def _check_kept(call: Call, stream: Stream, first: int) -> None:
    if call.store.settings.trimmed_refused and 0 < first < stream.horizon:
        raise ApiError(TRIMMED, "The operation attempted to read past the oldest stream record")


def get_records(call: Call) -> Item:
    """GetRecords; an empty answer of an open shard repeats the iterator."""
    limit = call.body.get("Limit", MOST_RECORDS)
    if limit < 1:
        raise validation("Limit must be 1 or more")
    if limit > MOST_RECORDS:
        raise validation(f"Limit must be less than or equal to {MOST_RECORDS}")
    asked = call.body["ShardIterator"]
    parts = ITERATOR.fullmatch(asked)
    if parts is None:
        raise validation(f"Invalid ShardIterator {asked}")
    kind, log, threshold, shard = parts.groups()
    stream = _of_log(call, log)
    first = uuid.UUID(threshold).int + (kind == "i")
    _check_kept(call, stream, first)
    high, oldest = _high(call.store), call.store.clock() - changelog.RETENTION
    since = max(first, changelog.moment(max(oldest, 0.0)))
    found = _whole(stream.between(shard, since, changelog.moment(high)), limit)
    records = [_record(call, stream, shard, entry) for entry in found]
    if found and call.dialect.first_event_id_is_garbage:
        records[0]["eventID"] = f"E{uuid.uuid4()}"
    answer: Item = {"Records": records}
    if found:
        answer["NextShardIterator"] = _iterator(stream, found[-1].sequence, shard, after=True)
    elif stream.enabled and not _is_closed(call.store, shard, high):
        answer["NextShardIterator"] = asked
    return answer


def _of_log(call: Call, log: str) -> Stream:
    for table in call.store.tables.values():
        if table.stream and table.stream.id == log:
            return table.stream
    raise ApiError(MISSING, log)


def _whole(found: list[Entry], limit: int) -> list[Entry]:
    """At least `limit` entries where there are so many; those of one timestamp are not parted."""
    end = min(limit, len(found))
    while 0 < end < len(found) and found[end].sequence == found[end - 1].sequence:
        end += 1
    return found[:end]


def _is_closed(store: Store, shard: str, high: float) -> bool:
    newest = store.generations[-1]
    return shard not in newest.shards and newest.began < high


def _record(call: Call, stream: Stream, shard: str, entry: Entry) -> Item:
    data: Item = {
        "ApproximateCreationDateTime": changelog.seconds_of(entry.sequence),
        "Keys": entry.keys,
        "SequenceNumber": str(entry.sequence),
        "StreamViewType": stream.view,
    }
    if entry.old is not None and stream.view in changelog.OLD_IMAGES:
        data["OldImage"] = entry.old
    if entry.new is not None and stream.view in changelog.IMAGES:
        data["NewImage"] = entry.new
    marked = entry.by_service and call.dialect.ttl_is_marked
    return {
        "eventID": f"E{shard.partition(':')[2]}:{uuid.UUID(int=entry.sequence)}",
        "eventName": entry.name,
        "eventVersion": "1.1",
        "eventSource": "scylladb:alternator",
        "awsRegion": "datacenter1",
        "dynamodb": data,
        **({"userIdentity": BY_TTL} if marked else {}),
    }
