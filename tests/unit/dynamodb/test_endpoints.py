"""Which hosts are AWS's own, in which region, and where their streams are."""

import pytest

from alternator_migrate.core.errors import UsageError
from alternator_migrate.dynamodb.endpoints import AwsHost, aws_host, region_at
from tests.support.endpoint_rules import REGIONS, by_rules


@pytest.mark.parametrize("dual_stack", [False, True], ids=["", "dual-stack"])
@pytest.mark.parametrize("fips", [False, True], ids=["", "fips"])
@pytest.mark.parametrize("region", REGIONS)
def test_hosts_and_streams_are_those_of_the_sdk(region: str, fips: bool, dual_stack: bool) -> None:
    url, streams = (
        by_rules(service, region, fips=fips, dual_stack=dual_stack)
        for service in ("dynamodb", "dynamodbstreams")
    )
    assert aws_host(url) == AwsHost(region, streams)


@pytest.mark.parametrize(
    ("url", "streams"),
    [
        ("dynamodb.amazonaws.com", "streams.dynamodb.us-east-1.amazonaws.com"),
        (
            "123456789012.ddb.eu-west-1.amazonaws.com",
            "streams.dynamodb.eu-west-1.amazonaws.com",
        ),
        ("123456789012.ddb.us-west-2.api.aws", "streams-dynamodb.us-west-2.api.aws"),
        (
            "123456789012.ddb.cn-north-1.api.amazonwebservices.com.cn",
            "streams-dynamodb.cn-north-1.api.amazonwebservices.com.cn",
        ),
        (
            "dynamodb-fips.us-gov-west-1.amazonaws.com",
            "streams.dynamodb.us-gov-west-1.amazonaws.com",
        ),
        ("dynamodb.eu-west-1.amazonaws.com.", "streams.dynamodb.eu-west-1.amazonaws.com"),
        ("dynamodb.eu-west-1.amazonaws.com:443", "streams.dynamodb.eu-west-1.amazonaws.com:443"),
        ("DynamoDB.EU-West-1.amazonaws.com", "streams.dynamodb.eu-west-1.amazonaws.com"),
        (
            "dynamodb.eusc-de-east-1.api.amazonwebservices.eu",
            "streams.dynamodb.eusc-de-east-1.api.amazonwebservices.eu",
        ),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_other_ways_to_write_one(scheme: str, url: str, streams: str) -> None:
    found = aws_host(f"{scheme}://{url}")
    assert found
    assert found.streams == f"{scheme}://{streams}"


@pytest.mark.parametrize(
    "host",
    [
        "vpce-0a1b-2c3d.dynamodb.eu-west-1.vpce.amazonaws.com",
        "vpce-0a1b-2c3d-eu-west-1a.dynamodb.eu-west-1.vpce.amazonaws.com",
        "vpce-0a1b-2c3d.dynamodb-fips.eu-west-1.vpce.amazonaws.com",
    ],
)
def test_a_vpc_endpoint_says_its_region_and_not_its_streams(host: str) -> None:
    assert aws_host(f"https://{host}") == AwsHost("eu-west-1", None)


def test_a_vpc_endpoint_in_china() -> None:
    host = "vpce-0a1b-2c3d.dynamodb.cn-north-1.vpce.amazonaws.com.cn"
    assert aws_host(f"https://{host}") == AwsHost("cn-north-1", None)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000",
        "http://dynamodb:8000",
        "http://dynamodb.example.com",
        "https://streams.dynamodb.eu-west-1.amazonaws.com",
        "https://dynamodb.eu-west-1.amazonaws.com.example.com",
        "https://not-dynamodb.eu-west-1.amazonaws.com",
        "https://s3.eu-west-1.amazonaws.com",
        "https://dynamodb.eu-west-1.amazonawsxcom",
    ],
)
def test_others_are_not_aws(url: str) -> None:
    assert aws_host(url) is None


def test_the_region_is_that_of_the_host_where_none_is_given() -> None:
    url = "https://dynamodb-fips.us-west-2.amazonaws.com"
    assert region_at(url, None) == region_at(url, "us-west-2") == "us-west-2"
    assert region_at("http://localhost:8000", None) is None
    assert region_at("http://localhost:8000", "any") == region_at(None, "any") == "any"


def test_a_region_that_contradicts_the_host_is_told() -> None:
    url = "https://vpce-0a.dynamodb.eu-central-1.vpce.amazonaws.com"
    with pytest.raises(UsageError, match=r"eu-west-1 contradicts .* eu-central-1") as told:
        region_at(url, "eu-west-1")
    assert "`region`" in told.value.hint
