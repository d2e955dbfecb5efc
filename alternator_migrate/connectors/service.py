"""Opens one side from its settings: control plane and data plane."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from alternator_migrate.config import (
    AlternatorSettings,
    EndpointSettings,
    SideSettings,
    SourceEndpointSettings,
)
from alternator_migrate.core.errors import (
    Retryable,
    ServerFault,
    ServerRefused,
    Unavailable,
    UsageError,
)
from alternator_migrate.core.requests import SideFigures
from alternator_migrate.dynamodb import items, rights
from alternator_migrate.dynamodb.control_plane import open_control
from alternator_migrate.dynamodb.dialect import ALTERNATOR, DYNAMODB, Dialect
from alternator_migrate.dynamodb.endpoints import aws_host
from alternator_migrate.dynamodb.http import Transport
from alternator_migrate.dynamodb.http_client import STREAMS_API, HttpClient, open_http_client
from alternator_migrate.dynamodb.login import Login
from alternator_migrate.dynamodb.nodes import Nodes
from alternator_migrate.dynamodb.session import Account, service_url, sign_in
from alternator_migrate.dynamodb.table import Table

# For probes of nodes and single requests beside the slots of readers and writers.
_SPARE_CONNECTIONS: Final = 4
_ANY_TABLE: Final = "alternator-migrate"
_UNPACKED: Final = (
    "the {role} does not read compressed requests: they are sent as they are ({role}.compression: "
    "true needs ScyllaDB 2026.1)"
)


@dataclass(frozen=True, slots=True)
class Service:
    """One open side. `options` is None for DynamoDB, set for an Alternator; `own` says that
    this is AWS itself, by whatever host; `skew` is this clock minus the server's, seconds;
    `streams` opens a client of the streams API; `remarks` are notes for the user."""

    table: Table
    http: HttpClient
    options: AlternatorSettings | None
    own: bool
    skew: float | None
    streams: Callable[[], AbstractAsyncContextManager[HttpClient]]
    remarks: tuple[str, ...] = ()

    @property
    def dialect(self) -> Dialect:
        """The dialect of this server."""
        return ALTERNATOR if self.options else DYNAMODB

    @property
    def filters(self) -> bool:
        """Whether the server applies filters, and finds numbers in any notation by them."""
        return self.dialect.filters_by_value

    @property
    def address(self) -> str:
        """The server's URL."""
        return self.http.nodes.contacts[0]

    @property
    def figures(self) -> SideFigures:
        """The requests that were sent there from here by now, and the nodes."""
        return SideFigures(self.http.requests.figures, self.http.nodes.states)

    async def check_readable(self) -> None:
        """Raise `UsageError` where the items of the table may not be read; costs a Scan of one."""
        with rights.needing():
            await self.table.contents.sample({}, 1)

    async def watch(self) -> None:
        """Keep the list of live nodes up to date, until cancelled; nothing for DynamoDB."""
        if self.options:
            await self.http.nodes.watch(self.http.ask)


@asynccontextmanager
async def open_service(
    role: str, side: SideSettings, connections: int, patience: float
) -> AsyncIterator[Service]:
    """Connect to the source or the target (`role`); no answer is waited for, and no request of the
    control plane repeated, for longer than `patience` seconds. Raises `UsageError` where that
    fails."""
    endpoint = side.endpoint
    account = await sign_in(
        login_of(side),
        side.region,
        patience=patience,
        endpoint=endpoint.contacts[0] if endpoint else None,
    )
    check_files(role, endpoint)
    transport = transport_of(side, account.ca_bundle, connections + _SPARE_CONNECTIONS)
    transport = replace(transport, read_timeout=min(transport.read_timeout, patience))
    named = (account.url,) if account.url else ()
    contacts = endpoint.contacts if endpoint else named
    nodes = _nodes(side, contacts or (await service_url(account, "dynamodb"),))
    async with (
        _open_http(role, nodes, transport, account) as (http, answers, skew),
        open_control(
            nodes,
            transport,
            region=account.region,
            credentials=account.credentials,
            patience=patience,
            side=role,
        ) as control,
    ):
        is_alternator = answers or side.type == "alternator"
        options = (side.alternator or AlternatorSettings()) if is_alternator else None
        if options:
            await _know_nodes(role, side, http)
        remarks = [] if is_alternator else [*_unused(role, side)]
        if http.packs and not await _reads_packed(http):
            remarks.append(_UNPACKED.format(role=role))
        table = Table(control, side.table, f"{role} {nodes.contacts[0]}")
        own = not contacts or aws_host(contacts[0]) is not None
        streams = partial(_open_streams, side, http.nodes, transport, account, named=bool(contacts))
        yield Service(table, http, options, own, skew, streams, tuple(remarks))


