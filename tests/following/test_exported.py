"""A table copied from an export, which the run asks for or is given, and followed from before its
moment: without a scan of the source."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from alternator_migrate.config.loading import load
from alternator_migrate.connectors.permissions import rights_of
from tests.e2e.test_rights import denied
from tests.following.conftest import UNTIL, WRITERS_STOP, Table, enable, until
from tests.servers import faults
from tests.servers.cli import REPOSITORY, Cli, Result, running
from tests.servers.client import call, create_table, fill
from tests.servers.exchange import Exchange, Fault
from tests.servers.exporting import Exporting
from tests.servers.proxy import FaultProxy
from tests.support import exports
from tests.support.jobs import KEYS
from tests.support.many import make, rows
from tests.support.names import unique_name
from tests.support.shapes import same_items

SIDE = {"region": "us-east-1", "credentials": KEYS}
ASKED = "the export was asked for"
EVENTS = ("onStart", "onSnapshotDone", "onFailure", "onStop")
TOLD = {event: f"echo {event} >> hooks" for event in EVENTS}


@dataclass
class Exported:
    """A table, the AWS that exports it, and the S3 that this writes into."""

    table: Table
    aws: Exporting
    s3: str
    bucket: str = field(default_factory=lambda: unique_name("bucket").lower().replace("_", "-"))

    def configure(self, **more: Any) -> Path:
        """Write config.yaml: a copy from an export, with following; what `export` has over the
        usual is None where it is left out."""
        given = {"bucket": self.bucket, "prefix": "a/b", "marginSeconds": 0, **SIDE}
        given |= {"endpoint": {"url": self.s3}, **more.pop("export", {})}
        given = {name: value for name, value in given.items() if value is not None}
        source = {"endpoint": {"url": self.aws.url}, "export": given, "scanSegments": None}
        return self.table.configure(source=source, **more)

    @asynccontextmanager
    async def run(self, *options: str, word: str = "run") -> AsyncIterator[Cli]:
        """The command under test, with the options."""
        async with running(self.table.folder, word, "config.yaml", *options) as cli:
            yield cli

    async def ended(self, *options: str, word: str = "run") -> Result:
        """How the command ended."""
        async with self.run(*options, word=word) as cli:
            return await cli.wait(60)

    async def stream(self) -> Any:
        """The source's stream, if there is one."""
        found = await call(self.table.url, "DescribeTable", {"TableName": self.table.name})
        return found["Table"].get("LatestStreamArn")

    def made_target(self) -> bool:
        """Whether the target table is there."""
        return self.table.name in self.table.target.store.tables

    @property
    def told(self) -> list[str]:
        """What the hooks TOLD, in order."""
        return (self.table.folder / "hooks").read_text().split()

    @property
    def summary(self) -> Any:
        """The summary of the one table."""
        return json.loads((self.table.folder / "summary.json").read_text())["tables"][0]


@pytest.fixture
async def exported(table: Table, moto_server: str) -> AsyncIterator[Exported]:
    """The table of 100 items, which may be exported at once."""
    async with Exporting(table.url, moto_server) as aws:
        yield Exported(table, aws, moto_server)


async def writing(table: Table, over: asyncio.Event) -> int:
    """Write, overwrite and delete until it is over; how many writes there were."""
    number = 0
    while not over.is_set():
        number += 1
        await table.put(number % 150, number)
        if number % 7 == 0:
            await table.remove(number % 150 - 5)
        await asyncio.sleep(0.005)
    return number


async def test_a_table_that_is_written_to_is_moved_without_a_scan(exported: Exported) -> None:
    table, aws, over = exported.table, exported.aws, asyncio.Event()
    path = exported.configure(hooks={**TOLD, **WRITERS_STOP})
    writer = asyncio.create_task(writing(table, over))
    async with exported.run(*UNTIL) as cli:
        await cli.wait_for(ASKED, 60)
        await until(lambda: _is_kept(table))
        live = json.loads((await exported.ended("--json", word="status")).out)
        assert (live["live"], live["state"], live["tables"][0]["fraction"]) == (
            *(True, "exporting"),
            0.0,
        )
        aws.may_end.set()
        await cli.wait_for("has caught up", 60)
        over.set()
        assert await writer > 50
        table.writers_have_stopped()
        ended = await cli.wait(60)
    assert ended.code == 0, ended.err
    assert await table.equal()
    assert aws.requests["Scan"] == 0
    rights = rights_of(load(path, {}).settings, ["run"])[0]
    called = {*aws.requests} - {"GET /localnodes"}
    assert called <= {*rights.table, *rights.stream, *rights.exports}
    assert exported.told == ["onStart", "onSnapshotDone", "onStop"]
    (asked,) = aws.asked
    assert (asked["S3Prefix"], asked["ExportFormat"]) == ("a/b", "DYNAMODB_JSON")
    counts = exported.summary["items"]
    (exported_items,) = aws.exported.values()
    assert counts["read"] == counts["written"] == exported_items
    assert "the export stays in its bucket, until you delete it: s3://" in ended.err
    checked = await exported.ended(word="validate")
    assert checked.code == 0, checked.err
    assert aws.requests["Scan"] > 0, "a comparison reads the live table"


