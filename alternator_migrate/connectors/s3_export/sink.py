"""Where an export is written: a bucket, by multipart upload, or a folder of this machine."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

from alternator_migrate.connectors.s3_export.bucket import Calls, Doing, asking
from alternator_migrate.connectors.s3_export.objects import unreadable
from alternator_migrate.core.durable import open_private, private_folder, sync_folder
from alternator_migrate.core.errors import MigrateError

PART: Final = 8 * 1024 * 1024
"""The bytes of a part of an upload; S3 takes none below 5 MB but the last."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that is in its place: its bytes, and its ETag without quotes ("" of a file)."""

    size: int
    etag: str = ""


class ObjectWriter(Protocol):
    """One object that is being written; it is there when it is finished, and not before."""

    async def write(self, data: bytes) -> None:
        """Add bytes. Raises `MigrateError`."""
        ...

    async def finish(self) -> str:
        """Put the object into its place; its ETag, without quotes. Raises `MigrateError`."""
        ...

    async def abandon(self) -> None:
        """Leave nothing of it behind. Raises nothing."""
        ...


class Sink(Protocol):
    """A bucket, or a folder."""

    def name(self, key: str) -> str:
        """An object's name in messages."""
        ...

    def open(self, key: str) -> ObjectWriter:
        """A writer of an object; what has its key is replaced."""
        ...

    async def listed(self, folder: str) -> Mapping[str, Stored]:
        """The objects whose keys begin with `folder`, which ends with a slash, by their keys.
        Raises `MigrateError`."""
        ...


async def put(sink: Sink, key: str, body: bytes) -> None:
    """Write a small object. Raises `MigrateError`."""
    writer = sink.open(key)
    try:
        await writer.write(body)
        await writer.finish()
    except BaseException:
        await writer.abandon()
        raise


class Folder:
    """A folder of this machine; keys are paths below it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def name(self, key: str) -> str:
        """The path."""
        return str(self._root / key)

    def open(self, key: str) -> "FileWriter":
        """A writer of a file, whose folders are made."""
        return FileWriter(self._root / key)

    async def listed(self, folder: str) -> Mapping[str, Stored]:
        """The files below a folder. Raises `MigrateError`."""
        try:
            return await asyncio.to_thread(self._listed, folder)
        except OSError as error:
            raise unreadable(self.name(folder), error) from error

    def _listed(self, folder: str) -> dict[str, Stored]:
        found = (path for path in (self._root / folder).rglob("*") if path.is_file())
        return {str(path.relative_to(self._root)): Stored(path.stat().st_size) for path in found}


class FileWriter:
    """Writes a file for its owner alone, under another name first."""

    def __init__(self, path: Path) -> None:
        self._path, self._part = path, path.with_name(f".{path.name}.part")
        self._file: IO[bytes] | None = None
        self._doing: asyncio.Future[None] | None = None

    async def write(self, data: bytes) -> None:
        """Add bytes. Raises `MigrateError`."""
        await self._do(self._write, data)

    async def finish(self) -> str:
        """Bring it to disk and into its place. Raises `MigrateError`."""
        await self._do(self._write, b"")
        await self._do(self._finish)
        return ""

    async def abandon(self) -> None:
        """Delete what there is of it. Raises nothing: closing writes what is left, which finds no
        room where the disk is full. A thread that is at it, for one who waits no more, is waited
        for: it may make the file yet."""
        if self._doing:
            await asyncio.gather(self._doing, return_exceptions=True)
        if self._file:
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        if self._file is None:
            private_folder(self._path.parent)
            self._file = open_private(self._part)  # `finish` closes it
        self._file.write(data)

    def _finish(self) -> None:
        assert self._file  # noqa: S101 # opened by `_write`
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)
        sync_folder(self._path.parent)

    async def _do(self, work: Any, *args: object) -> None:
        self._doing = asyncio.ensure_future(asyncio.to_thread(work, *args))
        try:
            await asyncio.shield(self._doing)
        except OSError as error:
            raise MigrateError(
                f"{self._path} cannot be written: {error.strerror}",
                "Name a folder with room that this user may write, then run again.",
            ) from error


class BucketSink:
    """A bucket over aioboto3's client; keys begin at its root."""

    def __init__(self, client: Any, bucket: str, calls: Calls) -> None:
        self._client, self._bucket, self._calls = client, bucket, calls

    def name(self, key: str) -> str:
        """The object's URL."""
        return f"s3://{self._bucket}/{key}"

    def open(self, key: str) -> "UploadWriter":
        """A writer of an object."""
        where = {"Bucket": self._bucket, "Key": key}
        return UploadWriter(_Asking(self._client, where, self.name(key), self._calls))

    async def listed(self, folder: str) -> Mapping[str, Stored]:
        """The objects below a folder, a thousand a request. Raises `MigrateError`."""
        where = {"Bucket": self._bucket, "Prefix": folder}
        asked = _Asking(self._client, where, self.name(folder), self._calls, "listing")
        found, place = dict[str, Stored](), dict[str, str]()
        while True:
            answer = await asked("list_objects_v2", **place)
            for each in answer.get("Contents", ()):
                found[each["Key"]] = Stored(each["Size"], _plain(each))
            if not answer.get("IsTruncated"):
                return found
            place = {"ContinuationToken": answer["NextContinuationToken"]}


