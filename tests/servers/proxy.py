"""A proxy before a server of the DynamoDB API that counts, records, slows down and misbehaves.

    async with FaultProxy(upstream) as proxy:
        proxy.script("BatchWriteItem", throttle(), None, reset_after())
        proxy.sometimes("Scan", internal_500(), probability=0.1, seed=7)
        ...  # work against proxy.url
        assert proxy.faults["throttle"] == 1

An *operation* is the name in X-Amz-Target or, where that is missing, method and path, such as
"GET /localnodes". The faults are in `faults`.
"""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from aiohttp import web
from yarl import URL

from tests.servers.capacity import consumed
from tests.servers.exchange import Exchange, Fault, HeldItems, Reply, decoded

ANY = "*"
PAGED = {"Scan", "Query"}
# Headers of one connection only, and those that aiohttp makes itself.
DROPPED = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}

Which = str | Callable[[Exchange], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """Faults in order for the requests that match; None leaves a request to later rules."""

    matches: Callable[[Exchange], bool]
    faults: Iterator[Fault | None]


class FaultProxy:
    """Forwards what arrives at `url` to `upstream`, `latency` seconds late.

    `requests` and `faults` count by operation and by name of fault; `peak` is the most requests
    under way at a time, by operation; with `record`, `log` holds every request in order of arrival.
    `page_limit` is the most items of a page of Scan or Query. With `capacity`, ConsumedCapacity is
    added to answers where it is asked for, see `capacity`.

    Rules are asked in the order they were given until one has a fault. In place of an operation
    they take a predicate over the exchange; `ANY` is every operation. When `upstream`
    cannot be reached the answer is 502.
    """

    def __init__(
        self,
        upstream: str,
        *,
        latency: float = 0,
        page_limit: int | None = None,
        capacity: bool = False,
        record: bool = False,
    ) -> None:
        self.url = ""
        self.latency = latency
        self.requests: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        self.log: list[Exchange] = []
        self._upstream = upstream.rstrip("/")
        self._page_limit = page_limit
        self._capacity = capacity
        self._record = record
        self._rules: list[Rule] = []
        self._under_way: Counter[str] = Counter()
        self._held = HeldItems()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )
        self._session = await self._stack.enter_async_context(session)
        application = web.Application(client_max_size=0)
        application.router.add_route("*", "/{path:.*}", self._count)
        runner = web.AppRunner(
            application,
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            shutdown_timeout=0.1,
        )
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def script(self, which: Which, *faults: Fault | None) -> None:
        """Give the next requests these faults, one each; None lets one pass."""
        self._rules.append(Rule(_matcher(which), iter(faults)))

    def always(self, which: Which, fault: Fault) -> None:
        """Give every request this fault."""
        self._rules.append(Rule(_matcher(which), itertools.repeat(fault)))

    def sometimes(self, which: Which, fault: Fault, probability: float, seed: int = 0) -> None:
        """Give requests this fault with a probability, seeded, in their order of arrival."""
        dice = random.Random(seed)
        thrown = (fault if dice.random() < probability else None for _ in itertools.count())
        self._rules.append(Rule(_matcher(which), thrown))

    def clear(self) -> None:
        """Forget all rules; what is counted stays."""
        self._rules.clear()

    async def _count(self, request: web.Request) -> web.StreamResponse:
        operation = _operation(request)
        self.requests[operation] += 1
        self._under_way[operation] += 1
        self.peak[operation] = max(self.peak[operation], self._under_way[operation])
        try:
            return await self._answer(operation, request)
        finally:
            self._under_way[operation] -= 1

    async def _answer(self, operation: str, request: web.Request) -> web.StreamResponse:
        at = asyncio.get_running_loop().time()
        body = await request.read()

        async def forward(changed: bytes) -> Reply:
            return await self._forward(exchange, changed)

        exchange = Exchange(operation, body, request, at, forward, self._held)
        if self._record:
            self.log.append(exchange)
        fault = self._fault_for(exchange)
        await asyncio.sleep(self.latency)
        if fault is None:
            return (await forward(body)).response()
        self.faults[fault.name] += 1
        return await fault.act(exchange)

    def _fault_for(self, exchange: Exchange) -> Fault | None:
        chosen = (next(rule.faults, None) for rule in self._rules if rule.matches(exchange))
        return next(filter(None, chosen), None)

    async def _forward(self, exchange: Exchange, body: bytes) -> Reply:
        if self._page_limit and exchange.operation in PAGED:
            body = _limited(body, self._page_limit)
        reply = await self._ask(exchange.request, body, changed=body is not exchange.body)
        if reply.status == 200 and self._changes(exchange.operation):
            return self._changed(exchange.operation, decoded(body), reply)
        return reply

    async def _ask(self, request: web.Request, body: bytes, changed: bool) -> Reply:
        # Faults change bodies, so the upstream server must not compress them.
        headers = _passed_on(request.headers) | {"Accept-Encoding": "identity"}
        if changed:
            headers.pop("Content-Encoding", None)
        url = URL(self._upstream + request.raw_path, encoded=True)
        try:
            async with self._session.request(
                request.method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return Reply(response.status, await response.read(), _passed_on(response.headers))
        except aiohttp.ClientError as error:
            return Reply(502, f"the upstream server failed: {error}".encode())

    def _changes(self, operation: str) -> bool:
        paged = operation in PAGED
        return (paged and len(self._held) > 0) or (
            self._capacity and (paged or operation == "BatchWriteItem")
        )

    def _changed(self, operation: str, request: dict[str, Any], reply: Reply) -> Reply:
        answer = reply.json()
        if "ExclusiveStartKey" in request:
            self._held.restore(request, answer)
        units = consumed(operation, request, answer) if self._capacity else None
        return reply.with_json(answer if units is None else answer | {"ConsumedCapacity": units})


def _matcher(which: Which) -> Callable[[Exchange], bool]:
    if callable(which):
        return which
    return lambda exchange: which in {ANY, exchange.operation}


def _operation(request: web.Request) -> str:
    target = request.headers.get("X-Amz-Target", "")
    return target.rpartition(".")[2] or f"{request.method} {request.path}"


def _passed_on(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in DROPPED}


def _limited(body: bytes, limit: int) -> bytes:
    request = decoded(body)
    request["Limit"] = min(limit, request.get("Limit", limit))
    return json.dumps(request).encode()
