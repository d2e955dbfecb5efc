"""Joinery of one side: from its settings to an open control plane and data plane."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from alternator_migrate import wire
from alternator_migrate.aws import Account, Login, is_public, open_control, sign_in, streams_url
from alternator_migrate.config.settings import AlternatorOptions, Side
from alternator_migrate.dialect import ALTERNATOR, DYNAMODB, Dialect
from alternator_migrate.dialing import Transport
from alternator_migrate.errors import (
    Retryable,
    ServerFault,
    ServerRefused,
    Unavailable,
    UsageError,
)
from alternator_migrate.lane import STREAMS_API, Lane, open_lane
from alternator_migrate.nodes import Nodes
from alternator_migrate.tables import Table
from alternator_migrate.unread import keep_unread

_SPARE_CONNECTIONS: Final = 4
_UNPACKED: Final = (
    "the {role} does not read compressed requests: they are sent as they are ({role}.compression: "
    "true needs ScyllaDB 2026.1)"
)


@dataclass(frozen=True, slots=True)
class Service:
    """One open side. `options` is None for DynamoDB, set for an Alternator; `own` says that
    this is AWS itself, not a custom endpoint; `skew` is this clock minus the server's, seconds;
    `streams` opens a lane to the streams API; `remarks` is what a person should know of it."""

    table: Table
    lane: Lane
    options: AlternatorOptions | None
    own: bool
    skew: float | None
    streams: Callable[[], AbstractAsyncContextManager[Lane]]
    remarks: tuple[str, ...] = ()

    @property
    def dialect(self) -> Dialect:
        """What this kind of server takes."""
        return ALTERNATOR if self.options else DYNAMODB

    async def watch(self) -> None:
        """Keep the list of live nodes up to date, until cancelled; nothing for DynamoDB."""
        if self.options:
            await self.lane.nodes.watch(self.lane.ask)


@asynccontextmanager
async def open_service(
    role: str, side: Side, connections: int, patience: float
) -> AsyncIterator[Service]:
    """Connect to the source or the target (`role`); no answer is waited for longer than `patience`
    seconds. Raises `UsageError` where that fails."""
    endpoint = side.endpoint
    account = await sign_in(_login(side), side.region, elsewhere=endpoint is not None)
    transport = _transport(side, account, connections + _SPARE_CONNECTIONS)
    transport = replace(transport, read_timeout=min(transport.read_timeout, patience))
    named = (account.url,) if account.url else ()
    contacts = endpoint.contacts if endpoint else named
    nodes = _nodes(side, contacts) if contacts else None
    async with open_control(
        account,
        url=nodes.contacts[0] if nodes else None,
        ca_bundle=transport.ca_bundle,
        insecure=transport.insecure,
        route=nodes.pick if nodes else None,
    ) as client:
        keep_unread(client)
        nodes = nodes or Nodes((str(client.meta.endpoint_url),))
        async with _open_lane(role, nodes, transport, account) as (lane, answers, skew):
            is_alternator = answers or side.type == "alternator"
            options = (side.alternator or AlternatorOptions()) if is_alternator else None
            if options:
                await _know_nodes(role, side, lane)
            remarks = [] if is_alternator else [*_unused(role, side)]
            if lane.packs and not await _reads_packed(lane, side.table):
                remarks.append(_UNPACKED.format(role=role))
            table = Table(client, side.table, f"{role} {nodes.contacts[0]}")
            own = not contacts
            streams = partial(_open_streams, lane.nodes, transport, account, own=own)
            yield Service(table, lane, options, own, skew, streams, tuple(remarks))


@asynccontextmanager
async def _open_streams(
    nodes: Nodes, transport: Transport, account: Account, *, own: bool
) -> AsyncIterator[Lane]:
    """A lane to the streams API: at the table's nodes, or where AWS or its settings have it."""
    if own or is_public(nodes.contacts[0]):
        nodes = Nodes((await streams_url(account),))
    elif account.streams and account.streams != account.url:
        nodes = Nodes((account.streams,))
    async with open_lane(
        nodes,
        transport,
        region=account.region,
        credentials=account.credentials,
        api=STREAMS_API,
    ) as lane:
        yield lane


