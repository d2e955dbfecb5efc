"""`seed`: a table made and filled with sample items, as fast as the server takes them."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from rich.console import Console

from alternator_migrate.cli import logs
from alternator_migrate.cli.sample_items import SHAPES, Make
from alternator_migrate.connectors import DynamoDBTarget
from alternator_migrate.core.errors import MigrateError, OutOfTime, Unavailable, UsageError
from alternator_migrate.core.model import Batch, Item, Limits
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.runtime import on_loop
from alternator_migrate.core.stopping import together
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.control_plane import open_control
from alternator_migrate.dynamodb.http import Transport
from alternator_migrate.dynamodb.http_client import HttpClient, open_http_client
from alternator_migrate.dynamodb.login import Login
from alternator_migrate.dynamodb.nodes import Nodes
from alternator_migrate.dynamodb.session import sign_in
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import TableSpec

log = logging.getLogger(__name__)
_PROGRESS_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class SeedOptions:
    """A table to fill with `items` items, `batch` a request and `workers` requests at once; the
    server has `wait` seconds to answer at all. The same `seed` makes the same items."""

    endpoint: str
    table: str = "Example"
    items: int = 1_000_000
    shape: str = "tutorial"
    workers: int = 32
    batch: int = 25
    wait: int = 30
    region: str = "us-west-1"
    access_key: str = "dummy"
    secret_key: str = "dummy"  # noqa: S105 # what servers on this machine take
    seed: int | None = None


@dataclass(slots=True)
class _Tally:
    """What is written so far."""

    items: int
    written: int = 0


def run(options: SeedOptions, log_format: logs.Format, log_level: str) -> None:
    """Create the table if it is absent, and fill it. Raises `MigrateError`."""
    logs.configure(Console(stderr=True), log_format, log_level)
    on_loop(partial(seed, options))


async def seed(options: SeedOptions) -> None:
    """Create the table if it is absent, and fill it. Raises `MigrateError`."""
    shape = SHAPES[options.shape]
    async with _connected(options) as (http, table):
        await _create(table, replace(shape.spec, name=options.table))
        target = DynamoDBTarget(
            DynamoDBClient(http, Retry(_RETRY_SECONDS)),
            options.table,
            shape.spec.key_names,
            limits=Limits(options.batch),
            ask_capacity=False,
        )
        await _fill(target, _batches(shape.make, options), _Tally(options.items), options.workers)


@asynccontextmanager
async def _connected(options: SeedOptions) -> AsyncIterator[tuple[HttpClient, Table]]:
    """A client of the endpoint and the table there. Raises `UsageError` if nothing answers."""
    account = await sign_in(
        Login(options.access_key, options.secret_key),
        options.region,
        patience=_RETRY_SECONDS,
        endpoint=options.endpoint,
    )
    nodes, transport = Nodes((options.endpoint,)), Transport(connections=options.workers)
    region, keys = account.region, account.credentials
    async with (
        open_http_client(nodes, transport, region=region, credentials=keys) as http,
        open_control(
            nodes, transport, region=region, credentials=keys, patience=_RETRY_SECONDS
        ) as control,
    ):
        await _answering(http, options)
        yield http, Table(control, options.table)


async def _answering(http: HttpClient, options: SeedOptions) -> None:
    """Return when the endpoint answers: a server that was just started may need some seconds.
    Raises `UsageError` after --wait seconds."""

    async def ask(_: str) -> None:
        await http.get(options.endpoint, "/")

    with suppress(Unavailable):
        await ask("")
        return
    log.info(f"waiting up to {options.wait} s for {options.endpoint}")
    try:
        await Retry(options.wait, longest_wait=1.0)(ask)
    except OutOfTime as error:
        raise UsageError(f"nothing answers: {error.args[0]}") from error


async def _create(table: Table, spec: TableSpec) -> None:
    """Create the table; one that exists must have the same keys."""
    found = await table.inspect()
    if found is None:
        await table.create(spec)
        if spec.ttl_attribute:
            await table.enable_ttl(spec.ttl_attribute)
    elif found.spec.keys != spec.keys:
        names = ", ".join(spec.key_names)
        raise UsageError(
            f"table {spec.name} exists with other keys than {names}: choose another --table"
        )


async def _fill(
    target: DynamoDBTarget, source: Iterator[Sequence[Item]], tally: _Tally, workers: int
) -> None:
    """Write all batches with `workers` requests at once, and tell how it goes."""
    began = time.monotonic()
    showing = asyncio.create_task(_show(tally))
    try:
        async with together() as group:
            for _ in range(workers):
                group.create_task(_write(target, source, tally))
    finally:
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing
    seconds = max(time.monotonic() - began, 0.001)
    log.info(f"{tally.written:,} items in {seconds:,.1f} s, {tally.written / seconds:,.0f} items/s")


async def _write(target: DynamoDBTarget, source: Iterator[Sequence[Item]], tally: _Tally) -> None:
    """Write what `source`, shared with other workers, still has."""
    for items in source:
        refused = await target.write(Batch(0, 0, items, sum(map(len, items))))
        if refused:
            first = refused[0]
            key = target.key_of(first.item).decode()
            raise MigrateError(f"the server refuses {key}: {first.error}: {first.message}")
        tally.written += len(items)


def _batches(make: Make, options: SeedOptions) -> Iterator[Sequence[Item]]:
    """The items, a batch at a time; the same for the same --seed, save for times of expiry."""
    chance = random.Random(options.seed)  # noqa: S311 # sample data
    for start in range(0, options.items, options.batch):
        yield [make(chance) for _ in range(min(options.batch, options.items - start))]


async def _show(tally: _Tally) -> None:
    """Tell the progress every few seconds, until cancelled."""
    before = 0
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        done = tally.written
        rate = (done - before) / _PROGRESS_SECONDS
        log.info(f"{done / tally.items:.1%} {done:,}/{tally.items:,}; {rate:,.0f} items/s")
        before = done
