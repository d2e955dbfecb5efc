"""`demo`: a sample table moved between two embedded servers, and validated."""

import logging
import random
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console

from alternator_migrate.cli import logs
from alternator_migrate.cli.display import Mode
from alternator_migrate.cli.report import check_destination
from alternator_migrate.cli.session import Session
from alternator_migrate.config import Loaded, load
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.runtime import on_loop
from alternator_migrate.dynamodb.session import Login, open_control, sign_in
from alternator_migrate.migration import MigrationRun
from alternator_migrate.validate import ValidateOptions, ValidationRun

log = logging.getLogger(__name__)
TABLE: Final = "Example"
_REGIONS: Final = {"source": "us-east-1", "target": "us-west-2"}
_KEYS: Final = {"access_key": "demo", "secret_key": "demo"}
_CITIES: Final = ("Lisbon", "Quito", "Osaka", "Zürich", "Kraków", "Hà Nội")
_SEGMENTS: Final = 4
_BATCH: Final = 25


def run(
    *,
    items: int,
    progress: Mode,
    summary_json: str | None,
    log_format: logs.Format,
    log_level: str,
) -> int:
    """Fill, migrate, validate. Returns 0, or 3 where the sides differ; raises `MigrateError`."""
    console = Console(stderr=True)
    logs.configure(console, log_format, log_level)
    check_destination(summary_json)
    with _embedded_servers() as url:
        log.info("embedded source and target: two regions of a moto server at %s", url)
        on_loop(lambda: _fill(url, items))
        log.info("table %s filled with %d items; it has an index, a TTL and tags", TABLE, items)
        with tempfile.TemporaryDirectory() as folder:
            loaded = _settings(url, folder)
            runs = MigrationRun(loaded), ValidationRun(loaded, ValidateOptions())
            ended = Session(console, progress, lasting=False).to_the_end(runs, summary_json)
    if ended:
        return ended
    log.info("compared item by item: source and target are equal")
    log.info(
        "next: try your own table. `alternator-migrate plan --table NAME --source-region REGION "
        "--target-endpoint http://SCYLLA:8000` says what would happen, and writes nothing."
    )
    return 0


@contextmanager
def _embedded_servers() -> Iterator[str]:
    """A moto server in this process, on a free port of loopback; its URL."""
    try:
        from moto.server import ThreadedMotoServer  # noqa: PLC0415 # an extra, and slow to import
    except ImportError as error:
        raise UsageError(
            "the demo needs the package moto, which is not installed",
            "Add it: pipx inject alternator-migrate 'moto[server]'.",
        ) from error
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


def _settings(url: str, folder: str) -> Loaded:
    given: dict[str, tuple[str, Any]] = {
        f"{side}.{key}": ("demo", value)
        for side in ("source", "target")
        for key, value in {
            "type": "dynamodb",
            "table": TABLE,
            "region": _REGIONS[side],
            "endpoint.url": url,
            "credentials.accessKey": _KEYS["access_key"],
            "credentials.secretKey": _KEYS["secret_key"],
        }.items()
    }
    given["source.scanSegments"] = ("demo", _SEGMENTS)
    given["savepoints.path"] = ("demo", folder)
    return load(None, given)


async def _fill(url: str, count: int) -> None:
    account = await sign_in(Login(**_KEYS), _REGIONS["source"], endpoint=url)
    async with open_control(account, url=url) as client:
        await client.create_table(**_SPEC)
        await client.update_time_to_live(
            TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
        )
        rows = [{"PutRequest": {"Item": row}} for row in _rows(count)]
        for start in range(0, count, _BATCH):
            await client.batch_write_item(RequestItems={TABLE: rows[start : start + _BATCH]})


_SPEC: Final[dict[str, Any]] = {
    "TableName": TABLE,
    "KeySchema": [
        {"AttributeName": "id", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
        {"AttributeName": "city", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-city",
            "KeySchema": [{"AttributeName": "city", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "Tags": [{"Key": "team", "Value": "demo"}],
}


def _rows(count: int) -> Iterator[dict[str, Any]]:
    """Sample orders; one in fifty has expired, and is left behind by the migration."""
    chance = random.Random(42)  # noqa: S311 # sample data
    now = int(time.time())
    for number in range(count):
        expires = now + (-3600 if number % 50 == 49 else 30 * 86_400)
        yield {
            "id": {"S": f"order-{number:06}"},
            "at": {"N": str(chance.randrange(10**12))},
            "city": {"S": chance.choice(_CITIES)},
            "expires": {"N": str(expires)},
            "price": {"N": f"{chance.randrange(10**6)}.{chance.randrange(100):02}"},
            "lines": {"L": [{"M": {"sku": {"S": "a-1"}, "count": {"N": "2"}}}]},
            "seals": {"SS": sorted({chance.choice(_CITIES) for _ in range(3)})},
            "photo": {"B": "aGVsbG8="},
            "paid": {"BOOL": chance.random() > 0.5},
            "note": {"NULL": True},
        }
