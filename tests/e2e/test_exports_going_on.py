"""Exports whose run is killed, or whose bucket fails: what arrives is whole all the same."""

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.e2e.test_exports_incremental import AT_THE_END, chain
from tests.servers import faults
from tests.servers.cli import running
from tests.servers.client import Item, create_table
from tests.servers.exchange import Exchange, Fault
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support import exports
from tests.support.cli import until
from tests.support.exports import bucket_source, full, source
from tests.support.jobs import KEYS, Command, Job, Migrate, alternator, job, write_config
from tests.support.names import unique_name
from tests.support.shapes import same_items

ROWS: list[Item] = [{"pk": {"S": f"item {n}"}, "t": {"S": "x" * 4000}} for n in range(900)]
EXPORT = full(ROWS, files=2)
# Nothing is saved by compressing: so that a body takes its time, and can be cut in its middle.
LARGE = full(ROWS, files=1, zipped=exports.stored)


async def test_a_killed_run_goes_on_within_a_file(
    tmp_path: Path, standin: StandIn, table_name: str
) -> None:
    exports.write(tmp_path / "s3", EXPORT.objects())
    target = alternator(standin.url, table_name, maxItemsPerBatch=10, maxConnections=2)
    content = job(source(tmp_path / "s3" / EXPORT.manifest), target)
    content["savepoints"] = {"path": "savepoints", "intervalSeconds": 0.1}
    write_config(tmp_path, content)
    standin.faults.rate("BatchWriteItem", "slow", 1.0, 0.05)
    saved = tmp_path / "savepoints"
    async with running(tmp_path, "run", "config.yaml") as cli:
        await until(lambda: any(_records(saved)), 30)
        cli.send_signal(signal.SIGKILL)
        await cli.wait(10)
    begun = [*_records(saved)]
    assert 0 < max(begun) < 450
    standin.faults.clear()
    async with running(tmp_path, "run", "config.yaml", "--summary-json", "s.json") as cli:
        assert (await cli.wait(60)).code == 0
    counts = json.loads((tmp_path / "s.json").read_text())["tables"][0]["items"]
    assert counts["read"] == counts["written"] == len(ROWS)
    assert same_items(standin.items(table_name), ROWS)


def _records(folder: Path) -> list[int]:
    """The records of files that are done, by the newest savepoint."""
    newest = sorted(folder.glob("savepoint_*.yaml"))[-1:]
    found = [json.loads(each.read_text())["progress"]["positions"] for each in newest]
    return [place["items"] for places in found for place in places.values()]


@pytest.fixture
async def bucket(moto_server: str) -> AsyncIterator[tuple[FaultProxy, str]]:
    """A proxy before the S3 of a bucket that holds the export, and the bucket's name."""
    name = unique_name("bucket").lower().replace("_", "-")
    await exports.upload(moto_server, name, LARGE.objects())
    async with FaultProxy(moto_server, record=True) as proxy:
        yield proxy, name


def of_data(exchange: Exchange) -> bool:
    """Whether it is a request for the content of a data file."""
    return exchange.request.method == "GET" and exchange.request.path.endswith(LARGE.data[0])


async def test_workers_read_from_a_real_s3(
    seaweedfs: str, standin: StandIn, table_name: str, command: Command
) -> None:
    bucket = unique_name("bucket").lower().replace("_", "-")
    export = full(ROWS, files=5)
    await exports.upload(seaweedfs, bucket, export.objects())
    given = bucket_source(seaweedfs, export.manifest, bucket)
    del given["usePathStyleAccess"]
    content = job({**given, "unsigned": True}, alternator(standin.url, table_name))
    report = await command(content, "--engine", "processes", "--workers", "2")
    assert report.code == 0, report.err
    assert same_items(standin.items(table_name), ROWS)


