"""What cannot be mended by waiting: a clear end, soon, without a traceback."""

import json
import socket
import time

import pytest
from aiohttp import web

from tests.servers import faults
from tests.servers.client import Item, create_table, fill
from tests.servers.exchange import Exchange, Fault, Reply
from tests.servers.patience import stretched
from tests.servers.proxy import ANY, FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Command, Job, Migrate, Report, alternator, dynamodb, job

ITEMS: list[Item] = [{"pk": {"S": f"item {n}"}} for n in range(40)]
SEGMENTS = 2


def access_denied() -> Fault:
    """400 AccessDeniedException."""
    kind = "com.amazonaws.dynamodb.v20120810#AccessDeniedException"
    body = json.dumps({"__type": kind, "Message": "User: a is not authorized to perform: b"})

    async def act(_: Exchange) -> web.StreamResponse:
        return Reply(400, body.encode()).response()

    return Fault("access_denied", act)


FATAL = (
    (faults.validation("The filter is wrong"), "The filter is wrong"),
    (access_denied(), "is not authorized to perform"),
    (faults.expired_token(), "token included in the request is expired"),
    (faults.html_200(), "answer to"),
    (faults.wrong_json(), "answer to"),
    (faults.wrong_json(b"[]"), "answer to"),
    (faults.redirect_301(), "301"),
)


def named(value: object) -> str | None:
    """A name for a test."""
    return value.name if isinstance(value, Fault) else ""


@pytest.fixture
async def source(dynamodb_local: str, table_name: str) -> str:
    """URL of a DynamoDB with a table of `ITEMS`."""
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, ITEMS)
    return dynamodb_local


def ends_clearly(report: Report, code: int, words: str) -> None:
    """Check how a command failed."""
    assert report.code == code, report
    assert words in report.err
    assert "Traceback" not in report.err
    assert "Error: " in report.err
    assert report.summary["status"] == "failed"
    assert words in report.summary["error"]


@pytest.mark.parametrize(("fault", "words"), FATAL, ids=named)
async def test_answers_of_the_source(
    source: str,
    standin: StandIn,
    table_name: str,
    migrate: Migrate,
    fault: Fault,
    words: str,
) -> None:
    async with FaultProxy(source) as proxy:
        proxy.always("Scan", fault)
        side = dynamodb(proxy.url, table_name, scanSegments=SEGMENTS)
        ending = await migrate(job(side, alternator(standin.url, table_name)))
        assert proxy.requests["Scan"] <= SEGMENTS, "repeated, or a redirect was followed"
        assert not proxy.requests["GET /elsewhere"]
    assert ending.failure.exit_code == 1
    assert words in str(ending.failure)


@pytest.mark.parametrize(("fault", "words"), FATAL[1:], ids=named)
async def test_answers_of_the_target(
    source: str,
    standin: StandIn,
    table_name: str,
    migrate: Migrate,
    fault: Fault,
    words: str,
) -> None:
    async with FaultProxy(standin.url) as proxy:
        proxy.always("BatchWriteItem", fault)
        side = dynamodb(source, table_name, scanSegments=SEGMENTS)
        ending = await migrate(job(side, alternator(proxy.url, table_name)))
        assert proxy.requests["BatchWriteItem"] <= SEGMENTS
    assert ending.failure.exit_code == 1
    assert words in str(ending.failure)


@pytest.mark.parametrize(
    "fault", [faults.html_200(), faults.wrong_json(b"no JSON"), faults.redirect_301()], ids=named
)
@pytest.mark.parametrize("side", ["source", "target"])
async def test_an_endpoint_that_is_no_such_server(
    source: str,
    standin: StandIn,
    table_name: str,
    migrate: Migrate,
    side: str,
    fault: Fault,
) -> None:
    upstream = source if side == "source" else standin.url
    async with FaultProxy(upstream) as proxy:
        proxy.always(ANY, fault)
        urls = {"source": source, "target": standin.url} | {side: proxy.url}
        there = alternator(urls["target"], table_name)
        ending = await migrate(job(dynamodb(urls["source"], table_name), there))
    assert ending.failure.exit_code == 2
    assert proxy.url in str(ending.failure) or side in str(ending.failure)
    assert "CreateTable" not in standin.requests


@pytest.mark.parametrize("fault", [access_denied(), faults.expired_token()], ids=named)
async def test_refusals_before_anything_is_written(
    source: str, standin: StandIn, table_name: str, migrate: Migrate, fault: Fault
) -> None:
    async with FaultProxy(source) as proxy:
        proxy.always("DescribeTable", fault)
        side = dynamodb(proxy.url, table_name)
        ending = await migrate(job(side, alternator(standin.url, table_name)))
    assert ending.failure.exit_code == 2
    assert "DescribeTable" in str(ending.failure)
    assert "CreateTable" not in standin.requests