@dataclass(frozen=True, slots=True)
class _Asking:
    """Sends requests about one object, or about those of one folder; what may pass is repeated."""

    client: Any
    where: Mapping[str, str]
    name: str
    calls: Calls
    doing: Doing = "writing"

    async def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer to an operation. Raises `MigrateError`."""
        name = str(self.client.meta.method_to_api_mapping[operation])

        async def attempt(_: str) -> dict[str, Any]:
            began, call = time.monotonic(), getattr(self.client, operation)
            with self.calls.counted(name), asking(self.name, self.calls.section, self.doing):
                answer: dict[str, Any] = await call(**self.where, **parameters)
            self.calls.answered(name, began)
            return answer

        return await self.calls.retry(attempt)

    async def quietly(self, operation: str, **parameters: Any) -> None:
        """Do once what need not succeed."""
        call = getattr(self.client, operation)(**self.where, **parameters)
        await asyncio.gather(call, return_exceptions=True)


class UploadWriter:
    """Uploads an object in parts as they are complete, a small one at once."""

    def __init__(self, ask: _Asking) -> None:
        self._ask = ask
        self._kept: list[bytes] = []
        self._size = 0
        self._id = ""
        self._parts: list[dict[str, Any]] = []

    async def write(self, data: bytes) -> None:
        """Add bytes. Raises `MigrateError`."""
        self._kept.append(data)
        self._size += len(data)
        if self._size >= PART:
            await self._send_part()

    async def finish(self) -> str:
        """Send what is left, and put the object into its place. Raises `MigrateError`."""
        if not self._id:
            answer = await self._ask("put_object", Body=b"".join(self._kept))
            return _plain(answer)
        if self._size:
            await self._send_part()
        parts: Sequence[dict[str, Any]] = self._parts
        upload = {"UploadId": self._id, "MultipartUpload": {"Parts": parts}}
        return _plain(await self._ask("complete_multipart_upload", **upload))

    async def abandon(self) -> None:
        """Tell S3 to forget the parts, which would be billed for ever."""
        if self._id:
            upload, self._id = self._id, ""
            await self._ask.quietly("abort_multipart_upload", UploadId=upload)

    async def _send_part(self) -> None:
        if not self._id:
            self._id = str((await self._ask("create_multipart_upload"))["UploadId"])
        number, body = len(self._parts) + 1, b"".join(self._kept)
        answer = await self._ask("upload_part", UploadId=self._id, PartNumber=number, Body=body)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._kept, self._size = [], 0


def _plain(answer: Mapping[str, Any]) -> str:
    return str(answer.get("ETag", "")).strip('"')
