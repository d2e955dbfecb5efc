"""Objects of a bucket, over aioboto3's client: streamed, and gone on with where a body breaks off.

aiobotocore repeats nothing here: what may pass is `Retryable`, and repeated by the one retry layer.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from aiohttp import ClientError

from alternator_migrate.connectors.s3_export.objects import PIECE, ObjectAbsent, ObjectForbidden
from alternator_migrate.core.errors import MigrateError, Retryable, ServerRefused, Unavailable
from alternator_migrate.core.model import Role
from alternator_migrate.core.requests import Requests
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb.botocore_errors import refusing, repeating

Doing: TypeAlias = Literal["reading", "writing", "listing"]
_GET: Final = "GetObject"
_HEAD: Final = "HeadObject"
_ABSENT: Final = ("NoSuchKey", "404", "NotFound")
_FORBIDDEN: Final = ("AccessDenied", "403", "Forbidden")
_CHANGED: Final = ("PreconditionFailed", "412", "InvalidRange", "416")
_ELSEWHERE: Final = ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "307")
_RIGHTS: Final = (
    "Either it may not be read (that takes s3:GetObject for manifests, for AWSDynamoDB/*/data/*, "
    "and kms:Decrypt for a bucket with a key of its own), or it is not there, of which S3 says the "
    "same without s3:ListBucket: check the policy, then bucket and key."
)

_REFUSED: Final = {
    "writing": (
        "written",
        "Writing needs s3:PutObject and s3:AbortMultipartUpload (and kms:GenerateDataKey).",
    ),
    "listing": (
        "listed",
        "To see what an earlier run wrote takes s3:ListBucket on the bucket.",
    ),
}


@dataclass(frozen=True, slots=True)
class Calls:
    """How S3 is called, as one `side` of a run: what fails and may pass is repeated by `retry`, all
    is counted in `requests`. The `section` of the configuration has the S3's region."""

    retry: Retry
    requests: Requests = field(default_factory=Requests)
    side: Role = "source"
    section: str = "source"

    @contextmanager
    def counted(self, operation: str) -> Iterator[None]:
        """Around one attempt of an operation."""
        try:
            yield
        except Retryable as failure:
            failure.side = self.side
            self.requests.failed(operation, failure)
            raise

    def answered(self, operation: str, began: float) -> None:
        """An operation that `began` then (monotonic) was answered."""
        self.requests.answered(operation, time.monotonic() - began)


class Bucket:
    """The objects of one bucket; `asked` are parameters that go with each request."""

    def __init__(
        self, client: Any, bucket: str, calls: Calls, asked: Mapping[str, str] | None = None
    ) -> None:
        self._client, self._bucket, self._calls = client, bucket, calls
        self._asked = {"Bucket": bucket, **(asked or {})}

    def name(self, key: str) -> str:
        """The object's URL."""
        return f"s3://{self._bucket}/{key}"

    async def get(self, key: str) -> bytes:
        """A small object as a whole. Raises `ObjectAbsent`, `MigrateError`."""
        reader, parts = self.open(key), []
        try:
            while part := await reader.read():
                parts.append(part)
        finally:
            await reader.close()
        return b"".join(parts)

    async def exists(self, key: str) -> bool:
        """Whether an object is there. Raises `ObjectForbidden` where it may not be read, and
        `MigrateError` where that cannot be asked."""
        try:
            await self._calls.retry(self._head, key)
        except ObjectForbidden:
            raise
        except ObjectAbsent:
            return False
        return True

    def open(self, key: str) -> "BucketReader":
        """A reader of an object."""
        return BucketReader(self._client, {**self._asked, "Key": key}, self.name(key), self._calls)

    async def _head(self, _: str, key: str) -> None:
        began = time.monotonic()
        with self._calls.counted(_HEAD), asking(self.name(key), self._calls.section):
            await self._client.head_object(Key=key, **self._asked)
        self._calls.answered(_HEAD, began)


class BucketReader:
    """Reads one object. A body that breaks off is gone on with where it did, as long as the object
    is the same one: by its ETag, which is compared here too, for not every server does."""

    def __init__(self, client: Any, asked: Mapping[str, str], name: str, calls: Calls) -> None:
        self._client, self._asked, self._name, self._calls = client, asked, name, calls
        self._body: Any = None
        self._etag = ""
        self._read = 0
        self._size: int | None = None

    async def read(self) -> bytes:
        """The next bytes; none at the end. Raises `MigrateError`, `ObjectAbsent`."""
        if self._size is not None and self._read >= self._size:
            return b""
        return await self._calls.retry(self._next)

    async def close(self) -> None:
        """Let go of the connection."""
        body, self._body = self._body, None
        if body is not None:
            body.close()

    async def _next(self, _: str) -> bytes:
        try:
            with self._calls.counted(_GET):
                part = await self._part()
        except BaseException:
            await self.close()
            raise
        self._read += len(part)
        return part

    async def _part(self) -> bytes:
        with asking(self._name, self._calls.section):
            if self._body is None:
                await self._open()
            part: bytes = await self._body.read(PIECE)
        if not part and self._size is not None and self._read < self._size:
            words = f"{self._name} broke off after {self._read:,} of {self._size:,} bytes"
            raise Unavailable(words)
        return part

    async def _open(self) -> None:
        place = {"Range": f"bytes={self._read}-", "IfMatch": self._etag} if self._read else {}
        began = time.monotonic()
        answer = await self._client.get_object(**self._asked, **place)
        self._calls.answered(_GET, began)
        etag = str(answer.get("ETag", ""))
        if self._read and etag != self._etag:
            raise changed(self._name, f"its ETag was {self._etag} and is {etag}")
        length = answer.get("ContentLength")
        self._etag, self._body = etag, answer["Body"]
        if length is not None:
            whole = self._read + int(length)
            if self._size not in (None, whole):
                raise changed(self._name, f"it had {self._size:,} bytes and has {whole:,}")
            self._size = whole


@contextmanager
def asking(name: str, section: str, doing: Doing = "reading") -> Iterator[None]:
    """Around requests for an object: what goes wrong, in words of ours. The `section` of the
    configuration has the region."""
    try:
        with refusing(f"{doing} {name}"), repeating(f"{doing} {name}"):
            yield
    except ServerRefused as error:
        raise _refused(name, section, doing, error) from error
    except ClientError as error:
        raise Unavailable(f"{doing} {name}: {error or type(error).__name__}") from error


def changed(name: str, why: str) -> MigrateError:
    """The error for an object that is another one than before."""
    return MigrateError(
        f"{name} was replaced while it was read: {why}",
        "Exports never change: who wrote there? Put the object back and run again.",
    )


def _refused(name: str, section: str, doing: Doing, error: ServerRefused) -> MigrateError:
    code = error.code
    if code in _FORBIDDEN and doing != "reading":
        what, hint = _REFUSED[doing]
        return MigrateError(f"{name} cannot be {what}: {code}: {error.words}", hint)
    if code in _ABSENT:
        return ObjectAbsent(f"{name} does not exist")
    if code in _FORBIDDEN:
        return ObjectForbidden(f"{name} cannot be read: {code}: {error.words}", _RIGHTS)
    if code == "NoSuchBucket":
        return MigrateError(f"{name}: the bucket does not exist", "Check bucket and endpoint.")
    if code in _CHANGED:
        return changed(name, f"S3 answers {code}")
    if code in _ELSEWHERE:
        hint = f"Set {section}.region to that of the bucket."
        return MigrateError(f"{name}: the bucket is in another region ({error.words})", hint)
    return error
