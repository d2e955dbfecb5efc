"""https, with a certificate of the test's own."""

import ssl
from pathlib import Path

import aiohttp
import pytest

from tests.contract.conftest import Client, text_items
from tests.servers.tls import self_signed
from tests.standin import StandIn

pytestmark = pytest.mark.stand_in


async def test_https(tmp_path: Path) -> None:
    context, certificate = await self_signed(tmp_path)
    trusting = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(certificate)))
    async with StandIn(tls=context) as server, aiohttp.ClientSession(connector=trusting) as session:
        assert server.url.startswith("https://")
        client = Client(session, server.url)
        table = await client.table()
        await client.put(table, *text_items(3))
        assert len(await client.scan(table)) == 3
        server.faults.next("Scan", "reset_before_write")
        with pytest.raises(aiohttp.ClientError):
            await client.scan(table)
