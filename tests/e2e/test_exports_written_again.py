"""An export as the target: what another run finds of it, and what is refused before it is begun."""

import json
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aioboto3
import pytest

from alternator_migrate.config.loading import load
from alternator_migrate.connectors.permissions import rights_of
from alternator_migrate.connectors.s3_export.bucket import Calls
from alternator_migrate.connectors.s3_export.sink import BucketSink, Stored
from alternator_migrate.core.retry import Retry
from tests.e2e.test_exports_written import ROWS, TABLE, content, noted
from tests.servers.cli import Result, running
from tests.servers.client import create_table, fill
from tests.servers.exchange import Exchange
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support import exports
from tests.support.cli import until
from tests.support.jobs import Command, Job, write_config
from tests.support.names import unique_name

KEYS = {"accessKey": "local", "secretKey": "local"}
HOOKS = ("onStart", "onSnapshotDone", "onFailure", "onStop")


@pytest.fixture
async def table(standin: StandIn) -> StandIn:
    """A stand-in with a table to be exported."""
    await create_table(standin.url, TABLE)
    await fill(standin.url, TABLE, ROWS)
    return standin


@asynccontextmanager
async def s3(url: str) -> AsyncIterator[Any]:
    session = aioboto3.Session(**exports.KEYS, region_name="us-east-1")
    async with session.client("s3", endpoint_url=url) as client:
        yield client


async def bucket_target(url: str) -> Job:
    """A target in a bucket of its own."""
    bucket = unique_name("bucket").lower().replace("_", "-")
    await exports.upload(url, bucket, {"other": b"x"})
    place = {"bucket": bucket, "prefix": "/daily", "endpoint": {"url": url}}
    return {**place, "credentials": KEYS, "region": "us-east-1"}


async def half_written(folder: Path, table: StandIn, given: Job) -> list[str]:
    """Kill a run when some data files are in their place: their keys."""
    given["source"]["maxMapTasks"] = 1
    write_config(folder, given)
    table.faults.rate("Scan", "slow", 1.0, 0.1)
    async with running(folder, "run", "config.yaml") as cli:
        await until(lambda: len(noted(folder)) > 1, 30)
        cli.send_signal(signal.SIGKILL)
        await cli.wait(10)
    table.faults.clear()
    return noted(folder)


def called(exchange: Exchange, bucket: str) -> str:
    """The right that a request takes."""
    request = exchange.request
    if "list-type" in request.query:
        return "ListBucket"
    assert request.path.startswith(f"/{bucket}/daily/AWSDynamoDB/")
    return f"{request.method.capitalize()}Object"


async def ended(folder: Path, *options: str, word: str = "run") -> Result:
    async with running(folder, word, "config.yaml", *options) as cli:
        return await cli.wait(60)


def whole(folder: Path) -> int:
    """The items of the one export of a folder, all of whose data files are there."""
    (summary,) = folder.rglob("manifest-summary.json")
    listed = (summary.parent / "manifest-files.json").read_text().splitlines()
    keys = [json.loads(line)["dataFileS3Key"] for line in listed]
    there = {str(each.relative_to(folder)) for each in folder.rglob("*.gz")}
    assert there == set(keys)
    bodies = [exports.inflated((folder / key).read_bytes()) for key in keys]
    return sum(body.count(b"\n") for body in bodies)


async def test_what_is_gone_when_a_run_goes_on_is_written_anew(
    tmp_path: Path, table: StandIn
) -> None:
    keys = await half_written(tmp_path, table, content(table, {"path": "out"}))
    shutil.rmtree(tmp_path / "out")
    report = await ended(tmp_path, "--summary-json", "s.json")
    assert report.code == 0, report.err
    assert f"{len(keys)} are gone, and written anew" in report.err
    assert whole(tmp_path / "out") == len(ROWS)
    counts = json.loads((tmp_path / "s.json").read_text())["tables"][0]["items"]
    assert counts["read"] == counts["written"] == len(ROWS)
    # the journal tells the same to those who come after
    assert "complete already" in (await ended(tmp_path)).err


async def test_one_file_that_is_gone_is_written_anew_and_others_are_kept(
    tmp_path: Path, table: StandIn
) -> None:
    keys = await half_written(tmp_path, table, content(table, {"path": "out"}))
    out = tmp_path / "out"
    (out / keys[0]).unlink()
    kept = {key: (out / key).stat().st_mtime_ns for key in keys[1:]}
    report = await ended(tmp_path)
    assert report.code == 0, report.err
    assert whole(out) == len(ROWS)
    assert kept == {key: (out / key).stat().st_mtime_ns for key in kept}


