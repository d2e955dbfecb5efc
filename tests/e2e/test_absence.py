"""Tables that are not there: where they were looked for, and what may have been meant."""

import pytest

from tests.servers import faults
from tests.servers.client import create_table
from tests.servers.dynamodb_local import dynamodb_local as run_dynamodb_local
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import KEYS, Command, Migrate, alternator, dynamodb, job


async def missing(migrate: Migrate, source: dict[str, object], target: StandIn) -> str:
    """What is said of a source table that is not there."""
    failure = (await migrate(job(source, alternator(target.url, "Target")))).failure
    assert failure.exit_code == 2
    assert "CreateTable" not in target.requests
    return str(failure)


async def test_the_place_and_the_nearest_name_are_told(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    wrong = f"{table_name[:-1]}-"
    said = await missing(migrate, dynamodb(dynamodb_local, wrong), standin)
    assert f"{wrong} does not exist at {dynamodb_local} in region us-east-1" in said
    assert f"Did you mean {table_name}?" in said


async def test_other_capitals_are_near(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    said = await missing(migrate, dynamodb(dynamodb_local, table_name.upper()), standin)
    assert f"Did you mean {table_name}?" in said


async def test_a_name_beyond_the_first_page(standin: StandIn, migrate: Migrate) -> None:
    async with StandIn() as source:
        for number in range(120):
            await create_table(source.url, f"table-{number:03}-{'x' * number}")
        source.requests.clear()
        said = await missing(migrate, dynamodb(source.url, f"table-119-{'x' * 118}y"), standin)
        assert source.requests["ListTables"] == 2
    assert f"Did you mean table-119-{'x' * 119}?" in said


async def test_a_list_that_hangs_is_not_waited_for(
    dynamodb_local: str, standin: StandIn, migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alternator_migrate.dynamodb.absence._SECONDS", 0.2)
    async with FaultProxy(dynamodb_local) as proxy:
        proxy.always("ListTables", faults.hang())
        said = await missing(migrate, dynamodb(proxy.url, "Nowhere"), standin)
    assert "Nowhere does not exist" in said


async def test_a_dynamodb_local_that_is_not_shared(
    standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    with run_dynamodb_local(shared=False) as url:
        await create_table(url, table_name)
        keys = {"accessKey": "other", "secretKey": "other"}
        said = await missing(migrate, dynamodb(url, table_name, credentials=keys), standin)
        assert "see no table at all" in said
        assert "-sharedDb" in said
        assert "access key and region" in said
        said = await missing(migrate, {**dynamodb(url, table_name), "region": "eu-west-1"}, standin)
        assert "in region eu-west-1" in said
        assert "-sharedDb" in said


async def test_an_alternator_has_neither_regions_nor_sharing(
    standin: StandIn, migrate: Migrate
) -> None:
    async with StandIn() as source:
        await create_table(source.url, "Exampel")
        said = await missing(migrate, alternator(source.url, "Example"), standin)
    assert f"Example does not exist at {source.url}\n" in said
    assert "Did you mean Exampel?" in said
    assert "-sharedDb" not in said


@pytest.mark.parametrize("word", ["validate", "follow"])
async def test_a_target_that_is_not_there(standin: StandIn, command: Command, word: str) -> None:
    async with StandIn() as source:
        await create_table(source.url, "Example")
        await create_table(standin.url, "Exampel")
        content = job(
            {**dynamodb(source.url, "Example"), "credentials": KEYS},
            alternator(standin.url, "Example"),
        )
        report = await command(content, word=word)
    assert report.code == 2
    assert f"the target table Example does not exist at {standin.url}" in report.err
    assert "Did you mean Exampel?" in report.err
    assert "run" in report.err
