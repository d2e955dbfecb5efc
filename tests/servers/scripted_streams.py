"""A streams server that answers from a script: trees of shards that no service grows on demand.

It speaks DescribeStream, GetShardIterator and GetRecords on a free port. All of the script may be
changed while it runs.
"""

import json
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Literal

from aiohttp import web

from tests.servers.web import serving

Item = dict[str, Any]
Listing = Literal["made", "reversed", "zigzag"]

ARN = "arn:aws:dynamodb:us-east-1:000000000001:table/Scripted/stream/2026-01-02T03:04:05.678"
LOCAL_ARN = ARN.replace("us-east-1", "ddblocal")
ALTERNATOR_ARN = "S0c3a1e70-c8b2-11f0-8000-3c5d7c1a9e21"
PREFIX = "com.amazonaws.dynamodb.v20120810#"
TRIMMED = "TrimmedDataAccessException"
EXPIRED = "ExpiredIteratorException"
MISSING = "ResourceNotFoundException"
THROTTLED = "LimitExceededException"
START = "ExclusiveStartShardId"
READS_PER_SECOND = 5
LISTS_PER_SECOND = 10


class Refusal(Exception):
    """An answer with an error type; 500 for InternalServerError, else 400."""

    def __init__(self, code: str, words: str = "as the script says") -> None:
        super().__init__(code)
        self.code = code
        self.words = words


@dataclass
class ScriptedShard:
    """A shard; `trimmed` of its first `records` are gone, and nothing follows once `closed`."""

    id: str
    parent: str | None = None
    records: list[Item] = field(default_factory=list)
    closed: bool = False
    trimmed: int = 0