async def test_a_wrong_filter(
    source: str, standin: StandIn, table_name: str, command: Command
) -> None:
    wrong = {"expression": "begins_with(pk, 5", "values": {}}
    side = dynamodb(source, table_name, filter=wrong)
    started = time.monotonic()
    report = await command(job(side, alternator(standin.url, table_name)))
    assert time.monotonic() - started < stretched(15)
    assert report.code == 2
    assert "source.filter" in report.err
    assert "Traceback" not in report.err
    assert table_name not in standin.store.tables


async def test_a_scan_without_end(
    source: str, standin: StandIn, table_name: str, command: Command
) -> None:
    async with FaultProxy(source) as proxy:
        proxy.always("Scan", faults.endless())
        side = dynamodb(proxy.url, table_name, scanSegments=1)
        report = await command(job(side, alternator(standin.url, table_name)))
        assert proxy.requests["Scan"] <= 3
    ends_clearly(report, 1, "LastEvaluatedKey")


@pytest.mark.parametrize(
    "fault",
    [faults.internal_500(), faults.throttle(), faults.reset_before(), faults.unprocessed_all()],
    ids=named,
)
async def test_a_target_that_never_recovers(
    source: str, standin: StandIn, table_name: str, migrate: Migrate, fault: Fault
) -> None:
    async with FaultProxy(standin.url) as proxy:
        proxy.always("BatchWriteItem", fault)
        content = job(dynamodb(source, table_name), alternator(proxy.url, table_name))
        started = time.monotonic()
        ending = await migrate(content | {"retryBudgetSeconds": 1})
        assert time.monotonic() - started < stretched(6)
    assert ending.failure.exit_code == 1
    assert "retryBudgetSeconds" in str(ending.failure)
    assert "gave up" in str(ending.failure)
    assert ending.progress is not None
    assert ending.progress.retries > 0


@pytest.mark.parametrize("side", ["source", "target"])
async def test_a_server_that_never_recovers_is_quoted(
    source: str, standin: StandIn, table_name: str, command: Command, side: str
) -> None:
    operation = {"source": "Scan", "target": "BatchWriteItem"}[side]
    upstream = source if side == "source" else standin.url
    async with FaultProxy(upstream) as proxy:
        proxy.always(operation, faults.internal_500())
        urls = {"source": source, "target": standin.url} | {side: proxy.url}
        content: Job = job(
            dynamodb(urls["source"], table_name), alternator(urls["target"], table_name)
        )
        report = await command(content | {"retryBudgetSeconds": 2})
    ends_clearly(report, 1, "InternalServerError: Internal server error")
    assert operation in report.err
    assert 0 < report.summary["seconds"] < stretched(8)
    if side == "source":
        assert not report.summary["tables"], "a target was made for a source that cannot be read"
    else:
        assert report.table["items"]["written"] == 0


@pytest.mark.parametrize("side", ["source", "target"])
async def test_nobody_listens(
    source: str, standin: StandIn, table_name: str, command: Command, side: str
) -> None:
    with socket.socket() as held:
        # Bound and not listening: nobody else can take the port, and connections are refused.
        held.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{held.getsockname()[1]}"
        urls = {"source": source, "target": standin.url} | {side: nowhere}
        there = alternator(urls["target"], table_name)
        report = await command(job(dynamodb(urls["source"], table_name), there))
    ends_clearly(report, 2, nowhere)
    assert report.err.count("Error: ") == 1
    assert f"cannot reach the {side}" in report.err
    assert "CreateTable" not in standin.requests


async def test_a_target_that_dies_under_way(
    source: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    async with FaultProxy(source, page_limit=5) as proxy:
        proxy.script("Scan", None, None, None, faults.slow(0.6))
        side = dynamodb(proxy.url, table_name, scanSegments=1)
        content = job(side, alternator(standin.url, table_name), retryBudgetSeconds=stretched(1))

        async def dies(exchange: Exchange) -> web.StreamResponse:
            await standin.kill(0)
            return (await exchange.forward(exchange.body)).response()

        proxy.script("Scan", None, None, None, None, Fault("dies", dies))
        ending = await migrate(content)
    assert ending.failure.exit_code == 1
    assert "gave up" in str(ending.failure)
    assert ending.progress is not None
    assert ending.progress.items.written <= len(standin.items(table_name)) < len(ITEMS)
