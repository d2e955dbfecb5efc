"""`demo`: a sample table moved between two embedded servers, and validated."""

import asyncio
import logging
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console

from alternator_migrate.cli import logs
from alternator_migrate.cli.display import Mode
from alternator_migrate.cli.report import check_destination
from alternator_migrate.cli.session import Session
from alternator_migrate.cli.signals import as_before
from alternator_migrate.cli.watching import showing_of
from alternator_migrate.config import Loaded, load
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.runtime import on_loop
from alternator_migrate.core.state import Status
from alternator_migrate.core.supervisor import Show
from alternator_migrate.dynamodb.control_plane import open_control
from alternator_migrate.dynamodb.http import Transport
from alternator_migrate.dynamodb.login import Login
from alternator_migrate.dynamodb.nodes import Nodes
from alternator_migrate.dynamodb.session import sign_in
from alternator_migrate.migration import MigrationRun
from alternator_migrate.validate import ValidateOptions, ValidationRun

log = logging.getLogger(__name__)
TABLE: Final = "Example"
_REGIONS: Final = {"source": "us-east-1", "target": "us-west-2"}
_KEYS: Final = {"access_key": "demo", "secret_key": "demo"}
_CITIES: Final = ("Lisbon", "Quito", "Osaka", "Zürich", "Kraków", "Hà Nội")
_SEGMENTS: Final = 16
_READERS: Final = 2
"""Pages that are read at once: the server, which is slow at them, gives the first ones sooner."""
_BATCH: Final = 25
_WATCHED_SECONDS: Final = 12.0
"""The time that the target takes for its writes by itself, however many items there are."""
_LOOK_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 60.0
_STOPPED_HERE: Final = 128
"""The exit code of a run that was stopped, but by no signal."""


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
    log.info("starting a source and a target in this process; nothing leaves this machine")
    with _embedded_servers(_WATCHED_SECONDS * _BATCH / items) as url:
        log.info("embedded source and target: two regions of a moto server at %s", url)
        on_loop(lambda: _fill(url, items))
        log.info("table %s filled with %d items; it has an index, a TTL and tags", TABLE, items)
        with tempfile.TemporaryDirectory() as folder:
            loaded = _settings(url, folder)
            file = None if summary_json == "-" else summary_json
            ended = _stopped_half_way(loaded, console, progress, items // 4, file)
            if ended is None:
                ended = _to_the_end(loaded, console, progress, summary_json)
    if ended:
        return ended
    log.info("compared item by item: source and target are equal")
    log.info(
        "next: try your own table. `alternator-migrate plan --table NAME --source-region REGION "
        "--target-endpoint http://SCYLLA:8000` says what would happen, and writes nothing."
    )
    return 0


def _stopped_half_way(
    loaded: Loaded, console: Console, progress: Mode, count: int, summary: str | None
) -> int | None:
    """The copy, stopped as Ctrl-C does when `count` items are written: what has been read is
    written for four more seconds. An exit code where it was a person who stopped it, or None."""
    log.info("the copy takes 20 to 40 s; half-way it is stopped, as by Ctrl-C, and run again")
    with as_before():
        code = _session(loaded, console, progress).to_the_end([_HalfWay(loaded, count)], summary)
    if code not in (0, _STOPPED_HERE):
        return code
    log.info("stopped; the same command again goes on from its savepoint:")
    return None


def _to_the_end(loaded: Loaded, console: Console, progress: Mode, summary_json: str | None) -> int:
    runs = MigrationRun(loaded), ValidationRun(loaded, ValidateOptions())
    return _session(loaded, console, progress).to_the_end(runs, summary_json)


def _session(loaded: Loaded, console: Console, progress: Mode) -> Session:
    nothing_more = {"status_page": None, "metrics_file": None, "report": None}
    showing = showing_of(loaded, nothing_more)
    return Session(console, progress, lasting=False, showing=showing)


class _HalfWay(MigrationRun):
    """A migration that stops by itself when so many items are written."""

    def __init__(self, loaded: Loaded, items: int) -> None:
        super().__init__(loaded)
        self._items = items

    async def run(self, stop: asyncio.Event, show: Show) -> Status:
        """Migrate until then. Raises `MigrateError`."""
        halting = asyncio.create_task(self._halt(stop))
        try:
            return await super().run(stop, show)
        finally:
            halting.cancel()

    async def _halt(self, stop: asyncio.Event) -> None:
        while self._written < self._items:  # noqa: ASYNC110 # progress has no event to wait for
            await asyncio.sleep(_LOOK_SECONDS)
        stop.set()

    @property
    def _written(self) -> int:
        now = self.progress()
        return now.items.written if now else 0


@contextmanager
def _embedded_servers(seconds: float) -> Iterator[str]:
    """A moto server in this process, on a free port of loopback, whose target takes one batch at a
    time, and `seconds` for each; its URL."""
    try:
        from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 # an extra, and slow to import
            DomainDispatcherApplication,
            create_backend_app,
        )
        from werkzeug.serving import make_server  # noqa: PLC0415 # as above
    except ImportError as error:
        raise UsageError(
            "the demo needs the package moto, which is not installed",
            "Add it: pipx inject alternator-migrate 'moto[server]'.",
        ) from error
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = _slowed(DomainDispatcherApplication(create_backend_app), seconds)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        serving.join()


def _slowed(app: Callable[[Any, Any], Any], seconds: float) -> Callable[[Any, Any], Any]:
    """A server whose target region writes a batch after the other, so that a person can watch."""
    turn = threading.Lock()

    def answer(environ: Any, start: Any) -> Any:
        writes = environ.get("HTTP_X_AMZ_TARGET", "").endswith("BatchWriteItem")
        if writes and _REGIONS["target"] in environ.get("HTTP_AUTHORIZATION", ""):
            with turn:
                time.sleep(seconds)
        return app(environ, start)

    return answer


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


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
    given["source.maxMapTasks"] = ("demo", _READERS)
    given["savepoints.path"] = ("demo", folder)
    given["status.listen"] = ("demo", str(_free_port()))
    return load(None, given)


async def _fill(url: str, count: int) -> None:
    account = await sign_in(
        Login(**_KEYS), _REGIONS["source"], patience=_PATIENCE_SECONDS, endpoint=url
    )
    async with open_control(
        Nodes((url,)),
        Transport(),
        region=account.region,
        credentials=account.credentials,
        patience=_PATIENCE_SECONDS,
    ) as server:
        await server.ask("CreateTable", **_SPEC)
        ttl = {"Enabled": True, "AttributeName": "expires"}
        await server.ask("UpdateTimeToLive", TableName=TABLE, TimeToLiveSpecification=ttl)
        rows = [{"PutRequest": {"Item": row}} for row in _rows(count)]
        for start in range(0, count, _BATCH):
            batch = {TABLE: rows[start : start + _BATCH]}
            await server.ask("BatchWriteItem", RequestItems=batch)


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
