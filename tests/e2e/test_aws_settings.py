"""What AWS's own settings say: followed where it makes sense, told in one sentence where not."""

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from botocore.exceptions import EndpointConnectionError

from alternator_migrate.config.access import CredentialsSettings
from alternator_migrate.config.settings import SideSettings
from alternator_migrate.connectors.service import open_service
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.dynamodb.botocore_errors import refusing
from alternator_migrate.dynamodb.login import Login
from alternator_migrate.dynamodb.session import service_url, sign_in
from tests.e2e.signing import with_files
from tests.servers.client import create_table, fill
from tests.servers.exchange import Exchange, Fault, Reply
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import KEYS, Command, Job, Migrate, alternator, dynamodb, job
from tests.support.tables import numbered

NOWHERE = "http://127.0.0.1:1"
ROLE = "arn:aws:iam::123456789012:role/migration"


@pytest.fixture(autouse=True)
def hermetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the caller's AWS settings."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "no-such-file"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def at_aws(**more: Any) -> Job:
    """A source at AWS itself, to a target that nobody reaches."""
    side = {"type": "dynamodb", "table": "Example", "region": "eu-west-1", "credentials": KEYS}
    return job({**side, **more}, alternator(NOWHERE, "Example"))


@pytest.mark.parametrize("region", ["bad region", "eu_west", "eu/west"])
async def test_a_region_that_can_be_none(migrate: Migrate, region: str) -> None:
    failure = (await migrate(at_aws(region=region))).failure
    assert failure.exit_code == 2
    assert region in str(failure.args[0])
    assert "`region`" in failure.hint


ODD_REGIONS = ("регион", "eu-west-1\n", "eu\r\nX-A: 1", "a b", "eu/west", "a,b", "\u212a")


@pytest.mark.parametrize(
    ("way", "region"),
    [
        *itertools.product(("`region`", "AWS_REGION", "AWS_DEFAULT_REGION"), ODD_REGIONS),
        *(("profile", region) for region in ODD_REGIONS if "\n" not in region),
    ],
)
@pytest.mark.parametrize("endpoint", [None, NOWHERE], ids=["AWS", "custom endpoint"])
async def test_a_region_that_no_request_can_be_signed_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    region: str,
    endpoint: str | None,
) -> None:
    if way == "profile":
        set_all(
            monkeypatch, {**with_files(tmp_path, mine={"region": region}), "AWS_PROFILE": "mine"}
        )
    elif way != "`region`":
        monkeypatch.setenv(way, region)
    given = region if way == "`region`" else None
    with pytest.raises(UsageError) as told:
        await sign_in(Login("a", "b"), given, patience=1.0, endpoint=endpoint)
    assert repr(region) in str(told.value.args[0])
    assert way in str(told.value.args[0])
    assert way in told.value.hint


async def test_a_region_that_only_others_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "any_word")
    account = await sign_in(Login("a", "b"), None, patience=1.0, endpoint=NOWHERE)
    assert account.region == "any_word"


