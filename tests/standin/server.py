"""The stand-in: nodes on one port that share one store of tables."""

import json
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from tests.standin import extras
from tests.standin.dialect import CURRENT, OLD
from tests.standin.faults import Faults
from tests.standin.front import DIALECT, JSON, Front
from tests.standin.state import Table
from tests.standin.store import Settings, Store
from tests.standin.values import Item

HTTP_BODY_LIMIT = 1 << 30
GRACE = 0.1
_TRIES = 20


@dataclass
class Node:
    """One line of /localnodes. A listed node need not be alive, nor exist."""

    ip: str
    dc: str = "datacenter1"
    rack: str = "rack1"


class StandIn:
    """An Alternator cluster in memory, on 127.0.0.1, 127.0.0.2, ... and one free port.

    nodes: how many; they share all data.
    auth: role to secret (what `salted_hash` is to ScyllaDB); None lets unsigned requests pass.
    old: behave as ScyllaDB 5.4 instead of 2026.x.
    faults: what is to go wrong, changeable at any time.
    port: 0 takes a free one.
    tls: serve https with this context.
    record: keep (operation, parsed body) of every request in `log`.
    clock: seconds since the epoch, for expiry, creation times and the Date of answers.
    write_clock: microseconds, for write timestamps; by default they only grow.
    The remaining parameters are those of Settings.

    `requests` counts by operation, refused and failed ones included; `by_node` by node number;
    `topology` is what /localnodes lists and may be changed at any time.
    """

    def __init__(
        self,
        nodes: int = 1,
        *,
        auth: dict[str, str] | None = None,
        old: bool = False,
        faults: Faults | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        record: bool = False,
        clock: Callable[[], float] = time.time,
        write_clock: Callable[[], int] | None = None,
        **settings: Any,
    ) -> None:
        self.faults = faults or Faults()
        self.auth = auth
        self.settings = Settings(**settings)
        self.store = Store(self.settings, OLD if old else CURRENT, clock, write_clock)
        self.topology = [Node(f"127.0.0.{number + 1}") for number in range(nodes)]
        self.requests: Counter[str] = Counter()
        self.by_node: Counter[int] = Counter()
        self.log: list[tuple[str, Item]] = []
        self.record = record
        self._port = port
        self._tls = tls
        self._ips = [node.ip for node in self.topology]
        self._runners: dict[int, web.AppRunner] = {}
        self._kept: list[socket.socket] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def urls(self) -> list[str]:
        """One URL per node, dead ones included."""
        scheme = "https" if self._tls else "http"
        return [f"{scheme}://{ip}:{self._port}" for ip in self._ips]

    @property
    def url(self) -> str:
        """The URL of the first node."""
        return self.urls[0]

    @property
    def port(self) -> int:
        """The port of all nodes, known once started."""
        return self._port

    def table(self, name: str) -> Table:
        """The state of a table; ApiError if there is none."""
        return self.store.table(name)

    def items(self, name: str) -> list[Item]:
        """All items of a table as DynamoDB JSON, in hash order."""
        table = self.table(name)
        return [table.rows[key].item for key in table.order]

    def expire(self) -> int:
        """Sweep all tables with TTL now; returns how many items were deleted."""
        return extras.expire(self.store)

    def new_generation(self, shards: int | None = None) -> None:
        """The ring changes: all stream shards close, and `shards` others follow (as many as
        configured by default)."""
        self.store.new_generation(shards or self.settings.stream_shards)

    def trim(self, name: str) -> None:
        """Drop all changes that a table's stream has now, as if their 24 hours had passed."""
        stream = self.table(name).stream
        assert stream is not None
        kept = [entry.sequence for entries in stream.entries.values() for entry in entries]
        stream.horizon = max(kept, default=0) + 1

    async def start(self) -> None:
        """Listen on every node's address; returns when requests are answered."""
        self._kept = _kept(self._ips, self._port)
        self._port = self._kept[0].getsockname()[1] if self._kept else self._port
        for number in range(len(self._ips)):
            await self.revive(number)

    async def stop(self) -> None:
        """Close every node and all its connections."""
        for number in list(self._runners):
            await self.kill(number)
        for each in self._kept:
            each.close()

    def connections(self, number: int) -> int:
        """How many connections a living node has now."""
        server = self._runners[number].server
        return len(server.connections) if server else 0

    async def kill(self, number: int) -> None:
        """Reset a node's connections and refuse new ones; /localnodes still lists it."""
        runner = self._runners.pop(number)
        for connection in runner.server.connections if runner.server else []:
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()

    async def revive(self, number: int) -> None:
        """Listen on a dead node's address again."""
        app = self._app(number)
        runner = web.AppRunner(app, auto_decompress=False, access_log=None, shutdown_timeout=GRACE)
        await runner.setup()
        site = web.TCPSite(runner, self._ips[number], self._port, ssl_context=self._tls)
        await site.start()
        self._runners[number] = runner
        self._port = runner.addresses[0][1]

    def _app(self, number: int) -> web.Application:
        app = web.Application(client_max_size=HTTP_BODY_LIMIT)
        app[DIALECT] = self.store.dialect
        front = Front(number, self.store, self.faults, self.auth, self._heard)

        async def local_nodes(request: web.Request) -> web.Response:
            return web.Response(body=self._local_nodes(number, request), content_type=JSON)

        app.router.add_post("/", front.answer)
        app.router.add_get("/", _health)
        app.router.add_get("/localnodes", local_nodes)
        app.router.add_get("/stand-in/dump", self._dump)
        app.router.add_route("*", "/{path:.*}", _not_found)
        app.on_response_prepare.append(self._headers)
        return app

    async def _headers(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)
        if self.store.dialect.server:
            response.headers["Server"] = self.store.dialect.server
        response.headers["Date"] = formatdate(self.store.clock(), usegmt=True)

    def _heard(self, node: int, operation: str, body: Item | None) -> None:
        if body is None:
            self.requests[operation] += 1
            self.by_node[node] += 1
        elif self.record:
            self.log.append((operation, body))

    def _local_nodes(self, number: int, request: web.Request) -> bytes:
        """IPs of the contacted node's DC; old versions ignore ?dc= and ?rack=."""
        own = next((n.dc for n in self.topology if n.ip == self._ips[number]), "datacenter1")
        wanted = request.query if self.store.dialect.localnodes_filters else {}
        dc, rack = wanted.get("dc", own), wanted.get("rack")
        return json.dumps(
            [n.ip for n in self.topology if n.dc == dc and rack in {None, n.rack}],
            separators=(",", ":"),
        ).encode()

    async def _dump(self, request: web.Request) -> web.Response:
        """GET /stand-in/dump?table=T: all items as one JSON array, for other processes."""
        name = request.query["table"]
        if name not in self.store.tables:
            raise web.HTTPNotFound(text=f"no table {name}")
        return web.Response(body=msgspec.json.encode(self.items(name)), content_type=JSON)


def _kept(ips: Sequence[str], port: int) -> list[socket.socket]:
    """Sockets that keep one port at all of several addresses from others, also while nobody
    listens there; a `port` of 0 is one that is free at all of them."""
    if len(ips) == 1:
        return []
    for _ in range(_TRIES):
        kept: list[socket.socket] = []
        try:
            for ip in ips:
                found = kept[0].getsockname()[1] if kept else port
                kept.append(socket.socket())
                kept[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                kept[-1].bind((ip, found))
        except OSError:
            for each in kept:
                each.close()
        else:
            return kept
    raise OSError(f"no port is free at all of {', '.join(ips)}")


async def _health(request: web.Request) -> web.Response:
    return web.Response(text=f"healthy: {request.host}")


async def _not_found(_: web.Request) -> web.Response:
    text = '{"message": "Not found", "code": 404}'
    return web.Response(text=text, status=404, content_type="application/json")
