"""Changes of a table, from DynamoDB Streams or Alternator Streams.

When nothing newer is there (the tip): Alternator answers an empty read with the iterator that was
asked for. DynamoDB moves the iterator on, and may send several empty answers before the next
record, so there only a run of them counts: ten, or three where the tip was reached before and no
answer was cut by a limit since. DynamoDB Local sends all it has, up to the Limit.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from typing import Final

from alternator_migrate.connectors.stream_traits import READ_SECONDS, StreamTraits, traits_of
from alternator_migrate.core.errors import (
    FOLLOW_ANEW,
    AnswerTooLarge,
    MigrateError,
    ServerRefused,
    TrimmedData,
)
from alternator_migrate.core.model import ChangePage, Shard
from alternator_migrate.core.server_clock import ServerClock
from alternator_migrate.dynamodb import stream_wire
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.table_schema import TableSpec

log = logging.getLogger(__name__)
SHARDS_A_PAGE: Final = 100
_RECORDS: Final = 1000
_PAGE_BYTES: Final = 8_000_000
_FULL_BYTES: Final = 500_000
_LIST_SECONDS: Final = 0.1
_IDLE_READS_PER_SECOND: Final = 100
_IDLE_SECONDS: Final = 2.5
_EXPIRIES: Final = 5
_SLACK_SECONDS: Final = 60.0
_ABSENT_SECONDS: Final = 60.0
_ABSENT_POLL_SECONDS: Final = 2.0
_EMPTY_ONCE_AT_TIP: Final = 3
_EXPIRED: Final = "ExpiredIteratorException"
_TRIMMED: Final = "TrimmedDataAccessException"
_ABSENT: Final = "ResourceNotFoundException"
_GONE: Final = (_TRIMMED, _ABSENT)


class StreamSource:
    """The stream `arn` of `table`, read through a client of the streams API.

    A shard is read five times a second, the most that DynamoDB allows, and an idle one twice, to
    leave something for other readers; where many are idle, less often, so that these reads stay
    near a hundred a second, but every `idle_seconds` at least. Servers without that limit are
    asked again at once after a full answer. A stream or a shard that is not there is looked for
    again for `absent_seconds`. Changes `keep_old` images where the stream has them.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        arn: str,
        table: TableSpec,
        idle_seconds: float = _IDLE_SECONDS,
        absent_seconds: float = _ABSENT_SECONDS,
        *,
        keep_old: bool = False,
    ) -> None:
        self._client, self._arn, self._traits = client, arn, traits_of(arn)
        self.delay, self.skew = self._traits.delay, self._traits.skew
        self._idle_seconds, self._absent_seconds = idle_seconds, absent_seconds
        self._read = stream_wire.record_reader(table, self._traits.remedy, keep_old=keep_old)
        self._open = 0

    @property
    def clock(self) -> ServerClock:
        """The server's clock; see `ChangeSource`."""
        return self._client.clock

    async def shards(self) -> Sequence[Shard]:
        """All shards listed now. Raises `TrimmedData` where the stream is gone or disabled."""
        found: dict[str, Shard] = {}
        start: str | None = None
        while True:
            page = await self._described(start)
            if page.status.startswith("DISABL"):
                raise TrimmedData(f"the stream {self._arn} has been disabled", FOLLOW_ANEW)
            found |= {shard.id: shard for shard in page.shards}
            if page.last is None:
                return list(found.values())
            if page.last == start:
                raise MigrateError(f"the list of shards does not advance beyond {start}")
            start = page.last
            if self._traits.limited:
                await asyncio.sleep(_LIST_SECONDS)

    async def _described(self, start: str | None) -> stream_wire.StreamPage:
        """One page of the list of shards, after the shard `start`. Raises `TrimmedData` where the
        stream is gone for good: some answers come from a server that does not know of it yet."""
        search = _Search(self._absent_seconds)
        while True:
            try:
                return await self._client.describe_stream(
                    self._arn, start=start, limit=SHARDS_A_PAGE
                )
            except ServerRefused as error:
                if error.code not in _GONE:
                    raise
                gone = f"the stream {self._arn} is no longer there: {error.words}"
                if not await search.goes_on(gone):
                    raise TrimmedData(gone, FOLLOW_ANEW) from error

    async def changes(
        self,
        shard: str,
        after: str | None,
        watermark: Callable[[], float | None],
        may_be_dropped: Callable[[], bool],
    ) -> AsyncGenerator[ChangePage, None]:
        """The changes of `shard` after the sequence number `after`; see `ChangeSource`."""
        clock = asyncio.get_running_loop().time
        reader = _Reader(self._client, self._arn, self._traits, self._read, shard, after)
        self._open += 1
        try:
            while True:
                began, asked = clock(), self.clock.at_least()
                try:
                    page = await reader.next()
                except TrimmedData as error:
                    page = await self._beyond(shard, reader, error, watermark, may_be_dropped)
                yield replace(page, asked=asked)
                if page.ended:
                    return
                await asyncio.sleep(began + self._spacing(page, full=reader.full) - clock())
        finally:
            self._open -= 1

    def _spacing(self, page: ChangePage, *, full: bool) -> float:
        """Seconds from the beginning of a read to that of the next."""
        if full and not self._traits.limited:
            return 0.0
        if page.at_tip and not page.changes:
            often = min(self._open / _IDLE_READS_PER_SECOND, self._idle_seconds)
            return max(self._traits.idle, often * random.uniform(0.8, 1.0))  # noqa: S311 # spreads reads
        return READ_SECONDS

    async def _beyond(
        self,
        shard: str,
        reader: "_Reader",
        error: TrimmedData,
        watermark: Callable[[], float | None],
        may_be_dropped: Callable[[], bool],
    ) -> ChangePage:
        """The next page where changes are gone. A shard that is not there is looked for again for a
        while, whether it is listed or not: some answers come from a server that does not know of it
        yet. Raises `MigrateError` for one that cannot have been dropped: nothing of it need be
        lost."""
        search = _Search(self._absent_seconds)
        while error.absent and await search.goes_on(str(error.args[0])):
            try:
                return await reader.next()
            except TrimmedData as again:
                error = again
        if error.absent:
            await self.shards()  # which tells where the stream itself is gone
            if not may_be_dropped():
                raise MigrateError(
                    f"shard {shard} cannot be read, and is too new for the stream to have dropped "
                    f"it: {error.args[0]}",
                    "Run again: following goes on from where it stopped, within the 24 hours of a "
                    "stream.",
                ) from error
        return self._nothing_needed(reader, error, watermark())

    def _nothing_needed(
        self, reader: "_Reader", error: TrimmedData, watermark: float | None
    ) -> ChangePage:
        """An empty page in the place of changes that are gone, where the time for which changes
        are kept says that all were made before `watermark`. The next page begins with the oldest
        change left; a shard that is gone itself has ended. Raises `error` where changes that are
        gone may be needed."""
        kept = self._traits.kept - self._traits.skew - _SLACK_SECONDS
        if watermark is None or self.clock.at_most() - watermark > kept:
            raise error
        return reader.begin_anew(ended=error.absent)


