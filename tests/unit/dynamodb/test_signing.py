"""Signatures, against botocore's own signer."""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.dynamodb.signing import CONTENT_TYPE, Credentials, Signer

TARGET = "DynamoDB_20120810.BatchWriteItem"
MOMENT = 1_800_000_000.0

PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z0-9]{1,8}){0,3}", fullmatch=True)
HOSTS = st.builds(
    lambda name, port: f"{name}:{port}" if port else name,
    NAMES | st.sampled_from(("127.0.0.1", "[::1]", "dynamodb.eu-west-1.amazonaws.com")),
    st.none() | st.integers(1, 65535).filter(lambda port: port not in (80, 443)),
)
TIMES = st.floats(0, 4e9, allow_nan=False)


def botocores(
    credentials: Credentials,
    region: str,
    url: str,
    body: bytes,
    moment: float,
    *,
    with_type: bool = True,
) -> dict[str, str]:
    """The headers that botocore makes of the same request."""
    given = {"X-Amz-Target": TARGET} | ({"Content-Type": CONTENT_TYPE} if with_type else {})
    request = AWSRequest("POST", url, headers=given, data=body)
    theirs = BotocoreCredentials(
        credentials.access_key, credentials.secret_key, credentials.token or None
    )
    clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(moment))
    with patch("botocore.auth.get_current_datetime", lambda *_, **__: clock):
        SigV4Auth(theirs, "dynamodb", region).add_auth(request)
    return dict(request.headers.items())


@given(
    credentials=st.builds(Credentials, PRINTABLE, SECRETS, st.none() | PRINTABLE),
    region=st.sampled_from(("eu-west-1", "us-gov-east-1", "local")) | PRINTABLE,
    scheme=st.sampled_from(("http", "https")),
    host=HOSTS,
    body=st.binary(max_size=50) | st.text().map(lambda text: text.encode("utf-8", "replace")),
    moment=TIMES,
    with_type=st.booleans(),
)
@settings(max_examples=100)
def test_headers_are_those_of_botocore(
    credentials: Credentials,
    region: str,
    scheme: str,
    host: str,
    body: bytes,
    moment: float,
    with_type: bool,
) -> None:
    signer = Signer(region, with_type=with_type)
    ours = signer.headers(credentials, host, TARGET, body, moment)
    url = f"{scheme}://{host}/"
    assert ours == botocores(credentials, region, url, body, moment, with_type=with_type)
    assert ("Content-Type" in ours) is with_type


def test_an_empty_token_is_no_token() -> None:
    credentials = Credentials("AK", "secret", "")
    ours = Signer("eu-west-1").headers(credentials, "h:8000", TARGET, b"{}", MOMENT)
    assert ours == botocores(credentials, "eu-west-1", "http://h:8000/", b"{}", MOMENT)


@given(st.lists(st.tuples(TIMES, st.sampled_from("abc"), st.sampled_from((None, "t"))), max_size=9))
@settings(max_examples=40)
def test_one_signer_signs_for_any_days_and_credentials_in_turn(
    requests: list[tuple[float, str, str | None]],
) -> None:
    signer = Signer("eu-west-1")
    for moment, secret, token in requests:
        credentials = Credentials("AK", secret, token)
        ours = signer.headers(credentials, "h:8000", TARGET, b"{}", moment)
        assert ours == botocores(credentials, "eu-west-1", "http://h:8000/", b"{}", moment)


@pytest.fixture
def hmacs() -> Callable[[Signer, Credentials, float], int]:
    """How many HMACs one signature takes: one with a kept key, five with a new one."""

    def count(signer: Signer, credentials: Credentials, moment: float) -> int:
        with patch.object(hmac, "digest", wraps=hmac.digest) as digest:
            signer.headers(credentials, "h", TARGET, b"", moment)
        return int(digest.call_count)

    return count


def test_a_signing_key_is_kept_for_its_day_and_secret(
    hmacs: Callable[[Signer, Credentials, float], int],
) -> None:
    signer, credentials = Signer("eu-west-1"), Credentials("AK", "one")
    midnight = MOMENT - MOMENT % 86_400
    assert hmacs(signer, credentials, midnight) == 5
    assert hmacs(signer, credentials, midnight + 86_399.9) == 1
    assert hmacs(signer, Credentials("AK", "one", "token"), midnight + 1) == 1
    assert hmacs(signer, credentials, midnight + 86_400) == 5
    assert hmacs(signer, Credentials("AK", "two"), midnight + 86_400) == 5
    assert hmacs(signer, Credentials("AK", "two"), midnight + 86_401) == 1


def test_repr_shows_no_secret() -> None:
    credentials = Credentials("AKIA", "hush-secret", "hush-token")
    signer = Signer("eu-west-1")
    signer.headers(credentials, "h", TARGET, b"", MOMENT)
    for shown in (repr(credentials), str(credentials), f"{credentials}", repr(signer)):
        assert "hush" not in shown
    assert "AKIA" in repr(credentials)


def test_headers_carry_no_secret_but_the_session_token() -> None:
    headers = Signer("r").headers(Credentials("AK", "hush", "shown"), "h", TARGET, b"", MOMENT)
    assert not any("hush" in value for value in headers.values())
    assert headers["X-Amz-Security-Token"] == "shown"
