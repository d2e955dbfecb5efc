"""Ends that are absent, elsewhere, closed or something else: refused before anything is written."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.conftest import RunCli
from tests.servers.client import create_table, fill
from tests.servers.patience import stretched
from tests.servers.process import free_port
from tests.servers.tls import self_signed
from tests.servers.web import serving
from tests.standin import StandIn
from tests.support.cli import (
    TABLE,
    Ends,
    deaf_server,
    flags,
    one_error,
    only_read,
    signed,
)

AWS = ("--table", TABLE, "--target-endpoint", "http://127.0.0.1:1")


@asynccontextmanager
async def web_server(status: int) -> AsyncIterator[str]:
    """URL of a web server that answers a page of HTML to everything."""

    async def page(_: web.Request) -> web.Response:
        text = "<html><body><h1>Welcome</h1></body></html>"
        return web.Response(text=text, status=status, content_type="text/html")

    async with serving(page) as url:
        yield url


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[tuple[StandIn, Path]]:
    """A target that speaks TLS, and its certificate."""
    context, certificate = await self_signed(tmp_path)
    async with StandIn(tls=context, record=True) as server:
        yield server, certificate


async def test_a_profile_that_does_not_exist(run_cli: RunCli, tmp_path: Path) -> None:
    files = tmp_path / "aws-config"
    files.write_text("[profile other]\nregion = us-east-1\n")
    told = one_error(
        await run_cli(
            *("run", *AWS, "--source-profile", "nobody"), env={"AWS_CONFIG_FILE": str(files)}
        )
    )
    assert "nobody" in told
    assert "credentials.profile" in told


async def test_no_credentials_at_all_are_told_soon(run_cli: RunCli) -> None:
    async with deaf_server() as metadata:
        instance = {
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{metadata.url}/",
        }
        began = time.monotonic()
        result = await run_cli("run", *AWS, "--source-region", "eu-west-1", env=instance)
    assert time.monotonic() - began < stretched(15)
    told = one_error(result)
    assert "credentials" in told
    assert "AWS_ACCESS_KEY_ID" in told


async def test_half_of_the_keys_in_the_environment(run_cli: RunCli) -> None:
    half = {"AWS_ACCESS_KEY_ID": "alice"}
    told = one_error(await run_cli("run", *AWS, "--source-region", "eu-west-1", env=half))
    assert "aws_secret_access_key" in told.lower()
    assert "Check" in told


async def test_no_region(run_cli: RunCli) -> None:
    told = one_error(await run_cli("run", *AWS, env=signed()))
    assert "region" in told
    assert "AWS_REGION" in told


async def test_a_source_table_that_is_not_there(run_cli: RunCli, ends: Ends) -> None:
    told = one_error(await run_cli("run", *ends.flags(table="Nowhere"), env=signed()))
    assert "source table Nowhere does not exist" in told
    assert "source.table" in told
    assert only_read(ends.target)


@pytest.mark.parametrize(("command", "side"), [("run", "source"), ("plan", "target")])
async def test_an_end_where_nobody_listens(
    run_cli: RunCli, ends: Ends, command: str, side: str
) -> None:
    closed = f"http://127.0.0.1:{free_port()}"
    moved = (f"--{side}-endpoint", closed)
    told = one_error(await run_cli(command, *ends.flags(*moved), env=signed()))
    assert f"cannot reach the {side}" in told
    assert closed in told
    assert f"{side}.endpoint" in told
    assert only_read(ends.target)


@pytest.mark.parametrize(("side", "status"), [("source", 200), ("target", 200), ("target", 404)])
async def test_an_end_that_is_some_web_server(
    run_cli: RunCli, ends: Ends, side: str, status: int
) -> None:
    async with web_server(status) as url:
        moved = (f"--{side}-endpoint", url)
        told = one_error(await run_cli("run", *ends.flags(*moved), env=signed()))
    assert url in told or f"{side}.endpoint" in told, "which of the two ends is it?"
    assert "endpoint" in told, "the remedy"
    assert only_read(ends.target)


async def test_http_spoken_to_a_tls_port(
    run_cli: RunCli, ends: Ends, secure: tuple[StandIn, Path]
) -> None:
    url = secure[0].url.replace("https:", "http:")
    told = one_error(await run_cli("run", *flags(ends.source.url, url), env=signed()))
    assert url in told
    assert "target.endpoint" in told
    assert not secure[0].log


async def test_tls_spoken_to_an_http_port(run_cli: RunCli, ends: Ends) -> None:
    url = ends.target.url.replace("http:", "https:")
    told = one_error(await run_cli("run", *flags(ends.source.url, url), env=signed()))
    assert url in told
    assert "does not prove who it is" not in told, "no certificate was ever shown"
    assert "http://" in told, "the remedy is the other scheme, not a CA"
    assert not ends.target.log


async def test_a_certificate_that_nobody_trusts(
    run_cli: RunCli, ends: Ends, secure: tuple[StandIn, Path]
) -> None:
    server, certificate = secure
    told = one_error(await run_cli("run", *flags(ends.source.url, server.url), env=signed()))
    assert server.url in told
    assert "endpoint.caBundle" in told
    assert not server.log

    trusted = f"--set=target.endpoint.caBundle={certificate}"
    result = await run_cli("run", *flags(ends.source.url, server.url, trusted), env=signed())
    assert result.code == 0, result.err
    assert len(server.items(TABLE)) == 40


@pytest.mark.parametrize("keys", [{}, {"secretKey": "wrong"}])
async def test_keys_that_the_target_does_not_take(
    run_cli: RunCli, ends: Ends, keys: dict[str, str]
) -> None:
    given = {"accessKey": "alice", "secretKey": "wonder", **keys} if keys else {}
    sets = [f"--set=target.credentials.{name}={value}" for name, value in given.items()]
    async with StandIn(auth={"alice": "wonder"}, record=True) as target:
        result = await run_cli(*("run", *flags(ends.source.url, target.url, *sets)), env=signed())
    told = one_error(result)
    assert "target" in told, "which of the two ends is it?"
    assert "credentials" in told or "secret key" in told, "the remedy"
    assert not target.log


async def test_a_target_that_holds_items_is_left_alone(run_cli: RunCli, ends: Ends) -> None:
    await create_table(ends.target.url, TABLE)
    await fill(ends.target.url, TABLE, [{"pk": {"S": "mine"}}])
    ends.target.log.clear()
    told = one_error(await run_cli("run", *ends.flags(), env=signed()))
    assert TABLE in told
    assert "--into-existing" in told
    assert ends.target.items(TABLE) == [{"pk": {"S": "mine"}}]
    assert only_read(ends.target)


async def test_a_target_of_another_schema_is_left_alone(run_cli: RunCli, ends: Ends) -> None:
    await create_table(ends.target.url, TABLE, {"id": "N"})
    ends.target.log.clear()
    result = await run_cli("run", *ends.flags("--into-existing"), env=signed())
    told = one_error(result)
    assert "exists and does not fit" in told
    assert "pk" in told
    assert only_read(ends.target)


async def test_the_same_table_twice(run_cli: RunCli, ends: Ends) -> None:
    told = one_error(await run_cli("run", *flags(ends.source.url, ends.source.url), env=signed()))
    assert "same table" in told
    assert not ends.source.log
