"""Places of savepoints in S3, as configurations name them and as tests look into them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aioboto3
from botocore.exceptions import ClientError

from alternator_migrate.config.access import CredentialsSettings, EndpointSettings
from alternator_migrate.config.savepoint_settings import (
    SavepointsSettings,
    SavepointTargetSettings,
)
from alternator_migrate.savepoints.format import Savepoint, decode
from alternator_migrate.savepoints.s3 import S3Folder, open_folder

BUCKET = "savepoints"
KEYS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}


@dataclass(frozen=True)
class Prefix:
    """A prefix of a bucket of the S3 at `url`, which no other test uses."""

    url: str
    prefix: str
    bucket: str = BUCKET

    def target(self, url: str = "") -> dict[str, Any]:
        """The place, as ScyllaDB Migrator describes it, with an endpoint of ours."""
        return {
            "type": "s3",
            "bucket": self.bucket,
            "prefix": self.prefix,
            "region": "us-east-1",
            "endpoint": {"url": url or self.url},
            "credentials": {"accessKey": "local", "secretKey": "local"},
        }

    def environment(self) -> dict[str, str]:
        """AWS's settings that name the server and the keys."""
        keys = {name.upper(): value for name, value in KEYS.items()}
        return {**keys, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": self.url}

    def open(self, url: str = "", lease: float = 6, patience: float = 20) -> S3Folder:
        """The place, in the test's process."""
        target = SavepointTargetSettings(
            type="s3",
            bucket=self.bucket,
            prefix=self.prefix,
            region="us-east-1",
            endpoint=EndpointSettings(url=url or self.url),
            credentials=CredentialsSettings(access_key="local", secret_key="local"),
        )
        settings = SavepointsSettings(path=str(target.place), lease_seconds=lease, target=target)
        return open_folder.__wrapped__(settings, patience)

    async def names(self) -> list[str]:
        """The names of all objects."""
        async with self.client() as client:
            answer = await client.list_objects_v2(Bucket=self.bucket, Prefix=f"{self.prefix}/")
        return [each["Key"].removeprefix(f"{self.prefix}/") for each in answer.get("Contents", ())]

    async def text(self, name: str) -> bytes:
        """An object."""
        async with self.client() as client:
            answer = await client.get_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}")
            return bytes(await answer["Body"].read())

    async def put(self, name: str, text: bytes) -> None:
        """Write an object, whatever is there."""
        async with self.client() as client:
            await client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}", Body=text)

    async def left_lock(self, migration: str, lease: float) -> None:
        """The lock of a run that was killed, which would renew it after a part of so long."""
        state = {"process": "7 on elsewhere", "lease": lease, "turn": 1, "free": False}
        await self.put(f"migration_{migration}.lock", json.dumps(state).encode())

    async def newest(self) -> Savepoint:
        """The newest savepoint; of a run that goes on, one of the newest three, which it keeps."""
        for _ in range(10):
            saved = [name for name in await self.names() if name.startswith("savepoint_")]
            with suppress(ClientError):  # three newer ones came meanwhile
                return decode(await self.text(max(saved)))
        raise TimeoutError("savepoints come faster than they can be read")

    async def lines(self, start: str) -> list[dict[str, Any]]:
        """The lines of all objects whose names begin so."""
        texts = [await self.text(name) for name in await self.names() if name.startswith(start)]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """A client of the server."""
        session = aioboto3.Session(**KEYS, region_name="us-east-1")
        async with session.client("s3", endpoint_url=self.url) as client:
            yield client


async def made(url: str, prefix: str) -> Prefix:
    """A prefix of a bucket that is there."""
    place = Prefix(url, prefix)
    async with place.client() as client:
        try:
            await client.head_bucket(Bucket=BUCKET)
        except client.exceptions.ClientError:
            await client.create_bucket(Bucket=BUCKET)
    return place
