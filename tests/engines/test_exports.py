"""Tables copied from exports by workers, which read S3 themselves; killed, and gone on with."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.ends import ITEMS, batches, slow_down
from tests.servers.cli import running
from tests.servers.client import call, create_table, fill
from tests.servers.exporting import Exporting
from tests.standin import StandIn
from tests.support.jobs import KEYS, alternator, dynamodb, job, read_summary, write_config
from tests.support.names import unique_name
from tests.support.shapes import same_items

SECONDS = 90
TABLE = unique_name("exported")
WORKERS = ("--workers", "2")


@pytest.fixture
async def aws(dynamodb_local: str, moto_server: str) -> AsyncIterator[Exporting]:
    """An AWS that exports the table at once."""
    async with Exporting(dynamodb_local, moto_server) as server:
        await create_table(dynamodb_local, TABLE)
        await fill(dynamodb_local, TABLE, ITEMS)
        server.may_end.set()
        yield server
        await call(dynamodb_local, "DeleteTable", {"TableName": TABLE})


@pytest.mark.parametrize(
    "engine", ["processes", pytest.param("dask", marks=pytest.mark.xdist_group("dask"))]
)
async def test_workers_copy_a_table_from_its_export(
    aws: Exporting, moto_server: str, target: StandIn, tmp_path: Path, engine: str
) -> None:
    bucket = unique_name("bucket").lower().replace("_", "-")
    given: dict[str, Any] = {"bucket": bucket, "endpoint": {"url": moto_server}}
    source = dynamodb(aws.url, TABLE, export={**given, "credentials": KEYS})
    content = job(source, alternator(target.url, TABLE, maxItemsPerBatch=5))
    content["savepoints"] = {"path": "savepoints", "intervalSeconds": 0.1}
    write_config(tmp_path, content)
    command = ("run", "config.yaml", "--engine", engine, *WORKERS)
    slow_down(target, 0.2)
    async with running(tmp_path, *command) as cli:
        await batches(target, 20)
        cli.send_signal(signal.SIGKILL)
        await cli.wait(10)
    target.faults.clear()
    async with running(tmp_path, *command, "--summary-json", "summary.json") as cli:
        result = await cli.wait(SECONDS)
    assert result.code == 0, result
    assert f"engine {engine}, 2 workers" in result.err
    assert same_items(target.items(TABLE), ITEMS)
    (table,) = read_summary(tmp_path / "summary.json")["tables"]
    assert table["items"]["read"] == table["items"]["written"] == len(ITEMS)
    assert len(aws.made) == 1
    assert aws.requests["Scan"] == 0
