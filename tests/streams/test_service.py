"""Where the streams API is, for each kind of side."""

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
from tests.standin import StandIn
from tests.streams.conftest import SPEC, stream_of_new_table

KEYS = CredentialsSettings(access_key="reader", secret_key="secret")


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-west-1", "https://streams.dynamodb.eu-west-1.amazonaws.com"),
        ("cn-north-1", "https://streams.dynamodb.cn-north-1.amazonaws.com.cn"),
    ],
)
async def test_aws_serves_streams_at_another_address(region: str, url: str) -> None:
    account = await sign_in(Login(access_key="a", secret_key="b"), region)
    assert await service_url(account, "dynamodbstreams") == url
    host = aws_host(await service_url(account, "dynamodb"))
    assert host
    assert host.streams == url


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "dynamodb-fips.eu-west-1.amazonaws.com"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "dynamodb.eu-west-1.api.aws"),
        (
            {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
            "dynamodb-fips.eu-west-1.api.aws",
        ),
    ],
)
async def test_variants_that_the_settings_of_aws_choose(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], host: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    account = await sign_in(Login(access_key="a", secret_key="b"), "eu-west-1")
    assert await service_url(account, "dynamodb") == f"https://{host}"
    assert await service_url(account, "dynamodbstreams") == f"https://streams.{host}"


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
