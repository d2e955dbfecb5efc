"""Roles: assumed before anything is read, and again before their keys expire."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from alternator_migrate.core.errors import MigrateError, OutOfTime, Unavailable
from alternator_migrate.dynamodb.login import Login
from alternator_migrate.dynamodb.session import sign_in
from tests.e2e.signing import signers, with_files
from tests.servers import faults
from tests.servers.client import create_table, fill
from tests.servers.exchange import Exchange, Fault, Reply
from tests.servers.patience import stretched
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.cli import until
from tests.support.jobs import Command, Migrate, alternator, dynamodb, job
from tests.support.tables import numbered

ROLE = "arn:aws:iam::123456789012:role/migration"
ASSUMING = "POST /"
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
async def source(dynamodb_local: str, table_name: str) -> str:
    """URL of a DynamoDB with a table of 60 items."""
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, numbered(60))
    return dynamodb_local


def refusal(status: int, code: str, words: str) -> Reply:
    """What STS says instead of an answer."""
    error = f"<Type>Sender</Type><Code>{code}</Code><Message>{words}</Message>"
    body = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
    return Reply(status, body.encode(), {"Content-Type": "text/xml"})


def refusing(status: int, code: str) -> Fault:
    """A fault by which STS says that."""

    async def refuse(_: Exchange) -> web.StreamResponse:
        return refusal(status, code, f"the words of {code}").response()

    return Fault(code, refuse)


ANSWERS = (refusing(400, "Throttling"), refusing(503, "ServiceUnavailable"))
PASSING = (*ANSWERS, faults.reset_before())
LONG = 5
"""More attempts than any SDK makes by itself."""


class Sts:
    """Roles, whose keys soon expire; each assumption gives another access key."""

    def __init__(self, lifetime: timedelta) -> None:
        self.assumed = 0
        self.name = "ASSUMED"
        self.broken_after = 1000
        self._lifetime = lifetime

    async def answer(self, _: Exchange) -> web.StreamResponse:
        """An answer to AssumeRole, in XML."""
        self.assumed += 1
        if self.assumed > self.broken_after:
            return refusal(403, "AccessDenied", "no longer yours").response()
        end = (datetime.now(UTC) + self._lifetime).isoformat(timespec="seconds")
        keys = {
            "AccessKeyId": f"{self.name}{self.assumed}",
            "SecretAccessKey": "secret",
            "SessionToken": f"token{self.assumed}",
            "Expiration": end,
        }
        parts = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
        body = f"<AssumeRoleResult><Credentials>{parts}</Credentials></AssumeRoleResult>"
        body = f"<AssumeRoleResponse>{body}</AssumeRoleResponse>"
        return Reply(200, body.encode(), {"Content-Type": "text/xml"}).response()


def assuming(url: str, table: str, **more: Any) -> dict[str, Any]:
    """A source read in a role."""
    keys = {"accessKey": "base", "secretKey": "secret", "assumeRole": {"arn": ROLE, **more}}
    return {**dynamodb(url, table, scanSegments=4), "credentials": keys}


@pytest.mark.xdist_group("second servers")
@pytest.mark.parametrize("by", ["configuration", "profile"])
async def test_a_role(
    moto_server: str,
    source: str,
    standin: StandIn,
    table_name: str,
    command: Command,
    tmp_path: Path,
    by: str,
) -> None:
    base = {"aws_access_key_id": "base", "aws_secret_access_key": "secret"}
    role = {"role_arn": ROLE, "source_profile": "base", "role_session_name": "mine"}
    async with FaultProxy(source, record=True) as proxy, FaultProxy(moto_server) as sts:
        environment = with_files(tmp_path, base=base, role=role)
        environment["AWS_ENDPOINT_URL_STS"] = sts.url
        side = assuming(proxy.url, table_name, sessionName="mine")
        if by == "profile":
            side["credentials"] = {"profile": "role"}
        report = await command(job(side, alternator(standin.url, table_name)), env=environment)
        assert report.code == 0, report.err
        assert report.table["items"]["written"] == 60
        assert "base" not in signers(proxy)
        assert sts.requests[ASSUMING] >= 1
        tokens = {each.request.headers.get("X-Amz-Security-Token") for each in proxy.log[1:]}
        assert len(tokens) == 1
        assert None not in tokens


async def test_a_role_is_assumed_again_before_its_keys_expire(
    source: str, standin: StandIn, table_name: str, migrate: Migrate, monkeypatch: Any
) -> None:
    roles = Sts(timedelta(minutes=2))
    async with (
        FaultProxy(source, record=True, page_limit=5) as proxy,
        FaultProxy(NOWHERE) as sts,
    ):
        sts.always(ASSUMING, Fault("role", roles.answer))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        content = job(assuming(proxy.url, table_name), alternator(standin.url, table_name))
        assert (await migrate(content)).done.items.written == 60
        used = signers(proxy, "Scan")
    assert roles.assumed > 2
    assert used <= {f"ASSUMED{n + 1}" for n in range(roles.assumed)}
    assert len(used) > 2


async def test_a_role_that_is_taken_away_under_way(
    source: str, standin: StandIn, table_name: str, command: Command
) -> None:
    roles = Sts(timedelta(minutes=2))

    async def take_away(exchange: Exchange) -> web.StreamResponse:
        roles.broken_after = 0
        return (await exchange.forward(exchange.body)).response()

    async with (
        FaultProxy(source, page_limit=2) as proxy,
        FaultProxy(NOWHERE) as sts,
    ):
        sts.always(ASSUMING, Fault("role", roles.answer))
        proxy.script("Scan", None, None, Fault("takes the role away", take_away))
        content = job(assuming(proxy.url, table_name), alternator(standin.url, table_name))
        content["retryBudgetSeconds"] = stretched(2)
        report = await command(content, env={"AWS_ENDPOINT_URL_STS": sts.url})
    assert report.code == 1
    assert "no longer yours" in report.err
    assert "Traceback" not in report.err
    assert report.summary["status"] == "failed"


async def test_a_role_that_may_not_be_assumed(
    source: str, standin: StandIn, table_name: str, migrate: Migrate, monkeypatch: Any
) -> None:
    roles = Sts(timedelta(minutes=2))
    roles.broken_after = 0
    async with FaultProxy(NOWHERE) as sts:
        sts.always(ASSUMING, Fault("role", roles.answer))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        content = job(assuming(source, table_name), alternator(standin.url, table_name))
        failure = (await migrate(content)).failure
    assert failure.exit_code == 2
    assert ROLE in str(failure)
    assert "no longer yours" in str(failure)


def role_by(way: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Login:
    """A login in the role, which the configuration names, or a profile."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # botocore repeats what is asked for by a profile
    if way == "configuration":
        return Login("base", "secret", role_arn=ROLE)
    base = {"aws_access_key_id": "base", "aws_secret_access_key": "secret"}
    role = {"role_arn": ROLE, "source_profile": "base"}
    for name, value in with_files(folder, base=base, role=role).items():
        monkeypatch.setenv(name, value)
    return Login(profile="role")


