"""Create a table and fill it with sample items, as fast as the server takes them.

python examples/seed.py --endpoint http://localhost:8000 --table Example --items 1000000
"""

import argparse
import asyncio
import base64
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from alternator_migrate.connectors.writer import DynamoDBTarget
from alternator_migrate.core.errors import MigrateError, OutOfTime, Unavailable, UsageError
from alternator_migrate.core.model import Batch, Item, Limits
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.runtime import on_loop
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.endpoints import base_url
from alternator_migrate.dynamodb.http.connect import Transport
from alternator_migrate.dynamodb.http_client import HttpClient, open_http_client
from alternator_migrate.dynamodb.items import to_json
from alternator_migrate.dynamodb.nodes import Nodes
from alternator_migrate.dynamodb.session import Login, open_control, sign_in
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import Index, KeyElement, TableSpec, Throughput

Chance = random.Random
Attributes = dict[str, dict[str, Any]]
Make = Callable[[Chance], Item]

PROGRESS_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 60.0
DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of table: its description, and how to make one item of it."""

    spec: TableSpec
    make: Make


@dataclass(slots=True)
class Tally:
    """What is written so far."""

    items: int
    written: int = 0


def uuids(chance: Chance, count: int) -> list[str]:
    """`count` random UUIDs of version 4."""
    digits = chance.randbytes(16 * count).hex()
    return [
        f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"
        for h in (digits[at : at + 32] for at in range(0, 32 * count, 32))
    ]


def tutorial_item(chance: Chance) -> Item:
    """The item of ScyllaDB Migrator's tutorial: a key and five columns, a UUID each."""
    names = ("id", "col1", "col2", "col3", "col4", "col5")
    values = uuids(chance, len(names))
    return to_json({name: {"S": value} for name, value in zip(names, values, strict=True)})


def mixed_item(chance: Chance) -> Item:
    """One item of many shapes, from 100 bytes to some kilobytes."""
    item: Attributes = {
        "id": {"S": uuids(chance, 1)[0]},
        "seq": {"N": str(chance.randrange(-(10**6), 10**12))},
    }
    if chance.random() < 0.8:
        item["kind"] = {"S": chance.choice(WORDS)}
    if chance.random() < 0.3:
        item["expires"] = expiry(chance)
    for fill in chance.sample(FILLS, chance.choice((1, 1, 2, 3))):
        item |= fill(chance)
    return to_json(item)


def expiry(chance: Chance) -> dict[str, str]:
    """A value of the TTL attribute that keeps its item: a time to come, one more than five years
    past, or no time at all. The server deletes nothing, so that the count is that of --items."""
    draw = chance.random()
    if draw < 0.05:
        return {"S": "never"}
    if draw < 0.15:
        return {"N": str(chance.randrange(1_000_000_000))}
    return {"N": str(int(time.time()) + chance.randrange(DAY, 365 * DAY))}


def flags(chance: Chance) -> Attributes:
    """Booleans and nulls."""
    return {"active": {"BOOL": chance.random() < 0.5}, "note": {"NULL": True}}


def numbers(chance: Chance) -> Attributes:
    """Numbers of up to 38 digits and of every size, and a set of numbers."""
    digits = str(chance.randrange(10**37, 10**38))
    return {
        "big": {"N": f"-{digits}"},
        "fine": {"N": f"{digits[:20]}.{digits[20:]}"},
        "far": {"N": f"{digits[:1]}.{digits[1:9]}E{chance.randrange(-120, 120):+}"},
        "primes": {"NS": [str(each) for each in chance.sample(range(-(10**9), 10**9), 5)]},
    }


def texts(chance: Chance) -> Attributes:
    """Texts of several scripts, with what JSON has to escape, under an odd name."""
    words = chance.choices(WORDS, k=chance.randrange(1, 40))
    return {
        "text": {"S": " ".join(words)},
        'odd "name"\\': {"S": f'"{words[0]}"\\\n\t{{"S":"x"}}'},
        "words": {"SS": sorted(set(words))},
    }


def binaries(chance: Chance) -> Attributes:
    """Bytes, and a set of bytes."""
    return {
        "raw": {"B": blob(chance, chance.randrange(1, 2048))},
        "hashes": {"BS": [blob(chance, 20) for _ in range(3)]},
    }


def nested(chance: Chance) -> Attributes:
    """Maps and lists within each other, some of them empty."""
    value: dict[str, Any] = {"L": []}
    for level in range(chance.randrange(1, 12)):
        inner = {"at": {"N": str(level)}, "in": value, "tags": {"SS": ["a", "b"]}}
        value = {"L": [value, {"NULL": True}]} if level % 2 else {"M": inner}
    return {"tree": value, "empty": {"M": {}}}


def lines(chance: Chance) -> Attributes:
    """A document of some kilobytes: a list of maps."""
    rows = [
        {"M": {"sku": {"S": sku}, "count": {"N": str(at)}, "open": {"BOOL": at % 2 == 0}}}
        for at, sku in enumerate(uuids(chance, chance.randrange(1, 60)))
    ]
    return {"lines": {"L": rows}}


def blob(chance: Chance, size: int) -> str:
    """Random bytes as a binary value carries them."""
    return base64.b64encode(chance.randbytes(size)).decode()


WORDS: Final = (
    "order",
    "invoice",
    "Zürich",
    "Kraków",
    "東京",
    "Ελλάδα",
    "שלום",
    "🚚",
    "a b",
    "x" * 99,
)
FILLS: Final = (flags, numbers, texts, binaries, nested, lines)