async def _is_kept(table: Table) -> bool:
    spool = (table.kept["stream"] or {}).get("spool")
    return bool(spool and spool["changes"])


async def test_a_run_killed_at_each_step_goes_on(exported: Exported) -> None:
    table, aws, target = exported.table, exported.aws, exported.table.target
    exported.configure(target={"maxItemsPerBatch": 5, "maxConnections": 1})

    async def is_asked_for() -> bool:
        return bool(table.kept["export"]["arn"])

    async def is_copying() -> bool:
        kept = table.kept
        return 0 < kept["items"]["written"] < 100 and bool(kept["done"])

    async def is_live() -> bool:
        return bool(table.kept["stream"]["phase"] == "live")

    async with exported.run() as cli:
        await cli.wait_for(ASKED, 60)
        await until(is_asked_for)
        await _kill(cli)
    await table.put(1, 1)
    target.faults.rate("BatchWriteItem", "slow", 1.0, 0.3)
    async with exported.run() as cli:
        await cli.wait_for("going on from", 60)
        aws.may_end.set()
        await until(is_copying)
        await _kill(cli)
    await table.remove(2)
    target.faults.clear()
    async with exported.run() as cli:
        await until(is_live)
        await _kill(cli)
    await table.put(3, 3)
    ended = await exported.ended(*UNTIL)
    assert ended.code == 0, ended.err
    assert await table.equal()
    assert len(aws.made) == len(aws.asked) == 1
    assert aws.requests["Scan"] == 0
    # the export may be gone by now: its copy is over
    exported.configure(export={"endpoint": {"url": "http://127.0.0.1:9"}})
    await table.put(4, 4)
    ended = await exported.ended(*UNTIL)
    assert ended.code == 0, ended.err
    assert await table.equal()


async def _kill(cli: Cli) -> None:
    cli.send_signal(signal.SIGKILL)
    await cli.wait(60)


async def test_an_export_whose_name_was_not_heard_is_asked_for_again_by_its_token(
    exported: Exported,
) -> None:
    aws = exported.aws
    exported.configure(target={"streamChanges": False})

    async def never_answer(exchange: Exchange) -> Any:
        await exchange.forward(exchange.body)
        return await faults.hang().act(exchange)

    aws.script("ExportTableToPointInTime", Fault("never_answer", never_answer))
    async with exported.run() as cli:
        await until(lambda: _asked(aws))
        await _kill(cli)
    async with exported.run() as cli:
        await cli.wait_for(ASKED, 60)
        cli.send_signal(signal.SIGINT)
        stopped = await cli.wait(60)
    assert stopped.code == 130
    assert "export     arn:" in (await exported.ended(word="status")).out
    aws.may_end.set()
    ended = await exported.ended()
    assert ended.code == 0, ended.err
    assert len(aws.made) == 1
    assert len(aws.asked) == 2
    assert len({each["ClientToken"] for each in aws.asked}) == 1
    assert await exported.table.equal()
    assert await exported.stream() is None


async def _asked(aws: Exporting) -> bool:
    return bool(aws.asked)


async def test_without_point_in_time_recovery_nothing_is_begun(exported: Exported) -> None:
    exported.configure()
    exported.aws.recovers = False
    for word in ("plan", "run"):
        ended = await exported.ended(word=word)
        assert ended.code == 2
        assert ended.err.count("Error: ") == 1
        assert "point-in-time recovery of table" in ended.err
        assert "update-continuous-backups --table-name" in ended.err
    assert await exported.stream() is None
    assert not exported.made_target()
    assert not exported.aws.asked


