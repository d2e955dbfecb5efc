"""One table of a service's control plane: inspected, created, changed."""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

from alternator_migrate.core.errors import (
    WRONG_SERVER,
    BadAnswer,
    MigrateError,
    ServerRefused,
    UsageError,
)
from alternator_migrate.dynamodb import rights, table_schema
from alternator_migrate.dynamodb.account import ABSENT, Account, asking
from alternator_migrate.dynamodb.control_plane import ControlPlane
from alternator_migrate.dynamodb.paging import LoopGuard
from alternator_migrate.dynamodb.table_export import TableExports
from alternator_migrate.dynamodb.table_schema import Index, TableSpec, TableState, TableStream

log = logging.getLogger(__name__)
_UNSUPPORTED: Final = "UnknownOperationException"
_CANNOT: Final = "not supported"
_BAD_TAG: Final = "tag value"
_NOBODY: Final = "alternator-migrate"
_ALL: Final = {"ProjectionType": "ALL"}
_POLL_SECONDS: Final = 1.0
_CREATE_SECONDS: Final = 300.0
# An index of a large table is built for days, in which nothing else is to be done.
_INDEX_SECONDS: Final = 7 * 86_400.0
T = TypeVar("T")
_FEATURES: Final = {
    "TableName": ".scylla.alternator.system.scylla_local",
    "Key": {"key": {"S": "enabled_features"}},
}