async def test_a_file_that_is_another_is_refused(tmp_path: Path, table: StandIn) -> None:
    keys = await half_written(tmp_path, table, content(table, {"path": "out"}))
    damaged, before = tmp_path / "out" / keys[0], noted(tmp_path)
    damaged.write_bytes(b"short")
    report = await ended(tmp_path)
    assert report.code == 2
    assert f"out/{keys[0]} is not as an earlier run wrote it" in report.err
    assert "--fresh" in report.err
    assert noted(tmp_path) == before
    assert not [*(tmp_path / "out").rglob("manifest-*")]
    report = await ended(tmp_path, "--fresh")
    assert report.code == 0, report.err


async def test_objects_that_are_gone_are_written_anew(
    moto_server: str, tmp_path: Path, table: StandIn
) -> None:
    target = await bucket_target(moto_server)
    bucket = target["bucket"]
    async with s3(moto_server) as client, FaultProxy(moto_server, record=True) as proxy:
        given = content(table, {**target, "endpoint": {"url": proxy.url}})
        keys = await half_written(tmp_path, table, given)
        await client.delete_object(Bucket=bucket, Key=keys[0])
        report = await ended(tmp_path)
        assert report.code == 0, report.err
        (rights,) = rights_of(load(tmp_path / "config.yaml", {}).settings, ["run"])[1:]
        assert {called(each, bucket) for each in proxy.log} == {"PutObject", "ListBucket"}
        assert (rights.listed, "PutObject" in rights.on_objects) == (bucket, True)
        listed = await client.list_objects_v2(Bucket=bucket)
        names = {each["Key"] for each in listed["Contents"]}
        assert set(keys) <= names
        assert all(name.startswith("daily/") for name in names - {"other"})
        await client.put_object(Bucket=bucket, Key=keys[1], Body=b"other")
        report = await ended(tmp_path)
        assert (report.code, "is not as an earlier run wrote it" in report.err) == (2, True)
        for name in names:
            await client.delete_object(Bucket=bucket, Key=name)
        report = await ended(tmp_path)
    assert report.code == 2
    assert f"s3://{bucket}/daily/AWSDynamoDB/" in report.err
    assert "manifest-summary.json is gone" in report.err


async def test_objects_are_found_again_in_another_s3(
    seaweedfs: str, tmp_path: Path, table: StandIn
) -> None:
    await half_written(tmp_path, table, content(table, await bucket_target(seaweedfs)))
    report = await ended(tmp_path)
    assert report.code == 0, report.err
    assert "gone" not in report.err


@pytest.mark.parametrize("gone", ["out", "manifest-summary.json", "manifest-files.json", "*.gz"])
async def test_an_export_that_is_gone_is_not_complete(
    tmp_path: Path, table: StandIn, command: Command, gone: str
) -> None:
    given = content(table, {"path": "out"})
    assert (await command(given)).code == 0
    if gone == "out":
        shutil.rmtree(tmp_path / "out")
    else:
        next((tmp_path / "out").rglob(gone)).unlink()
    report = await command(given)
    assert report.code == 2
    assert "is gone" in report.err
    assert "--fresh" in report.err
    assert (await command(given, "--fresh")).code == 0


async def test_a_complete_export_whose_journal_is_gone_is_not_taken_for_there(
    tmp_path: Path, table: StandIn, command: Command
) -> None:
    given = content(table, {"path": "out"})
    assert (await command(given)).code == 0
    for journal in (tmp_path / "savepoints").glob("export_*.jsonl"):
        journal.unlink()
    report = await command(given)
    assert (report.code, "where it is, is not known" in report.err) == (2, True)


async def test_a_transform_that_has_changed_is_gone_on_with_where_that_is_allowed(
    tmp_path: Path, table: StandIn
) -> None:
    code = tmp_path / "shape.py"
    code.write_text("def transform(item):\n    return item\n")
    given = content(table, {"path": "out"}, transform=str(code))
    await half_written(tmp_path, table, given)
    code.write_text("def transform(item):\n    return item  # the same\n\n\nMORE = 1\n")
    report = await ended(tmp_path)
    assert (report.code, "--transform-changed" in report.err) == (2, True)
    report = await ended(tmp_path, "--transform-changed")
    assert report.code == 0, report.err
    assert whole(tmp_path / "out") == len(ROWS)