@dataclass
class StreamScript:
    """What the server answers.

    listing: the order of DescribeStream; `page` shards at once, `stuck` the first ones always.
    empty: so many empty answers come before each answer with records, and at the tip for ever.
    still: an empty answer gives the iterator that was asked for, as Alternator's does.
    lifetime: iterators expire after so many further requests of GetRecords.
    limited: more than five reads of a shard or ten of the list are refused that come in half a
    second, not in a whole one: on a busy machine some come late.
    status: the StreamStatus.
    ahead: how many seconds the server's clock is ahead of ours.
    apart: how many seconds more every other answer's Date is, as of two servers at one address.
    behind: how many seconds old new changes are.

    hidden: shards that lists lack.

    `requests` counts by operation, `reads` has the times of each shard's reads, and the list's.
    """

    arn: str = ARN
    listing: Listing = "made"
    page: int = 100
    stuck: bool = False
    empty: int = 0
    still: bool = False
    lifetime: int | None = None
    limited: bool = False
    status: str = "ENABLED"
    ahead: float = 0.0
    apart: float = 0.0
    behind: float = 0.0
    shards: dict[str, ScriptedShard] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    requests: Counter[str] = field(default_factory=Counter)
    reads: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _failures: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    _sequence: int = 0
    _expired_before: int = 0

    def add(self, shard: str, parent: str | None = None) -> ScriptedShard:
        """A new open shard."""
        self.shards[shard] = ScriptedShard(shard, parent)
        return self.shards[shard]

    def split(self, shard: str, *children: str) -> None:
        """Close a shard; its children follow."""
        self.shards[shard].closed = True
        for child in children:
            self.add(child, shard)

    def put(self, shard: str, key: Item, **attributes: Item) -> str:
        """A change that stores an item; its sequence number."""
        return self._write(shard, "MODIFY", key, {"NewImage": key | attributes})

    def age(self, shard: str, seconds: float) -> None:
        """The changes that a shard has were made so much earlier."""
        for record in self.shards[shard].records:
            record["dynamodb"]["ApproximateCreationDateTime"] -= seconds

    @property
    def now(self) -> float:
        """The time by the server's clock."""
        return time.time() + self.ahead

    def remove(self, shard: str, key: Item, *, by_service: bool = False) -> str:
        """A change that removes an item; its sequence number."""
        author = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
        return self._write(shard, "REMOVE", key, {}, {"userIdentity": author} if by_service else {})

    def fail(self, operation: str, *codes: str) -> None:
        """The next requests are refused with these error types; "reset" drops the connection
        after the work is done."""
        self._failures[operation].extend(codes)

    def expire_iterators(self) -> None:
        """Every iterator that was given so far is expired now."""
        self._expired_before = self.requests["GetRecords"] + 1

    def _write(
        self, shard: str, name: str, key: Item, image: Item, author: Item | None = None
    ) -> str:
        self._sequence += 1
        sequence = f"{self._sequence:021}"
        data = {"Keys": key, "SequenceNumber": sequence, "SizeBytes": 1, **image}
        data["ApproximateCreationDateTime"] = int(self.now - self.behind)
        record = {"eventID": sequence, "eventName": name, "eventVersion": "1.1", "dynamodb": data}
        self.shards[shard].records.append(record | (author or {}))
        return sequence

    def answer(self, operation: str, body: Item) -> tuple[Item, bool]:
        """The answer to a request, and whether the connection drops instead. Raises `Refusal`."""
        self.requests[operation] += 1
        failure = self._failures[operation].popleft() if self._failures[operation] else ""
        if failure not in {"", "reset"}:
            raise Refusal(failure)
        handlers = {
            "DescribeStream": self._describe,
            "GetShardIterator": self._iterator,
            "GetRecords": self._records,
        }
        return handlers[operation](body), failure == "reset"

    def _describe(self, body: Item) -> Item:
        if body["StreamArn"] != self.arn:
            raise Refusal(MISSING)
        self._check_pace("the list", LISTS_PER_SECOND)
        names = list(self._listed())
        start = names.index(body[START]) + 1 if START in body and not self.stuck else 0
        shown = names[start : start + min(self.page, body.get("Limit", 100))]
        found: Item = {"StreamArn": self.arn, "StreamStatus": self.status}
        found["Shards"] = [self._described(self.shards[name]) for name in shown]
        if shown and shown[-1] != names[-1]:
            found["LastEvaluatedShardId"] = shown[-1]
        return {"StreamDescription": found}

    def _listed(self) -> Iterator[str]:
        names = [name for name in self.shards if name not in self.hidden]
        if self.listing == "made":
            yield from names
        elif self.listing == "reversed":
            yield from reversed(names)
        else:
            yield from (*reversed(names[1::2]), *names[::2])

    def _described(self, shard: ScriptedShard) -> Item:
        numbers = [record["dynamodb"]["SequenceNumber"] for record in shard.records] or ["0" * 21]
        span = {"StartingSequenceNumber": numbers[0]}
        if shard.closed:
            span["EndingSequenceNumber"] = numbers[-1]
        parent = {"ParentShardId": shard.parent} if shard.parent else {}
        return {"ShardId": shard.id, "SequenceNumberRange": span, **parent}

    def _iterator(self, body: Item) -> Item:
        shard = self.shards.get(body["ShardId"])
        if shard is None or body["StreamArn"] != self.arn:
            raise Refusal(MISSING)
        at = shard.trimmed
        if body["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER":
            after = int(body["SequenceNumber"])
            numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in shard.records]
            at = sum(number <= after for number in numbers)
            if at <= shard.trimmed and shard.trimmed:
                raise Refusal(TRIMMED)
        return {"ShardIterator": self._made(shard.id, at, 0)}

    def _made(self, shard: str, at: int, empty: int) -> str:
        return f"{self.requests['GetRecords']}|{at}|{empty}|{shard}"

    def _records(self, body: Item) -> Item:
        made, at, empty, name = body["ShardIterator"].split("|", 3)
        shard, start, number = self.shards[name], int(at), self.requests["GetRecords"]
        self._check_pace(name, READS_PER_SECOND)
        old = self.lifetime is not None and number - int(made) > self.lifetime
        if old or int(made) < self._expired_before:
            raise Refusal(EXPIRED)
        if start < shard.trimmed:
            raise Refusal(TRIMMED)
        given = shard.records[start : start + body.get("Limit", 1000)]
        if given and int(empty) < self.empty:
            return {"Records": [], "NextShardIterator": self._made(name, start, int(empty) + 1)}
        answer: Item = {"Records": given}
        end = start + len(given)
        if not shard.closed or end < len(shard.records):
            moved = self._made(name, end, 0 if given else int(empty))
            kept = self.still and not given
            answer["NextShardIterator"] = body["ShardIterator"] if kept else moved
        return answer

    def _check_pace(self, what: str, most: int) -> None:
        now, reads = time.monotonic(), self.reads[what]
        if self.limited and len(reads) >= most and now - reads[-most] < 0.5:
            raise Refusal(THROTTLED, f"Rate exceeded for {what}")
        reads.append(now)


@asynccontextmanager
async def scripted_streams(script: StreamScript) -> AsyncIterator[str]:
    """Serve a script; the server's URL."""

    async def answer(request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].removeprefix("DynamoDBStreams_20120810.")
        try:
            body, drops = script.answer(operation, json.loads(await request.read()))
        except Refusal as error:
            status = 500 if error.code == "InternalServerError" else 400
            said = {"__type": PREFIX + error.code, "message": error.words}
            return web.json_response(said, status=status, headers=dated())
        if drops and request.transport is not None:
            request.transport.abort()
        return web.json_response(body, headers=dated())

    def dated() -> dict[str, str]:
        more = script.apart * (script.requests.total() % 2)
        return {"Date": formatdate(script.now + more, usegmt=True)}

    async with serving(answer, "POST", "/") as url:
        yield url
