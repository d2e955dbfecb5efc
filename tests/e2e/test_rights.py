"""Rights that the credentials lack: what is optional is noted, what is needed is named, and nothing
is lost without a word."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.servers.client import call, create_table, fill
from tests.servers.exchange import Fault, Reply
from tests.servers.guarded import EITHER
from tests.servers.patience import stretched
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import KEYS, Command, Job, Report, alternator, dynamodb, job
from tests.support.tables import enable_ttl, numbered

KIND = "com.amazon.coral.service#AccessDeniedException"
OPTIONAL: dict[str, Job] = {"source": {"expiredItems": "copy"}, "target": {"copyTtl": False}}


def denied(operation: str, right: str = "") -> Fault:
    """400 AccessDeniedException in the words of AWS."""
    words = (
        f"User: arn:aws:iam::123456789012:user/reader is not authorized to perform: "
        f"dynamodb:{right or operation} on resource: arn:aws:dynamodb:us-east-1:123456789012:table/"
        "T because no identity-based policy allows it"
    )
    reply = Reply(400, b"{}", {"Content-Type": "application/x-amz-json-1.0"})

    async def act(_: object) -> object:
        return reply.with_json({"__type": KIND, "message": words}).response()

    return Fault("denied", act)  # type: ignore[arg-type] # any request is answered alike


@dataclass(frozen=True, slots=True)
class Ends:
    """Two stand-ins, each behind a proxy; the source's table has 60 items, tags and a TTL."""

    table: str
    source: FaultProxy
    target: FaultProxy
    there: StandIn

    def job(self, **more: Job) -> Job:
        """The configuration, with more keys in each section."""
        keys = {"credentials": KEYS} if self.there.auth else {}
        return job(
            dynamodb(self.source.url, self.table, **more.get("source", {})),
            alternator(self.target.url, self.table, **keys, **more.get("target", {})),
        )


@pytest.fixture
async def ends(standin: StandIn, table_name: str) -> AsyncIterator[Ends]:
    """Both ends."""
    tags = [{"Key": "team", "Value": "orders"}]
    async with StandIn() as store:
        await create_table(store.url, table_name, Tags=tags)
        await fill(store.url, table_name, numbered(60))
        await enable_ttl(store.url, table_name, "until")
        async with FaultProxy(store.url) as source, FaultProxy(standin.url) as target:
            yield Ends(table_name, source, target, standin)


def refused(report: Report, right: str, *words: str) -> None:
    """A command ended with exit code 2, and one error that names the right and the table."""
    assert report.code == 2, report
    assert "Traceback" not in report.err
    assert report.err.count("Error: ") == 1
    error = report.err.partition("Error: ")[2]
    for each in (right, *words):
        assert each in error, error


@EITHER
async def test_tags_that_may_not_be_read_are_named(ends: Ends, command: Command) -> None:
    ends.source.always("ListTagsOfResource", denied("ListTagsOfResource"))
    report = await command(ends.job())
    assert report.code == 0, report.err
    assert report.table["items"]["written"] == 60
    (line,) = (each for each in report.err.splitlines() if "note: tags: not copied" in each)
    assert f"dynamodb:ListTagsOfResource on table {ends.table}" in line


async def test_tags_that_nobody_wants_are_not_missed(ends: Ends, command: Command) -> None:
    ends.source.always("ListTagsOfResource", denied("ListTagsOfResource"))
    report = await command(ends.job(target={"copyTags": False}))
    assert report.code == 0, report.err
    assert "note: tags" not in report.err


async def test_a_ttl_that_may_not_be_read_ends_a_run_that_depends_on_it(
    ends: Ends, command: Command
) -> None:
    ends.source.always("DescribeTimeToLive", denied("DescribeTimeToLive"))
    enough: list[dict[str, Job]] = [{}, *({side: more} for side, more in OPTIONAL.items())]
    for half in enough:
        right = f"dynamodb:DescribeTimeToLive on table {ends.table}"
        refused(await command(ends.job(**half)), right, "copyTtl: false", "expiredItems: copy")
    assert "CreateTable" not in ends.there.requests


