"""Requests to a control plane about one table, and what all who make them have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alternator_migrate.core.errors import WRONG_SERVER, BadAnswer, ServerRefused
from alternator_migrate.dynamodb.account import ABSENT, asking
from alternator_migrate.dynamodb.control_plane import ControlPlane
from alternator_migrate.dynamodb.paging import LoopGuard


class TableRequests:
    """Makes requests about the table of a `name`; `where` stands before messages. `arn` is known
    once the table was described."""

    def __init__(self, control: ControlPlane, name: str, where: str) -> None:
        self.control, self.name, self.where = control, name, where
        self.ask = control.ask
        self.arn = ""

    @contextmanager
    def asking(self, request: str) -> Iterator[None]:
        """Around a request and the reading of its answer: what goes wrong, in words of ours."""
        with asking(self.where, request, self.name):
            yield

    async def describe(self) -> dict[str, Any] | None:
        """The table as the server describes it; None where it is absent. Raises `MigrateError`."""
        try:
            with self.asking(f"DescribeTable {self.name}"):
                answer = await self.ask("DescribeTable", TableName=self.name)
                description: dict[str, Any] = answer["Table"]
                self.arn = description["TableArn"]
        except ServerRefused as error:
            if error.code in ABSENT:
                return None
            raise
        return description

    def check(self, guard: LoopGuard, place: object, request: str) -> None:
        """Raise `BadAnswer` where the pages of an answer come back to a `place`."""
        if guard.closes(place):
            raise BadAnswer(f"{self.where}{request} goes round in a circle", WRONG_SERVER)
