"""A server that demands a client's certificate: control plane, data and streams show it."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import RunCli
from tests.e2e.stage import TABLE, rows
from tests.servers.client import create_table, fill
from tests.servers.tls import mutual
from tests.standin import StandIn
from tests.support.jobs import Job, alternator, job, write_config
from tests.support.shapes import same_items

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
UNTIL = ("--until-caught-up", "--summary-json", "summary.json")
FOLLOWING = {"cutover": {"maxLagSeconds": 5, "forSeconds": 0.2}}


@pytest.fixture(params=VERSIONS)
async def locked(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[StandIn, dict[str, str]]]:
    """An empty Alternator that lets in who shows a certificate, and how an endpoint shows one."""
    context, keys = await mutual(tmp_path, VERSIONS[request.param])
    async with StandIn(tls=context, nodes=2, stream_delay=0.2, stream_shards=4) as server:
        yield server, keys


@pytest.fixture
async def source() -> AsyncIterator[StandIn]:
    """A source of plain HTTP."""
    async with StandIn() as server:
        await create_table(server.url, TABLE)
        await fill(server.url, TABLE, rows(60))
        yield server


def at(server: StandIn, keys: dict[str, str], table: str = TABLE) -> Job:
    """A side behind the lock."""
    return alternator(server.url, table, endpoint={"url": server.url, **keys})


@pytest.mark.parametrize("way", ["caBundle", "insecureSkipVerify", "one file"])
async def test_all_requests_show_the_certificate(
    source: StandIn,
    locked: tuple[StandIn, dict[str, str]],
    run_cli: RunCli,
    tmp_path: Path,
    way: str,
) -> None:
    server, keys = locked
    if way == "insecureSkipVerify":
        keys = {**keys, way: True}  # type: ignore[dict-item] # a flag among paths
        del keys["caBundle"]
    if way == "one file":
        both = tmp_path / "both.pem"
        files = [Path(keys["clientCertificate"]), Path(keys.pop("clientKey"))]
        await asyncio.to_thread(both.write_text, "".join(each.read_text() for each in files))
        keys["clientCertificate"] = str(both)
    write_config(tmp_path, job(alternator(source.url, TABLE), at(server, keys)))
    result = await run_cli("run", "config.yaml", "--validate")
    assert result.code == 0, result
    assert same_items(server.items(TABLE), rows(60))


async def test_those_of_a_stream_show_it_too(
    source: StandIn, locked: tuple[StandIn, dict[str, str]], run_cli: RunCli, tmp_path: Path
) -> None:
    server, keys = locked
    write_config(tmp_path, job(alternator(source.url, TABLE), at(server, keys)))
    assert (await run_cli("run", "config.yaml")).code == 0
    back = {**at(server, keys, "Copy"), "streamChanges": True}
    write_config(tmp_path, job(at(server, keys), back, **FOLLOWING))
    result = await run_cli("run", "config.yaml", *UNTIL)
    assert result.code == 0, result
    (table,) = json.loads((tmp_path / "summary.json").read_text())["tables"]
    assert table["items"]["written"] == 60
    assert server.requests["GetShardIterator"] > 0


async def refused(
    source: StandIn, server: StandIn, keys: dict[str, str], run_cli: RunCli, *words: str
) -> None:
    """A run that ends before anything is written, with one error of these words."""
    path = Path(keys["caBundle"]).parents[1]
    write_config(path, job(alternator(source.url, TABLE), at(server, keys)))
    result = await run_cli("run", "config.yaml")
    assert result.code == 2, result
    assert result.err.count("Error: ") == 1
    assert "Traceback" not in result.err
    told = " ".join(result.err.split())
    assert all(each in told for each in words), result.err
    assert not server.store.tables


async def test_no_certificate(
    source: StandIn, locked: tuple[StandIn, dict[str, str]], run_cli: RunCli
) -> None:
    server, keys = locked
    keys = {"caBundle": keys["caBundle"]}
    await refused(source, server, keys, run_cli, server.url, "endpoint.clientCertificate")


async def test_a_certificate_that_the_server_does_not_know(
    source: StandIn, locked: tuple[StandIn, dict[str, str]], run_cli: RunCli
) -> None:
    server, keys = locked
    other = Path(keys["caBundle"])
    keys = {
        **keys,
        "clientCertificate": str(other),
        "clientKey": str(other.with_name("key.pem")),
    }
    await refused(source, server, keys, run_cli, server.url, "endpoint.clientCertificate")


@pytest.mark.parametrize("locked", ["1.3"], indirect=True)
@pytest.mark.parametrize("name", ["clientCertificate", "clientKey"])
async def test_files_that_cannot_be_used(
    source: StandIn, locked: tuple[StandIn, dict[str, str]], run_cli: RunCli, name: str
) -> None:
    server, keys = locked
    folder = Path(keys["caBundle"]).parent
    missing = {**keys, name: str(folder / "gone.pem")}
    await refused(source, server, missing, run_cli, f"target.endpoint.{name}", missing[name])
    mine = {"clientCertificate": "certificate.pem", "clientKey": "key.pem"}
    mismatched = {**keys, name: str(folder / mine[name])}
    await refused(source, server, mismatched, run_cli, mismatched[name], "its own key")
    (folder / "no.pem").write_text("no PEM")
    broken = {**keys, name: str(folder / "no.pem")}
    await refused(source, server, broken, run_cli, broken[name], "PEM files")