class Table:
    """One table behind a control plane; `where` names the side and its URL in messages."""

    def __init__(self, control: ControlPlane, name: str, where: str = "") -> None:
        self._control = control
        self._where = f"{where}: " if where else ""
        self.name = name
        self._arn = ""

    def sibling(self, name: str) -> "Table":
        """Another table behind the same control plane."""
        return Table(self._control, name, self._where.removesuffix(": "))

    async def inspect(self) -> TableState | None:
        """The table as the server describes it, with TTL and tags as far as it allows; None where
        it is absent."""
        description = await self._describe()
        if description is None:
            return None
        denied: dict[str, str] = {}
        ttl = await self._unless_denied(rights.TTL, self._ttl(), denied)
        tags = await self._unless_denied(rights.TAGS, self._tags(), denied)
        with self._asking(f"DescribeTable {self.name}"):
            return table_schema.read_state(description, ttl, tags or {}, denied)

    async def throughput(self) -> table_schema.Throughput | None:
        """The provisioned capacity now; None on demand. Raises `MigrateError`."""
        description = await self._describe()
        return table_schema.billing(description) if description else None

    @property
    def place(self) -> str:
        """Where the table is looked for: the URL, and the region where requests are signed."""
        return self._control.place

    @property
    def account(self) -> Account:
        """All tables that are there, as far as these credentials see them."""
        return Account(self._control, self._where)

    @property
    def exports(self) -> TableExports:
        """The table's exports to S3."""
        return TableExports(self._control, self.name, self._where)

    async def create(self, spec: TableSpec) -> TableState:
        """Create the table; what it is when it is ACTIVE.

        A repeated attempt may find what an earlier one made (ScyllaDB reports schema
        disagreement after 30 s although it created the table): that is success.
        """

        async def ask(tags: Mapping[str, str]) -> None:
            request = {**table_schema.creation(replace(spec, tags=tags)), "TableName": self.name}
            await self._control.ask("CreateTable", **request)

        try:
            await self._with_tags(f"CreateTable {spec.name}", spec.tags, ask)
        except ServerRefused as error:
            if error.code != "ResourceInUseException":
                raise
        found = await self._active()
        if different := table_schema.differences(spec, found.spec):
            raise MigrateError(
                f"table {spec.name} was created by somebody else: {'; '.join(different)}"
            )
        return found

    async def add_index(self, index: Index, spec: TableSpec) -> None:
        """Add a global index to a table that holds data; return when it is ACTIVE. One that is
        there already is waited for."""
        used = {element.name for element in index.keys}
        defined = [each for each in table_schema.definitions(spec) if each["AttributeName"] in used]
        try:
            with self._asking(f"UpdateTable {self.name}, index {index.name}"):
                await self._control.ask(
                    "UpdateTable",
                    TableName=self.name,
                    AttributeDefinitions=defined,
                    GlobalSecondaryIndexUpdates=[{"Create": table_schema.index_creation(index)}],
                )
        except ServerRefused:
            if index.name not in await self._index_statuses():
                raise
        await self._index_active(index.name)

    async def adds_indexes(self) -> bool:
        """Whether the server can add a global index to a table that is there, which ScyllaDB
        before 2025.1 cannot: by a request that cannot succeed, for a table that does not exist.
        Such a server refuses it unread; any other misses the table, or the right to ask."""
        absent = f"{_NOBODY}-{uuid.uuid4().hex}"
        element = {"AttributeName": "id", "KeyType": "HASH"}
        index = {"IndexName": _NOBODY, "KeySchema": [element], "Projection": _ALL}
        try:
            with self._asking(f"UpdateTable {absent}"):
                await self._control.ask(
                    "UpdateTable",
                    TableName=absent,
                    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                    GlobalSecondaryIndexUpdates=[{"Create": index}],
                )
        except ServerRefused as error:
            return _CANNOT not in error.words
        return True

    async def enable_ttl(self, attribute: str) -> None:
        """Enable TTL on `attribute`; already enabled on it counts as done.

        Raises `ServerRefused` where TTL is enabled on another attribute.
        """
        try:
            with self._asking(f"UpdateTimeToLive {self.name}"):
                await self._control.ask(
                    "UpdateTimeToLive",
                    TableName=self.name,
                    TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
                )
        except ServerRefused:
            if await self._ttl() != attribute:
                raise

    async def tag(self, tags: Mapping[str, str]) -> None:
        """Set tags on the table."""

        async def ask(tags: Mapping[str, str]) -> None:
            if tags:
                await self._control.ask(
                    "TagResource", ResourceArn=self._arn, Tags=table_schema.tag_list(tags)
                )

        await self._with_tags(f"TagResource {self.name}", tags, ask)

    async def untag(self, *keys: str) -> None:
        """Remove tags from the table."""
        with self._asking(f"UntagResource {self.name}"):
            await self._control.ask("UntagResource", ResourceArn=self._arn, TagKeys=list(keys))

    async def stream(self) -> TableStream | None:
        """The table's newest stream, enabled or not. Raises `UsageError` without the table."""
        description = await self._describe()
        if description is None:
            raise UsageError(f"the table {self.name} does not exist")
        return table_schema.read_stream(description)

    async def set_stream(self, specification: Mapping[str, Any]) -> None:
        """Enable or disable the stream. Raises `ServerRefused`."""
        with self._asking(f"UpdateTable {self.name}, stream"):
            await self._control.ask(
                "UpdateTable", TableName=self.name, StreamSpecification=dict(specification)
            )

    async def features(self) -> frozenset[str]:
        """The features that an Alternator's cluster has enabled, by its own table, which is only
        read; none where it may not be read, or does not say."""
        try:
            with self._asking(f"GetItem {_FEATURES['TableName']}"):
                answer = await self._control.ask("GetItem", **_FEATURES)
                return frozenset(filter(None, answer["Item"]["value"]["S"].split(",")))
        except (ServerRefused, BadAnswer):
            return frozenset()

    async def holds_items(self) -> bool:
        """Whether at least one item is there: a Scan for one, page after page of emptiness."""
        start: dict[str, Any] = {}
        guard = LoopGuard()
        while True:
            with self._asking(f"Scan {self.name}"):
                page = await self._control.ask("Scan", TableName=self.name, Limit=1, **start)
                if page["Items"]:
                    return True
            if not page.get("LastEvaluatedKey"):
                return False
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
            self._check(guard, start, f"Scan {self.name}")

    async def sample(self, item_filter: Mapping[str, Any], size: int) -> tuple[int, int]:
        """The number of items, of up to `size`, that match a filter (Scan's parameters), and the
        number that was read."""
        with self._asking(f"Scan {self.name}"):
            page = await self._control.ask(
                "Scan", TableName=self.name, Limit=size, Select="COUNT", **item_filter
            )
            return page["Count"], page["ScannedCount"]

    async def _with_tags(
        self,
        request: str,
        tags: Mapping[str, str],
        ask: Callable[[Mapping[str, str]], Awaitable[None]],
    ) -> None:
        """Make a request that sets tags; where the server takes none without a value, as old
        ScyllaDB does not, once more without these, which is told."""
        try:
            with self._asking(request):
                await ask(tags)
        except ServerRefused as error:
            empty = [key for key, value in tags.items() if not value]
            if not empty or _BAD_TAG not in error.words.lower():
                raise
            log.warning(
                "warning: not copied: tags without a value, which the server does not take: %s",
                ", ".join(empty),
            )
            with self._asking(request):
                await ask({key: value for key, value in tags.items() if value})

    @contextmanager
    def _asking(self, request: str) -> Iterator[None]:
        """Around a request and the reading of its answer: what goes wrong, in words of ours."""
        with asking(self._where, request, self.name):
            yield

    def _check(self, guard: LoopGuard, place: object, request: str) -> None:
        if guard.closes(place):
            raise BadAnswer(f"{self._where}{request} goes round in a circle", WRONG_SERVER)

    async def _describe(self) -> dict[str, Any] | None:
        try:
            with self._asking(f"DescribeTable {self.name}"):
                answer = await self._control.ask("DescribeTable", TableName=self.name)
                description: dict[str, Any] = answer["Table"]
                self._arn = description["TableArn"]
        except ServerRefused as error:
            if error.code in ABSENT:
                return None
            raise
        return description

    async def _unless_denied(
        self, operation: str, asked: Awaitable[T], denied: dict[str, str]
    ) -> T | None:
        """An answer; None where the right to ask is lacking, which is noted in `denied`."""
        try:
            return await asked
        except ServerRefused as error:
            if not rights.is_denied(error):
                raise
            lacking = rights.right(operation, self.name, error.words)
            denied[operation] = f"the credentials lack {lacking} ({error.words})"
            return None

    async def _ttl(self) -> str | None:
        try:
            with self._asking(f"DescribeTimeToLive {self.name}"):
                answer = await self._control.ask("DescribeTimeToLive", TableName=self.name)
        except ServerRefused as error:
            if error.code == _UNSUPPORTED:
                return None
            raise
        found = answer.get("TimeToLiveDescription", {})
        enabled = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
        return found.get("AttributeName") if enabled else None

    async def _tags(self) -> dict[str, str]:
        tags: dict[str, str] = {}
        more: dict[str, str] = {}
        guard = LoopGuard()
        while True:
            try:
                with self._asking(f"ListTagsOfResource {self.name}"):
                    answer = await self._control.ask(
                        "ListTagsOfResource", ResourceArn=self._arn, **more
                    )
                    tags |= {tag["Key"]: tag["Value"] for tag in answer.get("Tags", ())}
            except ServerRefused as error:
                if error.code == _UNSUPPORTED:
                    return {}
                raise
            if not answer.get("NextToken"):
                return tags
            more = {"NextToken": answer["NextToken"]}
            self._check(guard, more, f"ListTagsOfResource {self.name}")

    async def _active(self) -> TableState:
        give_up = time.monotonic() + _CREATE_SECONDS
        while time.monotonic() < give_up:
            description = await self._describe()
            if description and description.get("TableStatus") == "ACTIVE":
                with self._asking(f"DescribeTable {self.name}"):
                    return table_schema.read_state(description, None, {})
            await asyncio.sleep(_POLL_SECONDS)
        raise MigrateError(f"table {self.name} was not ACTIVE after {_CREATE_SECONDS:.0f} s")

    async def _index_active(self, name: str) -> None:
        give_up = time.monotonic() + _INDEX_SECONDS
        while time.monotonic() < give_up:
            if (await self._index_statuses()).get(name) == "ACTIVE":
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise MigrateError(f"index {name} was not ACTIVE after {_INDEX_SECONDS / 86_400:.0f} days")

    async def _index_statuses(self) -> dict[str, str]:
        description = await self._describe() or {}
        indexes: Sequence[Mapping[str, Any]] = description.get("GlobalSecondaryIndexes", ())
        return {index["IndexName"]: index.get("IndexStatus", "ACTIVE") for index in indexes}
