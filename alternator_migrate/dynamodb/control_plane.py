"""The control plane: operations on tables, in the API's JSON, under the one retry policy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import msgspec

from alternator_migrate.core.errors import Retryable
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb import items, wire
from alternator_migrate.dynamodb.http import Transport
from alternator_migrate.dynamodb.http_client import (
    CredentialSource,
    HttpClient,
    open_http_client,
)
from alternator_migrate.dynamodb.nodes import Nodes

# A ScyllaDB that creates a table may wait for 30 s until all its nodes know of it.
_READ_SECONDS: Final = 70.0
_CONNECTIONS: Final = 16
UNREACHED: Final = "Check the endpoint, the region and the network."
_LOCAL: Final = "Jetty"
_SILENT: Final = frozenset({"TagResource", "UntagResource"})
"""Operations that are answered with no body at all."""
_answer = msgspec.json.Decoder(dict[str, Any])


class ControlPlane:
    """The operations of one service on its tables: requests and answers are what the API says of
    them, each request is repeated while `retry` allows it, and signed anew each time."""

    def __init__(self, http: HttpClient, retry: Retry) -> None:
        self._http, self._retry = http, retry

    @property
    def place(self) -> str:
        """Where tables are looked for: the URL, and the region where requests are signed."""
        region = self._http.region
        return self._http.nodes.contacts[0] + (f" in region {region}" if region else "")

    @property
    def is_local(self) -> bool:
        """Whether a DynamoDB Local gave the last answer."""
        return self._http.server.startswith(_LOCAL)

    async def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        """The answer to a request. Raises `ServerRefused` and `BadAnswer` for what no repetition
        mends, and `OutOfTime`."""
        body = items.to_json(request)

        async def attempt(avoid: str) -> dict[str, Any]:
            try:
                answer = await self._http.call(operation, body, avoid)
                return {} if operation in _SILENT else wire.decoded(operation, _answer, answer)
            except Retryable as failure:
                failure.side = self._http.side
                if failure.__cause__:  # there was no answer, or half of one
                    failure.hint = failure.hint or UNREACHED
                raise

        return await self._retry(attempt)


@asynccontextmanager
async def open_control(
    nodes: Nodes,
    transport: Transport,
    *,
    region: str,
    credentials: CredentialSource | None,
    patience: float,
    side: str = "",
) -> AsyncIterator[ControlPlane]:
    """The control plane at `nodes`, by the TLS of `transport`, on connections of its own; no answer
    is waited for, and no request repeated, for longer than `patience` seconds. Otherwise as
    `open_http_client`."""
    own = replace(
        transport,
        connections=_CONNECTIONS,
        read_timeout=min(_READ_SECONDS, patience),
        compress=False,
        few_headers=False,
    )
    async with open_http_client(
        nodes, own, region=region, credentials=credentials, side=side
    ) as http:
        yield ControlPlane(http, Retry(patience))