@pytest.mark.parametrize("word", ["run", "plan", "validate"])
async def test_a_ttl_that_does_not_matter_is_a_note(
    ends: Ends, command: Command, word: str
) -> None:
    ends.source.always("DescribeTimeToLive", denied("DescribeTimeToLive"))
    report = await command(ends.job(**OPTIONAL))
    assert report.code == 0, report.err
    assert report.table["items"]["written"] == 60
    if word != "run":
        report = await command(ends.job(**OPTIONAL), word=word)
        assert report.code == 0, report
    said = report.out + report.err
    assert "TTL: that of the source is not known" in said
    assert f"dynamodb:DescribeTimeToLive on table {ends.table}" in said


@pytest.mark.parametrize(("copies", "code"), [(True, 2), (False, 0)])
async def test_a_target_that_may_expire_items(
    ends: Ends, command: Command, copies: bool, code: int
) -> None:
    await create_table(ends.there.url, ends.table)
    ends.target.always("DescribeTimeToLive", denied("DescribeTimeToLive"))
    report = await command(ends.job(target={"copyTtl": copies}))
    assert report.code == code, report
    assert f"dynamodb:DescribeTimeToLive on table {ends.table}" in report.err
    assert bool(ends.there.items(ends.table)) is not copies


@pytest.mark.parametrize("side", ["source", "target"])
async def test_a_table_that_may_not_be_described(ends: Ends, command: Command, side: str) -> None:
    proxy = ends.source if side == "source" else ends.target
    proxy.always("DescribeTable", denied("DescribeTable"))
    right = f"lack the right dynamodb:DescribeTable on table {ends.table}"
    refused(await command(ends.job()), right, f"{side} {proxy.url}")


@pytest.mark.parametrize("right", ["CreateTable", "TagResource"])
async def test_a_table_that_may_not_be_made(ends: Ends, command: Command, right: str) -> None:
    ends.target.always("CreateTable", denied("CreateTable", right))
    report = await command(ends.job())
    refused(report, f"lack the right dynamodb:{right} on table {ends.table}")
    assert ("target.copyTags: false" in report.err) is (right == "TagResource")


async def test_a_role_of_alternator_that_may_not_make_tables(ends: Ends, command: Command) -> None:
    words = "CREATE access on ALL KEYSPACES is denied to role me, client address ::1"
    reply = Reply(400, b"{}", {"Content-Type": "application/x-amz-json-1.0"})

    async def act(_: object) -> object:
        return reply.with_json({"__type": KIND, "message": words}).response()

    ends.target.always("CreateTable", Fault("denied", act))  # type: ignore[arg-type] # as above
    refused(await command(ends.job()), "lack the right CREATE on ALL KEYSPACES")


async def test_a_table_that_may_not_be_tagged(ends: Ends, command: Command) -> None:
    await create_table(ends.there.url, ends.table)
    ends.target.always("TagResource", denied("TagResource"))
    right = f"lack the right dynamodb:TagResource on table {ends.table}"
    refused(await command(ends.job()), right, "copyTags: false")
    report = await command(ends.job(target={"copyTags": False}))
    assert report.code == 0, report.err


async def test_a_target_that_may_not_be_looked_into(ends: Ends, command: Command) -> None:
    await create_table(ends.there.url, ends.table)
    ends.target.always("Scan", denied("Scan"))
    right = f"lack the right dynamodb:Scan on table {ends.table}"
    refused(await command(ends.job()), right, "--into-existing")
    plan = await command(ends.job(), word="plan")
    refused(plan, right, "--into-existing")
    assert "refused, exit code 2" in plan.out
    report = await command(ends.job(), "--into-existing")
    assert report.code == 0, report.err


