"""Runs that keep their savepoints in S3, as containers do that have no volume."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.config.loading import load
from alternator_migrate.savepoints import place_of
from alternator_migrate.savepoints.store import lock
from tests.e2e.stage import COUNT, TABLE, Stage, refusing
from tests.servers import faults
from tests.servers.cli import Result, running
from tests.servers.client import call
from tests.servers.exchange import Exchange
from tests.servers.patience import PATIENT, stretched
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.buckets import BUCKET, Prefix, made
from tests.support.many import Many, make
from tests.support.names import unique_name

LEASE = 12


@pytest.fixture
async def prefix(moto_server: str) -> Prefix:
    return await made(moto_server, f"runs/{unique_name('run')}")


def on_s3(stage: Stage, prefix: Prefix, url: str = "", **more: Any) -> None:
    """Write the configuration of a run that keeps its savepoints there."""
    place = {"target": prefix.target(url), "leaseSeconds": LEASE, "intervalSeconds": 0.2}
    stage.write(savepoints=place, **more)


async def moved(stage: Stage, name: str) -> Path:
    """A new machine, which has nothing but the configuration."""
    folder = stage.folder / name
    folder.mkdir()
    (folder / "config.yaml").write_text((stage.folder / "config.yaml").read_text())
    return folder


async def ended(folder: Path, *args: str) -> Result:
    async with running(folder, *args) as cli:
        return await cli.wait(60)


def slower(stage: Stage) -> None:
    """What is left takes more than half a minute."""
    stage.hurry()
    stage.slow_down(4)


def left(folder: Path) -> list[str]:
    """What is left on a machine, beside the configuration."""
    return sorted(path.name for path in folder.iterdir() if path.name != "config.yaml")


async def test_a_killed_container_is_gone_on_with_on_another_machine(
    stage: Stage, prefix: Prefix
) -> None:
    on_s3(stage, prefix)
    stage.slow_down(0.2)
    one, other = await moved(stage, "one"), await moved(stage, "other")
    async with running(one, "run", "config.yaml") as cli:
        await stage.written(COUNT // 10)
        slower(stage)
        second = await ended(other, "run", "config.yaml")
        assert second.code == 2
        assert "running already, as process" in second.err
        cli.send_signal(signal.SIGKILL)
        await cli.wait(60)
    stage.hurry()
    before = await prefix.newest()
    await prefix.left_lock(before.migration, lease=1)  # as if most of the lease had passed
    assert 0 < before.state.items.written < COUNT
    shown = await ended(other, "status", "config.yaml")
    assert f"s3://{BUCKET}/{prefix.prefix}/savepoint_" in shown.out
    result = await ended(other, "run", "config.yaml", "--summary-json", "-")
    assert result.code == 0, result
    assert f"going on from s3://{BUCKET}/{prefix.prefix}/savepoint_" in result.err
    (table,) = json.loads(result.out)["tables"]
    assert table["items"]["written"] == COUNT
    stage.is_equal()
    assert (await prefix.newest()).status == "completed"
    assert left(one) == left(other) == []
    names = await prefix.names()
    assert sum(name.startswith("savepoint_") for name in names) == 3
    texts = [await prefix.text(name) for name in names]
    assert not any(b'"secretKey"' in text for text in texts)


async def test_a_stopped_run_names_the_object_and_frees_the_lock(
    stage: Stage, prefix: Prefix
) -> None:
    on_s3(stage, prefix)
    stage.slow_down(0.3)
    async with stage.run() as cli:
        await stage.written(COUNT // 4)
        cli.send_signal(signal.SIGTERM)
        result = await cli.wait(60)
    assert result.code == 143
    names = await prefix.names()
    newest = max(name for name in names if name.startswith("savepoint_"))
    assert result.err.splitlines()[-1] == f"s3://{BUCKET}/{prefix.prefix}/{newest}"
    stage.hurry()
    place = place_of(load(stage.folder / "config.yaml", {}).settings)
    migration = (await prefix.newest()).migration
    assert place.locks.holder(migration) is None
    with lock(place, migration):
        assert place.locks.holder(migration)


async def test_a_lost_lock_ends_the_run_in_good_order(stage: Stage, prefix: Prefix) -> None:
    on_s3(stage, prefix)
    stage.slow_down(0.2)
    async with stage.run() as cli:
        await stage.written(COUNT // 4)
        slower(stage)
        migration = (await prefix.newest()).migration
        await prefix.left_lock(migration, lease=60)
        result = await cli.wait(60)
    assert result.code == 1
    assert "another run has taken" in result.err
    assert "Traceback" not in result.err
    claimed = (await prefix.newest()).state.items.written
    assert claimed < COUNT
    assert len(stage.target.items(TABLE)) >= claimed


async def test_where_s3_fails_midway_the_run_ends_and_the_last_savepoint_stands(
    stage: Stage, prefix: Prefix
) -> None:
    def saves(exchange: Exchange) -> bool:
        return exchange.operation.startswith("PUT ") and "savepoint_" in exchange.operation

    async with FaultProxy(prefix.url) as proxy:
        on_s3(stage, prefix, proxy.url, retryBudgetSeconds=stretched(1))
        stage.slow_down(0.3)
        async with stage.run() as cli:
            await stage.written(COUNT // 4)
            proxy.always(saves, faults.service_unavailable_503())
            result = await cli.wait(60)
        assert result.code == 1
        assert "writing s3://" in result.err
        told = [name for name in await prefix.names() if name.startswith("savepoint_")]
        stage.hurry()
        proxy.clear()
        again = await stage.ended("run", "config.yaml", PATIENT)
    assert again.code == 0, again
    assert f"going on from s3://{BUCKET}/{prefix.prefix}/{max(told)}" in again.err
    stage.is_equal()


async def test_where_s3_is_not_reached_nothing_is_begun(stage: Stage, prefix: Prefix) -> None:
    async with FaultProxy(prefix.url) as proxy:
        proxy.always("*", faults.service_unavailable_503())
        on_s3(stage, prefix, proxy.url, retryBudgetSeconds=1)
        result = await stage.ended("run", "config.yaml")
    assert result.code in (1, 2)
    assert "s3://" in result.err
    assert TABLE not in stage.target.store.tables


async def test_rejects_are_objects_and_settled_on_another_machine(
    stage: Stage, prefix: Prefix
) -> None:
    async with refusing(stage, "item 7") as bad:
        on_s3(stage, prefix, maxRejects=2, target__endpoint=stage.job["target"]["endpoint"])
        result = await stage.ended("run", "config.yaml", "--summary-json", "-")
        assert result.code == 3, result
        kept = json.loads(result.out)["rejects"]
        (line,) = await prefix.lines("rejects_")
        assert line["item"]["pk"] == {"S": "item 7"}
        assert kept.startswith(f"s3://{BUCKET}/{prefix.prefix}/rejects_")
        assert kept in result.err
        bad.clear()
        other = await moved(stage, "other")
        (other / "mended.jsonl").write_text(json.dumps(line) + "\n")
        again = await ended(other, "run", "config.yaml", "--rejects", "mended.jsonl")
        assert again.code == 0, again
    assert await prefix.lines("rejects_") == []
    assert [each["key"] for each in await prefix.lines("settled_")] == [line["key"]]
    assert (await prefix.newest()).status == "completed"
    stage.is_equal()


async def test_findings_are_objects(stage: Stage, prefix: Prefix) -> None:
    on_s3(stage, prefix, validation={"recheckSeconds": [0.1]})
    assert (await stage.ended("run", "config.yaml")).code == 0
    await call(stage.target.url, "DeleteItem", {"TableName": TABLE, "Key": {"pk": {"S": "item 7"}}})
    other = await moved(stage, "other")
    result = await ended(other, "validate", "config.yaml")
    assert result.code == 3, result
    (finding,) = await prefix.lines("findings_")
    assert finding["kind"] == "missing"
    assert f"all differences are in s3://{BUCKET}/{prefix.prefix}/findings_" in result.err
    assert (await ended(other, "validate", "config.yaml", "--repair")).code == 0
    assert left(other) == []


async def test_a_path_and_the_settings_of_aws_are_enough(stage: Stage, prefix: Prefix) -> None:
    stage.write(savepoints={"path": f"s3a://{BUCKET}/{prefix.prefix}/"})
    async with stage.run(env=prefix.environment()) as cli:
        assert (await cli.wait(60)).code == 0
    assert (await prefix.newest()).status == "completed"


async def test_many_tables_have_places_below_that_of_the_run(
    tmp_path: Path, prefix: Prefix
) -> None:
    async with StandIn() as source, StandIn() as target:
        many = Many(tmp_path, source, target)
        counts = {"table-a": 12, "table-b": 3}
        await make(source.url, counts)
        many.write({"include": ["*"]}, savepoints={"target": prefix.target()})
        result = await many.command("run")
        assert result.code == 0, result
        await many.check([*counts])
        shown = await many.command("status")
        again = await many.command("run")
    assert "2 tables: 2 completed" in shown.out, shown
    assert again.code == 0, again
    assert any(name.startswith("tables_") for name in await prefix.names())
    for name in counts:
        below = Prefix(prefix.url, f"{prefix.prefix}/{name}")
        assert (await below.newest()).status == "completed"
    assert not (tmp_path / "savepoints").exists()
