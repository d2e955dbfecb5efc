"""https, with a certificate of the test's own."""

import asyncio
import shutil
import ssl
from pathlib import Path

import aiohttp
import pytest

from tests.contract.conftest import Client, text_items
from tests.standin import StandIn

OPENSSL = shutil.which("openssl")
pytestmark = [
    pytest.mark.stand_in,
    pytest.mark.skipif(OPENSSL is None, reason="needs openssl to make a certificate"),
]


async def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    made, key = folder / "certificate.pem", folder / "key.pem"
    options = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=stand-in",
    ]
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made))
    process = await asyncio.create_subprocess_exec(
        str(OPENSSL), *options, *names, stderr=asyncio.subprocess.DEVNULL
    )
    assert await asyncio.wait_for(process.wait(), timeout=30) == 0
    return made, key


async def test_https(tmp_path: Path) -> None:
    made, key = await certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    trusting = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(made)))
    async with StandIn(tls=context) as server, aiohttp.ClientSession(connector=trusting) as session:
        assert server.url.startswith("https://")
        client = Client(session, server.url)
        table = await client.table()
        await client.put(table, *text_items(3))
        assert len(await client.scan(table)) == 3
        server.faults.next("Scan", "reset_before_write")
        with pytest.raises(aiohttp.ClientError):
            await client.scan(table)
