"""Where the streams API is, for each kind of side."""

from pathlib import Path
from typing import Literal

import pytest

from alternator_migrate.config.access import CredentialsSettings, EndpointSettings
from alternator_migrate.config.settings import SideSettings
from alternator_migrate.connectors.service import open_service
from alternator_migrate.connectors.stream import StreamSource
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.endpoints import aws_host
from alternator_migrate.dynamodb.login import Login
from alternator_migrate.dynamodb.session import service_url, sign_in
from tests.e2e.signing import with_files
from tests.standin import StandIn
from tests.streams.conftest import SPEC, stream_of_new_table
from tests.support.endpoint_rules import by_rules

SERVICES: tuple[Literal["dynamodb"], Literal["dynamodbstreams"]] = ("dynamodb", "dynamodbstreams")
ONE_OF_EACH = (
    *("eu-west-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1"),
    *("us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1"),
)
"""A region of each partition."""
KEYS = CredentialsSettings(access_key="reader", secret_key="secret")


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-west-1", "https://streams.dynamodb.eu-west-1.amazonaws.com"),
        ("cn-north-1", "https://streams.dynamodb.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "https://streams.dynamodb.us-gov-west-1.amazonaws.com"),
    ],
)
async def test_aws_serves_streams_at_another_address(region: str, url: str) -> None:
    account = await sign_in(Login(access_key="a", secret_key="b"), region, patience=1.0)
    assert await service_url(account, "dynamodbstreams") == url
    host = aws_host(await service_url(account, "dynamodb"))
    assert host
    assert host.streams == url


@pytest.mark.parametrize("way", ["environment", "profile"])
@pytest.mark.parametrize("dual_stack", [False, True], ids=["", "dual-stack"])
@pytest.mark.parametrize("fips", [False, True], ids=["", "fips"])
@pytest.mark.parametrize("region", ONE_OF_EACH)
async def test_variants_that_the_settings_of_aws_choose(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    region: str,
    fips: bool,
    dual_stack: bool,
    way: str,
) -> None:
    settings = {"use_fips_endpoint": str(fips), "use_dualstack_endpoint": str(dual_stack)}
    environment = {f"aws_{name}".upper(): value for name, value in settings.items()}
    if way == "profile":
        environment = {**with_files(tmp_path, mine=settings), "AWS_PROFILE": "mine"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    account = await sign_in(Login(access_key="a", secret_key="b"), region, patience=1.0)
    for service in SERVICES:
        asked = await service_url(account, service)
        assert asked == by_rules(service, region, fips=fips, dual_stack=dual_stack)


async def test_the_region_of_dynamodb_local() -> None:
    account = await sign_in(Login(access_key="a", secret_key="b"), "local", patience=1.0)
    assert {await service_url(account, each) for each in SERVICES} == {"http://localhost:8000"}


async def test_dynamodb_local(dynamodb_local: str, table_name: str) -> None:
    arn = await stream_of_new_table(dynamodb_local, table_name)
    side = SideSettings(
        "dynamodb", table_name, "eu-west-1", EndpointSettings(url=dynamodb_local), KEYS
    )
    async with open_service("source", side, 4, 10.0) as service, service.streams() as streams:
        assert await StreamSource(DynamoDBClient(streams, Retry(5.0)), arn, SPEC).shards()


async def test_alternator_with_signatures() -> None:
    async with StandIn(nodes=2) as server:
        arn = await stream_of_new_table(server.url, "Example")
        server.auth = {"reader": "secret"}
        side = SideSettings(
            "alternator", "Example", None, EndpointSettings(urls=tuple(server.urls)), KEYS
        )
        async with open_service("source", side, 4, 10.0) as service, service.streams() as streams:
            assert streams.nodes is service.http.nodes
            source = StreamSource(DynamoDBClient(streams, Retry(5.0)), arn, SPEC)
            assert len(await source.shards()) == 128
            await server.kill(1)
            assert len(await source.shards()) == 128
