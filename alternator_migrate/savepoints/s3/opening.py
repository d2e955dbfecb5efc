"""Opens the place of savepoints in S3 that a configuration names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from alternator_migrate.config import SavepointsSettings, SavepointTargetSettings
from alternator_migrate.dynamodb.http import Transport
from alternator_migrate.dynamodb.login import Login
from alternator_migrate.dynamodb.session import open_s3, sign_in
from alternator_migrate.savepoints.s3.background import Background
from alternator_migrate.savepoints.s3.bucket import Bucket
from alternator_migrate.savepoints.s3.folder import S3Folder
from alternator_migrate.savepoints.s3.locks import S3Locks


@cache
def open_folder(settings: SavepointsSettings, patience: float) -> S3Folder:
    """The place in S3, one for the whole process; requests are repeated for `patience` seconds, and
    not for longer than a lease lasts. Raises `UsageError` where nobody can sign in."""
    folder, target = settings.bucket, settings.target
    assert folder  # noqa: S101 # asked for places in S3 only
    background, client = _connected(target and replace(target, bucket=None, prefix=None), patience)
    seconds = settings.lease_seconds
    bucket = Bucket(client, folder.bucket, min(patience, seconds))
    locks = S3Locks(background, folder, Bucket(client, folder.bucket, seconds), seconds)
    return S3Folder(background, folder, bucket, locks)


@cache
def _connected(target: SavepointTargetSettings | None, patience: float) -> tuple[Background, Any]:
    """A client for all places that are reached in one way."""
    background = Background()
    return background, background.open(_opened(target, patience))


@asynccontextmanager
async def _opened(target: SavepointTargetSettings | None, patience: float) -> AsyncIterator[Any]:
    endpoint = target.endpoint if target else None
    url = endpoint.contacts[0] if endpoint else None
    login = target.credentials.login if target and target.credentials else Login()
    region = target.region if target else None
    account = await sign_in(login, region, patience=patience, endpoint=url)
    transport = Transport(
        ca_bundle=(endpoint and endpoint.ca_bundle) or account.ca_bundle,
        insecure=bool(endpoint and endpoint.insecure_skip_verify),
        certificate=endpoint.client_certificate if endpoint else None,
        key=endpoint.client_key if endpoint else None,
    )
    in_path = target.use_path_style_access if target else None
    async with open_s3(account, url=url, transport=transport, path_style=in_path) as client:
        yield client
