"""HTTP_PROXY, HTTPS_PROXY, NO_PROXY and AWS_CA_BUNDLE, as the AWS CLI takes them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alternator_migrate.core.errors import MigrateError, Unavailable, UsageError
from alternator_migrate.core.runtime import loop_factory
from alternator_migrate.dynamodb.botocore_errors import refusing
from alternator_migrate.dynamodb.control_plane import open_control
from alternator_migrate.dynamodb.http.connect import Transport
from alternator_migrate.dynamodb.http.proxies import proxy_for
from alternator_migrate.dynamodb.http_client import open_http_client
from alternator_migrate.dynamodb.login import Login
from alternator_migrate.dynamodb.nodes import Nodes
from alternator_migrate.dynamodb.session import open_s3, sign_in
from alternator_migrate.dynamodb.table import Table
from tests.e2e.signing import with_files
from tests.servers.filled import filled
from tests.servers.forwarder import Forwarder
from tests.servers.tls import self_signed
from tests.standin import StandIn
from tests.support import exports
from tests.support.jobs import Command, Job, Migrate, alternator, dynamodb, job
from tests.support.tables import numbered

TABLE = "Example"
COUNT = 200
VARIABLES = ("http_proxy", "https_proxy", "no_proxy")
KEYS = {"credentials": {"accessKey": "role", "secretKey": "secret"}}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no bundle of the caller's."""
    for name in (*VARIABLES, *map(str.upper, VARIABLES), "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def source() -> AsyncIterator[StandIn]:
    """A source of plain HTTP, whose table has a few pages."""
    async with filled(TABLE, numbered(COUNT), page_bytes=3000) as server:
        yield server


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[tuple[StandIn, str]]:
    """A target that speaks TLS and checks signatures, and the path of its certificate."""
    context, certificate = await self_signed(tmp_path)
    async with StandIn(tls=context, auth={"role": "secret"}) as server:
        yield server, str(certificate)


def between(source: StandIn, target: StandIn) -> Job:
    """A migration from DynamoDB to an Alternator that wants signatures."""
    return job(dynamodb(source.url, TABLE), alternator(target.url, TABLE, **KEYS))


@pytest.mark.parametrize("login", ["", "me:s%2Fcret"])
async def test_both_halves_go_by_the_proxies(
    source: StandIn, secure: tuple[StandIn, str], command: Command, login: str
) -> None:
    server, bundle = secure
    async with Forwarder(login=login.replace("%2F", "/")) as proxy:
        url = proxy.url.replace("://", f"://{login}@" if login else "://")
        variables = {"http_proxy": url, "HTTPS_PROXY": url, "AWS_CA_BUNDLE": bundle}
        report = await command(between(source, server), env=variables)
        assert report.code == 0, report.err
        assert report.table["items"]["written"] == COUNT
        place = server.url.removeprefix("https://")
        assert {f"CONNECT {place}", f"POST {source.url}", f"GET {source.url}"} == set(proxy.asked)
        assert "s/cret" not in report.err


async def test_the_loop_of_asyncio_goes_by_the_proxies_too(
    source: StandIn,
    secure: tuple[StandIn, str],
    migrate: Migrate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, bundle = secure
    monkeypatch.setenv("AWS_CA_BUNDLE", bundle)
    async with Forwarder() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url.removeprefix("http://"))
        assert (await migrate(between(source, server))).done.items.written == COUNT
        assert len(proxy.asked) == 3


async def test_a_tunnel_is_kept_for_the_next_request(
    secure: tuple[StandIn, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, bundle = secure
    async with Forwarder() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with open_http_client(
            Nodes((server.url,)), Transport(ca_bundle=bundle), region=""
        ) as http:
            for _ in range(5):
                assert (await http.get(server.url, "/localnodes"))[0] == 200
        assert sum(proxy.asked.values()) == 1


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize("value", ["127.0.0.1", "localhost,127.0.0.1", "*"])
async def test_hosts_that_are_excepted(
    source: StandIn, standin: StandIn, command: Command, name: str, value: str
) -> None:
    async with Forwarder() as proxy:
        variables = {"HTTP_PROXY": proxy.url, name: value}
        report = await command(between(source, standin), env=variables)
        assert report.code == 0, report.err
        assert not proxy.asked


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://me:secret@proxy:3128", "http://proxy:3128"),
        ("proxy:3128", "http://proxy:3128"),
        ("//proxy", "http://proxy"),
        ("HTTP://[::1]:3128/", "http://[::1]:3128"),
    ],
)
def test_ways_to_write_a_proxy(monkeypatch: pytest.MonkeyPatch, value: str, shown: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    proxy = proxy_for("https://dynamodb.eu-west-1.amazonaws.com")
    assert proxy
    assert proxy.shown == shown
    assert "secret" not in repr(proxy)
    assert proxy_for("http://10.0.0.1:8000") is None


@pytest.mark.parametrize(
    "value",
    [
        *("socks5://me:secret@proxy:1080", "https://proxy", "http://", "http://proxy:port"),
        *("http://[proxy", "proxy:99999", f"http://{'long' * 16}"),
    ],
)
def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(UsageError, match="HTTPS_PROXY") as told:
        proxy_for("https://dynamodb.eu-west-1.amazonaws.com")
    assert "NO_PROXY" in told.value.hint
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("value", ["http://[proxy", "proxy:99999", f"http://{'long' * 16}"])
async def test_s3_is_not_asked_for_behind_a_proxy_without_an_address(
    command: Command, value: str
) -> None:
    source = exports.bucket_source("http://198.51.100.1:8000", "k", "bucket")
    content = job(source, alternator("http://198.51.100.1:8000", TABLE))
    ending = await command(content, env={"HTTP_PROXY": value}, word="plan")
    assert (ending.code, ending.err.count("Error: ")) == (2, 1), ending.err
    assert "HTTP_PROXY names no HTTP proxy that can be used" in ending.err
    assert "attempt" not in ending.err


async def test_a_proxy_that_wants_a_password(
    source: StandIn, secure: tuple[StandIn, str], command: Command
) -> None:
    async with Forwarder(login="me:secret") as proxy:
        report = await command(between(source, secure[0]), env={"HTTPS_PROXY": proxy.url})
    assert report.code == 2
    assert f"through the proxy {proxy.url}: the proxy answers with HTTP 407" in report.err
    assert report.err.count("Error: ") == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_nobody_runs(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", "http://me:secret@127.0.0.1:1")
    url = f"{scheme}://127.0.0.1:8000"
    async with open_http_client(Nodes((url,)), Transport(), region="") as http:
        with pytest.raises(Unavailable) as told:
            await http.call("Scan", b"{}")
    words = f"Scan at {url} through the proxy http://127.0.0.1:1: cannot connect: "
    assert str(told.value) == f"{words}Connection refused"


async def test_a_proxy_that_never_makes_the_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Forwarder(mute=True) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        transport = Transport(connect_timeout=0.1, read_timeout=0.1)
        async with open_http_client(
            Nodes(("https://127.0.0.1:8000",)), transport, region=""
        ) as http:
            with pytest.raises(Unavailable, match="no answer in time"):
                await http.call("Scan", b"{}")


async def test_a_proxy_does_not_hide_a_certificate_of_nobody_known(
    secure: tuple[StandIn, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, bundle = secure
    async with Forwarder() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        account = await sign_in(
            Login("role", "secret"), "eu-west-1", patience=1.0, endpoint=server.url
        )
        async with open_http_client(Nodes((server.url,)), Transport(), region="") as http:
            with pytest.raises(MigrateError, match="does not prove who it is"):
                await http.call("Scan", b"{}")
        whole = Transport()
        async with open_s3(account, url=server.url, transport=whole, path_style=None) as client:
            with pytest.raises(MigrateError, match="CERTIFICATE_VERIFY_FAILED"), refusing("List"):
                await client.list_buckets()
        own, nodes = Transport(ca_bundle=bundle), Nodes((server.url,))
        async with open_control(
            nodes, own, region="eu-west-1", credentials=account.credentials, patience=5.0
        ) as control:
            assert await Table(control, "Nowhere").inspect() is None


@pytest.mark.parametrize("way", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "profile"])
async def test_a_bundle_that_the_settings_name(
    source: StandIn, secure: tuple[StandIn, str], command: Command, tmp_path: Path, way: str
) -> None:
    server, bundle = secure
    variables = {way: bundle}
    if way == "profile":
        variables = {**with_files(tmp_path, mine={"ca_bundle": bundle}), "AWS_PROFILE": "mine"}
    report = await command(between(source, server), env=variables)
    assert report.code == 0, report.err
    assert report.table["items"]["written"] == COUNT


async def test_a_bundle_of_the_configuration_comes_first(
    source: StandIn, secure: tuple[StandIn, str], command: Command, tmp_path: Path
) -> None:
    content = between(source, secure[0])
    content["target"]["endpoint"]["caBundle"] = secure[1]
    report = await command(content, env={"AWS_CA_BUNDLE": str(tmp_path / "gone.pem")})
    assert report.code == 0, report.err


async def test_a_bundle_that_is_not_there(
    source: StandIn, secure: tuple[StandIn, str], command: Command, tmp_path: Path
) -> None:
    gone = str(tmp_path / "gone.pem")
    report = await command(between(source, secure[0]), env={"AWS_CA_BUNDLE": gone})
    assert report.code == 2
    assert gone in report.err
    assert "AWS_CA_BUNDLE" in report.err


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "nowhere.invalid"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_words_of_a_host_that_cannot_be_reached(host: str, loop: str) -> None:
    async def told() -> str:
        url = f"http://{host}:1"
        async with open_http_client(Nodes((url,)), Transport(), region="") as http:
            with pytest.raises(Unavailable) as error:
                await http.get(url, "/localnodes")
        return str(error.value).removeprefix(f"GET at {url}: cannot connect: ")

    factory = loop_factory() if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        words = runner.run(told())
    if host == "nowhere.invalid":
        assert words.endswith(("not known", "in name resolution", "not provided, or not known"))
        assert "[" not in words
    else:
        assert words == "Connection refused"
