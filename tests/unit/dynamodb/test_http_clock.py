"""The clock of a server, as a client hears it."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import pytest
from aiohttp import web

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.dynamodb.http import Transport
from alternator_migrate.dynamodb.http_client import HttpClient, open_http_client
from alternator_migrate.dynamodb.nodes import Nodes
from tests.servers.web import serving

Answer = tuple[int, str]
"""A status and a Date."""


@asynccontextmanager
async def client_of(answer: Callable[[], Answer]) -> AsyncIterator[tuple[HttpClient, str]]:
    """A client, and the URL of a server that answers so."""

    async def respond(_: web.Request) -> web.Response:
        status, date = answer()
        return web.Response(status=status, text="{}", headers={"Date": date})

    async with (
        serving(respond) as url,
        open_http_client(Nodes((url,)), Transport(), region="r") as http,
    ):
        yield http, url


def date_of(ahead: float) -> str:
    return formatdate(int(time.time() + ahead), usegmt=True)


@pytest.mark.parametrize("status", [500, 502, 404, 400])
async def test_a_date_that_a_proxy_may_have_made_does_not_count(status: int) -> None:
    answers = [(200, date_of(60)), (status, date_of(-900)), (200, date_of(60))]
    async with client_of(lambda: answers.pop(0)) as (http, _):
        await http.call("Scan", b"{}")
        with pytest.raises(MigrateError):
            await http.call("Scan", b"{}")
        await http.call("Scan", b"{}")
        assert 58 < http.clock.at_least() - time.time() <= 60
        assert 60 < http.clock.at_most() - time.time() < 63


@pytest.mark.parametrize("date", ["Mon, 02 Jan 20260000000 03:04:05 GMT", "soon"])
async def test_an_odd_date_fails_no_call(date: str) -> None:
    async with client_of(lambda: (200, date)) as (http, url):
        assert await http.call("Scan", b"{}") == b"{}"
        assert await http.get(url, "/localnodes") == (200, b"{}", None)
        assert http.clock.at_least() == pytest.approx(time.time(), abs=1)


async def test_a_clock_that_is_behind_is_told_by_a_plain_get() -> None:
    async with client_of(lambda: (404, date_of(-90))) as (http, url):
        _, _, ahead = await http.get(url, "/localnodes")
    assert ahead is not None
    assert 90 <= ahead < 93
