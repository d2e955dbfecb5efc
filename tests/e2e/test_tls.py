"""https with a CA of its own, and compressed requests."""

import asyncio
import gzip
import json
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers.client import Item, create_table, fill
from tests.servers.patience import stretched
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Command, Job, Migrate, alternator, dynamodb, job
from tests.support.shapes import same_items

OPENSSL = shutil.which("openssl")
ITEMS: list[Item] = [{"pk": {"S": f"item {n}"}, "text": {"S": "x" * 50}} for n in range(150)]
NEEDS_OPENSSL = pytest.mark.skipif(OPENSSL is None, reason="needs openssl to make certificates")


@pytest.fixture
async def source(dynamodb_local: str, table_name: str) -> Job:
    """A side with a table of `ITEMS`."""
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, ITEMS)
    return dynamodb(dynamodb_local, table_name, scanSegments=1)


@pytest.fixture
async def authority(tmp_path: Path) -> Path:
    """A folder with a CA (ca.pem), and a certificate of 127.0.0.1 that it signed (server.pem)."""
    names = tmp_path / "names"
    await asyncio.to_thread(names.write_text, "subjectAltName=IP:127.0.0.1\n")
    new = "req -newkey rsa:2048 -nodes -days 2"
    await openssl(tmp_path, f"{new} -x509 -subj /CN=own-ca -keyout ca.key -out ca.pem")
    await openssl(tmp_path, "req -newkey rsa:2048 -nodes -subj /CN=a -keyout key.pem -out a.csr")
    signed = "x509 -req -in a.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
    await openssl(tmp_path, f"{signed} -extfile names -out server.pem")
    return tmp_path


@pytest.fixture
async def secure(authority: Path) -> AsyncIterator[StandIn]:
    """An Alternator behind https."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority / "server.pem", authority / "key.pem")
    async with StandIn(tls=context) as server:
        yield server


async def openssl(folder: Path, arguments: str) -> None:
    """Run openssl in `folder`."""
    process = await asyncio.create_subprocess_exec(
        str(OPENSSL), *arguments.split(), cwd=folder, stderr=asyncio.subprocess.DEVNULL
    )
    assert await asyncio.wait_for(process.wait(), timeout=stretched(60)) == 0


@NEEDS_OPENSSL
@pytest.mark.parametrize("way", ["caBundle", "insecureSkipVerify"])
async def test_a_certificate_of_an_own_ca(
    source: Job, secure: StandIn, authority: Path, table_name: str, migrate: Migrate, way: str
) -> None:
    options = {"caBundle": str(authority / "ca.pem"), "insecureSkipVerify": True}
    endpoint = {"url": secure.url, way: options[way]}
    target = {"type": "alternator", "table": table_name, "endpoint": endpoint}
    assert (await migrate(job(source, target))).done.items.written == len(ITEMS)
    assert same_items(secure.items(table_name), ITEMS)


@NEEDS_OPENSSL
async def test_a_certificate_of_nobody_known(
    source: Job, secure: StandIn, table_name: str, command: Command
) -> None:
    report = await command(job(source, alternator(secure.url, table_name)))
    assert report.code == 2
    assert "caBundle" in report.err
    assert report.err.count("Error: ") == 1
    assert "Traceback" not in report.err
    assert secure.store.tables == {}


@NEEDS_OPENSSL
async def test_a_certificate_of_another_name(
    source: Job, secure: StandIn, authority: Path, table_name: str, migrate: Migrate
) -> None:
    url = secure.url.replace("127.0.0.1", "localhost")
    endpoint = {"url": url, "caBundle": str(authority / "ca.pem")}
    target = {"type": "alternator", "table": table_name, "endpoint": endpoint}
    failure = (await migrate(job(source, target))).failure
    assert failure.exit_code == 2
    assert f"{url} does not prove who it is" in str(failure)
    assert "not valid for 'localhost'" in str(failure)
    assert "Scan" not in secure.requests


@NEEDS_OPENSSL
async def test_https_where_plain_http_is_spoken(
    source: Job, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    url = standin.url.replace("http:", "https:")
    failure = (await migrate(job(source, alternator(url, table_name)))).failure
    assert failure.exit_code == 2
    assert url in str(failure)


async def test_a_ca_bundle_that_is_not_there(
    source: Job, table_name: str, migrate: Migrate, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing.pem")
    endpoint = {"url": "https://127.0.0.1:1", "caBundle": missing}
    target = {"type": "alternator", "table": table_name, "endpoint": endpoint}
    failure = (await migrate(job(source, target))).failure
    assert failure.exit_code == 2
    assert missing in str(failure)


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
async def test_compressed_requests(
    source: Job, table_name: str, migrate: Migrate, signed: bool
) -> None:
    keys = {"credentials": {"accessKey": "role", "secretKey": "secret"}} if signed else {}
    async with (
        StandIn(auth={"role": "secret"} if signed else None) as server,
        FaultProxy(server.url, record=True) as proxy,
    ):
        # The signature covers the name of the server, so only unsigned requests pass the proxy.
        url = server.url if signed else proxy.url
        target = alternator(url, table_name, compression=True, **keys)
        assert (await migrate(job(source, target))).done.items.written == len(ITEMS)
        assert same_items(server.items(table_name), ITEMS)
        batches = [each for each in proxy.log if each.operation == "BatchWriteItem"]
    if not signed:
        assert {each.request.headers["Content-Encoding"] for each in batches} == {"gzip"}
        whole = [json.loads(gzip.decompress(each.body)) for each in batches]
        assert sum(len(each["RequestItems"][table_name]) for each in whole) == len(ITEMS)


async def test_compressed_requests_to_a_source(
    standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, ITEMS)
    async with FaultProxy(standin.url, record=True) as proxy, StandIn() as target:
        source = alternator(proxy.url, table_name, compression=True)
        done = (await migrate(job(source, alternator(target.url, table_name)))).done
        scans = [each for each in proxy.log if each.operation == "Scan"]
    assert done.items.written == len(ITEMS)
    assert {each.request.headers["Content-Encoding"] for each in scans} == {"gzip"}
