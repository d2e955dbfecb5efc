"""An export as the target: what is written can be read by this tool, and imported by AWS."""

import base64
import json
import os
import signal
from pathlib import Path
from typing import Any

import aioboto3
import pytest

from alternator_migrate.connectors.s3_export.bucket import Calls
from alternator_migrate.connectors.s3_export.sink import BucketSink, Folder, put
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.retry import Retry
from tests.e2e.test_full_disk import small_disk
from tests.servers.cli import running
from tests.servers.client import Item, create_table, fill, scan_all
from tests.servers.guarded import EITHER
from tests.standin import StandIn
from tests.support import exports
from tests.support.cli import until
from tests.support.jobs import Command, Job, alternator, dynamodb, job, standin_side, write_config
from tests.support.names import unique_name
from tests.support.savepoints import files_of_at_most
from tests.support.shapes import same_items

TABLE = "Example"
ROWS: list[Item] = [
    {"pk": {"S": f"item {n}"}, "t": {"S": "line\nbreak ä" * 20}, "n": {"NS": ["1", "2.50"]}}
    for n in range(400)
]


@pytest.fixture
async def table(standin: StandIn) -> StandIn:
    """A stand-in with a table to be exported."""
    await create_table(standin.url, TABLE)
    await fill(standin.url, TABLE, ROWS)
    return standin


def content(source: StandIn, target: Job, **more: Any) -> Job:
    return job(
        standin_side(source, TABLE, scanSegments=4),
        {"type": "dynamodb-s3-export", **target},
        **more,
    )