@pytest.mark.parametrize("place", ["a path", "a bucket"])
async def test_nothing_is_begun_where_nothing_can_be_written(
    tmp_path: Path, moto_server: str, table: StandIn, command: Command, place: str
) -> None:
    target = {"path": "file/out"}
    (tmp_path / "file").write_text("is no folder")
    if place == "a bucket":
        target = {**await bucket_target(moto_server), "bucket": "no-such-bucket"}
    report = await command(content(table, target))
    assert report.code == 2, report.err
    assert report.err.count("Error: ") == 1
    assert ("file/out" if place == "a path" else "the bucket does not exist") in report.err
    assert not [*(tmp_path / "savepoints").glob("savepoint_*")]
    assert not [*(tmp_path / "savepoints").glob("export_*")]
    assert "Scan" not in [name for name, _ in table.log]


@pytest.mark.parametrize(
    ("more", "options", "words"),
    [
        ({}, ("--engine", "processes"), "--engine does not go with an export"),
        ({}, ("--workers", "2"), "--workers does not go with an export"),
        ({"skipSegments": [1]}, (), "skipSegments"),
        ({"maxRejects": 5}, (), "maxRejects"),
        ({"target": {"maxLatencyMs": 5}}, (), "target.maxLatencyMs"),
        ({"target": {"copyTtl": True}}, (), "target.copyTtl"),
        ({"target": {"indexes": "skip"}}, (), "target.indexes"),
    ],
    ids=str,
)
async def test_what_does_nothing_is_refused(
    tmp_path: Path,
    table: StandIn,
    command: Command,
    more: Job,
    options: tuple[str, ...],
    words: str,
) -> None:
    given = content(table, {"path": "out", **more.get("target", {})})
    given |= {name: each for name, each in more.items() if name != "target"}
    report = await command(given, *options)
    assert (report.code, words in report.err) == (2, True), report.err
    assert "export" in report.err
    assert not (tmp_path / "out").exists()


async def test_keys_of_scylla_migrator_that_say_nothing_get_one_warning(
    tmp_path: Path, table: StandIn, command: Command
) -> None:
    keys = {"writeThroughput": 5, "throughputWritePercent": 0.5, "billingMode": "PROVISIONED"}
    report = await command(content(table, {"path": "out", **keys}))
    assert report.code == 0, report.err
    (line,) = (each for each in report.err.splitlines() if "mean nothing here" in each)
    assert all(f"target.{key} (" in line for key in keys)


async def test_hooks_are_run(tmp_path: Path, table: StandIn, command: Command) -> None:
    hooks = {event: f"echo {event} >> hooks" for event in HOOKS}
    report = await command(content(table, {"path": "out"}, hooks=hooks), "--engine", "local")
    assert report.code == 0, report.err
    assert (tmp_path / "hooks").read_text().split() == ["onStart", "onSnapshotDone", "onStop"]


async def test_status_and_summary_tell_where_the_export_is(
    tmp_path: Path, table: StandIn, command: Command
) -> None:
    given = content(table, {"path": "out"})
    first = await command(given)
    (summary,) = (tmp_path / "out").rglob("manifest-summary.json")
    place = str(summary.relative_to(tmp_path))
    again = await command(given)
    assert again.code == 0, again.err
    assert first.table["target"] == again.table["target"] == place
    told = await ended(tmp_path, word="status")
    assert f"{TABLE} -> {place}: completed" in told.out
    (savepoint, *_) = sorted((tmp_path / "savepoints").glob("savepoint_*"), reverse=True)
    kept = json.loads(savepoint.read_text())
    kept["progress"]["targetTableId"] = ""  # as an earlier version wrote it
    savepoint.write_text(json.dumps(kept))
    assert f"{TABLE} -> out: completed" in (await ended(tmp_path, word="status")).out


async def test_what_was_uploaded_in_parts_is_the_same_when_it_is_listed(
    moto_server: str, seaweedfs: str
) -> None:
    for url in (moto_server, seaweedfs):
        bucket = (await bucket_target(url))["bucket"]
        async with s3(url) as client:
            sink = BucketSink(client, bucket, Calls(Retry(5)))
            written = {}
            for key, pieces in (("a/large", 10), ("a/small", 1), ("b/other", 1)):
                writer = sink.open(key)
                for _ in range(pieces):
                    await writer.write(bytes(1024 * 1024))
                written[key] = Stored(pieces * 1024 * 1024, await writer.finish())
            del written["b/other"]
            assert await sink.listed("a/") == written
