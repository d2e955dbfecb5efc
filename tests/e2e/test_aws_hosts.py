"""AWS's hosts, written out: a proxy plays AWS, by names that lead nowhere from here."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.conftest import RunCli
from tests.servers.client import call, create_table, fill, scan_all
from tests.servers.forwarder import Forwarder
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import KEYS, Job, alternator, job, write_config
from tests.support.shapes import same_items
from tests.support.tables import numbered

REGION = "eu-central-1"
UNITS: dict[str, Any] = {
    "ProvisionedThroughput": {"ReadCapacityUnits": 10, "WriteCapacityUnits": 10}
}
VPC = f"vpce-0a1b-2c3d.dynamodb.{REGION}.vpce.amazonaws.com"
FOLLOWING = {"cutover": {"maxLagSeconds": 5, "forSeconds": 0.2}}
UNTIL = ("--until-caught-up", "--summary-json", "summary.json")
HOSTS = {
    f"dynamodb.{REGION}.amazonaws.com": f"streams.dynamodb.{REGION}.amazonaws.com",
    f"dynamodb-fips.{REGION}.amazonaws.com": f"streams.dynamodb-fips.{REGION}.amazonaws.com",
    f"dynamodb.{REGION}.api.aws": f"streams-dynamodb.{REGION}.api.aws",
    f"123456789012.ddb.{REGION}.amazonaws.com": f"streams.dynamodb.{REGION}.amazonaws.com",
}


def at(host: str, table: str, **more: Any) -> Job:
    """A side at a host of AWS's, whose region the configuration does not say."""
    endpoint = {"url": f"http://{host}", **more.pop("endpoint", {})}
    return {"type": "dynamodb", "table": table, "endpoint": endpoint, "credentials": KEYS, **more}


def by(proxy: Forwarder, **more: str) -> Mapping[str, str]:
    """The environment in which all that is not on this machine goes by a proxy."""
    return {"HTTP_PROXY": proxy.url, "NO_PROXY": "127.0.0.1", **more}


@pytest.fixture
async def provisioned(dynamodb_local: str, table_name: str) -> str:
    """URL of a DynamoDB with a provisioned table of 30 items."""
    await create_table(dynamodb_local, table_name, **UNITS)
    await fill(dynamodb_local, table_name, numbered(30))
    return dynamodb_local


@pytest.mark.parametrize("host", HOSTS)
async def test_tables_and_streams_are_found_at_their_hosts(
    provisioned: str, standin: StandIn, table_name: str, run_cli: RunCli, tmp_path: Any, host: str
) -> None:
    hosts = dict.fromkeys((host, HOSTS[host]), provisioned)
    content = job(
        at(host, table_name), alternator(standin.url, table_name, streamChanges=True), **FOLLOWING
    )
    write_config(tmp_path, content)
    async with Forwarder(hosts=hosts) as proxy:
        result = await run_cli("run", "config.yaml", *UNTIL, env=by(proxy))
        assert result.code == 0, result
        assert proxy.asked[f"POST http://{HOSTS[host]}"] > 0
        assert {each.rpartition("/")[2] for each in proxy.asked} == set(hosts)
    assert same_items(standin.items(table_name), await scan_all(provisioned, table_name))


@pytest.mark.parametrize("host", [*HOSTS, VPC])
async def test_caps_of_provisioned_tables_hold_on_both_sides(
    provisioned: str, table_name: str, run_cli: RunCli, tmp_path: Any, host: str
) -> None:
    write_config(tmp_path, job(at(host, table_name), at(host, f"{table_name}.copy")))
    async with Forwarder(hosts={host: provisioned}) as proxy:
        result = await run_cli("plan", "config.yaml", env=by(proxy))
    assert result.code == 0, result
    assert result.out.count("50% of the 10 provisioned") == 1, result
    assert "5 units/s" in result.out


@pytest.mark.parametrize("way", ["configuration", "AWS_ENDPOINT_URL"])
async def test_the_region_is_that_of_the_host(
    provisioned: str, standin: StandIn, table_name: str, run_cli: RunCli, tmp_path: Any, way: str
) -> None:
    host = f"dynamodb.{REGION}.amazonaws.com"
    side, settings = at(host, table_name), {"AWS_REGION": "us-east-2"}
    if way != "configuration":
        del side["endpoint"]
        settings[way] = f"http://{host}"
    write_config(tmp_path, job(side, alternator(standin.url, table_name)))
    async with (
        FaultProxy(provisioned, record=True) as server,
        Forwarder(hosts={host: server.url}) as proxy,
    ):
        result = await run_cli("run", "config.yaml", env=by(proxy, **settings))
        asked = [each for each in server.log if each.request.method == "POST"]
    assert result.code == 0, result
    assert {each.operation for each in asked} >= {"DescribeTable", "Scan"}
    scope = f"/{REGION}/dynamodb/aws4_request"
    assert all(scope in each.request.headers["Authorization"] for each in asked)


async def test_a_region_that_contradicts_the_host(
    standin: StandIn, table_name: str, run_cli: RunCli, tmp_path: Any
) -> None:
    side = at(f"dynamodb.{REGION}.amazonaws.com", table_name, region="us-west-2")
    write_config(tmp_path, job(side, alternator(standin.url, table_name)))
    result = await run_cli("run", "config.yaml")
    assert result.code == 2
    assert f"us-west-2 contradicts the endpoint http://dynamodb.{REGION}" in result.err
    assert not standin.requests


async def test_streams_of_a_vpc_endpoint_are_asked_for_by_name(
    provisioned: str, standin: StandIn, table_name: str, run_cli: RunCli, tmp_path: Any
) -> None:
    target = alternator(standin.url, table_name, streamChanges=True)
    write_config(tmp_path, job(at(VPC, table_name), target, **FOLLOWING))
    async with Forwarder(hosts={VPC: provisioned}) as proxy:
        for command in (("run", *UNTIL), ("plan",)):
            result = await run_cli(command[0], "config.yaml", *command[1:], env=by(proxy))
            assert result.code == 2, result
            assert "source.endpoint.streamsUrl" in result.err
            assert f"https://streams.dynamodb.{REGION}.amazonaws.com where" in result.err
    assert not standin.store.tables
    described = await call(provisioned, "DescribeTable", {"TableName": table_name})
    assert "StreamSpecification" not in described["Table"]


@pytest.mark.parametrize("way", ["source.endpoint.streamsUrl", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS"])
async def test_streams_that_are_named_beside_an_endpoint(
    provisioned: str, standin: StandIn, table_name: str, run_cli: RunCli, tmp_path: Any, way: str
) -> None:
    streams = f"vpce-4d5e-6f.streams.dynamodb.{REGION}.vpce.amazonaws.com"
    named = way == "source.endpoint.streamsUrl"
    endpoint = {"streamsUrl": f"http://{streams}"} if named else {}
    settings = {} if named else {way: f"http://{streams}"}
    target = alternator(standin.url, table_name, streamChanges=True)
    write_config(tmp_path, job(at(VPC, table_name, endpoint=endpoint), target, **FOLLOWING))
    async with Forwarder(hosts={VPC: provisioned, streams: provisioned}) as proxy:
        result = await run_cli("run", "config.yaml", *UNTIL, env=by(proxy, **settings))
        assert result.code == 0, result
        assert proxy.asked[f"POST http://{streams}"] > 0
    (table,) = json.loads((tmp_path / "summary.json").read_text())["tables"]
    assert table["items"]["written"] == 30
