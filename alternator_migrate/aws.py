"""aioboto3: sessions, credentials that stay fresh, and control-plane clients.

Credentials come from the configuration or from AWS's default chain, through a role if one is
named. botocore refreshes what expires; `Account.credentials` asks it before each request.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import aioboto3
from aiobotocore.credentials import AioRefreshableCredentials
from aiobotocore.session import get_session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)
from botocore.loaders import Loader, create_loader

from alternator_migrate.errors import MigrateError, ServerRefused, Unavailable, UsageError
from alternator_migrate.lane import CredentialSource
from alternator_migrate.sigv4 import Credentials

_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 70
_ATTEMPTS: Final = 4
_LONGEST_WORDS: Final = 300
_SERVER_ERRORS: Final = 500


@dataclass(frozen=True, slots=True)
class Login:
    """What a configuration says about credentials; nothing set means the default chain."""

    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    profile: str | None = None
    role_arn: str | None = None
    role_session: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Credentials and region of one side; `credentials` is None for unsigned requests."""

    session: Any
    region: str
    credentials: CredentialSource | None


async def sign_in(login: Login | None, region: str | None, *, fallback_region: str = "") -> Account:
    """The account that `login` names; without a login, one that signs nothing.

    Raises `UsageError` where there are no credentials, no such profile, no region (and no
    fallback for it), or where the role cannot be assumed.
    """
    try:
        session = _session(login or Login(), region)
        where = session.region_name or fallback_region
    except (ProfileNotFound, PartialCredentialsError) as error:
        raise UsageError(str(error), "Check credentials.profile and the AWS files.") from error
    if not where:
        raise UsageError(
            "no AWS region is known", "Set `region`, or AWS_REGION, or a region in the profile."
        )
    if login is None:
        return Account(session, where, None)
    with refusing(f"assuming the role {login.role_arn}" if login.role_arn else "signing in"):
        if login.role_arn:
            session = await _with_role(session, login, where)
        found = await session.get_credentials()
    if found is None:
        raise UsageError(
            "no AWS credentials were found",
            "Set `credentials`, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile.",
        )

    if any(map(str.isspace, f"{login.access_key}{login.token}")):
        raise UsageError(
            "credentials.accessKey and sessionToken must be without spaces and line breaks",
            "Check how they came into the configuration.",
        )

    async def fresh() -> Credentials:
        try:
            frozen = await found.get_frozen_credentials()
        except (BotoCoreError, ClientError, OSError) as error:
            raise _not_refreshed(error) from error
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    return Account(session, where, fresh)


@asynccontextmanager
async def open_control(
    account: Account,
    *,
    url: str | None,
    ca_bundle: str | None = None,
    insecure: bool = False,
    route: Callable[[], str] | None = None,
) -> AsyncIterator[Any]:
    """A DynamoDB client for the control plane, at `url` or at AWS; with `route`, each attempt of
    a request goes to the URL that it returns."""

    def to_node(request: Any, **_: object) -> None:
        if route:
            request.url = f"{route()}/"

    options: dict[str, Any] = {"signature_version": UNSIGNED} if not account.credentials else {}
    config = Config(
        retries={"mode": "standard", "max_attempts": _ATTEMPTS},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        **options,
    )
    plain = url is not None and url.startswith("http:")
    verify: Any = False if insecure or plain else ca_bundle
    async with account.session.client(
        "dynamodb", region_name=account.region, endpoint_url=url, verify=verify, config=config
    ) as client:
        client.meta.events.register("request-created.dynamodb", to_node)
        yield client


class refusing:  # noqa: N801 # reads as a statement: `with refusing("CreateTable"):`
    """A context that tells botocore's errors in the words of this house.

    A server's answer becomes `ServerRefused`, missing credentials and regions `UsageError`,
    and a service that cannot be reached `MigrateError`.
    """

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ClientError):
            raise ServerRefused(self._operation, error_code(error), _words(error)) from error
        if isinstance(error, NoCredentialsError | NoRegionError | PartialCredentialsError):
            raise UsageError(f"{self._operation}: {error}", "Check `credentials`.") from error
        if isinstance(error, SSLError):
            raise MigrateError(
                f"{self._operation}: {error}",
                "Set endpoint.caBundle to the CA's PEM file, or endpoint.insecureSkipVerify.",
            ) from error
        if isinstance(error, BotoCoreError | OSError):
            raise MigrateError(
                f"{self._operation}: {error}", "Check the endpoint, the region and the network."
            ) from error


def _not_refreshed(error: Exception) -> MigrateError:
    """What keeps credentials from being refreshed: a refusal is final, anything else may pass."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status < _SERVER_ERRORS and "Throttl" not in error_code(error):
            return ServerRefused("refreshing the credentials", error_code(error), _words(error))
    return Unavailable(f"refreshing the credentials: {error}")


def error_code(error: ClientError) -> str:
    """The API's error type of a botocore error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _words(error: ClientError) -> str:
    words = str(error.response.get("Error", {}).get("Message", "")) or str(error)
    return words if len(words) < _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}..."


def _session(login: Login, region: str | None) -> Any:
    botocore_session = get_session()
    data_path = botocore_session.get_config_variable("data_path")
    botocore_session.register_component("data_loader", _loader(data_path))
    return aioboto3.Session(
        botocore_session=botocore_session,
        aws_access_key_id=login.access_key,
        aws_secret_access_key=login.secret_key,
        aws_session_token=login.token,
        region_name=region,
        profile_name=login.profile,
    )


@cache
def _loader(data_path: str | None) -> Loader:
    """One for both sides: the model of a service takes 8 MB and 60 ms."""
    return create_loader(data_path)


async def _with_role(session: Any, login: Login, region: str) -> Any:
    """A session whose credentials are the role's, assumed again before each expiry."""

    async def assume() -> Mapping[str, str]:
        async with session.client("sts", region_name=region) as sts:
            answer = await sts.assume_role(
                RoleArn=login.role_arn, RoleSessionName=login.role_session or "alternator-migrate"
            )
        role = answer["Credentials"]
        return {
            "access_key": role["AccessKeyId"],
            "secret_key": role["SecretAccessKey"],
            "token": role["SessionToken"],
            "expiry_time": role["Expiration"].isoformat(),
        }

    botocore_session = get_session()
    botocore_session._credentials = AioRefreshableCredentials.create_from_metadata(
        metadata=await assume(), refresh_using=assume, method="sts-assume-role"
    )
    return aioboto3.Session(region_name=region, botocore_session=botocore_session)