@pytest.mark.parametrize("way", ["configuration", "profile"])
@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
async def test_a_long_trouble_of_sts_is_waited_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    way: str,
) -> None:
    login = role_by(way, tmp_path, monkeypatch)
    async with FaultProxy(NOWHERE) as sts:
        sts.script(ASSUMING, *[fault] * LONG)
        sts.always(ASSUMING, Fault("role", Sts(timedelta(hours=1)).answer))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        with caplog.at_level(logging.WARNING, "alternator_migrate"):
            account = await sign_in(login, "eu-west-1", patience=60.0)
        assert sts.faults[fault.name] == LONG
    assert account.credentials
    assert (await account.credentials()).access_key == "ASSUMED1"
    told = [each.getMessage() for each in caplog.records if "giving up in" in each.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("AWS ")
    assert (ROLE if way == "configuration" else "profile 'role'") in told[0]


@pytest.mark.parametrize("way", ["configuration", "profile"])
@pytest.mark.parametrize("fault", ANSWERS, ids=lambda fault: fault.name)
async def test_sts_is_given_up_within_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, way: str
) -> None:
    login = role_by(way, tmp_path, monkeypatch)
    async with FaultProxy(NOWHERE) as sts:
        sts.always(ASSUMING, fault)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        with pytest.raises(OutOfTime, match=r"gave up after \d+ attempts") as told:
            await sign_in(login, "eu-west-1", patience=0.5)
    assert f"{fault.name}: the words of {fault.name}" in str(told.value)
    assert "retryBudgetSeconds" in told.value.hint
    assert "credentials.assumeRole" not in str(told.value)


async def test_refreshed_keys_that_can_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    roles = Sts(timedelta(minutes=2))
    async with FaultProxy(NOWHERE) as sts:
        sts.always(ASSUMING, Fault("role", roles.answer))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        login = Login("base", "secret", role_arn=ROLE)
        account = await sign_in(login, "eu-west-1", patience=1.0)
        assert account.credentials
        roles.name = "schlüssel"
        with pytest.raises(Unavailable, match="refreshing the credentials: the access key") as told:
            await account.credentials()
        assert roles.name not in str(told.value)
        roles.name = "AGAIN"
        assert (await account.credentials()).access_key.startswith("AGAIN")


async def test_a_connection_that_could_not_be_made_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", NOWHERE)
    login = Login("base", "secret", role_arn=ROLE)
    async with FaultProxy(NOWHERE) as sts:
        sts.always(ASSUMING, Fault("role", Sts(timedelta(hours=1)).answer))
        signing = asyncio.create_task(sign_in(login, "eu-west-1", patience=60.0))
        await until(lambda: "giving up in" in caplog.text)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        assert (await signing).credentials


async def test_an_sts_that_is_not_there_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", NOWHERE)
    with pytest.raises(MigrateError, match=NOWHERE) as told:
        await sign_in(Login("base", "secret", role_arn=ROLE), "eu-west-1", patience=600.0)
    assert "network" in told.value.hint