async def test_bodies_that_break_off_are_gone_on_with(
    bucket: tuple[FaultProxy, str], standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    proxy, name = bucket
    proxy.script(of_data, faults.truncate(), faults.service_unavailable_503(), faults.truncate())
    given = bucket_source(proxy.url, LARGE.manifest, name, requestPayer="requester")
    ending = await migrate(job(given, alternator(standin.url, table_name)))
    assert ending.done.items.written == ending.done.items.read == len(ROWS)
    assert same_items(standin.items(table_name), ROWS)
    asked = [each.request.headers for each in proxy.log if of_data(each)]
    ranges = [headers.get("Range") for headers in asked]
    assert ranges[0] is None
    assert all(str(each).startswith("bytes=") for each in ranges[1:])
    assert len(asked) == 4
    assert all(headers["If-Match"] for headers in asked[1:])
    assert {headers["x-amz-request-payer"] for headers in asked} == {"requester"}
    figures = dict(dict(ending.done.sides)["source"].requests.operations)
    assert (ending.done.retries, figures["GetObject"].failed) == (3, 3)
    refused = 1 + 2  # the 503, and checksum files of the other name, of which there are none
    gets = [each for each in proxy.log if each.request.method == "GET"]
    assert figures["GetObject"].answered == len(gets) - refused


async def test_an_object_that_is_replaced_while_it_is_read_is_told(
    moto_server: str,
    bucket: tuple[FaultProxy, str],
    standin: StandIn,
    table_name: str,
    migrate: Migrate,
) -> None:
    proxy, name = bucket

    async def replace(exchange: Exchange) -> web.StreamResponse:
        other = {LARGE.data[0]: exports.stored(b"x" * 4_000_000)}
        await exports.upload(moto_server, name, other)
        return (await exchange.forward(exchange.body)).response()

    proxy.script(of_data, faults.truncate(), Fault("replace", replace))
    given = bucket_source(proxy.url, LARGE.manifest, name)
    ending = await migrate(job(given, alternator(standin.url, table_name)))
    assert f"{LARGE.data[0]} was replaced while it was read" in str(ending.failure)


async def test_a_bucket_that_may_not_be_read_is_told_with_the_right(
    bucket: tuple[FaultProxy, str], standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    proxy, name = bucket
    given = bucket_source(proxy.url, LARGE.manifest, name)
    content = job(given, alternator(standin.url, table_name))
    proxy.always(lambda each: each.request.path.endswith(".md5"), Fault("deny", _deny))
    assert (await migrate(content)).done.items.written == len(ROWS), "md5 files may be missing"
    proxy.always("*", Fault("deny", _deny))
    ending = await migrate(content)
    assert ending.failure.exit_code == 2
    assert "s3:GetObject" in str(ending.failure)


async def _deny(exchange: Exchange) -> web.StreamResponse:
    return refused(exchange, 403, "AccessDenied", "Access Denied")


def refused(exchange: Exchange, status: int, code: str, words: str) -> web.StreamResponse:
    """An answer of S3: no text goes with one to HEAD."""
    text = f"<Error><Code>{code}</Code><Message>{words}</Message></Error>"
    body = "" if exchange.request.method == "HEAD" else text
    headers = {"x-amz-bucket-region": "eu-central-1"}
    return web.Response(status=status, text=body, headers=headers, content_type="application/xml")


@pytest.mark.parametrize("place", ["/data/", "manifest-files.json"])
async def test_what_the_policy_leaves_out_is_told_with_the_right(
    bucket: tuple[FaultProxy, str], standin: StandIn, table_name: str, command: Command, place: str
) -> None:
    """Also where S3 says so of all that is not there, as it does without s3:ListBucket."""
    proxy, name = bucket
    there = {f"/{name}/{key}" for key in LARGE.objects()}

    def is_denied(exchange: Exchange) -> bool:
        path = exchange.request.path
        return place in path or path not in there

    proxy.always(is_denied, Fault("deny", _deny))
    given = bucket_source(proxy.url, LARGE.manifest, name)
    for word in ("plan", "run"):
        ending = await command(job(given, alternator(standin.url, table_name)), word=word)
        assert (ending.code, ending.err.count("Error: ")) == (2, 1), ending.err
        assert f"Error: s3://{name}/{LARGE.folder}" in ending.err and place in ending.err
        assert "cannot be read: " in ending.err
        for words in ("s3:GetObject", "AWSDynamoDB/*/data/*", "s3:ListBucket"):
            assert words in ending.err
    assert table_name not in standin.store.tables


async def _elsewhere(exchange: Exchange) -> web.StreamResponse:
    words = "The bucket must be addressed at another endpoint"
    return refused(exchange, 301, "PermanentRedirect", words)


@pytest.mark.parametrize("section", ["source", "target", "savepoints.target"])
async def test_a_bucket_elsewhere_is_told_with_the_key_of_its_side(
    bucket: tuple[FaultProxy, str],
    standin: StandIn,
    table_name: str,
    command: Command,
    section: str,
) -> None:
    proxy, name = bucket
    proxy.always(lambda each: name in each.request.path, Fault("elsewhere", _elsewhere))
    there = {"endpoint": {"url": proxy.url}, "region": "us-east-1", "credentials": KEYS}
    ours = alternator(standin.url, table_name)
    await create_table(standin.url, table_name)
    given: dict[str, tuple[Job, Job]] = {
        "source": (bucket_source(proxy.url, LARGE.manifest, name), ours),
        "target": (ours, {"type": "dynamodb-s3-export", "bucket": name, **there}),
        "savepoints.target": (ours, {**ours, "table": "Other"}),
    }
    more = {"type": "s3", "bucket": name, **there}
    kept = {"savepoints": {"target": more}} if section.startswith("savepoints") else {}
    ending = await command(job(*given[section], **kept))
    assert ending.code == 2, ending.err
    assert "the bucket is in another region" in ending.err
    assert f"Set {section}.region" in ending.err


@pytest.mark.parametrize("seed", [1])
async def test_kills_and_a_bad_s3_lose_nothing(
    tmp_path: Path, moto_server: str, standin: StandIn, table_name: str, seed: int
) -> None:
    """Exports in the order of their windows, through an S3 that breaks off, resets and refuses,
    by runs that are killed at any moment."""
    chance, name = random.Random(seed), unique_name("bucket").lower().replace("_", "-")
    found = chain(zipped=exports.stored)
    for each in found:
        await exports.upload(moto_server, name, each.objects())
    async with FaultProxy(moto_server) as proxy:
        for fault in (faults.truncate(), faults.service_unavailable_503(), faults.reset_before()):
            proxy.sometimes(_any_object, fault, 0.15, seed)
        source = bucket_source(proxy.url, "", name)
        source = {**source, "manifestKeys": [each.manifest for each in found]}
        del source["manifestKey"]
        target = alternator(standin.url, table_name, maxItemsPerBatch=3, maxConnections=2)
        content = {"savepoints": {"path": "savepoints", "intervalSeconds": 0.1}}
        write_config(tmp_path, job(source, target, **content))
        standin.faults.rate("BatchWriteItem", "slow", 1.0, 0.02)
        for _ in range(2):
            begun = standin.requests["BatchWriteItem"]
            async with running(tmp_path, "run", "config.yaml") as cli:
                await until(lambda: standin.requests["BatchWriteItem"] > begun)  # noqa: B023 # now
                await asyncio.sleep(chance.random())
                if not cli.ended:
                    cli.send_signal(signal.SIGKILL)
                await cli.wait(60)
        standin.faults.clear()
        async with running(tmp_path, "run", "config.yaml", "--summary-json", "s.json") as cli:
            ended = await cli.wait(60)
            assert ended.code == 0, ended.err
    counts = json.loads((tmp_path / "s.json").read_text())["tables"][0]["items"]
    assert counts["read"] == counts["written"] == sum(map(len, found[0].files)) + 33
    assert same_items(standin.items(table_name), AT_THE_END)


def _any_object(exchange: Exchange) -> bool:
    return exchange.request.method == "GET"
