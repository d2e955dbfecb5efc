"""The control plane's requests, under the one retry policy."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from alternator_migrate.core.errors import Retryable
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb.botocore_errors import repeating


class RepeatingClient:
    """botocore's client of DynamoDB, each of whose requests is repeated while `retry` allows it,
    signed anew each time; `where` names the side and its URL in messages.

    Raises what botocore raises for a request that no repetition helps, and `OutOfTime`.
    """

    def __init__(self, client: Any, retry: Retry, where: str) -> None:
        self._client, self._retry, self._where = client, retry, where
        self._side, _, _ = where.rpartition(" ")

    @property
    def meta(self) -> Any:
        """botocore's data on the client itself."""
        return self._client.meta

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        return partial(self._ask, method)

    async def _ask(self, method: str, **request: Any) -> Any:
        operation = self._client.meta.method_to_api_mapping[method]

        async def attempt(_: str) -> Any:
            try:
                with repeating(f"{self._where}: {operation}"):
                    return await getattr(self._client, method)(**request)
            except Retryable as failure:
                failure.side = self._side
                raise

        return await self._retry(attempt)