@asynccontextmanager
async def _open_streams(
    side: SideSettings, nodes: Nodes, transport: Transport, account: Account, *, named: bool
) -> AsyncIterator[HttpClient]:
    """A client of the streams API of a side, whose table is at `nodes`: `named` in a configuration
    or in AWS's settings. Raises `UsageError`."""
    url = await _streams_url(side, nodes.contacts[0], account, named=named)
    async with open_http_client(
        Nodes((url,)) if url else nodes,
        transport,
        region=account.region,
        credentials=account.credentials,
        api=STREAMS_API,
        side="source's stream",
    ) as http:
        yield http


async def _streams_url(
    side: SideSettings, url: str, account: Account, *, named: bool
) -> str | None:
    """Where the streams of a table at `url` are, if not there: where the configuration or AWS's
    settings say, else where AWS has them."""
    given = side.endpoint.streams_url if isinstance(side.endpoint, SourceEndpointSettings) else None
    if given or side.type == "alternator":
        return given
    if account.streams and account.streams != account.url:
        return account.streams
    if not named:
        return await service_url(account, "dynamodbstreams")
    host = aws_host(url)
    if host and not host.streams:
        raise UsageError(
            f"where the streams are cannot be known from the VPC endpoint {url}",
            "Set source.endpoint.streamsUrl: the VPC endpoint of DynamoDB Streams, or "
            f"{await service_url(account, 'dynamodbstreams')} where that can be reached.",
        )
    return host.streams if host else None


@asynccontextmanager
async def _open_http(
    role: str, nodes: Nodes, transport: Transport, account: Account
) -> AsyncIterator[tuple[HttpClient, bool, float | None]]:
    """An open client, whether an Alternator answers there, and the clock skew."""
    async with open_http_client(
        nodes, transport, region=account.region, credentials=account.credentials, side=role
    ) as http:
        status, body, skew = await _first_answer(role, http)
        if 300 <= status < 400:
            raise UsageError(
                f"the {role} at {nodes.contacts[0]} answers with a redirect (HTTP {status})",
                f"Put the address it leads to into {role}.endpoint; is it https?",
            )
        yield http, status == 200 and _is_list(body), skew


async def _first_answer(role: str, http: HttpClient) -> tuple[int, bytes, float | None]:
    """The status, body and clock skew of /localnodes from the first contact node that can be
    reached."""
    failures = []
    for url in http.nodes.contacts:
        try:
            return await http.get(url, "/localnodes")
        except Unavailable as error:
            failures.append(str(error.args[0]))
    hint = f"Check {role}.endpoint and the network."
    if http.nodes.contacts[0].startswith("https:"):
        hint += (
            f" A server that demands a client's certificate closes the connection without one "
            f"that it knows: {role}.endpoint.clientCertificate and clientKey."
        )
    raise UsageError(f"cannot reach the {role}: {'; '.join(failures)}", hint)