async def test_a_source_that_may_not_be_scanned(ends: Ends, command: Command) -> None:
    ends.source.always("Scan", denied("Scan"))
    plan = await command(ends.job(), word="plan")
    refused(plan, f"lack the right dynamodb:Scan on table {ends.table}")
    refused(await command(ends.job()), f"lack the right dynamodb:Scan on table {ends.table}")
    assert "CreateTable" not in ends.there.requests


async def test_a_stream_that_may_not_be_enabled(ends: Ends, command: Command) -> None:
    ends.source.always("UpdateTable", denied("UpdateTable"))
    right = f"lack the right dynamodb:UpdateTable on table {ends.table}"
    refused(await command(ends.job(target={"streamChanges": True})), right)
    assert "CreateTable" not in ends.there.requests


FOLLOWED: dict[str, Job] = {"target": {"streamChanges": True}}
READING = ["DescribeStream", "GetShardIterator", "GetRecords"]


@pytest.mark.parametrize("operation", READING)
@pytest.mark.parametrize("there", [True, False], ids=["there", "to-be-enabled"])
async def test_a_stream_that_may_not_be_read(
    ends: Ends, command: Command, operation: str, there: bool
) -> None:
    """It is found out before the stream is enabled, where a server says so, and always before a
    table is made."""
    view = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    if there:
        change = {"TableName": ends.table, "StreamSpecification": view}
        await call(ends.source.url, "UpdateTable", change)
    ends.source.requests.clear()
    ends.source.always(operation, denied(operation))
    right = f"lack the right dynamodb:{operation} on table {ends.table}"
    report = await command(ends.job(**FOLLOWED))
    refused(report, right)
    enabled = not there and operation == "GetRecords"
    assert ends.source.requests["UpdateTable"] == enabled
    assert (f"The stream of table {ends.table} was enabled" in report.err) is enabled
    assert "CreateTable" not in ends.there.requests


async def test_a_run_that_goes_on_looks_for_the_rights_on_the_stream_too(
    ends: Ends, command: Command
) -> None:
    content = ends.job(**FOLLOWED)
    ends.source.always("GetRecords", denied("GetRecords"))
    ends.target.always("CreateTable", denied("CreateTable"))
    right = f"lack the right dynamodb:GetRecords on table {ends.table}"
    refused(await command(content), right)
    ends.source.clear()
    refused(await command(content), "lack the right dynamodb:CreateTable")
    ends.source.always("GetRecords", denied("GetRecords"))
    refused(await command(content), right, "was enabled")


async def test_a_ttl_that_may_not_be_enabled_is_named_after_the_copy(
    ends: Ends, command: Command
) -> None:
    ends.target.always("UpdateTimeToLive", denied("UpdateTimeToLive"))
    report = await command(ends.job())
    assert report.code == 1
    assert f"lack the right dynamodb:UpdateTimeToLive on table {ends.table}" in report.err
    assert report.table["items"]["written"] == 60
    ends.target.clear()
    report = await command(ends.job())
    assert report.code == 0, report.err
    ttl = await call(ends.there.url, "DescribeTimeToLive", {"TableName": ends.table})
    assert ttl["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"


async def test_shards_that_cannot_know_of_each_other(ends: Ends, command: Command) -> None:
    await create_table(ends.there.url, ends.table)
    ends.target.always("ListTagsOfResource", denied("ListTagsOfResource"))
    content = ends.job(source={"scanSegments": 4})
    right = f"dynamodb:ListTagsOfResource on table {ends.table}"
    refused(await command(content, "--shard", "0/2"), right, "shards")


async def test_names_that_may_not_be_listed_are_no_other_error(
    ends: Ends, command: Command
) -> None:
    ends.source.always("ListTables", denied("ListTables"))
    content = ends.job()
    content["source"]["table"] = "Nowhere"
    async with asyncio.timeout(stretched(60)):
        refused(await command(content), "source table Nowhere does not exist")
