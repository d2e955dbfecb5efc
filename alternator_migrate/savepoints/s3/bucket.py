"""Objects of a bucket: conditional writes, of which it is known at the return whether they are
there.

aiobotocore repeats nothing here: what may pass is `Retryable`, and repeated by the one retry layer.
An answer to a write may get lost: each bears an id of its own, by which it is known again.
"""

import asyncio
import io
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

from aiohttp import ClientError

from alternator_migrate.core.durable import open_private
from alternator_migrate.core.errors import MigrateError, ServerRefused, Unavailable, UsageError
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb.botocore_errors import refusing, repeating

_PIECE: Final = 256 * 1024
_ANSWER_SECONDS: Final = 20.0
_BYTES_PER_SECOND: Final = 250_000
"""The slowest line on which a large object is still sent."""
_ABSENT: Final = ("NoSuchKey", "404", "NotFound")
_TAKEN: Final = ("PreconditionFailed", "412", *_ABSENT)
_FORBIDDEN: Final = ("AccessDenied", "403", "Forbidden")
_ELSEWHERE: Final = ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "307")
_NOT_KNOWN: Final = ("NotImplemented", "501")
NO_CONDITIONS: Final = (
    "Use an S3 with conditional writes (If-None-Match, If-Match), as AWS and SeaweedFS have them: "
    "a newer version of this server may; or a folder of this machine for savepoints.path."
)
_RIGHTS: Final = (
    "Savepoints need s3:GetObject, s3:PutObject and s3:DeleteObject for the objects, s3:ListBucket "
    "for the bucket, and kms:Decrypt and kms:GenerateDataKey for one with a key of its own."
)


class Taken(MigrateError):
    """The condition of a write did not hold: the object is there already, or is another one."""


class Found(NamedTuple):
    """An object; `age` are the seconds since it was written, by the server's clock alone, and
    `write` is the id of that write."""

    text: bytes
    etag: str
    age: float
    write: str


class Bucket:
    """The objects of one bucket; requests are repeated for `budget` seconds."""

    def __init__(self, client: Any, bucket: str, budget: float) -> None:
        self._client, self._bucket, self._retry = client, bucket, Retry(budget)

    async def names(self, prefix: str) -> list[str]:
        """The keys that begin with a prefix and have no / after it. Raises `MigrateError`."""
        found: list[str] = []
        more: dict[str, str] = {}
        while True:
            answer = await self._retry(
                self._ask,
                f"listing s3://{self._bucket}/{prefix}",
                self._client.list_objects_v2,
                {"Prefix": prefix, "Delimiter": "/", **more},
            )
            found += [str(each["Key"]) for each in answer.get("Contents", ())]
            if not answer.get("IsTruncated"):
                return found
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    async def get(self, key: str) -> Found | None:
        """An object; None where there is none. Raises `MigrateError`."""
        text = io.BytesIO()
        found = await self._retry(self._read, key, text)
        return found and found._replace(text=text.getvalue())

    async def fetch(self, key: str, path: Path) -> str | None:
        """Bring an object into a file for its owner alone, empty where there is none; its ETag,
        None without one. Raises `MigrateError`, `OSError`."""
        with open_private(path) as file:
            found = await self._retry(self._read, key, file)
        return found and found.etag

    async def put(self, key: str, body: "bytes | FileBody", etag: str | None) -> str:
        """Write an object: a new one, or in the place of that with an ETag. Returns its own ETag
        when it is there.

        Raises `Taken` where there is another one, `MigrateError` where it is not known to be there.
        """
        write = uuid4().hex
        what = f"writing s3://{self._bucket}/{key}"
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        size = len(body)
        asked = {"Key": key, "Metadata": {"write": write}, "ContentLength": size, **condition}

        async def attempt(avoid: str) -> str:
            content = body if isinstance(body, bytes) else body.opened()
            try:
                answer = await self._ask(avoid, what, self._put, {**asked, "Body": content}, size)
            except Taken:
                # be it the first one here: aiohttp itself sends once more where a connection ends
                found = await self._head(avoid, key)
                if found is None or found.write != write:
                    raise
                return found.etag
            return str(answer["ETag"])

        return await self._retry(attempt)

    async def delete(self, key: str) -> None:
        """Delete an object, if it is there. Raises `MigrateError`."""
        what = f"deleting s3://{self._bucket}/{key}"
        await self._retry(self._ask, what, self._client.delete_object, {"Key": key})

    async def _put(self, **asked: Any) -> Any:
        return await self._client.put_object(**asked)

    async def _head(self, avoid: str, key: str) -> Found | None:
        what = f"reading s3://{self._bucket}/{key}"
        try:
            answer = await self._ask(avoid, what, self._client.head_object, {"Key": key})
        except Taken:
            return None
        return _found(answer)

    async def _read(self, avoid: str, key: str, into: Any) -> Found | None:
        """Read an object from its start into a file that may hold some of it already."""
        what = f"reading s3://{self._bucket}/{key}"
        into.seek(0)
        into.truncate()
        try:
            answer = await self._ask(avoid, what, self._client.get_object, {"Key": key})
        except Taken:
            return None
        with _asking(what):
            body = answer["Body"]
            try:
                while piece := await _timely(what, body.read(_PIECE)):
                    into.write(piece)
            finally:
                body.close()
        if into.tell() != answer["ContentLength"]:
            raise Unavailable(f"{what}: it broke off after {into.tell():,} bytes")
        return _found(answer)

    async def _ask(
        self,
        _: str,
        what: str,
        operation: Callable[..., Awaitable[Any]],
        asked: dict[str, Any],
        size: int = 0,
    ) -> Any:
        with _asking(what):
            waiting = operation(Bucket=self._bucket, **asked)
            return await _timely(what, waiting, _ANSWER_SECONDS + size / _BYTES_PER_SECOND)


