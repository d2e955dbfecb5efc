"""Who signs: keys, session tokens, profiles, roles; and servers that check it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.signing import signers, with_files
from tests.servers.client import Item, create_table, fill
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Command, Migrate, alternator, dynamodb, job
from tests.support.shapes import same_items

ITEMS: list[Item] = [{"pk": {"S": f"item {n}"}} for n in range(60)]


@pytest.fixture
async def source(dynamodb_local: str, table_name: str) -> str:
    """URL of a DynamoDB with a table of `ITEMS`."""
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, ITEMS)
    return dynamodb_local


@pytest.fixture
async def checking() -> AsyncIterator[StandIn]:
    """An Alternator that checks signatures."""
    async with StandIn(auth={"role": "secret"}) as server:
        yield server


async def test_right_keys(
    source: str, checking: StandIn, table_name: str, migrate: Migrate
) -> None:
    keys = {"accessKey": "role", "secretKey": "secret"}
    target = alternator(checking.url, table_name, credentials=keys)
    assert (await migrate(job(dynamodb(source, table_name), target))).done.items.written == 60
    assert same_items(checking.items(table_name), ITEMS)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"accessKey": "role", "secretKey": "wrong"}, "wrong signature"),
        ({"accessKey": "nobody", "secretKey": "secret"}, "User not found: nobody"),
        (None, "Authorization header is mandatory"),
    ],
    ids=["wrong secret", "unknown role", "unsigned"],
)
async def test_keys_that_are_refused(
    source: str,
    checking: StandIn,
    table_name: str,
    migrate: Migrate,
    keys: dict[str, str] | None,
    words: str,
) -> None:
    target = alternator(checking.url, table_name, **({"credentials": keys} if keys else {}))
    failure = (await migrate(job(dynamodb(source, table_name), target))).failure
    assert failure.exit_code == 2
    assert words in str(failure)
    assert "credentials" in failure.hint or "secret key" in failure.hint
    assert checking.store.tables == {}


async def test_an_alternator_without_credentials_gets_unsigned_requests(
    source: str, standin: StandIn, table_name: str, command: Command
) -> None:
    async with FaultProxy(standin.url, record=True) as proxy:
        content = job(dynamodb(source, table_name), alternator(proxy.url, table_name))
        environment = {"AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "none of its business"}
        report = await command(content, env=environment)
        assert report.code == 0, report.err
        assert signers(proxy) == set()
        assert "mine" not in str([dict(each.request.headers) for each in proxy.log])


async def test_a_session_token_goes_with_every_request(
    source: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    keys = {"accessKey": "temporary", "secretKey": "secret", "sessionToken": "tok/en+="}
    async with FaultProxy(source, record=True) as proxy:
        side = {**dynamodb(proxy.url, table_name), "credentials": keys}
        assert (await migrate(job(side, alternator(standin.url, table_name)))).done
        calls = [each for each in proxy.log if each.operation in {"DescribeTable", "Scan"}]
    assert {each.request.headers.get("X-Amz-Security-Token") for each in calls} == {"tok/en+="}
    signed = [each.request.headers["Authorization"] for each in calls]
    assert all("x-amz-security-token" in each for each in signed)


async def test_a_session_token_is_part_of_a_right_signature(
    source: str, checking: StandIn, table_name: str, migrate: Migrate
) -> None:
    keys = {"accessKey": "role", "secretKey": "secret", "sessionToken": "token"}
    target = alternator(checking.url, table_name, credentials=keys)
    assert (await migrate(job(dynamodb(source, table_name), target))).done.items.written == 60


async def test_the_environment_signs_when_nothing_is_configured(
    source: str, standin: StandIn, table_name: str, command: Command
) -> None:
    async with FaultProxy(source, record=True) as proxy:
        side = dynamodb(proxy.url, table_name)
        del side["credentials"]
        environment = {"AWS_ACCESS_KEY_ID": "FROMENV", "AWS_SECRET_ACCESS_KEY": "secret"}
        content = job(side, alternator(standin.url, table_name))
        report = await command(content, env=environment)
        assert report.code == 0, report.err
        assert signers(proxy) == {"FROMENV"}


async def test_no_credentials_at_all(
    source: str, standin: StandIn, table_name: str, command: Command
) -> None:
    side = dynamodb(source, table_name)
    del side["credentials"]
    report = await command(job(side, alternator(standin.url, table_name)))
    assert report.code == 2
    assert "no AWS credentials were found" in report.err
    assert "Traceback" not in report.err


async def test_a_profile_of_the_aws_files(
    source: str, checking: StandIn, table_name: str, command: Command, tmp_path: Path
) -> None:
    environment = with_files(
        tmp_path,
        there={"aws_access_key_id": "role", "aws_secret_access_key": "secret"},
        here={
            "aws_access_key_id": "FROMPROFILE",
            "aws_secret_access_key": "secret",
            "region": "eu-north-1",
        },
    )
    async with FaultProxy(source, record=True) as proxy:
        side = {**dynamodb(proxy.url, table_name), "credentials": {"profile": "here"}}
        del side["region"]
        target = alternator(checking.url, table_name, credentials={"profile": "there"})
        report = await command(job(side, target), env=environment)
        assert report.code == 0, report.err
        assert signers(proxy) == {"FROMPROFILE"}
        scopes = str([each.request.headers.get("Authorization") for each in proxy.log])
        assert "/eu-north-1/dynamodb/" in scopes


async def test_a_profile_that_does_not_exist(
    source: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    side = {**dynamodb(source, table_name), "credentials": {"profile": "no-such-profile"}}
    failure = (await migrate(job(side, alternator(standin.url, table_name)))).failure
    assert failure.exit_code == 2
    assert "no-such-profile" in str(failure)


async def test_no_secret_is_shown(
    source: str, checking: StandIn, table_name: str, command: Command, tmp_path: Path
) -> None:
    keys = {"accessKey": "role", "secretKey": "wRoNg/SeCrEt", "sessionToken": "SeSsIoN"}
    target = alternator(checking.url, table_name, credentials=keys)
    content = job(dynamodb(source, table_name), target)
    report = await command(content, "--log-level", "debug")
    assert report.code == 2
    said = report.out + report.err + json.dumps(report.summary)
    assert "wRoNg/SeCrEt" not in said
    assert "SeSsIoN" not in said