async def test_the_region_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert (await sign_in(Login("a", "b"), None, patience=1.0)).region == "eu-west-2"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    account = await sign_in(Login("a", "b"), None, patience=1.0)
    assert account.region == "eu-west-3"
    assert await service_url(account, "dynamodb") == "https://dynamodb.eu-west-3.amazonaws.com"
    assert (await sign_in(Login("a", "b"), "eu-west-1", patience=1.0)).region == "eu-west-1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_DEFAULTS_MODE", "bad"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "bad"),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "bad"),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "bad"),
        ("AWS_ENDPOINT_URL", "foo"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000/path"),
        ("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "localhost:8000"),
    ],
)
async def test_a_variable_that_is_wrong(
    migrate: Migrate, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    failure = (await migrate(at_aws())).failure
    assert failure.exit_code == 2
    assert value in str(failure.args[0])
    assert "AWS_" in failure.hint


@pytest.mark.parametrize("name", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
@pytest.mark.parametrize("content", [b"no = section\n", b"\xff\xfe\x00"], ids=["text", "binary"])
async def test_a_file_that_is_no_ini(
    migrate: Migrate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    file = tmp_path / "aws"
    file.write_bytes(content)
    monkeypatch.setenv(name, str(file))
    failure = (await migrate(at_aws())).failure
    assert failure.exit_code == 2
    assert str(file) in str(failure.args[0])
    assert name in failure.hint


async def test_a_profile_with_a_wrong_setting(
    migrate: Migrate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = {
        "defaults_mode": "bad",
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
    }
    set_all(monkeypatch, with_files(tmp_path, mine=profile))
    failure = (await migrate(at_aws(credentials={"profile": "mine"}))).failure
    assert failure.exit_code == 2
    assert "defaults mode" in str(failure.args[0])
    assert "profile" in failure.hint


async def test_a_wrong_setting_is_one_error_of_the_command(command: Command) -> None:
    report = await command(at_aws(), env={"AWS_DEFAULTS_MODE": "bad"})
    assert report.code == 2
    assert report.err.count("Error: ") == 1
    assert "Traceback" not in report.err


async def failure_of_role(migrate: Migrate, arn: str, words: str, hint: str) -> None:
    """A role that cannot be assumed is told with these words and this hint."""
    keys = {**KEYS, "assumeRole": {"arn": arn}}
    failure = (await migrate(at_aws(credentials=keys))).failure
    assert failure.exit_code == 2
    assert arn in str(failure.args[0])
    assert words in str(failure.args[0])
    assert hint in failure.hint
    assert "network" not in failure.hint


async def test_a_role_that_is_no_arn(migrate: Migrate) -> None:
    await failure_of_role(migrate, "admin", "RoleArn", "credentials.assumeRole")


async def test_a_role_that_sts_does_not_take(
    migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: Exchange) -> web.StreamResponse:
        error = "<Code>ValidationError</Code><Message>it is invalid</Message>"
        body = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
        return Reply(400, body.encode(), {"Content-Type": "text/xml"}).response()

    async with FaultProxy(NOWHERE) as sts:
        sts.always("POST /", Fault("refuses", refuse))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        arn = "arn:aws:iam::12:role-with-nothing"
        await failure_of_role(migrate, arn, "it is invalid", "credentials.assumeRole")


def test_a_service_that_cannot_be_reached_is_no_fault_of_the_role() -> None:
    with pytest.raises(MigrateError) as told, refusing("assuming a role", "Check the role."):
        raise EndpointConnectionError(endpoint_url=NOWHERE)
    assert NOWHERE in str(told.value)
    assert "network" in told.value.hint


@pytest.mark.parametrize(
    ("profile", "words", "hint"),
    [
        ({"credential_process": "{python} -c exit(1)"}, "custom-process", "credential_process"),
        ({"credential_process": "{python} -c print(1"}, "custom-process", "credential_process"),
        ({"credential_process": "echo no-json"}, "cannot be read", "credential_process"),
        ({"credential_process": "/no/such/program"}, "/no/such/program", "credential_process"),
        ({"role_arn": ROLE, "source_profile": "gone"}, "gone", "profile"),
        (
            {"role_arn": ROLE, "web_identity_token_file": "/no/such/token"},
            "No such file or directory: /no/such/token",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
        ),
        (
            {
                "sso_start_url": "https://sso.example.com/start",
                "sso_region": "eu-west-1",
                "sso_account_id": "123456789012",
                "sso_role_name": "reader",
            },
            "SSO",
            "aws sso login",
        ),
    ],
    ids=["process fails", "process raises", "no json", "no process", "source", "token", "sso"],
)
async def test_a_profile_whose_credentials_cannot_be_had(
    migrate: Migrate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    profile: dict[str, str],
    words: str,
    hint: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settled = {key: value.replace("{python}", sys.executable) for key, value in profile.items()}
    set_all(monkeypatch, with_files(tmp_path, mine=settled))
    failure = (await migrate(at_aws(credentials={"profile": "mine"}))).failure
    assert failure.exit_code == 2
    assert words in str(failure.args[0])
    assert "\n" not in str(failure.args[0])
    assert hint in failure.hint
    assert "network" not in failure.hint


async def test_no_credentials_for_a_local_server(command: Command) -> None:
    side = {"type": "dynamodb", "table": "Example", "endpoint": {"url": NOWHERE}}
    report = await command(job(side, alternator(NOWHERE, "Other")))
    assert report.code == 2
    assert "no AWS credentials were found" in report.err
    assert "AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x" in report.err


@pytest.mark.parametrize("way", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "profile"])
async def test_an_endpoint_that_the_settings_name(
    migrate: Migrate, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    async with StandIn(record=True) as source:
        await create_table(source.url, "Example")
        await fill(source.url, "Example", numbered(60))
        source.log.clear()
        profile = {"endpoint_url": source.url} if way == "profile" else {"output": "json"}
        set_all(monkeypatch, with_files(tmp_path, mine=profile))
        monkeypatch.setenv("AWS_PROFILE", "mine")
        if way != "profile":
            monkeypatch.setenv(way, source.url)
        side = {"type": "dynamodb", "table": "Example", "credentials": KEYS}
        content = job(side, alternator(standin.url, "Example"))
        assert (await migrate(content)).done.items.written == 60
        assert {operation for operation, _ in source.log} >= {"DescribeTable", "Scan"}


async def test_an_endpoint_of_the_configuration_comes_first(
    migrate: Migrate, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with StandIn() as source:
        await create_table(source.url, "Example")
        await fill(source.url, "Example", numbered(60))
        monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
        content = job(dynamodb(source.url, "Example"), alternator(standin.url, "Example"))
        assert (await migrate(content)).done.items.written == 60


async def test_endpoints_of_the_settings_can_be_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    account = await sign_in(Login("a", "b"), "eu-west-1", patience=1.0)
    assert account.url is None
    url = await service_url(account, "dynamodb")
    assert url == "https://dynamodb.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("apart", [False, True])
async def test_streams_of_a_table_at_an_endpoint_of_the_settings(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    streams = "http://127.0.0.1:2" if apart else standin.url
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", standin.url)
    if apart:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", streams)
    keys = CredentialsSettings(access_key="reader", secret_key="secret")
    side = SideSettings("dynamodb", "Example", None, None, keys)
    async with open_service("source", side, 4, 10.0) as service, service.streams() as http:
        assert not service.own, "a custom endpoint is not capped"
        assert service.http.nodes.contacts == (standin.url,)
        assert http.nodes.contacts == (streams,)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Set these variables."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
