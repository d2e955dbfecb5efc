"""Signatures: off by default; when on, exact. Signed by botocore, changed by hand."""

import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.contract.conftest import Answer, Client
from tests.standin import StandIn

pytestmark = pytest.mark.stand_in
SECRETS = {"role": "secret"}
UNKNOWN = "UnrecognizedClientException"
INVALID = "InvalidSignatureException"


def signed(url: str, body: bytes, role: str = "role", secret: str = "secret") -> dict[str, str]:
    """Headers of a ListTables request signed by botocore."""
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables"}
    request = AWSRequest("POST", f"{url}/", headers, body)
    SigV4Auth(Credentials(role, secret), "dynamodb", "anywhere").add_auth(request)
    return dict(request.headers.items())


async def send(session: Any, headers: dict[str, str], body: bytes = b"{}") -> Answer:
    """The request at a server that checks signatures; "{url}" in headers is not needed."""
    async with StandIn(auth=SECRETS) as server:
        ready = signed(server.url, body) | headers
        named = {name: value for name, value in ready.items() if value}
        return await Client(session, server.url).call("ListTables", raw=body, headers=named)


async def test_a_signed_request_passes(session: Any) -> None:
    assert (await send(session, {})).body == {"TableNames": []}


async def test_the_signature_covers_the_compressed_body(session: Any) -> None:
    body = gzip.compress(b"{}")
    answer = await send(session, {"Content-Encoding": "gzip"}, body)
    assert answer.body == {"TableNames": []}


SCOPE = "20300101/here/dynamodb"
SHORT = f"AWS4-HMAC-SHA256 Credential=role/{SCOPE}, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("authorization", "kind", "message"),
    [
        (
            "",
            "MissingAuthenticationTokenException",
            "Authorization header is mandatory for signature verification",
        ),
        (SHORT, "ValidationException", f"Incorrect credential information format: role/{SCOPE}"),
        (
            SHORT.replace(SCOPE, f"{SCOPE}/aws4_request").replace("role", "nobody"),
            UNKNOWN,
            "User not found: nobody",
        ),
    ],
)
async def test_bad_authorization(session: Any, authorization: str, kind: str, message: str) -> None:
    answer = await send(session, {"Authorization": authorization})
    assert answer.error == (400, kind, message)


async def test_another_algorithm(session: Any) -> None:
    answer = await send(session, {"Authorization": "Basic eA=="})
    assert answer.error[:2] == (400, INVALID)


async def test_a_wrong_secret_and_a_changed_body(session: Any) -> None:
    async with StandIn(auth=SECRETS) as server:
        client = Client(session, server.url)
        wrong = signed(server.url, b"{}", secret="other")
        assert (await client.call("", raw=b"{}", headers=wrong)).error == (
            400,
            UNKNOWN,
            "wrong signature",
        )
        changed = signed(server.url, b"{}")
        answer = await client.call("", raw=b"{ }", headers=changed)
        assert answer.error == (400, UNKNOWN, "wrong signature")


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        (-16, "invalid signature: Signature expired: "),
        (16, "invalid signature: Signature not yet current: "),
    ],
)
async def test_the_window_is_15_minutes(
    session: Any, monkeypatch: pytest.MonkeyPatch, minutes: int, message: str
) -> None:
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment)
    status, kind, text = (await send(session, {})).error
    assert (status, kind) == (400, INVALID)
    assert text.startswith(message)


async def test_nodes_and_health_need_no_signature(session: Any) -> None:
    async with StandIn(auth=SECRETS) as server:
        client = Client(session, server.url)
        assert (await client.get("/localnodes")).body == ["127.0.0.1"]
        assert (await client.get("/")).status == 200


async def test_no_signature_is_needed_by_default(alternator: Client) -> None:
    assert (await alternator.call("ListTables")).status == 200