TUTORIAL: Final = TableSpec(
    name="",
    keys=(KeyElement("id", "HASH"),),
    attributes={"id": "S"},
    throughput=Throughput(100, 100),
)
MIXED: Final = TableSpec(
    name="",
    keys=(KeyElement("id", "HASH"), KeyElement("seq", "RANGE")),
    attributes={"id": "S", "seq": "N", "kind": "S"},
    indexes=(
        Index(
            "by-kind",
            (KeyElement("kind", "HASH"), KeyElement("seq", "RANGE")),
            local=False,
            projection={"ProjectionType": "ALL"},
        ),
    ),
    ttl_attribute="expires",
)
SHAPES: Final = {
    "tutorial": Shape(TUTORIAL, tutorial_item),
    "mixed": Shape(MIXED, mixed_item),
}


async def seed(options: argparse.Namespace) -> None:
    """Create the table if it is absent, and fill it. Raises `MigrateError`."""
    shape = SHAPES[options.shape]
    async with connected(options) as (http, table):
        await create(table, replace(shape.spec, name=options.table))
        target = DynamoDBTarget(
            DynamoDBClient(http, Retry(RETRY_SECONDS)),
            options.table,
            shape.spec.key_names,
            limits=Limits(options.batch),
            ask_capacity=False,
        )
        await fill(target, batches(shape.make, options), Tally(options.items), options.workers)


@asynccontextmanager
async def connected(options: argparse.Namespace) -> AsyncIterator[tuple[HttpClient, Table]]:
    """A client of the endpoint and the table there. Raises `UsageError` if nothing answers."""
    account = await sign_in(
        Login(options.access_key, options.secret_key), options.region, endpoint=options.endpoint
    )
    async with (
        open_http_client(
            Nodes((options.endpoint,)),
            Transport(connections=options.workers),
            region=account.region,
            credentials=account.credentials,
        ) as http,
        open_control(account, url=options.endpoint) as client,
    ):
        await answering(http, options)
        yield http, Table(client, options.table)


async def answering(http: HttpClient, options: argparse.Namespace) -> None:
    """Return when the endpoint answers: a server that was just started may need some seconds.
    Raises `UsageError` after --wait seconds."""

    async def ask(_: str) -> None:
        await http.get(options.endpoint, "/")

    with suppress(Unavailable):
        await ask("")
        return
    say(f"waiting up to {options.wait} s for {options.endpoint}")
    try:
        await Retry(options.wait, longest_wait=1.0)(ask)
    except OutOfTime as error:
        raise UsageError(f"nothing answers: {error.args[0]}") from error


async def create(table: Table, spec: TableSpec) -> None:
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


async def fill(
    target: DynamoDBTarget, source: Iterator[Sequence[Item]], tally: Tally, workers: int
) -> None:
    """Write all batches with `workers` requests at once, and tell how it goes."""
    began = time.monotonic()
    showing = asyncio.create_task(show(tally))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(write(target, source, tally))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing
    seconds = max(time.monotonic() - began, 0.001)
    say(f"{tally.written:,} items in {seconds:,.1f} s, {tally.written / seconds:,.0f} items/s")


async def write(target: DynamoDBTarget, source: Iterator[Sequence[Item]], tally: Tally) -> None:
    """Write what `source`, shared with other workers, still has."""
    for items in source:
        refused = await target.write(Batch(0, 0, items, sum(map(len, items))))
        if refused:
            first = refused[0]
            key = target.key_of(first.item).decode()
            raise MigrateError(f"the server refuses {key}: {first.error}: {first.message}")
        tally.written += len(items)


def batches(make: Make, options: argparse.Namespace) -> Iterator[Sequence[Item]]:
    """The items, a batch at a time; the same for the same --seed, save for times of expiry."""
    chance = Chance(options.seed)
    for start in range(0, options.items, options.batch):
        yield [make(chance) for _ in range(min(options.batch, options.items - start))]


async def show(tally: Tally) -> None:
    """Tell the progress every few seconds, until cancelled."""
    before = 0
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        done = tally.written
        rate = (done - before) / PROGRESS_SECONDS
        say(f"{done / tally.items:.1%} {done:,}/{tally.items:,}; {rate:,.0f} items/s")
        before = done


def say(line: str) -> None:
    """One line on standard error."""
    print(line, file=sys.stderr, flush=True)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; a wrong one exits with 2."""
    parser = argparse.ArgumentParser(description="Create a table and fill it with sample items.")
    add = partial(parser.add_argument, metavar="N", type=whole)
    text = partial(parser.add_argument, metavar="TEXT")
    text("--endpoint", type=url, default="http://localhost:8000", help="default: %(default)s")
    text("--table", default="Example", help="default: %(default)s")
    add("--items", default=1_000_000, help="how many; default: %(default)s")
    parser.add_argument(
        "--shape",
        choices=SHAPES,
        default="tutorial",
        help="tutorial: six UUIDs an item (default); mixed: all types, 100 bytes to some kB, "
        "an index and a TTL",
    )
    add("--workers", default=32, help="requests at once; default: %(default)s")
    add("--batch", default=25, help="items a request (Alternator takes 100); default: %(default)s")
    add("--wait", default=30, help="most seconds until the server answers; default: %(default)s")
    text("--region", default="us-west-1", help="default: %(default)s")
    text("--access-key", default="dummy", help="default: %(default)s")
    text("--secret-key", default="dummy", help="default: %(default)s")
    parser.add_argument("--seed", type=int, metavar="N", help="make the same items every time")
    return parser.parse_args(arguments)


def whole(value: str) -> int:
    """A number of at least 1."""
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {value!r}")
    return int(value)


def url(value: str) -> str:
    """An http or https URL of a host."""
    try:
        return base_url(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main() -> None:
    """Run, and tell a failure in one line."""
    options = parse()
    try:
        on_loop(partial(seed, options))
    except MigrateError as error:
        say(f"Error: {' '.join(str(error.args[0]).split())}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
