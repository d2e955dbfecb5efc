"""An S3 client for one side, from its settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from alternator_migrate.config import SideSettings
from alternator_migrate.connectors.service import check_files, login_of, transport_of
from alternator_migrate.dynamodb.session import open_s3, sign_in

# For manifests, beside the slots of readers.
_SPARE_CONNECTIONS: Final = 2
_AWS: Final = (".amazonaws.com", ".amazonaws.com.cn")


@asynccontextmanager
async def open_client(
    section: str,
    side: SideSettings,
    connections: int,
    patience: float,
    *,
    signed: bool = True,
    in_path: bool | None = None,
) -> AsyncIterator[Any]:
    """A client for the S3 that a `section` of the configuration names; whether buckets stand
    `in_path` depends on the endpoint (None). Signing in is given up after `patience` seconds.
    Raises `MigrateError`."""
    url = _secure(side.endpoint.contacts[0]) if side.endpoint else None
    login = login_of(side) if signed else None
    account = await sign_in(login, side.region, patience=patience, endpoint=url)
    check_files(section, side.endpoint)
    transport = transport_of(side, account.ca_bundle, connections + _SPARE_CONNECTIONS)
    path_style = (url is not None and not url.endswith(_AWS)) if in_path is None else in_path
    async with open_s3(account, url=url, transport=transport, path_style=path_style) as client:
        yield client


def _secure(url: str) -> str:
    """The endpoint; AWS's own is https where no scheme is written."""
    if url.startswith("http://") and url.endswith(_AWS):
        return f"https://{url.removeprefix('http://')}"
    return url