@asynccontextmanager
async def _open_lane(
    role: str, nodes: Nodes, transport: Transport, account: Account
) -> AsyncIterator[tuple[Lane, bool, float | None]]:
    """A lane, whether an Alternator answers there, and the clock skew."""
    async with open_lane(
        nodes, transport, region=account.region, credentials=account.credentials
    ) as lane:
        status, body, skew = await _first_answer(role, lane)
        if 300 <= status < 400:
            raise UsageError(
                f"the {role} at {nodes.contacts[0]} answers with a redirect (HTTP {status})",
                f"Put the address it leads to into {role}.endpoint; is it https?",
            )
        yield lane, status == 200 and _is_list(body), skew


async def _first_answer(role: str, lane: Lane) -> tuple[int, bytes, float | None]:
    """What the first contact node that can be reached says to /localnodes."""
    failures = []
    for url in lane.nodes.contacts:
        try:
            return await lane.get(url, "/localnodes")
        except Unavailable as error:
            failures.append(str(error.args[0]))
    raise UsageError(
        f"cannot reach the {role}: {'; '.join(failures)}",
        f"Check {role}.endpoint and the network.",
    )


async def _know_nodes(role: str, side: Side, lane: Lane) -> None:
    """Learn the nodes; a datacenter or rack without any is a mistake."""
    await lane.nodes.refresh(lane.ask)
    options = side.alternator
    if options and (options.datacenter or options.rack) and not lane.nodes.listed:
        raise UsageError(
            f"the {role} has no nodes in datacenter {options.datacenter or '(any)'}, "
            f"rack {options.rack or '(any)'}",
            f"Check {role}.datacenter and {role}.rack.",
        )


async def _reads_packed(lane: Lane, table: str) -> bool:
    """Whether the server reads compressed requests, which the lane finds out by one whose answer
    matters to nobody."""
    try:
        await lane.call("DescribeTable", wire.to_json({"TableName": table}))
    except ServerFault:
        lane.packs = False
    except (ServerRefused, Retryable):
        pass
    return lane.packs


def _unused(role: str, side: Side) -> Iterator[str]:
    """What is said of a section that is not needed for this server."""
    if side.alternator:
        yield (
            f"{role}.alternator counts for connections only: no Alternator answers at the {role}"
        )


def _is_list(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), list)
    except ValueError:
        return False


def _login(side: Side) -> Login | None:
    given = side.credentials
    if given is None:
        return None if side.type == "alternator" else Login()
    role = given.assume_role
    return Login(
        access_key=given.access_key,
        secret_key=given.secret_key,
        token=given.session_token,
        profile=given.profile,
        role_arn=role.arn if role else None,
        role_session=role.session_name if role else None,
    )


def _nodes(side: Side, contacts: tuple[str, ...]) -> Nodes:
    options = side.alternator or AlternatorOptions()
    return Nodes(
        contacts,
        datacenter=options.datacenter,
        rack=options.rack,
        active_seconds=options.active_refresh_interval_ms / 1000,
        idle_seconds=options.idle_refresh_interval_ms / 1000,
    )


def _transport(side: Side, account: Account, connections: int) -> Transport:
    options = side.alternator or AlternatorOptions()
    transport = Transport(
        connections=connections,
        acquire_timeout=_seconds(options.connection_acquisition_timeout_ms),
        live_seconds=_seconds(options.connection_time_to_live_ms),
        ca_bundle=(side.endpoint and side.endpoint.ca_bundle) or account.ca_bundle,
        insecure=bool(side.endpoint and side.endpoint.insecure_skip_verify),
        compress=options.compression,
        few_headers=options.optimize_headers,
    )
    if options.connection_timeout_ms is not None:
        transport = replace(transport, connect_timeout=_seconds(options.connection_timeout_ms))
    if options.connection_max_idle_time_ms is not None:
        transport = replace(transport, idle_timeout=options.connection_max_idle_time_ms / 1000)
    return transport


def _seconds(milliseconds: int | None) -> float | None:
    """None where there is no limit, which 0 says too."""
    return milliseconds / 1000 if milliseconds else None