def files(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


@EITHER
async def test_an_export_of_a_folder_is_read_again(
    tmp_path: Path, table: StandIn, command: Command
) -> None:
    report = await command(content(table, {"path": "out"}))
    assert report.code == 0, report.err
    assert report.table["items"]["written"] == len(ROWS)
    (summary,) = (tmp_path / "out").rglob("manifest-summary.json")
    assert f"the export is out/{summary.relative_to(tmp_path / 'out')}" in report.err
    assert "next: Copy it into a table by a run with --source-export" in report.err
    assert "validate" not in report.err
    names = {Path(each).name for each in files(tmp_path / "out")}
    assert {
        "_started",
        "manifest-files.json",
        "manifest-files.md5",
        "manifest-summary.md5",
    } <= names
    told = json.loads(summary.read_text())
    assert told["itemCount"] == len(ROWS)
    assert told["tableKeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    again = await command(content(table, {"path": "out"}))
    assert "this export is complete already" in again.err
    back = job(
        {"type": "dynamodb-s3-export", "manifestKey": str(summary)}, standin_side(table, "Back")
    )
    assert (await command(back)).code == 0
    assert same_items(table.items("Back"), ROWS)


async def test_attributes_are_left_out_and_renamed(
    tmp_path: Path, table: StandIn, command: Command
) -> None:
    given = content(table, {"path": f"file://{tmp_path}/out"}, renames=[{"from": "pk", "to": "id"}])
    given["source"]["attributes"] = {"drop": ["t"]}
    assert (await command(given)).code == 0
    (summary,) = (tmp_path / "out").rglob("manifest-summary.json")
    assert json.loads(summary.read_text())["tableKeySchema"][0]["AttributeName"] == "id"
    body = b"".join(exports.inflated(each.read_bytes()) for each in summary.parent.rglob("*.gz"))
    items = [json.loads(line)["Item"] for line in body.splitlines()]
    assert same_items(items, [{"id": row["pk"], "n": row["n"]} for row in ROWS])


async def test_what_is_in_a_bucket_can_be_imported_and_read(
    moto_server: str, seaweedfs: str, tmp_path: Path, table: StandIn, command: Command
) -> None:
    keys = {"accessKey": "local", "secretKey": "local"}
    # moto's own parser of JSON leaves escapes as they are
    await fill(table.url, TABLE, [{**row, "t": {"S": "plain"}} for row in ROWS])
    rows = table.items(TABLE)
    for url in (moto_server, seaweedfs):
        bucket = unique_name("bucket").lower().replace("_", "-")
        await exports.upload(url, bucket, {"other": b"x"})
        place = {"bucket": bucket, "prefix": "daily", "endpoint": {"url": url}, "credentials": keys}
        report = await command(content(table, {**place, "region": "us-east-1"}))
        assert report.code == 0, report.err
        (line,) = (each for each in report.err.splitlines() if "the export is s3://" in each)
        key = line.rpartition(f"{bucket}/")[2]
        source = exports.bucket_source(url, key, bucket)
        del source["tableDescription"]
        name = unique_name("Back")
        assert (await command(job(source, alternator(table.url, name)))).code == 0
        assert same_items(table.items(name), rows)
        if url == moto_server:
            await imported(url, bucket, key.rpartition("/")[0] + "/data/", rows)


async def imported(url: str, bucket: str, prefix: str, rows: list[Item]) -> None:
    """AWS's ImportTable, as moto has it, makes a table of the data files that holds `rows`."""
    name = unique_name("imported")
    session = aioboto3.Session(**exports.KEYS, region_name="us-east-1")
    async with session.client("dynamodb", endpoint_url=url) as client:
        asked = await client.import_table(
            S3BucketSource={"S3Bucket": bucket, "S3KeyPrefix": prefix},
            InputFormat="DYNAMODB_JSON",
            InputCompressionType="GZIP",
            TableCreationParameters={
                "TableName": name,
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        )
        arn = asked["ImportTableDescription"]["ImportArn"]
        status = ""
        while status not in ("COMPLETED", "FAILED"):
            answer = await client.describe_import(ImportArn=arn)
            status = answer["ImportTableDescription"]["ImportStatus"]
    assert status == "COMPLETED"
    assert same_items(await scan_all(url, name), rows)


async def test_a_large_object_is_uploaded_in_parts_or_not_at_all(moto_server: str) -> None:
    bucket, body = unique_name("bucket").lower().replace("_", "-"), bytes(range(256)) * 4096
    await exports.upload(moto_server, bucket, {"other": b"x"})
    session = aioboto3.Session(**exports.KEYS, region_name="us-east-1")
    async with session.client("s3", endpoint_url=moto_server) as client:
        sink = BucketSink(client, bucket, Calls(Retry(5), section="target"))
        whole, given_up = sink.open("whole"), sink.open("given up")
        for _ in range(20):
            await whole.write(body)
            await given_up.write(body)
        assert (await whole.finish()).endswith("-3")
        await given_up.abandon()
        stored = await client.get_object(Bucket=bucket, Key="whole")
        assert await stored["Body"].read() == body * 20
        assert "Uploads" not in await client.list_multipart_uploads(Bucket=bucket)
        listed = await client.list_objects_v2(Bucket=bucket)
        assert {each["Key"] for each in listed["Contents"]} == {"other", "whole"}


def noted(folder: Path) -> list[str]:
    """The data files that the journal of an export has."""
    lines = [
        json.loads(line)
        for journal in (folder / "savepoints").glob("export_*.jsonl")
        for line in journal.read_text().splitlines(keepends=True)
        if line.endswith("\n")
    ]
    return [line["file"][0] for line in lines if "file" in line]


async def test_a_killed_run_leaves_nothing_that_looks_complete_and_goes_on(
    tmp_path: Path, table: StandIn
) -> None:
    given = content(table, {"path": "out"})
    given["source"]["maxMapTasks"] = 1
    write_config(tmp_path, given)
    table.faults.rate("Scan", "slow", 1.0, 0.1)
    out = tmp_path / "out"
    async with running(tmp_path, "run", "config.yaml") as cli:
        await until(lambda: any(noted(tmp_path)), 30)
        cli.send_signal(signal.SIGKILL)
        await cli.wait(10)
    assert not any("manifest-" in each for each in files(out))
    kept = {each: (out / each).stat().st_mtime_ns for each in files(out) if each.endswith(".gz")}
    table.faults.clear()
    async with running(tmp_path, "run", "config.yaml", "--summary-json", "s.json") as cli:
        assert (await cli.wait(60)).code == 0
    counts = json.loads((tmp_path / "s.json").read_text())["tables"][0]["items"]
    assert counts["read"] == counts["written"] == len(ROWS)
    done = [each for each in kept if (out / each).stat().st_mtime_ns == kept[each]]
    assert done, "what was in its place is not written again"
    (summary,) = out.rglob("manifest-summary.json")
    lines = (summary.parent / "manifest-files.json").read_text().splitlines()
    assert sum(json.loads(line)["itemCount"] for line in lines) == len(ROWS)
    assert not [each for each in files(out) if each.endswith(".part")]


async def test_a_disk_that_fills_up_is_told_and_nothing_half_written_stays(
    tmp_path: Path, table: StandIn, command: Command
) -> None:
    rows = [{"pk": {"S": f"noise {n}"}, "t": {"B": _noise(30_000)}} for n in range(40)]
    await fill(table.url, TABLE, rows)
    with small_disk(tmp_path / "disk", 64) as disk:
        report = await command(content(table, {"path": str(disk)}))
        assert (report.code, report.err.count("Error: ")) == (1, 1), report.err
        assert "cannot be written: No space left on device" in report.err
        assert "Traceback" not in report.err
        assert not list(disk.rglob(".*.part"))
        assert not list(disk.rglob("manifest-summary.json"))


def _noise(size: int) -> str:
    return base64.b64encode(os.urandom(size)).decode()


@pytest.mark.parametrize("room", [0, 4096])
async def test_a_file_that_finds_no_room_is_given_up_without_a_word(
    tmp_path: Path, room: int
) -> None:
    writer = Folder(tmp_path).open("a/b")
    with files_of_at_most(room):
        with pytest.raises(MigrateError, match="cannot be written: File too large"):
            await put(Folder(tmp_path), "a/small", b"x" * (room + 1))
        await writer.write(b"x" * (room + 1))
        await writer.abandon()
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("target", "args", "words"),
    [
        ({}, (), "target.path"),
        ({"path": "a", "bucket": "b"}, (), "stands beside bucket"),
        ({"path": "gs://b/x"}, (), "must be s3://BUCKET/PREFIX"),
        ({"path": "a", "streamChanges": True}, (), "an export takes no changes"),
        ({"path": "a"}, ("--into-existing",), "--into-existing does not go with an export"),
    ],
)
async def test_mistakes(
    table: StandIn, command: Command, target: Job, args: tuple[str, ...], words: str
) -> None:
    report = await command(content(table, target), *args)
    assert (report.code, words in report.err) == (2, True), report.err


async def test_other_commands_say_that_it_is_an_export(table: StandIn, command: Command) -> None:
    for word in ("plan", "validate"):
        report = await command(content(table, {"path": "out"}), word=word)
        assert report.code == 2
        assert "which only `run` writes" in report.err


async def test_a_dynamodb_is_exported_too(
    tmp_path: Path, dynamodb_local: str, table_name: str, command: Command
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, ROWS[:50])
    target = {"type": "dynamodb-s3-export", "path": "out"}
    report = await command(job(dynamodb(dynamodb_local, table_name, scanSegments=2), target))
    assert report.code == 0, report.err
    (summary,) = (tmp_path / "out").rglob("manifest-summary.json")
    assert json.loads(summary.read_text())["tableArn"].endswith(table_name)
