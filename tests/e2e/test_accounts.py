"""Tables of several accounts: by their ARNs, of one name, and one table given twice."""

from collections.abc import AsyncIterator

import pytest

from tests.servers.client import call, create_table, fill, scan_all
from tests.servers.dynamodb_local import dynamodb_local as run_dynamodb_local
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Command, Job, Migrate, alternator, dynamodb, job
from tests.support.shapes import same_items
from tests.support.tables import numbered

pytestmark = pytest.mark.xdist_group("second servers")


@pytest.fixture
async def arn(moto_server: str, table_name: str) -> str:
    """The ARN of a table of 60 items on moto, which takes ARNs in place of names."""
    made = await create_table(moto_server, table_name)
    await fill(moto_server, table_name, numbered(60))
    tags = [{"Key": "team", "Value": "orders"}]
    await call(moto_server, "TagResource", {"ResourceArn": made["TableArn"], "Tags": tags})
    return str(made["TableArn"])


def by_arn(url: str, arn: str, **more: object) -> Job:
    """A source whose table is given by its ARN, and whose region by nothing else."""
    side = dynamodb(url, arn, **more)
    del side["region"]
    return side


async def test_a_source_by_its_arn(
    moto_server: str, arn: str, standin: StandIn, table_name: str, command: Command
) -> None:
    async with FaultProxy(moto_server, record=True) as proxy:
        target = alternator(standin.url, table_name)
        del target["table"]
        content = job(by_arn(proxy.url, arn), target)
        for word in ("plan", "run", "validate", "run"):
            report = await command(content, word=word)
            assert report.code == 0, report
        asked = [each for each in proxy.log if b"TableName" in each.body]
        assert {each.json()["TableName"] for each in asked} == {arn}
        scopes = {each.request.headers["Authorization"].split("/")[2] for each in asked}
        assert scopes == {"us-east-1"}
    assert same_items(standin.items(table_name), numbered(60))
    assert standin.store.tables[table_name].tags["team"] == "orders"


async def test_validation_mends_between_arns(
    moto_server: str, arn: str, table_name: str, command: Command
) -> None:
    copy = f"{table_name}-copy"
    there = await create_table(moto_server, copy)
    content = job(by_arn(moto_server, arn), by_arn(moto_server, there["TableArn"]))
    report = await command(content)
    assert report.code == 0, report
    await call(moto_server, "DeleteItem", {"TableName": copy, "Key": {"pk": {"S": "item 7"}}})
    report = await command(content, "--repair", word="validate")
    assert report.code == 0, report
    assert report.table["validation"]["repaired"] == 1
    assert same_items(await scan_all(moto_server, copy), numbered(60))


async def test_one_name_in_two_accounts(
    dynamodb_local: str, dynamodb_local_target: str, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, numbered(60))
    await create_table(dynamodb_local_target, table_name)
    sides = dynamodb(dynamodb_local, table_name), dynamodb(dynamodb_local_target, table_name)
    assert (await migrate(job(*sides))).done.items.written == 60


async def test_one_name_under_two_access_keys(table_name: str, migrate: Migrate) -> None:
    with run_dynamodb_local(shared=False) as url:
        await create_table(url, table_name)
        await fill(url, table_name, numbered(60))
        other = dynamodb(url, table_name, credentials={"accessKey": "other", "secretKey": "s"})
        assert (await migrate(job(dynamodb(url, table_name), other))).done.items.written == 60


@pytest.fixture
async def twice(dynamodb_local: str) -> AsyncIterator[tuple[str, str]]:
    """One DynamoDB behind two hosts."""
    async with FaultProxy(dynamodb_local) as proxy:
        yield dynamodb_local, proxy.url


async def test_one_table_behind_two_hosts(
    twice: tuple[str, str], table_name: str, migrate: Migrate
) -> None:
    await create_table(twice[0], table_name)
    sides = [dynamodb(url, table_name) for url in twice]
    failure = (await migrate(job(*sides), into_existing=True)).failure
    assert failure.exit_code == 2
    assert "same table" in str(failure)
    assert table_name in str(failure)


async def test_one_table_by_name_and_by_arn(
    moto_server: str, arn: str, table_name: str, command: Command
) -> None:
    content = job(dynamodb(moto_server, table_name), by_arn(moto_server, arn))
    report = await command(content, "--into-existing")
    assert report.code == 2
    assert f"source and target are the same table: {arn}" in report.err


async def test_one_alternator_table_through_two_nodes(
    standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name)
    async with FaultProxy(standin.url) as proxy:
        sides = alternator(standin.url, table_name), alternator(proxy.url, table_name)
        failure = (await migrate(job(*sides), into_existing=True)).failure
    assert failure.exit_code == 2
    assert "same table" in str(failure)
