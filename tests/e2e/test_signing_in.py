"""Credentials that cannot be had, or are none: one error each, before anything is asked."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.e2e.signing import with_files
from tests.servers.exchange import Exchange, Fault, Reply
from tests.servers.proxy import FaultProxy
from tests.support.jobs import KEYS, Command, Job, Report, alternator, job

NOWHERE = "http://127.0.0.1:1"
ROLE = "arn:aws:iam::123456789012:role/migration"
ASSUMING = "POST /"
START = "https://sso.example.com/start"
KEPT = {"accessToken": "token", "startUrl": START, "region": "eu-west-1"}


def from_aws(**credentials: Any) -> Job:
    """A source at AWS itself, to a target that nobody reaches."""
    side = {"type": "dynamodb", "table": "Example", "region": "eu-west-1"}
    more = {"credentials": credentials} if credentials else {}
    return job({**side, **more}, alternator(NOWHERE, "Example"))


def told(report: Report, *words: str) -> str:
    """The one error of a command that was refused; it has these words."""
    assert report.code == 2, report
    assert "Traceback" not in report.err
    assert report.err.count("Error: ") == 1
    error = report.err.partition("Error: ")[2]
    for each in words:
        assert each in error
    return error


def printing(folder: Path, answer: object) -> dict[str, str]:
    """A profile whose credential_process prints `answer`."""
    program = folder / "process.py"
    program.write_text(f"print({json.dumps(answer)!r})", encoding="utf-8")
    return {"credential_process": f"{sys.executable} {program}"}


def sso_files(folder: Path, style: str, kept: str | None) -> dict[str, str]:
    """Write a profile that signs in by SSO, and what an earlier sign-in has `kept`; returns the
    environment that has both."""
    own = {"sso_session": "corp"} if style == "session" else {"sso_start_url": START}
    profile = {**own, "sso_account_id": "123456789012", "sso_role_name": "reader"}
    environment = with_files(folder, mine={**profile, "sso_region": "eu-west-1"})
    file = Path(environment["AWS_CONFIG_FILE"])
    session = f"[sso-session corp]\nsso_start_url = {START}\nsso_region = eu-west-1\n"
    file.write_text(file.read_text(encoding="utf-8") + session, encoding="utf-8")
    if kept:
        name = hashlib.sha1(("corp" if style == "session" else START).encode()).hexdigest()
        place = folder / ".aws" / "sso" / "cache" / f"{name}.json"
        place.parent.mkdir(parents=True)
        place.write_text(kept, encoding="utf-8")
    environment["HOME"] = str(folder)
    return environment


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ({"accessKey": "schlüssel€", "secretKey": "s"}, "access key"),
        ({"accessKey": "a", "secretKey": "geheim€"}, "secret key"),
        ({"accessKey": "a", "secretKey": "s", "sessionToken": "日本"}, "session token"),
        ({"accessKey": "a\nb", "secretKey": "s"}, "access key"),
    ],
)
async def test_keys_of_the_configuration_that_can_be_none(
    command: Command, keys: dict[str, str], what: str
) -> None:
    error = told(await command(from_aws(**keys)), f"the {what} from `credentials`")
    assert not {"schlüssel€", "geheim€", "日本"} & set(error.split())


async def test_keys_of_the_environment_that_can_be_none(command: Command) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "é", "AWS_SECRET_ACCESS_KEY": "s"}
    told(await command(from_aws(), env=keys), "the access key from the environment")


async def test_keys_of_a_profile_that_can_be_none(command: Command, tmp_path: Path) -> None:
    profile = {"aws_access_key_id": "a b", "aws_secret_access_key": "s"}
    report = await command(from_aws(profile="mine"), env=with_files(tmp_path, mine=profile))
    told(report, "the access key from the AWS profile 'mine'")


@pytest.mark.parametrize(
    "answer",
    [
        [1],
        "text",
        {"Version": 1},
        {"Version": 1, "AccessKeyId": None, "SecretAccessKey": None},
        {"Version": 1, "AccessKeyId": 5, "SecretAccessKey": 6},
        {"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s", "Expiration": "soon"},
        {"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s", "Expiration": "2001-01-01"},
    ],
    ids=str,
)
async def test_a_process_that_prints_something_else(
    command: Command, tmp_path: Path, answer: object
) -> None:
    environment = with_files(tmp_path, mine=printing(tmp_path, answer))
    told(await command(from_aws(profile="mine"), env=environment), "profile 'mine'")


async def test_keys_of_the_environment_that_have_expired(command: Command) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    keys["AWS_CREDENTIAL_EXPIRATION"] = "2001-01-01T00:00:00Z"
    told(await command(from_aws(), env=keys), "expired", "AWS_")


@pytest.mark.parametrize(
    "kept",
    [
        None,
        "{no json",
        "[1]",
        json.dumps({**KEPT, "expiresAt": "2001-01-01T00:00:00Z"}),
        json.dumps({**KEPT, "expiresAt": "soon"}),
    ],
    ids=["nothing", "no json", "a list", "expired", "no time"],
)
@pytest.mark.parametrize("style", ["session", "profile"])
async def test_an_sso_profile_that_is_not_signed_in(
    command: Command, tmp_path: Path, style: str, kept: str | None
) -> None:
    environment = sso_files(tmp_path, style, kept)
    told(await command(from_aws(profile="mine"), env=environment), "'mine'", "aws sso login")


@pytest.mark.parametrize("by", ["configuration", "profile"])
@pytest.mark.parametrize(
    ("status", "page"),
    [
        (200, "<html><body>Welcome</body></html>"),
        (200, "<html><br>Welcome"),
        (200, ""),
        (200, "{}"),
        (302, ""),
        (403, "<html><body>Forbidden</body></html>"),
        (403, "<html><br>Forbidden"),
    ],
)
async def test_an_sts_that_is_something_else(
    command: Command, tmp_path: Path, by: str, status: int, page: str
) -> None:
    async def show(_: Exchange) -> web.StreamResponse:
        return Reply(status, page.encode(), {"Content-Type": "text/html"}).response()

    base = {"aws_access_key_id": "base", "aws_secret_access_key": "secret"}
    role = {"role_arn": ROLE, "source_profile": "base"}
    credentials: dict[str, Any] = {**KEYS, "assumeRole": {"arn": ROLE}}
    environment = with_files(tmp_path, base=base, role=role)
    async with FaultProxy(NOWHERE) as sts:
        sts.always(ASSUMING, Fault("shows a page", show))
        environment["AWS_ENDPOINT_URL_STS"] = sts.url
        content = from_aws(**(credentials if by == "configuration" else {"profile": "role"}))
        report = await command(content, env=environment)
    told(report, ROLE if by == "configuration" else "profile 'role'", "proxy in between")


async def test_a_profile_that_asks_for_a_code(command: Command, tmp_path: Path) -> None:
    base = {"aws_access_key_id": "base", "aws_secret_access_key": "secret"}
    role = {"role_arn": ROLE, "source_profile": "base", "mfa_serial": "arn:aws:iam::1:mfa/me"}
    report = await command(from_aws(profile="role"), env=with_files(tmp_path, base=base, role=role))
    told(report, "MFA code", "get-session-token")


@pytest.mark.parametrize("by", ["configuration", "environment"])
async def test_a_profile_without_keys_is_named(command: Command, tmp_path: Path, by: str) -> None:
    environment = with_files(tmp_path, mine={"region": "eu-west-1"})
    if by == "environment":
        environment["AWS_PROFILE"] = "mine"
    content = from_aws(**({"profile": "mine"} if by == "configuration" else {}))
    told(await command(content, env=environment), "the AWS profile 'mine' has no credentials")


async def test_half_of_the_keys_of_a_profile(command: Command, tmp_path: Path) -> None:
    environment = with_files(tmp_path, mine={"aws_access_key_id": "a"})
    report = await command(from_aws(profile="mine"), env=environment)
    told(report, "'mine'", "aws_secret_access_key")


@pytest.mark.parametrize("role", [ROLE, 5, [ROLE], {"roleArn": ROLE}, {"arn": [ROLE]}], ids=str)
async def test_a_role_of_a_wrong_shape(command: Command, role: object) -> None:
    told(await command(from_aws(**KEYS, assumeRole=role)), "source.credentials.assumeRole")