@pytest.mark.parametrize("right", ["DescribeContinuousBackups", "ExportTableToPointInTime"])
async def test_a_right_that_is_lacking_is_named(exported: Exported, right: str) -> None:
    exported.configure(target={"streamChanges": False})
    exported.aws.always(right, denied(right))
    ended = await exported.ended()
    assert ended.code == 2
    assert f"dynamodb:{right} on table {exported.table.name}" in ended.err
    exported.aws.clear()
    # what was refused was not asked for: it may be asked for otherwise
    exported.configure(target={"streamChanges": False}, export={"prefix": None, "format": "ION"})
    exported.aws.may_end.set()
    ended = await exported.ended()
    assert ended.code == 0, ended.err
    assert await exported.table.equal()
    assert exported.aws.asked[-1]["ExportFormat"] == "ION"
    assert exported.aws.requests["Scan"] == 0


OTHER_KEY = {"id": "S"}
TOO_LONG = "t" * 193


@pytest.mark.parametrize(
    ("name", "there", "right", "words"),
    [
        ("Copy", OTHER_KEY, "", "exists and does not fit"),
        ("Copy", {"pk": "S"}, "", "already holds items"),
        (TOO_LONG, None, "", "takes table names of up to 192 characters"),
        ("Copy", None, "CreateTable", "dynamodb:CreateTable on table Copy"),
        ("Copy", None, "DescribeTable", "dynamodb:DescribeTable on table Copy"),
    ],
    ids=["another key", "items", "a name", "no right to create", "no right to describe"],
)
async def test_no_export_is_asked_for_where_the_target_cannot_be(
    exported: Exported, name: str, there: dict[str, str] | None, right: str, words: str
) -> None:
    store, named = exported.table.target, ("--set", f"target.table={name}")
    async with FaultProxy(store.url) as proxy:
        exported.configure(target={"endpoint": {"url": proxy.url}})
        if there:
            await create_table(store.url, name, there)
            await fill(store.url, name, [{key: {"S": "a"} for key in there}])
        if right:
            proxy.always(right, denied(right))
        ended = await exported.ended(*named)
        assert (ended.code, ended.err.count("Error: ")) == (2, 1), ended.err
        assert words in ended.err
        assert not exported.aws.asked
        if right:
            proxy.clear()
            exported.aws.may_end.set()
            ended = await exported.ended(*UNTIL, *named)
            assert ended.code == 0, ended.err
            assert len(store.items(name)) == 100


async def test_an_export_that_fails_is_told_and_asked_for_anew(exported: Exported) -> None:
    aws = exported.aws
    exported.configure(hooks=TOLD, target={"streamChanges": False})
    aws.failure = ("S3NoSuchBucket", "The specified bucket does not exist")
    aws.may_end.set()
    ended = await exported.ended()
    assert ended.code == 1
    assert "S3NoSuchBucket: The specified bucket does not exist" in ended.err
    assert exported.told == ["onStart", "onFailure", "onStop"]
    aws.failure = None
    ended = await exported.ended()
    assert ended.code == 0, ended.err
    assert len(aws.made) == 2
    assert await exported.table.equal()


async def test_an_export_that_was_named_and_fails_is_not_to_be_named_again(
    exported: Exported,
) -> None:
    table, aws = exported.table, exported.aws
    arn = await aws.made_by_somebody(table.name, exported.bucket)
    aws.made[arn]["ExportStatus"] = "IN_PROGRESS"
    named = {"arn": arn, "bucket": None, "prefix": None}
    exported.configure(target={"streamChanges": False}, export=named)

    async def is_waited_for() -> bool:
        return aws.requests["DescribeExport"] > 1

    async with exported.run() as cli:
        await until(is_waited_for)
        failed = {"FailureCode": "S3NoSuchBucket", "FailureMessage": "no bucket"}
        aws.made[arn] |= {"ExportStatus": "FAILED", **failed}
        ended = await cli.wait(60)
    for code in (1, 2):
        assert (ended.code, "has failed: S3NoSuchBucket" in ended.err) == (code, True), ended.err
        assert "Name another one with source.export.arn, or leave that out." in ended.err
        assert "asks for another" not in ended.err
        ended = await exported.ended()
    exported.configure(target={"streamChanges": False})
    aws.may_end.set()
    ended = await exported.ended()
    assert ended.code == 0, ended.err
    assert await table.equal()


async def test_an_export_of_a_moment_before_the_stream_is_not_copied(exported: Exported) -> None:
    exported.configure()
    exported.aws.behind = 60.0
    ended = await exported.ended()
    assert ended.code == 1
    assert "changes would be missing" in ended.err
    assert exported.table.kept["export"]["arn"] == ""