class FileBody:
    """The first `size` bytes of an open file, however it grows meanwhile."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor, self._size = descriptor, size

    def __len__(self) -> int:
        return self._size

    def opened(self) -> io.BufferedReader:
        """A reader from the start."""
        return io.BufferedReader(_Part(self._descriptor, self._size), _PIECE)


class _Part(io.RawIOBase):
    """A part of a file that others may write to."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor, self._size, self._place = descriptor, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(base + offset, 0)
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = max(min(len(buffer), self._size - self._place), 0)
        read = os.pread(self._descriptor, wanted, self._place)
        buffer[: len(read)] = read
        self._place += len(read)
        return len(read)


async def _timely(what: str, waiting: Awaitable[Any], seconds: float = _ANSWER_SECONDS) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await waiting
    except TimeoutError as error:
        raise Unavailable(f"{what}: no answer within {seconds:.0f} s") from error


def _found(answer: Any) -> Found:
    """What an answer says of an object, without its text."""
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
    age = (now - answer["LastModified"]).total_seconds()
    return Found(b"", str(answer["ETag"]), age, answer.get("Metadata", {}).get("write", ""))


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Around a request: what goes wrong, in words of ours."""
    try:
        with refusing(what), repeating(what):
            yield
    except ServerRefused as error:
        raise _refused(what, error) from error
    except ClientError as error:
        raise Unavailable(f"{what}: {error or type(error).__name__}") from error


def _refused(what: str, error: ServerRefused) -> MigrateError:
    code, told = error.code, f"{what}: {error.code}: {error.words}"
    if code in _TAKEN:
        return Taken(told)
    if code in _FORBIDDEN:
        return MigrateError(told, _RIGHTS)
    if code == "NoSuchBucket":
        return UsageError(f"{what}: the bucket does not exist", "Make it, or check its name.")
    if code in _ELSEWHERE:
        hint = "Set savepoints.target.region, or AWS_REGION, to the bucket's region."
        return UsageError(f"{what}: the bucket is in another region ({error.words})", hint)
    if code in _NOT_KNOWN:
        return UsageError(f"{what}: the server does not know conditional writes", NO_CONDITIONS)
    return error
