"""aioboto3: sessions, credentials that stay fresh, where AWS has its services, and S3.

Credentials come from the configuration or from AWS's default chain, through a role if one is
named. botocore refreshes what expires; `Account.credentials` asks it before each request.
"""

import os
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Final, Literal

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioRefreshableCredentials
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import get_session
from botocore import UNSIGNED
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader, create_loader

from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb.botocore_errors import (
    ODD,
    configuring,
    not_refreshed,
    obtaining,
    repeating,
)
from alternator_migrate.dynamodb.credentials import check_keys, no_keys
from alternator_migrate.dynamodb.endpoints import base_url, check_region, region_at
from alternator_migrate.dynamodb.http import Transport, check_proxy
from alternator_migrate.dynamodb.http_client import CredentialSource
from alternator_migrate.dynamodb.login import Login
from alternator_migrate.dynamodb.signing import Credentials

_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 70
_UNREACHED_SECONDS: Final = 5.0
_ONCE: Final = {"total_max_attempts": 1}
"""For requests that `Retry` repeats."""
_WITH_WAITS: Final = {"mode": "standard", "max_attempts": 4}
_REGION_OF_OTHERS: Final = "us-east-1"
_ROLE: Final = (
    "Check credentials.assumeRole: arn:aws:iam::123456789012:role/NAME is an arn, and a "
    "sessionName is of letters, digits and _=,.@-"
)
_AWS: Final = (".amazonaws.com", ".amazonaws.com.cn")


@dataclass(frozen=True, slots=True)
class Account:
    """Credentials and region of one side; `credentials` is None for unsigned requests.

    `url` and `streams` are where AWS's own settings, such as AWS_ENDPOINT_URL, put DynamoDB and
    its streams (if elsewhere), `ca_bundle` is the PEM file that they name; None where they do not.
    """

    session: Any
    region: str
    credentials: CredentialSource | None = None
    url: str | None = None
    streams: str | None = None
    ca_bundle: str | None = None


async def sign_in(
    login: Login | None, region: str | None, *, patience: float, endpoint: str | None = None
) -> Account:
    """The account that `login` names; without a login, one that signs nothing. `endpoint` is what
    the configuration has: of AWS's settings only that of the streams counts then. What throttles
    or fails where credentials come from is asked again for `patience` seconds, what cannot be
    reached for some seconds only.

    Raises `UsageError` where AWS's settings are wrong, where there are no credentials, no such
    profile, no region (which AWS alone needs), one that can be none or contradicts the endpoint,
    `ServerRefused` where the role cannot be assumed, and `OutOfTime`.
    """
    with configuring():
        account = _account(login or Login(), region, endpoint)
    if login is None:
        return account
    way, began = _way(login, account), time.monotonic()

    async def attempt(_: str) -> tuple[Any, Any, Any]:
        """A session, the source of its credentials, and those of now; None where it has none."""
        with (
            obtaining(way, _ROLE if login.role_arn else ""),
            repeating(way, side="AWS", reached=time.monotonic() > began + _UNREACHED_SECONDS),
        ):
            session = await _with_role(account, login) if login.role_arn else account.session
            found = await session.get_credentials()
            # some kinds are looked for only when used
            return session, found, await found.get_frozen_credentials() if found else None

    session, found, keys = await Retry(patience)(attempt)
    if keys is None:
        raise no_keys(_profile(login, account), local=bool(endpoint or account.url))
    check_keys(keys, _origin(login, account, found.method))

    async def fresh() -> Credentials:
        try:
            frozen = await found.get_frozen_credentials()
            check_keys(frozen, found.method)
        except (BotoCoreError, ClientError, OSError, UsageError, *ODD) as error:
            raise not_refreshed(error) from error
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    return replace(account, session=session, credentials=fresh)


@asynccontextmanager
async def open_s3(
    account: Account, *, url: str | None, transport: Transport, path_style: bool | None
) -> AsyncIterator[Any]:
    """An S3 client, at `url` or where AWS's settings say, which repeats nothing and checks no
    checksum of a part; with `path_style` buckets stand in the path (None: where it is not AWS's).
    Raises `UsageError` where AWS's settings are wrong."""
    with configuring():
        url = url or _named_url(account.session, "s3", alone=False)
    if path_style is None:
        path_style = url is not None and not url.endswith(_AWS)
    options: dict[str, Any] = {
        "max_pool_connections": transport.connections,
        "s3": {"addressing_style": "path" if path_style else "virtual"},
        "response_checksum_validation": "when_required",
        "request_checksum_calculation": "when_required",
    }
    if not account.credentials:
        options["signature_version"] = UNSIGNED
    if transport.certificate:
        options["client_cert"] = (transport.certificate, transport.key)
    if transport.insecure:
        options["http_session_cls"] = _Lenient
    plain = url is not None and url.startswith("http:")
    verify = False if plain else transport.insecure or transport.ca_bundle
    async with _client(account, "s3", options, url=url, verify=verify) as client:
        yield client


async def service_url(account: Account, service: Literal["dynamodb", "dynamodbstreams"]) -> str:
    """The URL at which AWS has a service for an account's region, by AWS's own rules, FIPS and
    dual-stack as AWS's settings say. Raises `UsageError`."""
    if account.region == "local":  # which only the rules of dynamodb know
        service = "dynamodb"
    core = account.session._session
    files = core.get_component("data_loader")
    with configuring():
        rules = files.load_service_model(service, "endpoint-rule-set-1")
        found = EndpointProvider(rules, files.load_data("partitions")).resolve_endpoint(
            Region=account.region,
            UseFIPS=bool(core.get_config_variable("use_fips_endpoint")),
            UseDualStack=bool(core.get_config_variable("use_dualstack_endpoint")),
        )
    # a client checks the other settings; its older table of hosts lacks some variants
    plain = {"use_fips_endpoint": False, "use_dualstack_endpoint": False}
    async with _client(account, service, plain, url=found.url) as client:
        return str(client.meta.endpoint_url)