async def test_the_plan_tells_of_the_export_and_of_the_rights(exported: Exported) -> None:
    exported.configure(export={"marginSeconds": 90})
    ended = await exported.ended(word="plan")
    assert ended.code == 0, ended.err
    for words in (
        f"export  will be asked for, into s3://{exported.bucket}/a/b (DYNAMODB_JSON)",
        "as it is when the stream is 90 s old; point-in-time recovery is on since ",
        "dynamodb:ExportTableToPointInTime",
        "s3:PutObject",
        "read units      none",
        "one a data file",
    ):
        assert words in ended.out
    for moment, told in (
        ("2020-01-01", "the table can be exported since"),
        (_iso(time.time() - 60), "the table has no stream yet"),
    ):
        exported.configure(export={"exportTime": moment})
        ended = await exported.ended(word="plan")
        assert (ended.code, told in ended.err) == (2, True), ended
        assert "run     refused" in ended.out
    assert exported.aws.requests["Scan"] == 0
    assert not exported.aws.asked


async def test_what_was_asked_for_may_not_change(exported: Exported) -> None:
    exported.configure()
    async with exported.run() as cli:
        await cli.wait_for(ASKED, 60)
        cli.send_signal(signal.SIGTERM)
        assert (await cli.wait(60)).code == 143
    exported.configure(export={"prefix": "c"})
    ended = await exported.ended()
    assert ended.code == 2
    assert "source.export has changed since the export was asked for" in ended.err
    exported.table.configure(source={"endpoint": {"url": exported.aws.url}})
    ended = await exported.ended()
    assert (ended.code, "it copies an export" in ended.err) == (2, True)


async def test_an_existing_export_is_followed_where_the_stream_is_old_enough(
    exported: Exported,
) -> None:
    table, aws = exported.table, exported.aws
    early = await aws.made_by_somebody(table.name, exported.bucket)
    exported.configure(export={"arn": early, "bucket": None, "prefix": None})
    ended = await exported.ended()
    assert ended.code == 2
    assert "the table has no stream yet" in ended.err
    assert await exported.stream() is None
    await enable(table, "NEW_IMAGE")
    await table.put(1, 1)
    for word in ("plan", "run"):
        ended = await exported.ended(word=word)
        assert ended.code == 2
        assert "changes would be missing: the export is of " in ended.err
        assert "the stream holds what was written since " in ended.err
    await asyncio.sleep(1)
    await table.put(2, 2)
    arn = await aws.made_by_somebody(table.name, exported.bucket)
    exported.configure(export={"arn": arn, "bucket": None, "prefix": None})
    await table.put(3, 3)
    ended = await exported.ended(*UNTIL)
    assert ended.code == 0, ended.err
    assert await table.equal()
    assert not aws.asked
    assert aws.requests["Scan"] == 0


async def test_a_full_export_and_incremental_ones_are_followed(exported: Exported) -> None:
    table, aws = exported.table, exported.aws
    full = await aws.made_by_somebody(table.name, exported.bucket)
    began = aws.made[full]["ExportTime"]
    await enable(table, "NEW_IMAGE")
    await table.put(1, 7)
    await table.remove(2)
    writes = [
        exports.Write({"pk": {"S": "i1"}}, {"pk": {"S": "i1"}, "v": {"N": "7"}}),
        exports.Write({"pk": {"S": "i2"}}, None),
    ]
    await asyncio.sleep(1)
    window = exports.incremental(
        writes, _iso(int(began)), _iso(time.time()), prefix="", id="01715097984000-5d1f9a3c"
    )
    summary = {"tableArn": full.partition("/export/")[0], "tableId": None}
    window = exports.changed(window, summary={**window.summary, **summary})
    await exports.upload(exported.s3, exported.bucket, window.objects())
    await table.put(3, 9)
    manifests = [aws.made[full]["ExportManifest"], window.manifest]
    exported.configure(export={"manifestKeys": manifests, "prefix": None})
    ended = await exported.ended(*UNTIL)
    assert ended.code == 0, ended.err
    assert await table.equal()
    assert aws.requests["Scan"] == 0
    assert exported.summary["items"]["read"] == 102


