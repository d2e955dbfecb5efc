"""One table of a service's control plane: inspected, created, changed."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from alternator_migrate.core.errors import MigrateError, ServerRefused, UsageError
from alternator_migrate.core.patience import Patience
from alternator_migrate.dynamodb import rights, table_schema
from alternator_migrate.dynamodb.account import UNSUPPORTED, Account
from alternator_migrate.dynamodb.control_plane import ControlPlane
from alternator_migrate.dynamodb.table_contents import TableContents
from alternator_migrate.dynamodb.table_export import TableExports
from alternator_migrate.dynamodb.table_indexes import TableIndexes
from alternator_migrate.dynamodb.table_requests import TableRequests
from alternator_migrate.dynamodb.table_schema import TableSpec, TableState, TableStream
from alternator_migrate.dynamodb.table_tags import TableTags

_CREATE_SECONDS: Final = 300.0
T = TypeVar("T")


class Table:
    """One table behind a control plane; `where` names the side and its URL in messages."""

    def __init__(self, control: ControlPlane, name: str, where: str = "") -> None:
        self._requests = TableRequests(control, name, f"{where}: " if where else "")
        self.name = name
        self.tags, self.indexes = TableTags(self._requests), TableIndexes(self._requests)
        self.contents, self.exports = TableContents(self._requests), TableExports(self._requests)

    def sibling(self, name: str) -> "Table":
        """Another table behind the same control plane."""
        return Table(self._requests.control, name, self._requests.where.removesuffix(": "))

    async def inspect(self) -> TableState | None:
        """The table as the server describes it, with TTL and tags as far as it allows; None where
        it is absent."""
        description = await self._requests.describe()
        if description is None:
            return None
        denied: dict[str, str] = {}
        ttl = await self._unless_denied(rights.TTL, self._ttl(), denied)
        tags = await self._unless_denied(rights.TAGS, self.tags.read(), denied)
        with self._requests.asking(f"DescribeTable {self.name}"):
            return table_schema.read_state(description, ttl, tags or {}, denied)

    async def throughput(self) -> table_schema.Throughput | None:
        """The provisioned capacity now; None on demand. Raises `MigrateError`."""
        description = await self._requests.describe()
        return table_schema.billing(description) if description else None

    async def identity(self) -> str | None:
        """See `table_schema.identity`, now; None where the table is absent or goes. Raises
        `MigrateError`."""
        description = await self._requests.describe()
        if description is None or description.get("TableStatus") == "DELETING":
            return None
        return table_schema.identity(description)

    @property
    def place(self) -> str:
        """Where the table is looked for: the URL, and the region where requests are signed."""
        return self._requests.control.place

    @property
    def arn(self) -> str:
        """Its ARN; "" until it was described."""
        return self._requests.arn

    @property
    def account(self) -> Account:
        """All tables that are there, as far as these credentials see them."""
        return Account(self._requests.control, self._requests.where)

    async def create(self, spec: TableSpec) -> TableState:
        """Create the table; what it is when it is ACTIVE.

        A repeated attempt may find what an earlier one made (ScyllaDB reports schema
        disagreement after 30 s although it created the table): that is success.
        """

        async def ask(tags: Mapping[str, str]) -> None:
            request = {**table_schema.creation(replace(spec, tags=tags)), "TableName": self.name}
            await self._requests.ask("CreateTable", **request)

        try:
            await self.tags.asked_with(f"CreateTable {spec.name}", spec.tags, ask)
        except ServerRefused as error:
            if error.code != "ResourceInUseException":
                raise
        found = await self._active()
        if different := table_schema.differences(spec, found.spec):
            raise MigrateError(
                f"table {spec.name} was created by somebody else: {'; '.join(different)}"
            )
        return found

    async def enable_ttl(self, attribute: str) -> None:
        """Enable TTL on `attribute`; already enabled on it counts as done.

        Raises `ServerRefused` where TTL is enabled on another attribute.
        """
        try:
            with self._requests.asking(f"UpdateTimeToLive {self.name}"):
                await self._requests.ask(
                    "UpdateTimeToLive",
                    TableName=self.name,
                    TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
                )
        except ServerRefused:
            if await self._ttl() != attribute:
                raise

    async def stream(self) -> TableStream | None:
        """The table's newest stream, enabled or not. Raises `UsageError` without the table."""
        description = await self._requests.describe()
        if description is None:
            raise UsageError(f"the table {self.name} does not exist")
        return table_schema.read_stream(description)

    async def set_stream(self, specification: Mapping[str, Any]) -> None:
        """Enable or disable the stream. Raises `ServerRefused`."""
        with self._requests.asking(f"UpdateTable {self.name}, stream"):
            await self._requests.ask(
                "UpdateTable", TableName=self.name, StreamSpecification=dict(specification)
            )

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
            with self._requests.asking(f"DescribeTimeToLive {self.name}"):
                answer = await self._requests.ask("DescribeTimeToLive", TableName=self.name)
        except ServerRefused as error:
            if error.code == UNSUPPORTED:
                return None
            raise
        found = answer.get("TimeToLiveDescription", {})
        enabled = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
        return found.get("AttributeName") if enabled else None

    async def _active(self) -> TableState:
        patience = Patience(f"table {self.name}", "ACTIVE", _CREATE_SECONDS)
        while True:
            description = await self._requests.describe()
            status = description.get("TableStatus") if description else None
            if description and status == "ACTIVE":
                with self._requests.asking(f"DescribeTable {self.name}"):
                    return table_schema.read_state(description, None, {})
            await patience.wait(f"its status is {status}" if status else "it is not there yet")