class _Verifying(AIOHTTPSession):  # type: ignore[misc] # aiobotocore has no types
    """aiobotocore's HTTP, which checks no certificate of a server behind a proxy by itself."""

    def _setup_proxy_ssl_context(self, proxy_url: str) -> Any:
        return super()._setup_proxy_ssl_context(proxy_url) or self._get_ssl_context()


class _Lenient(_Verifying):
    """HTTP that takes any certificate of a server, and shows that of this client."""

    def _get_ssl_context(self) -> Any:
        context = super()._get_ssl_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


@asynccontextmanager
async def _client(
    account: Account,
    service: str,
    options: Mapping[str, Any],
    *,
    url: str | None = None,
    verify: str | bool | None = None,
) -> AsyncIterator[Any]:
    """A client of botocore, with `options` over the usual; `verify` None is the CA that AWS's
    settings name, or the usual ones."""
    async with AsyncExitStack() as stack:
        with configuring():
            config = AioConfig(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                **{**_USUAL, **options},
            )
            client = account.session.client(
                service,
                region_name=account.region,
                endpoint_url=url,
                verify=(account.ca_bundle or True) if verify is None else verify,
                config=config,
            )
            opened = await stack.enter_async_context(client)
        check_proxy(str(opened.meta.endpoint_url))
        yield opened


_USUAL: Final[Mapping[str, Any]] = {
    "http_session_cls": _Verifying,
    "retries": _ONCE,
}


def _account(login: Login, region: str | None, endpoint: str | None) -> Account:
    """The account as AWS's settings name it, before signing in. Raises `UsageError`."""
    session = _session(login, region)
    url = None if endpoint else _named_url(session, "dynamodb", alone=False)
    streams = _named_url(session, "dynamodbstreams", alone=bool(endpoint))
    where = region_at(endpoint or url, region) or session.region_name
    where = where or (_REGION_OF_OTHERS if endpoint or url else None)
    if not where:
        raise UsageError(
            "no AWS region is known", "Set `region`, or AWS_REGION, or a region in the profile."
        )
    check_region(where, _origin_of_region(region))
    bundle = session._session.get_config_variable("ca_bundle")
    bundle = bundle or os.environ.get("REQUESTS_CA_BUNDLE") or None
    return Account(session, where, url=url, streams=streams, ca_bundle=bundle)


def _origin_of_region(given: str | None) -> str:
    """The place where the region is looked for first, for messages."""
    if given:
        return "`region`"
    found = (name for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if os.environ.get(name))
    return next(found, "`region` of the AWS profile")


def _profile(login: Login, account: Account) -> str | None:
    """The profile of the AWS files that the credentials are to come from, if one is named."""
    if login.access_key:
        return None
    return login.profile or account.session._session.profile


def _way(login: Login, account: Account) -> str:
    """The source of the credentials, for messages."""
    role = f"assuming the role {login.role_arn}" if login.role_arn else "signing in"
    profile = _profile(login, account)
    return f"{role} with the AWS profile {profile!r}" if profile else role


def _origin(login: Login, account: Account, method: str) -> str:
    """The place where keys were found, for messages."""
    if login.access_key and not login.role_arn:
        return "`credentials`"
    profile = _profile(login, account)
    if method == "env":
        return "the environment"
    return f"the AWS profile {profile!r}" if profile else method


def _named_url(session: Any, service: str, *, alone: bool) -> str | None:
    """The URL that AWS's settings have for a service, if any: for it `alone`, or for all services
    as well. Raises `UsageError`."""
    core = session._session
    if core.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    profile, environment = dict(core.get_scoped_config()), dict(os.environ)
    if alone:
        profile.pop("endpoint_url", None)
        environment.pop("AWS_ENDPOINT_URL", None)
    places = ConfiguredEndpointProvider(core.full_config, profile, service, environment)
    url = places.provide()
    try:
        return base_url(url) if url else None
    except ValueError as error:
        raise UsageError(
            f"the endpoint of {service} in AWS's settings {error}",
            "Check AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_DYNAMODB_STREAMS, "
            "AWS_ENDPOINT_URL_S3 and endpoint_url of the AWS profile.",
        ) from error


def _session(login: Login, region: str | None) -> Any:
    botocore_session = get_session()
    data_path = botocore_session.get_config_variable("data_path")
    botocore_session.register_component("data_loader", _loader(data_path))
    return aioboto3.Session(
        botocore_session=botocore_session,
        aws_access_key_id=login.access_key,
        aws_secret_access_key=login.secret_key,
        aws_session_token=login.token,
        region_name=region or os.environ.get("AWS_REGION") or None,  # which botocore does not read
        profile_name=login.profile,
    )


@cache
def _loader(data_path: str | None) -> Loader:
    """One for both sides: the model of a service takes 8 MB and 60 ms."""
    return create_loader(data_path)


async def _with_role(account: Account, login: Login) -> Any:
    """A session whose credentials are the role's, assumed again before each expiry."""

    async def assume(retries: Mapping[str, Any]) -> Mapping[str, str]:
        async with _client(account, "sts", {"retries": retries}) as sts:
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

    session = _session(Login(profile=login.profile), account.region)
    session._session._credentials = AioRefreshableCredentials.create_from_metadata(
        metadata=await assume(_ONCE),
        # some minutes before they expire each request tries: not in vain as fast as they come
        refresh_using=partial(assume, _WITH_WAITS),
        method="sts-assume-role",
    )
    return session
