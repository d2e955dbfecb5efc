"""The tags of one table."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from alternator_migrate.core.errors import ServerRefused
from alternator_migrate.dynamodb import table_schema
from alternator_migrate.dynamodb.account import UNSUPPORTED
from alternator_migrate.dynamodb.paging import LoopGuard
from alternator_migrate.dynamodb.table_requests import TableRequests

log = logging.getLogger(__name__)
_BAD_TAG: Final = "tag value"


class TableTags:
    """The tags of a table that was described before."""

    def __init__(self, requests: TableRequests) -> None:
        self._requests = requests

    async def read(self) -> dict[str, str]:
        """All of them; none where the server knows of no tags. Raises `ServerRefused`."""
        requests, tags = self._requests, dict[str, str]()
        more: dict[str, str] = {}
        guard = LoopGuard()
        while True:
            try:
                with requests.asking(f"ListTagsOfResource {requests.name}"):
                    answer = await requests.ask(
                        "ListTagsOfResource", ResourceArn=requests.arn, **more
                    )
                    tags |= {tag["Key"]: tag["Value"] for tag in answer.get("Tags", ())}
            except ServerRefused as error:
                if error.code == UNSUPPORTED:
                    return {}
                raise
            if not answer.get("NextToken"):
                return tags
            more = {"NextToken": answer["NextToken"]}
            requests.check(guard, more, f"ListTagsOfResource {requests.name}")

    async def set(self, tags: Mapping[str, str]) -> None:
        """Set tags, besides those that are there. Raises `ServerRefused`."""
        requests = self._requests

        async def ask(tags: Mapping[str, str]) -> None:
            if tags:
                await requests.ask(
                    "TagResource", ResourceArn=requests.arn, Tags=table_schema.tag_list(tags)
                )

        await self.asked_with(f"TagResource {requests.name}", tags, ask)

    async def remove(self, *keys: str) -> None:
        """Remove tags. Raises `ServerRefused`."""
        requests = self._requests
        with requests.asking(f"UntagResource {requests.name}"):
            await requests.ask("UntagResource", ResourceArn=requests.arn, TagKeys=list(keys))

    async def asked_with(
        self,
        request: str,
        tags: Mapping[str, str],
        ask: Callable[[Mapping[str, str]], Awaitable[None]],
    ) -> None:
        """Make a request that sets tags; where the server takes none without a value, as old
        ScyllaDB does not, once more without these, which is told."""
        try:
            with self._requests.asking(request):
                await ask(tags)
        except ServerRefused as error:
            empty = [key for key, value in tags.items() if not value]
            if not empty or _BAD_TAG not in error.words.lower():
                raise
            log.warning(
                "warning: not copied: tags without a value, which the server does not take: %s",
                ", ".join(empty),
            )
            with self._requests.asking(request):
                await ask({key: value for key, value in tags.items() if value})