async def _know_nodes(role: str, side: SideSettings, http: HttpClient) -> None:
    """Learn the nodes; a datacenter or rack where none is, or none answers, is a mistake."""
    await http.nodes.refresh(http.ask)
    options, nodes = side.alternator, http.nodes
    if options is None or not (options.datacenter or options.rack):
        return
    place = f"datacenter {options.datacenter or '(any)'}, rack {options.rack or '(any)'}"
    if not nodes.listed:
        raise UsageError(
            f"the {role} has no nodes in {place}", f"Check {role}.datacenter and {role}.rack."
        )
    if not nodes.reached:
        raise UsageError(
            f"no node of the {role} in {place} can be reached: {', '.join(nodes.listed)}",
            f"Check the network. Without {role}.datacenter and {role}.rack the nodes of "
            f"{role}.endpoint serve, wherever they are.",
        )


async def _reads_packed(http: HttpClient) -> bool:
    """Whether the server reads compressed requests, by one whose answer does not matter. A fault
    is put down to the compression where the same request without it is answered, and with it
    fails once more."""
    if await _is_fault(http):
        http.packs = False
        passing = await _is_fault(http)
        http.packs = True
        if not passing and await _is_fault(http):
            http.packs = False
    return http.packs


async def _is_fault(http: HttpClient) -> bool:
    """Whether a request about a table that need not be there is answered with a server's fault."""
    try:
        await http.call("DescribeTable", items.to_json({"TableName": _ANY_TABLE}))
    except ServerFault:
        return True
    except (ServerRefused, Retryable):
        pass
    return False


def _unused(role: str, side: SideSettings) -> Iterator[str]:
    """A remark on a section that this server does not need."""
    if side.alternator:
        yield (
            f"{role}.alternator counts for connections only: no Alternator answers at the {role}"
        )


def _is_list(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), list)
    except ValueError:
        return False


def login_of(side: SideSettings) -> Login | None:
    """The credentials of a side; None for requests that are not signed."""
    given = side.credentials
    if given is None:
        return None if side.type == "alternator" else Login()
    return given.login


def _nodes(side: SideSettings, contacts: tuple[str, ...]) -> Nodes:
    options = side.alternator or AlternatorSettings()
    return Nodes(
        contacts,
        datacenter=options.datacenter,
        rack=options.rack,
        active_seconds=options.active_refresh_interval_ms / 1000,
        idle_seconds=options.idle_refresh_interval_ms / 1000,
    )


def transport_of(side: SideSettings, ca_bundle: str | None, connections: int) -> Transport:
    """The options of a side's connections; `ca_bundle` is the CA that AWS's settings name."""
    options, endpoint = side.alternator or AlternatorSettings(), side.endpoint
    transport = Transport(
        connections=connections,
        acquire_timeout=_seconds(options.connection_acquisition_timeout_ms),
        live_seconds=_seconds(options.connection_time_to_live_ms),
        ca_bundle=(endpoint and endpoint.ca_bundle) or ca_bundle,
        insecure=bool(endpoint and endpoint.insecure_skip_verify),
        certificate=endpoint.client_certificate if endpoint else None,
        key=endpoint.client_key if endpoint else None,
        compress=options.compression,
        few_headers=options.optimize_headers,
    )
    if options.connection_timeout_ms is not None:
        transport = replace(transport, connect_timeout=_seconds(options.connection_timeout_ms))
    if options.connection_max_idle_time_ms is not None:
        transport = replace(transport, idle_timeout=options.connection_max_idle_time_ms / 1000)
    return transport


def check_files(section: str, endpoint: EndpointSettings | None) -> None:
    """Raise `UsageError` for a client's file that cannot be read."""
    certificate = endpoint and endpoint.client_certificate
    key = endpoint and endpoint.client_key
    for name, path in (("clientCertificate", certificate), ("clientKey", key)):
        try:
            if path:
                Path(path).read_bytes()
        except OSError as error:
            raise UsageError(
                f"{section}.endpoint.{name}: {path} cannot be read: {error.strerror}",
                "It is to be a PEM file that this user may read.",
            ) from error


def _seconds(milliseconds: int | None) -> float | None:
    """None where there is no limit, which 0 says too."""
    return milliseconds / 1000 if milliseconds else None