async def test_changes_alone_are_no_table_to_follow(exported: Exported) -> None:
    table, aws = exported.table, exported.aws
    await enable(table, "NEW_IMAGE")
    await asyncio.sleep(1)
    arn = await aws.made_by_somebody(table.name, exported.bucket)
    write = exports.Write({"pk": {"S": "i1"}}, {"pk": {"S": "i1"}, "v": {"N": "7"}})
    now = time.time()
    window = exports.incremental(
        [write], _iso(int(now) - 1), _iso(now), prefix="", id="01715097984000-5d1f9a3c"
    )
    summary = {"tableArn": arn.partition("/export/")[0], "tableId": None}
    window = exports.changed(window, summary={**window.summary, **summary})
    await exports.upload(exported.s3, exported.bucket, window.objects())
    aws.made[arn] |= {"ExportType": "INCREMENTAL_EXPORT", "ExportStatus": "IN_PROGRESS"}
    none = {"bucket": None, "prefix": None}
    for given, words in (
        ({"manifestKeys": [window.manifest], "prefix": None}, "what it was based on is not known"),
        ({"arn": arn, **none}, "source.export.arn is an incremental export"),
    ):
        exported.configure(export=given)
        for word in ("plan", "run"):
            ended = await exported.ended(*(UNTIL if word == "run" else ()), word=word)
            assert (ended.code, words in ended.err) == (2, True), ended
            assert "source.export.manifestKeys" in ended.err
    assert not exported.made_target()
    assert not aws.asked


async def test_an_export_in_ion_that_nobody_here_can_read_is_not_asked_for(
    exported: Exported,
) -> None:
    table, aws = exported.table, exported.aws
    (table.folder / "without" / "amazon").mkdir(parents=True)
    (table.folder / "without" / "amazon" / "__init__.py").touch()
    path = os.pathsep.join(map(str, (table.folder / "without", REPOSITORY)))
    arn = await aws.made_by_somebody(table.name, exported.bucket)
    aws.made[arn] |= {"ExportFormat": "ION", "ExportStatus": "IN_PROGRESS"}
    none = {"bucket": None, "prefix": None}
    for given in ({"format": "ION"}, {"arn": arn, **none}):
        exported.configure(export=given, target={"streamChanges": False})
        for word in ("plan", "run"):
            env = {"PYTHONPATH": path}
            async with running(table.folder, word, "config.yaml", env=env) as cli:
                ended = await cli.wait(60)
            assert ended.code == 2, ended
            assert "amazon-ion is not here" in ended.err
    assert not exported.made_target()
    assert not aws.asked


def _iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f"{moment % 1:.3f}"[1:] + "Z"


async def test_each_of_many_tables_is_exported(exported: Exported) -> None:
    aws, target = exported.aws, exported.table.target
    names = [f"{exported.table.name[:60]}-{n}" for n in range(2)]
    await make(exported.table.url, dict.fromkeys(names, 30))
    path = exported.configure(target={"streamChanges": False})
    content = yaml.safe_load(path.read_text())
    for side in ("source", "target"):
        del content[side]["table"]
    path.write_text(yaml.safe_dump({**content, "tables": {"include": names}}))
    aws.may_end.set()
    plan = await exported.ended(word="plan")
    assert plan.out.count("; new, copied from an export that is asked for") == 2, plan
    ended = await exported.ended()
    assert ended.code == 0, ended.err
    for name in names:
        assert same_items(target.items(name), rows(30, name))
    assert len(aws.made) == 2
    assert aws.requests["Scan"] == 0


async def test_a_bucket_elsewhere_is_told_with_the_key_of_the_export(exported: Exported) -> None:
    table, aws = exported.table, exported.aws
    arn = await aws.made_by_somebody(table.name, exported.bucket)

    async def elsewhere(_: Exchange) -> web.StreamResponse:
        return web.Response(status=301, headers={"x-amz-bucket-region": "eu-central-1"})

    async with FaultProxy(exported.s3) as proxy:
        proxy.always("*", Fault("elsewhere", elsewhere))
        exported.s3 = proxy.url
        given = {"arn": arn, "bucket": None, "prefix": None}
        exported.configure(target={"streamChanges": False}, export=given)
        ended = await exported.ended()
    assert ended.code == 2, ended.err
    assert "Set source.export.region to that of the bucket." in ended.err


async def test_the_export_of_another_table_is_refused(exported: Exported) -> None:
    aws, table = exported.aws, exported.table
    aws.wrong_table = True
    arn = await aws.made_by_somebody(table.name, exported.bucket)
    manifest = aws.made[arn]["ExportManifest"]
    exported.configure(
        target={"streamChanges": False}, export={"manifestKeys": [manifest], "prefix": None}
    )
    ended = await exported.ended()
    assert ended.code == 2
    assert "is an export of another table" in ended.err
    assert not exported.made_target()