class _Search:
    """Looks again for what is not there for so many seconds, and says so once."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._give_up = seconds, time.monotonic() + seconds
        self._told = False

    async def goes_on(self, why: str) -> bool:
        """Whether it is worth another look, for which it is time when this returns."""
        if time.monotonic() >= self._give_up:
            return False
        if not self._told:
            log.info("%s; it is looked for again, for %.0f s at most", why, self._seconds)
            self._told = True
        await asyncio.sleep(min(_ABSENT_POLL_SECONDS, self._seconds))
        return True


class _Reader:
    """Reads one shard, page by page; `full` tells whether the last answer was cut by a limit."""

    def __init__(
        self,
        client: DynamoDBClient,
        arn: str,
        traits: StreamTraits,
        read: stream_wire.RecordReader,
        shard: str,
        position: str | None,
    ) -> None:
        self._client, self._arn, self._traits, self._read = client, arn, traits, read
        self._shard, self._position = shard, position
        self._iterator: str | None = None
        self._from_oldest = False
        self._limit = _RECORDS
        self._empty = self._expiries = self._trimmings = 0
        self._closed = self._was_at_tip = False
        self.full = False

    async def next(self) -> ChangePage:
        """The next page. Raises `TrimmedData` where what is next is gone."""
        while True:
            try:
                return await self._page()
            except AnswerTooLarge:
                if self._limit <= self._traits.fewest:
                    raise
                self._limit = self._traits.fewest
            except ServerRefused as error:
                self._expiries += 1
                if error.code != _EXPIRED or self._expiries > _EXPIRIES:
                    raise self._told(error) from error
                self._iterator = None

    def begin_anew(self, *, ended: bool) -> ChangePage:
        """Go on with the oldest change that is left; an empty page, the last one if the shard has
        `ended`. Raises `MigrateError` where nothing is ever left."""
        self._trimmings += 1
        if self._trimmings > _EXPIRIES:
            raise MigrateError(f"shard {self._shard} is trimmed whenever it is read")
        self._iterator, self._from_oldest = None, True
        return ChangePage([], self._position, at_tip=ended, ended=ended)

    async def _page(self) -> ChangePage:
        if self._iterator is None:
            after = None if self._from_oldest else self._position
            self._iterator = await self._client.get_shard_iterator(self._arn, self._shard, after)
        asked = self._iterator
        answer, size = await self._client.get_records(asked, self._limit, self._read)
        self._expiries = self._trimmings = 0
        self._from_oldest = False
        self._iterator = answer.iterator
        self._note(len(answer.changes), size)
        if answer.changes:
            self._position = answer.changes[-1].sequence
        stands_still = asked == answer.iterator and not answer.changes
        most = min(self._traits.empty_at_tip, _EMPTY_ONCE_AT_TIP if self._was_at_tip else _RECORDS)
        enough = self._empty >= most
        ended = self._has_ended(answer)
        tip = stands_still or (enough and not self.full)
        at_tip = ended or (tip and answer.iterator is not None)
        self._was_at_tip = at_tip or (self._was_at_tip and not self.full)
        return ChangePage(answer.changes, self._position, at_tip=at_tip, ended=ended)

    def _note(self, count: int, size: int) -> None:
        """Learn from an answer of `count` changes and `size` bytes."""
        self.full = count >= self._limit or size >= _FULL_BYTES
        self._empty = 0 if count else self._empty + 1
        if count:
            fitting = _PAGE_BYTES * count // size
            self._limit = max(self._traits.fewest, min(_RECORDS, fitting))

    def _has_ended(self, answer: stream_wire.Records) -> bool:
        """Whether the shard is closed and read: a fresh iterator must say so as well, because
        some releases of DynamoDB Local are reported to end the chain of an open shard."""
        confirmed = self._closed and answer.iterator is None and not answer.changes
        self._closed = answer.iterator is None
        return confirmed

    def _told(self, error: ServerRefused) -> MigrateError:
        if error.code not in _GONE:
            return error
        where = f"after {self._position}" if self._position else "from its beginning"
        return TrimmedData(
            f"the changes of shard {self._shard} {where} are no longer there: {error.words}",
            FOLLOW_ANEW,
            absent=error.code == _ABSENT,
        )
